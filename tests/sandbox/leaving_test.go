package sandbox_test

import (
	"net/url"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox"
)

// leavingPlatform has roles in three clusters, two of which are to leave.
const leavingPlatform = `
clusters:
  blue: {region: eu-west-1, namespaces: [apps]}
  green: {region: eu-west-1}
  red: {region: us-east-1}
testPodDefaults: {timeoutSeconds: 180}
roles:
  iam-role-test:
    name: iam-role-test
    identity: both
    clusters: [blue, green, red]
    serviceAccounts: [{namespace: default, name: iam-role-test}]
    testPod: {negativeTest: true}
  backup:
    name: backup
    clusters: [blue, green]
    serviceAccounts:
      - {namespace: apps, name: old, clusters: [blue]}
      - {namespace: default, name: charted, mode: patch, clusters: [blue]}
      - {namespace: default, name: new, clusters: [green]}
    testPod: {}
`

// A cluster that is leaving keeps its trust until it is gone, and what was made in it does not keep an update from ending then.
func TestAClusterLeaves(t *testing.T) {
	t.Parallel()
	settings := &sandbox.Settings{}
	require.NoError(t, yaml.Unmarshal([]byte(leavingPlatform), &settings.Platform))
	clusters, err := settings.Clusters()
	require.NoError(t, err)
	e := bootEnvironment(t, settings, clusters)
	_, err = e.client(t, "blue").CoreV1().ServiceAccounts("default").Create(t.Context(),
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "charted"}}, metav1.CreateOptions{FieldManager: "helm"})
	require.NoError(t, err)
	e.up(t)
	e.assertProven(t, 6)
	id, _ := e.roleIDAndTrust(t, "iam-role-test")
	backup, _ := e.roleIDAndTrust(t, "backup")

	for _, leaving := range []string{"blue", "red"} {
		settings.Section("clusters")[leaving].(map[string]any)["leaving"] = true
	}
	require.NoError(t, e.stack.Write(settings))
	e.up(t)
	same, trust := e.roleIDAndTrust(t, "iam-role-test")
	assert.Equal(t, id, same)
	for _, name := range []string{"blue", "green", "red"} {
		assert.Contains(t, trust, e.cluster(t, name).Issuer[len("https://"):], "the role trusts %s", name)
		jobs, err := e.client(t, name).BatchV1().Jobs("").List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		assert.Equal(t, name != "green", len(jobs.Items) == 0, "proofs in %s", name)
	}
	e.startWorkload(t, "blue", "made-late")
	output, err := e.execIn(t, "blue", "made-late", "aws sts get-caller-identity --query Arn --output text")
	require.NoError(t, err, output)
	assert.Contains(t, output, ":assumed-role/iam-role-test/", "a pod that is made in a cluster that is leaving has the role")
	assert.Empty(t, changed(e.up(t)), "as long as the cluster is there, nothing changes")

	blue, red := e.cluster(t, "blue"), e.cluster(t, "red")
	require.NoError(t, e.DeleteCluster(blue))
	require.NoError(t, e.DeleteCluster(red))
	delete(settings.Section("clusters"), "red") // blue stays in the file for an update, and red does not
	settings.Section("roles")["iam-role-test"].(map[string]any)["clusters"] = []any{"blue", "green"}
	require.NoError(t, e.stack.Write(settings))
	e.up(t)
	same, trust = e.roleIDAndTrust(t, "iam-role-test")
	assert.Equal(t, id, same)
	assert.NotContains(t, trust, blue.Issuer[len("https://"):])
	assert.NotContains(t, trust, red.Issuer[len("https://"):])
	same, trust = e.roleIDAndTrust(t, "backup")
	assert.Equal(t, backup, same)
	assert.Contains(t, trust, "system:serviceaccount:default:new")
	assert.NotContains(t, trust, "system:serviceaccount:apps:old", "which had the role in blue only")
	assert.Len(t, e.inventory(t).OidcProviders, 1, "the providers of the others are gone")
	left, err := e.stack.Resources(t.Context(), "kubernetes:")
	require.NoError(t, err)
	for _, resource := range left {
		assert.NotContains(t, string(resource.URN), "/blue/")
		assert.NotContains(t, string(resource.URN), "/red/")
	}

	delete(settings.Section("clusters"), "blue")
	roles := settings.Section("roles")
	roles["iam-role-test"].(map[string]any)["clusters"] = []any{"green"}
	roles["backup"].(map[string]any)["clusters"] = []any{"green"}
	roles["backup"].(map[string]any)["serviceAccounts"] = roles["backup"].(map[string]any)["serviceAccounts"].([]any)[2:]
	require.NoError(t, e.stack.Write(settings))
	assert.Empty(t, changed(e.up(t)), "to take it out of the file changes nothing")
	e.assertProven(t, 2)
	require.NoError(t, e.stack.Destroy(t.Context()))
}

// roleIDAndTrust are what IAM says of a role.
func (e *environment) roleIDAndTrust(t *testing.T, role string) (id, trust string) {
	t.Helper()
	found, err := e.AWS().IAM.GetRole(t.Context(), &iam.GetRoleInput{RoleName: &role})
	require.NoError(t, err)
	trust, err = url.QueryUnescape(*found.Role.AssumeRolePolicyDocument)
	require.NoError(t, err)
	return *found.Role.RoleId, trust
}
