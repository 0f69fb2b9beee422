package sandbox_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/stacks/trust"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox"
)

// The demo ends with the map, for people; what is for programs is the proofs, alone.
func TestTheReportEndsWithTheMap(t *testing.T) {
	t.Parallel()
	proofs := &sandbox.Proofs{Identities: []sandbox.Proof{{
		Cluster: "prod", Namespace: "payments", ServiceAccount: "backup", ExpectedRole: "arn:aws:iam::123456789012:role/backup", Via: "irsa", Verdict: "proven",
	}}}
	who := &trust.Map{
		Clusters: []trust.Cluster{{Key: "main", Name: "prod"}},
		Roles: []trust.Role{{
			Key: "backup", Name: "backup", Account: "123456789012", Policies: []string{"read"},
			ServiceAccounts: []trust.ServiceAccount{{Cluster: "main", Namespace: "payments", Name: "backup", Via: trust.IRSA, ProvenAt: "2026-01-31T12:00:00Z"}},
		}},
	}
	const end = `
WHO MAY BECOME WHAT
  account 123456789012
    backup: read
      <- prod/payments/backup  irsa  proven 2026-01-31T12:00:00Z
`
	var progress, programs strings.Builder
	terminal := sandbox.Terminal{Progress: &progress}
	require.NoError(t, sandbox.PrintProofs(terminal, proofs))
	require.NoError(t, sandbox.PrintMap(terminal, who))
	assert.Contains(t, progress.String(), "\nPROOF: who the pods are\n")
	assert.True(t, strings.HasSuffix(progress.String(), end), progress.String())

	progress.Reset()
	terminal.JSON = &programs
	require.NoError(t, sandbox.PrintProofs(terminal, proofs))
	require.NoError(t, sandbox.PrintMap(terminal, who))
	assert.Equal(t, end, progress.String())
	assert.True(t, json.Valid([]byte(programs.String())), programs.String())
}
