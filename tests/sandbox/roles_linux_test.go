package sandbox_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A proof ends, and everything that held a role for it: the node says so, and so do the processes of this machine.
func TestNothingHoldsARoleWhenAnUpdateIsOver(t *testing.T) {
	t.Parallel()
	e := newSmallEnvironment(t)
	testPod := map[string]any{"negativeTest": true, "check": "sleep 600 >/dev/null 2>&1 & aws sts get-caller-identity"}
	e.settings.Section("roles")["iam-role-test"].(map[string]any)["testPod"] = testPod
	require.NoError(t, e.stack.Write(e.settings))

	e.up(t)

	e.assertProven(t, 1)
	assert.Empty(t, e.roleHolders())
	assert.Empty(t, e.processesWithRole(t))

	testPod["keepRunning"] = true
	require.NoError(t, e.stack.Write(e.settings))
	e.up(t)
	e.assertProven(t, 1)
	assert.Equal(t, []string{"dev-hub/default/" + shellPod + "/aws-cli"}, e.roleHolders())
	assert.NotEmpty(t, e.processesWithRole(t), "a role is seen where there is one")

	delete(testPod, "keepRunning")
	require.NoError(t, e.stack.Write(e.settings))
	e.up(t)
	assert.Empty(t, e.roleHolders())
	assert.Empty(t, e.processesWithRole(t))
}

// processesWithRole are the command lines of all processes that have been given a token file of this sandbox.
func (e *environment) processesWithRole(t *testing.T) []string {
	t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*")
	require.NoError(t, err)
	tokenFile := []byte("AWS_WEB_IDENTITY_TOKEN_FILE=" + e.Dir + "/")
	var found []string
	for _, process := range processes {
		environment, err := os.ReadFile(filepath.Join(process, "environ"))
		if err != nil || !bytes.Contains(environment, tokenFile) {
			continue // gone, or somebody else's
		}
		command, err := os.ReadFile(filepath.Join(process, "cmdline"))
		if err != nil {
			continue // gone meanwhile
		}
		found = append(found, string(bytes.ReplaceAll(command, []byte{0}, []byte(" "))))
	}
	return found
}
