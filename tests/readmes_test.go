package tests

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/stacks"
)

// The READMEs say what is true of the code: their keys, blocks, commands and links are those that exist.

var (
	codeSpan = regexp.MustCompile("`([^`\n]+)`")
	fence    = regexp.MustCompile("(?ms)^( *)```([a-z]*)\n(.*?)^ *```")
	heading  = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

// readmes are the texts of the repository, by their paths from its root.
func readmes(t *testing.T) map[string]string {
	t.Helper()
	return filesThatEndIn(t, ".md")
}

// filesThatEndIn are the contents of the repository's own files whose names end so, by their paths from its root.
func filesThatEndIn(t *testing.T, suffix string) map[string]string {
	t.Helper()
	texts := map[string]string{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		name := entry.Name()
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (name == "bin" || name == "node_modules" || strings.HasPrefix(name, ".") && name != ".."):
			return filepath.SkipDir
		case strings.HasSuffix(name, suffix):
			texts[strings.TrimPrefix(filepath.ToSlash(path), "../")] = readText(t, path)
		}
		return nil
	})
	require.NoError(t, err)
	return texts
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// blocks are the fenced blocks in a language, without the indentation of the lists that they stand in.
func blocks(text, language string) []string {
	var found []string
	for _, match := range fence.FindAllStringSubmatch(text, -1) {
		if match[2] == language {
			found = append(found, strings.TrimPrefix(strings.ReplaceAll("\n"+match[3], "\n"+match[1], "\n"), "\n"))
		}
	}
	return found
}

func TestReadmesDescribeEveryKeyOfTheConfiguration(t *testing.T) {
	t.Parallel()
	described := describedKeys(readText(t, "../stacks/README.md"))
	keys, groups := configKeys(reflect.TypeFor[stacks.Config](), "")
	for _, key := range keys {
		assert.Contains(t, described, key, "stacks/README.md describes the key")
	}
	for _, key := range described {
		assert.Contains(t, slices.Concat(keys, groups), key, "the key that stacks/README.md describes exists")
	}
}

// describedKeys are the keys in the first columns of the tables below "## Configuration", each behind the paths in its heading.
func describedKeys(readme string) []string {
	_, section, _ := strings.Cut(readme, "\n## Configuration\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var described, prefixes []string
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "### ") {
			prefixes = codeIn(line)
			if len(prefixes) == 0 {
				prefixes = []string{""}
			}
		}
		cell, _, _ := strings.Cut(strings.TrimPrefix(line, "|"), "|")
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		for _, key := range codeIn(cell) {
			for _, prefix := range prefixes {
				described = append(described, strings.TrimPrefix(prefix+"."+key, "."))
			}
		}
	}
	return described
}

func codeIn(text string) []string {
	var found []string
	for _, match := range codeSpan.FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	return found
}

// configKeys are the paths of a type's values, with <key> for the keys of maps and [] for places in lists, and those of the maps
// and lists around them. Policy documents are values.
func configKeys(of reflect.Type, path string) (keys, groups []string) {
	switch {
	case of.Kind() == reflect.Pointer:
		return configKeys(of.Elem(), path)
	case of.Kind() == reflect.Map && isGroup(of.Elem()):
		keys, groups = configKeys(of.Elem(), path+".<key>")
		return keys, append(groups, path)
	case of.Kind() == reflect.Slice && isGroup(of.Elem()):
		keys, groups = configKeys(of.Elem(), path+"[]")
		return keys, append(groups, path)
	case !isGroup(of):
		return []string{path}, nil
	}
	groups = []string{path}
	for i := range of.NumField() {
		field := of.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		below := strings.TrimPrefix(path+"."+name, ".")
		if field.Anonymous {
			below = path
		}
		if name != "-" {
			more, inside := configKeys(field.Type, below)
			keys, groups = append(keys, more...), append(groups, inside...)
		}
	}
	return keys, groups
}

// isGroup reports whether a type's values have keys of the configuration below them.
func isGroup(of reflect.Type) bool {
	if of.Kind() == reflect.Pointer {
		return isGroup(of.Elem())
	}
	return of.Kind() == reflect.Struct && !strings.HasSuffix(of.PkgPath(), "/iampolicy")
}

