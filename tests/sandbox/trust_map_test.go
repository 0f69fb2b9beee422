package sandbox_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/stacks/trust"
)

// The map says of the real thing what the proofs in the pods' logs say, and an update without changes leaves it as it is.
func TestTheMapOfTheDevEnvironmentIsStableAndTrue(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	started := time.Now().Add(-time.Minute)
	e.up(t)
	before, err := e.stack.Outputs()
	require.NoError(t, err)
	m, err := e.stack.TrustMap()
	require.NoError(t, err)

	proofs, err := e.Prove(t.Context())
	require.NoError(t, err)
	var mapped, proven []string
	for _, role := range m.Roles {
		for _, account := range role.ServiceAccounts {
			at, err := time.Parse(time.RFC3339, account.ProvenAt)
			require.NoError(t, err, "%s/%s", account.Namespace, account.Name)
			assert.True(t, at.After(started) && at.Before(time.Now()), account.ProvenAt)
			refused := "none"
			if account.RefusedAt != "" {
				refused = "refused"
			}
			name := m.Clusters[slices.IndexFunc(m.Clusters, func(c trust.Cluster) bool { return c.Key == account.Cluster })].Name
			mapped = append(mapped, strings.Join([]string{name, account.Namespace, account.Name, role.Arn, string(account.Via), refused}, " "))
		}
	}
	for _, proof := range proofs.Identities {
		refused := "none"
		if proof.NegativeTest != "none" {
			refused = "refused"
		}
		proven = append(proven, strings.Join([]string{proof.Cluster, proof.Namespace, proof.ServiceAccount, proof.ExpectedRole, proof.Via, refused}, " "))
	}
	assert.ElementsMatch(t, proven, mapped)
	for _, target := range m.Targets {
		assert.Equal(t, target.Principal == "", target.ProvenAt == "", "%s: the hub is reached from within", target.Key)
	}

	result := e.up(t)
	assert.Empty(t, changed(result))
	after, err := e.stack.Outputs()
	require.NoError(t, err)
	assert.JSONEq(t, string(before), string(after), "nothing was proven anew")
	fmt.Printf("trust map: %d roles, %d service accounts, %d targets, the same after an update without changes\n", len(m.Roles), len(mapped), len(m.Targets))
}
