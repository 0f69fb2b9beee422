package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// mutant is a guard that is taken out.
type mutant struct {
	guard
	// files are the mutated ones, by their paths in the repository.
	files map[string]string
}

// mutate takes the guards out. Each edit's old text must be in its file once, or nobody knows what was taken out.
func mutate(root string, guards []guard) ([]mutant, error) {
	mutants := make([]mutant, len(guards))
	var faults []error
	for i, g := range guards {
		m := mutant{guard: g, files: map[string]string{}}
		for _, e := range g.edits {
			text, ok := m.files[e.file]
			if !ok {
				content, err := os.ReadFile(filepath.Join(root, e.file)) // #nosec G304 -- a file of the repository
				if err != nil {
					return nil, fmt.Errorf("reading what %s is in: %w", g.name, err)
				}
				text = string(content)
			}
			if n := strings.Count(text, e.old); n != 1 {
				faults = append(faults, fmt.Errorf("%s: the text %q is in %s %d times; it should be there once", g.name, e.old, e.file, n))
			}
			m.files[e.file] = strings.Replace(text, e.old, e.new, 1)
		}
		mutants[i] = m
	}
	return mutants, errors.Join(faults...)
}

// suite are the tests of one package that go by one of several names.
type suite struct {
	module string // its folder in the repository
	pkg    string // its folder in the module
	tests  string // names of tests, separated by spaces
}

func (s suite) String() string { return filepath.Join(s.module, s.pkg) + " " + s.tests }

// pattern is for -run.
func (s suite) pattern() string { return "^(" + strings.ReplaceAll(s.tests, " ", "|") + ")$" }

// suites are those of the mutants, all tests of a package together.
func suites(mutants []mutant) []suite {
	var all []suite
	for _, m := range mutants {
		same := func(s suite) bool { return s.module == m.tests.module && s.pkg == m.tests.pkg }
		i := slices.IndexFunc(all, same)
		if i < 0 {
			all = append(all, m.tests)
			continue
		}
		for _, test := range strings.Fields(m.tests.tests) {
			if !slices.Contains(strings.Fields(all[i].tests), test) {
				all[i].tests += " " + test
			}
		}
	}
	return all
}

// runner runs tests with files in place of those of the repository.
type runner struct {
	root string
	// dir takes those files.
	dir string
}

// test runs a suite. An error means that there is no result.
func (r runner) test(ctx context.Context, s suite, files map[string]string) (result, error) {
	args := []string{"test", "-json", "-vet=off", "-timeout=5m", "-ldflags=-s -w", "-run", s.pattern()}
	if files != nil {
		more, err := r.replace(s, files)
		if err != nil {
			return result{}, fmt.Errorf("writing a mutant: %w", err)
		}
		args = append(args, more...)
	}
	command := exec.CommandContext(ctx, "go", append(args, "./"+s.pkg)...) // #nosec G204 -- arguments of the table
	command.Dir = filepath.Join(r.root, s.module)
	var output, complaints bytes.Buffer
	command.Stdout, command.Stderr = &output, &complaints
	err := command.Run()
	if ctx.Err() != nil {
		return result{}, ctx.Err()
	}
	if failed := (*exec.ExitError)(nil); err != nil && !errors.As(err, &failed) {
		return result{}, fmt.Errorf("running go test: %w", err)
	}
	got, err := readResult(output.Bytes())
	if err != nil {
		return result{}, fmt.Errorf("reading what go test says of %s: %w\n%s", s, err, complaints.String())
	}
	return got, nil
}

// replace writes the files and gives the arguments that put them in the place of the true ones.
//
// For Go code that is the compiler's overlay, of which a test that reads a file does not know. So a test of another file
// runs in a folder from which there is nothing to be found but the mutated files.
func (r runner) replace(s suite, files map[string]string) ([]string, error) {
	dir, err := os.MkdirTemp(r.dir, "")
	if err != nil {
		return nil, err
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	var args []string
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := writeFile(path, content); err != nil {
			return nil, err
		}
		if filepath.Ext(name) == ".go" {
			overlay.Replace[filepath.Join(r.root, name)] = path
			continue
		}
		workDir := filepath.Join(dir, s.module, s.pkg)
		if err := os.MkdirAll(workDir, 0o700); err != nil {
			return nil, err
		}
		args = []string{"-exec", `sh -c 'cd "$0" && exec "$@"' ` + workDir}
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "overlay.json")
	return append(args, "-overlay", path), writeFile(path, string(text))
}

func writeFile(path, content string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(content), 0o600)
}

// result is what became of the tests.
type result struct {
	ran    int
	failed []string // those tests that have no tests within them
	// output is that of the tests that failed, or of the compiler.
	output     string
	compiled   bool
	packageBad bool
}

// event is a line of `go test -json`, https://pkg.go.dev/cmd/test2json.
type event struct{ Action, Test, Output, FailedBuild string }

func readResult(output []byte) (result, error) {
	r := result{compiled: true}
	var said strings.Builder
	for line := range bytes.Lines(output) {
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return result{}, fmt.Errorf("%w: %s", err, line)
		}
		switch {
		case e.FailedBuild != "":
			r.compiled = false
		case e.Action == "output" || e.Action == "build-output":
			said.WriteString(e.Output)
		case e.Action == "run":
			r.ran++
		case e.Action == "fail" && e.Test == "":
			r.packageBad = true
		case e.Action == "fail":
			r.failed = append(r.failed, e.Test)
		}
	}
	r.output = said.String()
	r.failed = leaves(r.failed)
	if r.ran == 0 && !r.packageBad && r.compiled {
		return result{}, errors.New("no test ran")
	}
	return r, nil
}

// leaves drops the tests that failed only because one within them did.
func leaves(tests []string) []string {
	slices.Sort(tests)
	return slices.DeleteFunc(slices.Clone(tests), func(test string) bool {
		return slices.ContainsFunc(tests, func(other string) bool { return strings.HasPrefix(other, test+"/") })
	})
}

type verdict string

const (
	noticed  verdict = "noticed"
	survived verdict = "SURVIVED"
	// inconclusive is a mutant that does not show whether the tests would notice it.
	inconclusive verdict = "PROVES NOTHING"
)

func (r result) passed() bool { return r.compiled && !r.packageBad && len(r.failed) == 0 }

func (r result) verdict() verdict {
	switch {
	case r.passed():
		return survived
	case len(r.failed) > 0:
		return noticed
	}
	return inconclusive // it does not compile, or breaks what all tests share
}

func (r result) summary() string {
	if len(r.failed) == 0 {
		return "-"
	}
	text := r.failed[0]
	if len(r.failed) > 1 {
		text += " and " + strconv.Itoa(len(r.failed)-1) + " more"
	}
	return text
}

// reason says how a run ended that should have ended otherwise.
func (r result) reason() string {
	const enough = 2000
	switch {
	case r.passed():
		return fmt.Sprintf("all of %d tests pass", r.ran)
	case !r.compiled:
		return "it does not compile:\n" + r.output
	}
	return r.summary() + "\n" + r.output[max(0, len(r.output)-enough):]
}