func TestReadmesShowConfigurationsThatAreValid(t *testing.T) {
	t.Parallel()
	top := regexp.MustCompile(`^(testPod|` + strings.ReplaceAll(topKeys, ", ", "|") + `):`)
	title, valid := regexp.MustCompile(`^# (\S+\.yaml)\n`), 0
	for path, text := range readmes(t) {
		included := map[string]string{}
		for _, block := range blocks(text, "yaml") {
			if name := title.FindStringSubmatch(block); name != nil {
				included[name[1]] = block
			}
		}
		dir := files(t, included)
		for _, block := range blocks(text, "yaml") {
			platform, whole := "", strings.Contains(block, "eks-irsa:platform:")
			if whole {
				platform = stackConfig(t, block)["eks-irsa:platform"]
				_, err := stacks.ParseConfig(platform, dir)
				require.NoError(t, err, "%s:\n%s", path, block)
				valid++
			}
			assert.False(t, !whole && top.MatchString(block), "%s has a part of a configuration, which cannot be parsed:\n%s", path, block)
		}
	}
	assert.NotZero(t, valid)
}

// What the READMEs show of Go stands in the examples, which are compiled and run.
func TestReadmesShowCodeThatRuns(t *testing.T) {
	t.Parallel()
	examples := readText(t, "../components/example_test.go") + readText(t, "../components/iampolicy/example_test.go")
	shown := 0
	for path, text := range readmes(t) {
		for _, block := range blocks(text, "go") {
			assert.Contains(t, unindented(examples), unindented(block), path)
			shown++
		}
	}
	assert.NotZero(t, shown)
}

func unindented(code string) string {
	return regexp.MustCompile(`(?m)^\s+`).ReplaceAllString(strings.TrimSpace(code), "")
}

func TestReadmesNameCommandsThatExist(t *testing.T) {
	t.Parallel()
	var targets []string
	for _, match := range regexp.MustCompile(`(?m)^([a-z0-9-]+):`).FindAllStringSubmatch(readText(t, "../Makefile"), -1) {
		targets = append(targets, match[1])
	}
	commands := map[string]string{".github/workflows/ci.yml": readText(t, "../.github/workflows/ci.yml")}
	for path, text := range readmes(t) {
		plain := fence.ReplaceAllString(text, "")
		commands[path] = strings.Join(slices.Concat(codeIn(plain), blocks(text, "console")), "\n")
	}
	command := regexp.MustCompile(`\bmake (?:-\S+ )*([a-z0-9-]+)`)
	for path, text := range commands {
		for _, match := range command.FindAllStringSubmatch(text, -1) {
			assert.Contains(t, targets, match[1], "%s: the Makefile has the target of %q", path, match[0])
		}
	}
	for _, path := range []string{"README.md", ".github/workflows/ci.yml"} {
		assert.Regexp(t, command, commands[path], path)
	}
}

func TestReadmesLinkToWhatExists(t *testing.T) {
	t.Parallel()
	texts := readmes(t)
	for path, text := range texts {
		for _, match := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			link := match[1]
			if strings.Contains(link, "://") {
				continue
			}
			file, anchor, hasAnchor := strings.Cut(link, "#")
			target := path
			if file != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(path), file))
				assert.True(t, exists(filepath.Join("..", target)), "%s: %s leads to a file", path, link)
			}
			if hasAnchor {
				assert.Contains(t, anchors(texts[target]), anchor, "%s: %s leads to a heading", path, link)
			}
		}
	}
}

// Paths from the root stand in texts without a link, too.
func TestReadmesNamePathsThatExist(t *testing.T) {
	t.Parallel()
	form, named := regexp.MustCompile(`^(components|stacks|tests)/[\w./*-]+$`), 0
	for path, text := range readmes(t) {
		for _, code := range codeIn(fence.ReplaceAllString(text, "")) {
			if form.MatchString(code) {
				found, err := filepath.Glob("../" + code)
				require.NoError(t, err)
				assert.NotEmpty(t, found, "%s: %s exists", path, code)
				named++
			}
		}
	}
	assert.NotZero(t, named)
}

// exists reports whether there is a file or folder of that path.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// anchors are what GitHub makes of the headings of a text.
func anchors(text string) []string {
	var found []string
	for _, match := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		plain := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(match[1]), "")
		found = append(found, strings.ReplaceAll(plain, " ", "-"))
	}
	return found
}

// Of a picture, what is shown is drawn from the source beside it.
func TestReadmesShowPicturesOfTheirSources(t *testing.T) {
	t.Parallel()
	makefile, shown := readText(t, "../Makefile"), 0
	for path, text := range readmes(t) {
		for _, match := range regexp.MustCompile(`!\[[^\]]*\]\((\S+)\.svg\)`).FindAllStringSubmatch(text, -1) {
			picture := filepath.ToSlash(filepath.Join(filepath.Dir(path), match[1]))
			assert.Contains(t, makefile, picture, "make pictures draws it")
			svg := readText(t, "../"+picture+".svg")
			for _, label := range regexp.MustCompile(`label="([^"]+)"`).FindAllStringSubmatch(readText(t, "../"+picture+".dot"), -1) {
				for line := range strings.SplitSeq(label[1], `\n`) {
					drawn := strings.NewReplacer("&#39;", "'", "&#45;", "-", "&gt;", ">", "&amp;", "&", "&#160;", " ").Replace(svg)
					assert.Contains(t, drawn, strings.TrimSpace(line), "%s.svg is not what its source says: make pictures", picture)
				}
			}
			shown++
		}
	}
	assert.NotZero(t, shown)
}

