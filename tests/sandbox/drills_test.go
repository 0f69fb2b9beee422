package sandbox_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox"
)

// drillsPlatform is a hub with two targets, one of them in another account, and roles in both clusters of its own account, by IRSA
// and by EKS Pod Identity. All roles and all logins are proven.
const drillsPlatform = `
testPodDefaults: {timeoutSeconds: 180}
clusters:
  hub: {region: eu-west-1, namespaces: [argocd, apps]}
  eu: {region: eu-central-1, namespaces: [apps]}
  tenant:
    region: us-east-1
    namespaces: [team]
    assumeRole: {roleArn: "` + firstAccessRole + `"}
roles:
  irsa:
    name: irsa
    clusters: [hub, eu]
    serviceAccounts: [{namespace: apps, name: irsa}]
    testPod: {}
  pods:
    name: pods
    identity: podIdentity
    clusters: [hub, eu]
    serviceAccounts: [{namespace: apps, name: pods}]
    testPod: {}
argocd:
  hub: hub
  roleName: argocd
  serviceAccounts: [argocd-server]
  testPod: {}
  targets:
    eu: {cluster: eu, access: {policies: [{policy: AmazonEKSViewPolicy}]}}
    tenant: {cluster: tenant, role: {}, access: {policies: [{policy: AmazonEKSViewPolicy}]}}
`

const (
	firstAccessRole  = "arn:aws:iam::" + otherAccount + ":role/OrganizationAccountAccessRole"
	secondAccessRole = "arn:aws:iam::" + otherAccount + ":role/platform-deploy"
	forgetting       = "PULUMI_K8S_DELETE_UNREACHABLE"
)

// drill is a disaster and what is to be seen after it.
type drill struct {
	name string
	run  func(*testing.T)
}

// inTurn runs the drills one after the other, each on what the one before has left.
func inTurn(t *testing.T, drills []drill) {
	t.Helper()
	for _, drill := range drills {
		t.Run(drill.name, drill.run)
	}
}

// A disaster, and one `pulumi up` that brings everything right: what is gone is made again, what is left is kept, Argo CD's secrets
// are updated in place where the hub lives, and every login is proven again.
func TestDisasterDrills(t *testing.T) {
	t.Setenv(forgetting, "") // nothing is forgotten but where a drill says so
	d := newDrills(t)
	inTurn(t, []drill{
		{"a hub that is lost and made anew", d.loseTheHub},
		{"a target that is replaced by another cluster of its name", d.replaceATarget},
		{"an account whose access role changes", d.changeTheAccessRole},
		{"endpoints that move", d.moveEndpoints},
	})
	require.NoError(t, d.stack.Destroy(t.Context()))
	left := d.world(t)
	assert.Empty(t, left.Associations)
	assert.Empty(t, left.ArgoCDSecrets())
	assert.Empty(t, left.OidcProviders)
}

// drills are disasters that one stack goes through, one after the other.
type drills struct {
	*lives
	// jobs are the UIDs of the proofs, as <cluster>/<namespace>/<name>.
	jobs map[string]string
}

func newDrills(t *testing.T) *drills {
	t.Helper()
	settings := &sandbox.Settings{}
	require.NoError(t, yaml.Unmarshal([]byte(drillsPlatform), &settings.Platform))
	clusters, err := settings.Clusters()
	require.NoError(t, err)
	d := &drills{lives: &lives{environment: bootEnvironment(t, settings, clusters)}}
	d.up(t)
	d.last = d.world(t)
	d.jobs = d.proofs(t)
	require.Len(t, d.jobs, 7, "two roles in two clusters, Argo CD's own, and its two logins")
	return d
}

// proofs are the Jobs, by their UIDs.
func (d *drills) proofs(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, c := range d.Clusters.All {
		jobs, err := d.client(t, c.Name).BatchV1().Jobs("").List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		for i := range jobs.Items {
			job := &jobs.Items[i]
			assert.Equal(t, int32(1), job.Status.Succeeded, "%s: the proof is done", job.Name)
			found[c.Name+"/"+job.Namespace+"/"+job.Name] = string(job.UID)
		}
	}
	return found
}

