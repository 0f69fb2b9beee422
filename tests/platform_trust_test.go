package tests

import (
	"encoding/json"
	"fmt"
	"html"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/stacks/trust"
)

// trustMapOf is who may become what by a stack's outputs.
func trustMapOf(t *testing.T, outputs map[string]any) *trust.Map {
	t.Helper()
	m, err := trust.Read([]byte(jsonOf(t, outputs)))
	require.NoError(t, err)
	return m
}

// The READMEs show what Pulumi.dev.yaml declares: the picture's source is that of its map, and the picture has everything in it.
func TestThePictureOfTheTrustMapIsThatOfDev(t *testing.T) {
	t.Parallel()
	m := trustMapOf(t, deployed(t, devAccount(), devConfig(t)))
	got := m.DOT()
	const source = "../stacks/trust-map.dot"
	if *update {
		require.NoError(t, os.WriteFile(source, []byte(got), 0o600))
	}
	assert.Equal(t, readFile(t, source), got, "write it with go test ./tests -update, and draw it with make pictures")
	picture := html.UnescapeString(readFile(t, "../stacks/trust-map.svg"))
	for _, role := range m.Roles {
		assert.Contains(t, picture, ">"+role.Name+"<")
		for _, policy := range role.Policies {
			assert.Contains(t, picture, ">"+policy+"<")
		}
		for _, account := range role.ServiceAccounts {
			assert.Contains(t, picture, ">"+account.Name+"<")
		}
	}
	assert.Equal(t, golden(t, "dev-trust-map.mermaid", m.Mermaid()), m.Mermaid())
	assert.Equal(t, golden(t, "dev-trust-map.txt", m.Text()), m.Text())
}

// The engine stores and compares the outputs with every update.
func TestTheTrustMapTakesLittleRoom(t *testing.T) {
	t.Parallel()
	outputs := deployed(t, devAccount(), devConfig(t))
	text, err := json.Marshal(outputs["trust"])
	require.NoError(t, err)
	roles := len(trustMapOf(t, outputs).Roles)
	fmt.Printf("trust map of the dev environment: %d bytes, %d for each role\n", len(text), len(text)/roles)
	assert.Less(t, len(text), 2500)
	assert.Less(t, len(text)/roles, 250)
	assert.NotContains(t, string(text), "Statement", "no documents")
	assert.NotContains(t, string(text), "arn:", "the other outputs have the ARNs")
}

func TestTheTrustMapSaysWhoMayBecomeWhat(t *testing.T) {
	t.Parallel()
	outputs := deployed(t, clusters("hub", "edge"), platformConfig(t, `
clusters: {hub: {region: eu-west-1}, edge: {region: eu-west-1}}
roles:
  app:
    name: app
    clusters: [hub, edge]
    trustConditions: {StringEquals: {'aws:PrincipalOrgID': o-1234567890}}
    serviceAccounts:
      - {namespace: apps, name: app}
      - {namespace: apps, name: hub-only, clusters: [hub], mode: trustOnly}
      - {namespace: ci, namePattern: 'runner-*', mode: trustOnly}
    inlinePolicies:
      read: {Version: '2012-10-17', Statement: [{Effect: Allow, Action: 's3:GetObject', Resource: 'arn:aws:s3:::b/*'}]}
    managedPolicies: [ReadOnlyAccess]
    testPod: {negativeTest: true}
  quiet:
    name: quiet
    clusters: [hub]
    serviceAccounts: [{namespace: apps, name: quiet}]
argocd:
  hub: hub
  targets:
    edge:
      cluster: edge
      access: {policies: [{policy: AmazonEKSEditPolicy, namespaces: [apps, ci]}], kubernetesGroups: [deployers]}
`))
	assert.JSONEq(t, `{
		"roles": {
			"app": {
				"serviceAccounts": {
					"hub/apps/app": "2026-01-31T12:00:00Z", "edge/apps/app": "2026-01-31T12:00:00Z",
					"hub/apps/hub-only": "", "hub/ci/runner-*": "", "edge/ci/runner-*": ""
				},
				"refused": {"hub/apps": "2026-01-31T12:00:00Z", "edge/apps": "2026-01-31T12:00:00Z"},
				"policies": ["ReadOnlyAccess", "read"], "conditions": ["aws:PrincipalOrgID"]
			},
			"quiet": {"serviceAccounts": {"hub/apps/quiet": ""}},
			"argocd": {"serviceAccounts": {
				"hub/argocd/argocd-application-controller": "", "hub/argocd/argocd-applicationset-controller": "", "hub/argocd/argocd-server": ""
			}}
		},
		"targets": {"edge": {"access": ["AmazonEKSEditPolicy in apps, ci", "group deployers"]}}
	}`, jsonOf(t, outputs["trust"]))
}

// A proof that is not there has no time: not where a Job has not completed, and not where one of several logins has not.
func TestWhatHasNotCompletedIsNotProven(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ unfinished, account, login string }{
		{"argocd/hub/argocd/argocd-server-irsa-test", "", completedAt},
		{"argocd/edge/argocd/argocd-server-login-edge", completedAt, ""},
	} {
		r := clusters("hub", "edge")
		r.unfinished = test.unfinished
		outputs := deployed(t, r, platformConfig(t, `
clusters: {hub: {region: eu-west-1}, edge: {region: eu-west-1}}
argocd:
  hub: hub
  testPod: {}
  targets: {edge: {cluster: edge, access: {policies: [{policy: AmazonEKSViewPolicy}]}}}
`))
		m := trustMapOf(t, outputs)
		assert.Equal(t, test.account, m.Roles[0].ServiceAccounts[2].ProvenAt, test.unfinished)
		assert.Equal(t, completedAt, m.Roles[0].ServiceAccounts[0].ProvenAt, test.unfinished)
		assert.Equal(t, test.login, m.Targets[0].ProvenAt, test.unfinished)
	}
}

func TestTheReadmeExplainsEveryFinding(t *testing.T) {
	t.Parallel()
	readme := readFile(t, "../stacks/README.md")
	_, section, _ := strings.Cut(readme, "| level | findings |")
	section, _, _ = strings.Cut(section, "\n## ")
	want := []string{string(trust.Unreadable)}
	for _, kind := range iampolicy.FindingKinds() {
		want = append(want, string(kind))
	}
	levels := []string{string(iampolicy.Open), string(iampolicy.Wide), string(iampolicy.Note)}
	assert.ElementsMatch(t, append(want, levels...), codeIn(section))
}