func TestReadmesNameEveryComponentAndPackage(t *testing.T) {
	t.Parallel()
	readme := readText(t, "../components/README.md")
	for _, name := range componentNames(t) {
		assert.Contains(t, readme, "| `"+name, "components/README.md has the component")
	}
	for root, nested := range map[string]bool{"../components": false, "../tests/sandbox": true} {
		readme := readText(t, root+"/README.md")
		for _, folder := range goFolders(t, root) {
			if nested || !strings.Contains(folder, "/") {
				assert.Regexp(t, `\]\(`+regexp.QuoteMeta(folder)+`(/README\.md)?\)`, readme, "%s/README.md links to the package", root)
			}
		}
	}
}

// componentNames are the names of the components, which have a type token each.
func componentNames(t *testing.T) []string {
	t.Helper()
	sources, err := filepath.Glob("../components/*.go")
	require.NoError(t, err)
	token := regexp.MustCompile(`(?m)^const ([A-Z]\w*)Type = "eks-irsa:index:`)
	var names []string
	for _, source := range sources {
		for _, match := range token.FindAllStringSubmatch(readText(t, source), -1) {
			names = append(names, match[1])
		}
	}
	return names
}

// goFolders are the folders below a root that hold Go files, without those called testdata.
func goFolders(t *testing.T, root string) []string {
	t.Helper()
	var folders []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() && entry.Name() == "testdata" {
			return errOrSkip(err)
		}
		folder, _ := filepath.Rel(root, filepath.Dir(path))
		if filepath.Ext(path) == ".go" && folder != "." && !slices.Contains(folders, filepath.ToSlash(folder)) {
			folders = append(folders, filepath.ToSlash(folder))
		}
		return nil
	})
	require.NoError(t, err)
	return folders
}

func errOrSkip(err error) error {
	if err != nil {
		return err
	}
	return filepath.SkipDir
}

// A table whose last column is "test" says for each of its rows which tests show it, or why there is none.
func TestReadmesNameTestsThatExist(t *testing.T) {
	t.Parallel()
	tests := testNames(t)
	require.Contains(t, tests, "TestReadmesNameTestsThatExist")
	form := regexp.MustCompile("^(`Test\\w+`(, `Test\\w+`)*|(no|not yet): .+)$")
	rows := map[string]int{}
	for path, text := range readmes(t) {
		for _, table := range tables(text) {
			header := table[0]
			if header[len(header)-1] != "test" {
				continue
			}
			for _, row := range table[1:] {
				require.Len(t, row, len(header), "%s: the columns of %q", path, row)
				cell := row[len(row)-1]
				if assert.Regexp(t, form, cell, "%s: %s", path, row[0]) && strings.HasPrefix(cell, "`") {
					for _, name := range codeIn(cell) {
						assert.True(t, slices.Contains(tests, name), "%s: %s: there is no %s", path, row[0], name)
					}
				}
				rows[path]++
			}
		}
	}
	assert.NotZero(t, rows["components/README.md"])
}

// tables are the tables of a text: the cells of their rows, without the line below the header.
func tables(text string) [][][]string {
	var found [][][]string
	inside := false
	for line := range strings.Lines(fence.ReplaceAllString(text, "")) {
		line = strings.TrimSpace(line)
		switch {
		case !strings.HasPrefix(line, "|"):
			inside = false
			continue
		case strings.HasPrefix(line, "|---"):
			continue
		case !inside:
			found, inside = append(found, nil), true
		}
		cells := strings.Split(strings.TrimSuffix(strings.TrimPrefix(line, "|"), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		found[len(found)-1] = append(found[len(found)-1], cells)
	}
	return found
}

// testNames are the names of the tests of all modules of the repository.
func testNames(t *testing.T) []string {
	t.Helper()
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(\w+ \*testing\.T\)`)
	var names []string
	for _, source := range filesThatEndIn(t, "_test.go") {
		for _, match := range function.FindAllStringSubmatch(source, -1) {
			names = append(names, match[1])
		}
	}
	return names
}
