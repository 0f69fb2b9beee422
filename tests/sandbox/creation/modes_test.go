//go:build unix

package creation_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A cluster that the stack created leaves aws-auth. EKS makes the entry of the managed nodes itself as the mode changes, and it is that
// entry which the stack goes on with; the nodes stay, and the ConfigMap goes last.
//
//nolint:paralleltest // it sets PATH
func TestACreatedClusterLeavesAwsAuthStepByStep(t *testing.T) {
	programs := newPrograms(t)
	c := newCloud(t, "aws")
	stack := c.stack(t, programs, map[string]any{})
	change := func(mode string, access map[string]any) {
		configure(t, stack, map[string]any{"clusters": map[string]any{"fresh": map[string]any{
			"name": "prod-fresh", "region": "eu-west-1", "create": map[string]any{"authenticationMode": mode}, "access": access,
		}}})
	}
	up := func() {
		_, err := stack.Preview(t.Context())
		require.NoError(t, err)
		_, err = stack.Up(t.Context())
		require.NoError(t, err)
	}
	change("CONFIG_MAP", map[string]any{})
	up()
	assert.NotContains(t, c.list(), accessEntry)

	change("API", map[string]any{})
	refused(t, stack, "the cluster has CONFIG_MAP, and EKS takes one step at a time")

	change("API_AND_CONFIG_MAP", map[string]any{
		"admins": map[string]any{"principalArn": "arn:aws:iam::" + account + ":role/admins", "username": "admin"},
	})
	up()
	assert.Equal(t, []string{accessEntry}, c.imported, "that of the nodes, which EKS made")
	assert.Contains(t, c.list(), entryType+" fresh/access/admins")
	assert.Empty(t, c.gone, "nothing is replaced, least of all the nodes")
	up()

	change("CONFIG_MAP", map[string]any{})
	refused(t, stack, "the cluster has API_AND_CONFIG_MAP, and EKS has no way back to CONFIG_MAP")

	change("API", map[string]any{})
	c.nodesEntryGone = true
	refused(t, stack, "has no access entry that can be found")
	c.nodesEntryGone = false
	up()
	assert.ElementsMatch(t, []string{awsAuth, entryType + " fresh/access/admins"}, c.gone)

	change("API_AND_CONFIG_MAP", map[string]any{})
	refused(t, stack, "the cluster has API, and EKS has no way back to API_AND_CONFIG_MAP")
}

func refused(t *testing.T, stack auto.Stack, why string) {
	t.Helper()
	_, err := stack.Preview(t.Context())
	require.ErrorContains(t, err, why)
	_, err = stack.Up(t.Context())
	require.ErrorContains(t, err, why)
}