// upOnce brings a disaster right with one update, after which the next changes nothing.
func (d *drills) upOnce(t *testing.T) (before, after *world) {
	t.Helper()
	d.up(t)
	before, after = d.last, d.world(t)
	d.last = after
	assert.Empty(t, changed(d.up(t)), "the next up changes nothing")
	require.NoError(t, d.stack.Refresh(t.Context()), "a refresh sees no drift")
	return before, after
}

// repeated wants exactly these proofs to have been made again, all others to be there as they were.
func (d *drills) repeated(t *testing.T, proofs ...string) {
	t.Helper()
	now := d.proofs(t)
	assert.ElementsMatch(t, keys(d.jobs), keys(now))
	var again []string
	for name, uid := range now {
		if d.jobs[name] != uid {
			again = append(again, name)
		}
	}
	assert.ElementsMatch(t, proofs, again)
	d.jobs = now
}

// refusedAtFirst wants an update to be refused that may not forget a cluster that is gone, and lets the next one do so.
func (d *drills) refusedAtFirst(t *testing.T, cluster string) {
	t.Helper()
	_, err := d.stack.Up(t.Context())
	require.ErrorContains(t, err, `cluster "`+cluster+`": arn:aws:eks:`)
	require.ErrorContains(t, err, "is another cluster than at the last update")
	require.ErrorContains(t, err, forgetting+"=true pulumi up")
	t.Setenv(forgetting, "true")
}

// assertSecrets wants Argo CD to reach the targets where they are now.
func (d *drills) assertSecrets(t *testing.T, w *world) {
	t.Helper()
	assert.Len(t, w.ArgoCDSecrets(), 2)
	for _, target := range []string{"eu", "tenant"} {
		secret, c := w.secret(t, target), d.cluster(t, target)
		assert.Equal(t, c.Endpoint, secret.Data["server"], target)
		var config struct {
			TLSClientConfig struct{ CAData string } `json:"tlsClientConfig"`
		}
		require.NoError(t, json.Unmarshal([]byte(secret.Data["config"]), &config))
		assert.Equal(t, base64.StdEncoding.EncodeToString(c.CertificateAuthority), config.TLSClientConfig.CAData, target)
	}
}

// assertIssuer wants IAM to trust the tokens of a cluster's issuer, and of no earlier one.
func (d *drills) assertIssuer(t *testing.T, w *world, cluster, earlier string) {
	t.Helper()
	issuer := strings.TrimPrefix(d.cluster(t, cluster).Issuer, "https://")
	var providers []string
	for _, provider := range w.OidcProviders {
		providers = append(providers, provider.Arn)
	}
	trust := w.role(t, "irsa").TrustPolicy
	assert.Contains(t, strings.Join(providers, "\n"), issuer)
	assert.NotContains(t, strings.Join(providers, "\n"), earlier)
	assert.Contains(t, trust, issuer)
	assert.NotContains(t, trust, earlier)
}

func (d *drills) loseTheHub(t *testing.T) {
	t.Helper()
	earlier := strings.TrimPrefix(d.cluster(t, "hub").Issuer, "https://")
	require.NoError(t, d.ReplaceCluster(t.Context(), "eu-west-1", "hub"))
	d.refusedAtFirst(t, "hub")
	before, after := d.upOnce(t)
	kept("role irsa", "role pods", "role argocd", "eu/apps/irsa")(t, before, after)
	d.assertIssuer(t, after, "hub", earlier)
	d.assertSecrets(t, after)
	assert.Equal(t, before.ServiceAccounts, after.ServiceAccounts)
	assert.Equal(t, before.Associations, after.Associations, "those that went with the hub are made again")
	assert.Equal(t, before.AccessEntries, after.AccessEntries)
	d.repeated(t, "hub/apps/irsa-irsa-test", "hub/apps/pods-irsa-test", "hub/argocd/argocd-server-irsa-test",
		"hub/argocd/argocd-server-login-eu", "hub/argocd/argocd-server-login-tenant", "eu/apps/irsa-irsa-test")
}

