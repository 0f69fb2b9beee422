package sandbox_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Pulumi stores and compares the whole state with every update, and an organization has hundreds of roles. So nothing is in the
// state of a role, its account and an inline policy that stands there already.
func TestARoleTakesLittleRoomInTheState(t *testing.T) {
	t.Parallel()
	const roles, most = 20, 12_000
	e := newSmallEnvironment(t)
	e.settings.Platform["roles"] = map[string]any{}
	require.NoError(t, e.stack.Write(e.settings))
	e.up(t)
	before := stateSize(t, e)

	for i := range roles {
		e.settings.Section("roles")[fmt.Sprintf("app-%d", i)] = map[string]any{
			"clusters":        []any{"hub"},
			"serviceAccounts": []any{map[string]any{"namespace": "default", "name": fmt.Sprintf("app-%d", i)}},
			"inlinePolicies": map[string]any{"read": map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
				"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::my-bucket/*",
			}}}},
		}
	}
	require.NoError(t, e.stack.Write(e.settings))
	e.up(t)
	size := (stateSize(t, e) - before) / roles
	fmt.Printf("state of a role: %d bytes\n", size)
	assert.Less(t, size, most)
}

// stateSize is the size of the state in the form of `pulumi stack export`, without the stack traces of the program that the SDK
// adds to each resource: how deep they are depends on how it is started.
func stateSize(t *testing.T, e *environment) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(e.stack.Dir(), "state", ".pulumi", "stacks", "*", "*.json"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	content, err := os.ReadFile(files[0])
	require.NoError(t, err)
	var state struct {
		Checkpoint struct {
			Latest struct {
				Resources []map[string]any `json:"resources"`
			} `json:"latest"`
		} `json:"checkpoint"`
	}
	require.NoError(t, json.Unmarshal(content, &state))
	require.NotEmpty(t, state.Checkpoint.Latest.Resources)
	for _, resource := range state.Checkpoint.Latest.Resources {
		delete(resource, "stackTrace")
		delete(resource, "sourcePosition")
	}
	content, err = json.MarshalIndent(state, "", "    ")
	require.NoError(t, err)
	return len(content)
}
