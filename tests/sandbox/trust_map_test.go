package sandbox_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/stacks/trust"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox"
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

	e.assertReviewed(t, m)

	result := e.up(t)
	assert.Empty(t, changed(result))
	after, err := e.stack.Outputs()
	require.NoError(t, err)
	assert.JSONEq(t, string(before), string(after), "nothing was proven anew")
	fmt.Printf("trust map: %d roles, %d service accounts, %d targets, the same after an update without changes\n", len(m.Roles), len(mapped), len(m.Targets))
}

// What an update proves is known when its last Job is through, and only then are the outputs: one that fails leaves those of the one
// before, by which the next knows its keys. A proof that is not repeated keeps its time.
func TestAnUpdateWhoseProofFailsLeavesTheOutputsOfTheOneBefore(t *testing.T) {
	t.Parallel()
	e := newSmallEnvironment(t)
	e.up(t)
	before := e.outputs(t)

	late := map[string]any{
		"clusters": []any{"hub"}, "serviceAccounts": []any{map[string]any{"namespace": "default", "name": "late"}},
		"testPod": map[string]any{"check": "false"},
	}
	e.settings.Section("roles")["late"] = late
	require.NoError(t, e.stack.Write(e.settings))
	_, err := e.stack.Up(t.Context())
	require.Error(t, err)
	assert.JSONEq(t, before, e.outputs(t))

	late["testPod"] = map[string]any{"check": "true"}
	require.NoError(t, e.stack.Write(e.settings))
	e.up(t)
	was, err := trust.Read([]byte(before))
	require.NoError(t, err)
	is, err := trust.Read([]byte(e.outputs(t)))
	require.NoError(t, err)
	require.Len(t, was.Roles, 1)
	require.Len(t, is.Roles, 2)
	assert.Equal(t, "eks-default-late", is.Roles[0].Name)
	assert.NotEmpty(t, is.Roles[0].ServiceAccounts[0].ProvenAt)
	assert.Equal(t, was.Roles[0], is.Roles[1])
}

// An account that has gone to another role in an update whose proof failed goes back to its role: the outputs do not know of the other
// one, but the state does.
func TestAnAccountGoesBackFromARoleWhoseProofFailed(t *testing.T) {
	t.Parallel()
	e := newSmallEnvironment(t)
	e.settings.Section("roles")["first"] = map[string]any{
		"name": "first", "clusters": []any{"hub"}, "serviceAccounts": []any{
			map[string]any{"namespace": "default", "name": "stays"}, map[string]any{"namespace": "default", "name": "moves"},
		},
	}
	require.NoError(t, e.stack.Write(e.settings))
	e.up(t)
	first := maps.Clone(e.settings.Section("roles")["first"].(map[string]any))
	account, err := e.client(t, "dev-hub").CoreV1().ServiceAccounts("default").Get(t.Context(), "moves", metav1.GetOptions{})
	require.NoError(t, err)

	e.settings.Section("roles")["first"].(map[string]any)["serviceAccounts"] = []any{map[string]any{"namespace": "default", "name": "stays"}}
	e.settings.Section("roles")["second"] = map[string]any{
		"name": "second", "clusters": []any{"hub"}, "testPod": map[string]any{"check": "false"},
		"serviceAccounts": []any{map[string]any{"namespace": "default", "name": "moves"}},
	}
	require.NoError(t, e.stack.Write(e.settings))
	_, err = e.stack.Up(t.Context())
	require.Error(t, err)

	delete(e.settings.Section("roles"), "second")
	e.settings.Section("roles")["first"] = first
	require.NoError(t, e.stack.Write(e.settings))
	e.up(t)
	back, err := e.client(t, "dev-hub").CoreV1().ServiceAccounts("default").Get(t.Context(), "moves", metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, account.UID, back.UID, "it is the same all along")
	assert.Contains(t, back.Annotations["eks.amazonaws.com/role-arn"], ":role/first")
	assert.Empty(t, changed(e.up(t)))
}

// outputs are what pulumi stack output prints.
func (e *environment) outputs(t *testing.T) string {
	t.Helper()
	e.shell(t, "pulumi stack output --json > outputs.json")
	text, err := os.ReadFile(filepath.Join(e.stack.Dir(), "outputs.json"))
	require.NoError(t, err)
	return string(text)
}

// assertReviewed wants the review of the trust policies that IAM has to say what the map says, with nothing in them that is other than it
// looks.
func (e *environment) assertReviewed(t *testing.T, m *trust.Map) {
	t.Helper()
	inventory, err := e.TakeInventory(t.Context())
	require.NoError(t, err)
	reviewed := map[string][]string{}
	for _, role := range inventory.Roles {
		policy, err := iampolicy.Parse(role.TrustPolicy)
		require.NoError(t, err, role.Arn)
		review := iampolicy.ReviewTrust(policy, sandbox.Account)
		assert.Empty(t, review.Findings, role.Arn)
		for _, trusted := range review.Trusted {
			assert.False(t, trusted.Pattern || trusted.AnyCase, "%+v", trusted)
			reviewed[role.Arn] = append(reviewed[role.Arn], strings.Join([]string{string(trusted.Kind), trusted.Issuer, trusted.Name}, " "))
		}
	}
	mapped := map[string][]string{}
	for _, role := range m.Roles {
		for _, account := range role.ServiceAccounts {
			in := m.Clusters[slices.IndexFunc(m.Clusters, func(c trust.Cluster) bool { return c.Key == account.Cluster })]
			for _, way := range []trust.Via{account.Via, account.TrustedToo} {
				switch way {
				case trust.IRSA:
					mapped[role.Arn] = append(mapped[role.Arn],
						fmt.Sprintf("webIdentity %s system:serviceaccount:%s:%s", strings.TrimPrefix(in.Issuer, "https://"), account.Namespace, account.Name))
				case trust.PodIdentity:
					mapped[role.Arn] = append(mapped[role.Arn], fmt.Sprintf("podIdentity  %s/%s/%s", in.Name, account.Namespace, account.Name))
				}
			}
		}
	}
	for _, target := range m.Targets {
		if target.Assumed {
			hub := m.Roles[slices.IndexFunc(m.Roles, func(role trust.Role) bool { return role.Key == "argocd" })]
			mapped[target.Principal] = []string{"principal  " + hub.Arn}
		}
	}
	for arn, trusted := range mapped {
		assert.ElementsMatch(t, reviewed[arn], trusted, arn)
	}
	assert.Len(t, reviewed, len(mapped))
}
