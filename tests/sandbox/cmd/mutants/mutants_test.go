package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/cmd/internal/checkout"
)

func TestTheTableFollowsTheCode(t *testing.T) {
	t.Parallel()
	root, err := checkout.Find()
	require.NoError(t, err)
	_, err = mutate(root, guards)
	require.NoError(t, err)
	names := map[string]bool{}
	for _, g := range guards {
		assert.False(t, names[g.name], "%s is there twice", g.name)
		names[g.name] = true
		for _, test := range strings.Fields(g.tests.tests) {
			assert.True(t, hasTest(t, filepath.Join(root, g.tests.module, g.tests.pkg), test), "%s: there is no %s", g.name, test)
		}
	}
}

func hasTest(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	require.NoError(t, err)
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		if bytes.Contains(content, []byte("\nfunc "+name+"(t *testing.T) {")) {
			return true
		}
	}
	return false
}

// repository is a module with one guard, in a folder of its own.
func repository(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range map[string]string{
		"go.mod":         "module example.com/door\n\ngo 1.26\n",
		"list.txt":       "alice\n",
		"door/door.go":   "package door\n\nfunc Open(key int) bool { return key == 42 }\n",
		"door/broken.go": "package door\n\nvar two = 2\n",
		"door/door_test.go": `package door

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	if two != 2 {
		os.Exit(3)
	}
	os.Exit(m.Run())
}

func TestAKeyOpens(t *testing.T) {
	if !Open(42) {
		t.Error("42")
	}
}

func TestOthersDoNot(t *testing.T) {
	t.Run("a wrong one", func(t *testing.T) {
		if Open(1) {
			t.Error("1")
		}
	})
}

func TestTheList(t *testing.T) {
	list, err := os.ReadFile("../list.txt")
	if err != nil || string(list) != "alice\n" {
		t.Error(string(list), err)
	}
}
`,
	} {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	return root
}

func TestAMutantIsNoticedWhenATestFails(t *testing.T) {
	t.Parallel()
	const file = "door/door.go"
	for _, test := range []struct {
		name  string
		edit  edit
		tests string
		want  verdict
		says  string
	}{
		{"a test that looks", edit{file, "key == 42", "true"}, "TestAKeyOpens TestOthersDoNot", noticed, "TestOthersDoNot/a_wrong_one"},
		{"a test that does not look", edit{file, "key == 42", "true"}, "TestAKeyOpens", survived, "all of 1 tests pass"},
		{"a mutant that does not compile", edit{file, "key == 42", "key"}, "TestOthersDoNot", inconclusive, "it does not compile"},
		{"a mutant that breaks what all tests share", edit{"door/broken.go", "= 2", "= 3"}, "TestOthersDoNot", inconclusive, "exit status 3"},
		{"a file that is read by a test", edit{"list.txt", "alice", "mallory"}, "TestTheList", noticed, "TestTheList"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			root := repository(t)
			mutants, err := mutate(root, []guard{{"the lock", []edit{test.edit}, suite{".", "door", test.tests}}})
			require.NoError(t, err)
			var out strings.Builder

			err = prove(t.Context(), runner{root: root, dir: t.TempDir()}, mutants, &out)

			assert.Contains(t, out.String(), string(test.want))
			if test.want == noticed {
				require.NoError(t, err)
				assert.Contains(t, out.String(), test.says)
			} else {
				require.ErrorContains(t, err, "without the lock: "+string(test.want)+": ")
				require.ErrorContains(t, err, test.says)
			}
			for name, content := range mutants[0].files {
				unchanged, err := os.ReadFile(filepath.Join(root, name))
				require.NoError(t, err)
				assert.NotEqual(t, content, string(unchanged), "the file itself stays as it is")
			}
		})
	}
}

func TestTestsThatFailAnywayOrAreNotThereProveNothing(t *testing.T) {
	t.Parallel()
	root := repository(t)
	mutants, err := mutate(root, []guard{{"the lock", []edit{{"door/door.go", "42", "1"}}, suite{".", "door", "TestNobodyWrote"}}})
	require.NoError(t, err)
	require.ErrorContains(t, prove(t.Context(), runner{root: root, dir: t.TempDir()}, mutants, &strings.Builder{}), "no test ran")

	require.NoError(t, os.WriteFile(filepath.Join(root, "list.txt"), nil, 0o600))
	mutants[0].tests.tests = "TestTheList"
	require.ErrorContains(t, prove(t.Context(), runner{root: root, dir: t.TempDir()}, mutants, &strings.Builder{}),
		"with nothing changed, door TestTheList fails already")
}

func TestATextThatIsNotThereOnceIsAnError(t *testing.T) {
	t.Parallel()
	root := repository(t)
	_, err := mutate(root, []guard{
		{"the door", []edit{{"door/door.go", "o", "0"}}, suite{}},
		{"the window", []edit{{"door/door.go", "window", "wall"}}, suite{}},
	})
	require.ErrorContains(t, err, `the door: the text "o" is in door/door.go 4 times; it should be there once`)
	assert.ErrorContains(t, err, `the window: the text "window" is in door/door.go 0 times`)
}

func TestGuardsAreChosenByWordsOfTheirNames(t *testing.T) {
	t.Parallel()
	table := []guard{{name: "the audience of a token"}, {name: "the expiry of a token"}, {name: "the boundary"}}
	assert.Len(t, choose(table, nil), 3)
	assert.Equal(t, table[:2], choose(table, []string{"token"}))
	assert.Equal(t, table[1:], choose(table, []string{"expiry", "boundary"}))
	assert.ErrorContains(t, run(t.Context(), []string{"no such", "nothing"}, &strings.Builder{}), "no guard has no such or nothing in its name")
}