func (d *drills) replaceATarget(t *testing.T) {
	t.Helper()
	earlier := strings.TrimPrefix(d.cluster(t, "eu").Issuer, "https://")
	require.NoError(t, d.ReplaceCluster(t.Context(), "eu-central-1", "eu"))
	d.refusedAtFirst(t, "eu")
	before, after := d.upOnce(t)
	d.keptSecrets(t, before, after)
	kept("role irsa", "role pods", "role argocd", "hub/apps/irsa")(t, before, after)
	d.assertIssuer(t, after, "eu", earlier)
	assert.Equal(t, before.AccessEntries, after.AccessEntries, "the one that went with the target is made again")
	assert.Equal(t, before.Associations, after.Associations)
	d.repeated(t, "eu/apps/irsa-irsa-test", "eu/apps/pods-irsa-test", "hub/argocd/argocd-server-login-eu", "hub/apps/irsa-irsa-test")
}

// keptSecrets wants Argo CD's secrets to be the same objects, which say where the targets are now.
func (d *drills) keptSecrets(t *testing.T, before, after *world) {
	t.Helper()
	for _, target := range []string{"eu", "tenant"} {
		kept("secret "+after.secret(t, target).String())(t, before, after)
	}
	d.assertSecrets(t, after)
}

func (d *drills) changeTheAccessRole(t *testing.T) {
	t.Helper()
	name, old := "platform-deploy", "OrganizationAccountAccessRole"
	administrator := "arn:aws:iam::aws:policy/AdministratorAccess"
	clients := d.AWSIn(otherAccount)
	_, err := clients.IAM.CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: &name, AssumeRolePolicyDocument: aws.String(`{"Version": "2012-10-17", "Statement": [` +
			`{"Effect": "Allow", "Principal": {"AWS": "` + sandbox.Account + `"}, "Action": "sts:AssumeRole"}]}`),
	})
	require.NoError(t, err)
	_, err = clients.IAM.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: &name, PolicyArn: &administrator})
	require.NoError(t, err)
	cluster, principal := "tenant", secondAccessRole
	_, err = clients.EKS("us-east-1").CreateAccessEntry(t.Context(), &eks.CreateAccessEntryInput{ClusterName: &cluster, PrincipalArn: &principal})
	require.NoError(t, err)
	_, err = clients.EKS("us-east-1").AssociateAccessPolicy(t.Context(), &eks.AssociateAccessPolicyInput{
		ClusterName: &cluster, PrincipalArn: &principal, AccessScope: &types.AccessScope{Type: types.AccessScopeTypeCluster},
		PolicyArn: aws.String("arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"),
	})
	require.NoError(t, err)
	d.UseAccessRole(otherAccount, secondAccessRole)
	clients = d.AWSIn(otherAccount)
	_, err = clients.IAM.DetachRolePolicy(t.Context(), &iam.DetachRolePolicyInput{RoleName: &old, PolicyArn: &administrator})
	require.NoError(t, err)
	_, err = clients.IAM.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: &old})
	require.NoError(t, err)
	d.last = d.world(t)

	edit(t, d.settings, "clusters/tenant/assumeRole/roleArn", secondAccessRole)
	require.NoError(t, d.stack.Write(d.settings))
	before, after := d.upOnce(t)
	unchanged(t, before, after)
	d.repeated(t)

	edit(t, d.settings, "testPodDefaults/annotations", "{drill: 'true'}") // every proof is repeated with it
	require.NoError(t, d.stack.Write(d.settings))
	d.up(t)
	d.repeated(t, keys(d.jobs)...)
	d.last = d.world(t)
}

func (d *drills) moveEndpoints(t *testing.T) {
	t.Helper()
	require.NoError(t, d.MoveCluster(t.Context(), "eu-central-1", "eu"))
	require.NoError(t, d.MoveCluster(t.Context(), "eu-west-1", "hub"))
	before, after := d.upOnce(t)
	d.keptSecrets(t, before, after)
	assert.Equal(t, before.ids, after.ids, "nothing is made again")
	assert.Equal(t, before.AccessEntries, after.AccessEntries)
	assert.Equal(t, before.Associations, after.Associations)
	d.repeated(t, "hub/argocd/argocd-server-login-eu")
}
