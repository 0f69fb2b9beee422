package sandbox_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The Kubernetes plugin writes the kubeconfig of each provider, with what it logs in by, into the folder for temporary files,
// and leaves it there.
func TestNoCredentialsStayInTheFolderForTemporaryFiles(t *testing.T) {
	t.Parallel()
	var dir string
	t.Cleanup(func() { assert.NoDirExists(t, dir, "it goes with the sandbox") }) // after the sandbox's own clean-up
	e := newSmallEnvironment(t)
	dir = e.Dir
	e.up(t)
	require.NoError(t, e.stack.Destroy(t.Context()))

	endpoint := e.cluster(t, "dev-hub").Endpoint
	assert.Empty(t, kubeconfigsIn(t, os.TempDir(), endpoint))
	assert.NotEmpty(t, kubeconfigsIn(t, filepath.Join(dir, "tmp"), endpoint), "this is what the plugin leaves")
}

// kubeconfigsIn are the files of a folder that name an API server.
func kubeconfigsIn(t *testing.T, dir, endpoint string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "kubeconfig*"))
	require.NoError(t, err)
	var found []string
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err == nil && bytes.Contains(content, []byte(endpoint)) { // those of others come and go
			found = append(found, file)
		}
	}
	return found
}
