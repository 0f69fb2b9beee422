package tests

import (
	"os"
	"path/filepath"
	"testing"
)

// TestMain puts programs on PATH that the platform looks for and never runs itself, so that the tests do not depend on what
// the machine has.
func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "programs-")
		if err != nil {
			panic(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		for _, program := range []string{"aws", "kubectl"} {
			if err := os.WriteFile(filepath.Join(dir, program), []byte("#!/bin/false\n"), 0o700); err != nil {
				panic(err)
			}
		}
		if err := os.Setenv("PATH", os.Getenv("PATH")+string(os.PathListSeparator)+dir); err != nil {
			panic(err)
		}
		return m.Run()
	}())
}
