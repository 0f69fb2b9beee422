package tests

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stubImporter gives packages without anything in them: only what a package declares itself is looked at.
type stubImporter struct{}

func (stubImporter) Import(importPath string) (*types.Package, error) {
	stub := types.NewPackage(importPath, path.Base(importPath))
	stub.MarkComplete()
	return stub, nil
}

// arrows are, for each file of a package, the files that declare what it uses.
func arrows(t *testing.T, dir string) map[string]map[string]bool {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	fset := token.NewFileSet()
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		files = append(files, file)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: stubImporter{}, Error: func(error) {}} // what the stubs lack are errors
	pkg, _ := config.Check(dir, fset, files, info)
	found := map[string]map[string]bool{}
	for use, object := range info.Uses {
		variable, isVariable := object.(*types.Var)
		if object.Pkg() != pkg || isVariable && variable.Parent() != pkg.Scope() {
			continue // of another package, or a field, or local
		}
		from, to := fset.Position(use.Pos()).Filename, fset.Position(object.Pos()).Filename
		if from == to {
			continue
		}
		if found[from] == nil {
			found[from] = map[string]bool{}
		}
		found[from][to] = true
	}
	return found
}

// A reader can take the files of the stack one after the other, from the types of the configuration up to the program: none uses
// what one above it declares.
func TestPlatformHasNoFileThatUsesOneAboveIt(t *testing.T) {
	t.Parallel()
	uses := arrows(t, "../stacks")
	assert.Greater(t, len(uses), 20, "the files and what they use are found")
	assert.True(t, uses["../stacks/program.go"]["../stacks/clusters.go"], "methods, too")
	for len(uses) > 0 {
		bottom := slices.DeleteFunc(slices.Sorted(maps.Keys(uses)), func(file string) bool {
			return slices.ContainsFunc(slices.Collect(maps.Keys(uses[file])), func(used string) bool { return uses[used] != nil })
		})
		if !assert.NotEmpty(t, bottom, "these use each other in a circle: %v", uses) {
			return
		}
		for _, file := range bottom {
			delete(uses, file)
		}
	}
}
