package sandbox_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/eks"
)

const repository = "../.."

func TestMain(m *testing.M) {
	if err := sandbox.Isolate(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// environment is a sandbox and a stack in it that is not deployed yet.
type environment struct {
	*sandbox.Sandbox
	settings *sandbox.Settings
	stack    *sandbox.Stack
}

// patience is the time-out of proofs, in seconds, where it is not the time-out that is tested. A call gets a sixth of it: a
// machine that compiles besides may need more than the 10 s of the default to start the AWS CLI.
const patience = 180

// newEnvironment is the whole dev environment.
func newEnvironment(t *testing.T) *environment {
	t.Helper()
	settings, err := sandbox.ReadSettings(repository)
	require.NoError(t, err)
	settings.Section("testPodDefaults")["timeoutSeconds"] = patience
	clusters, err := settings.Clusters()
	require.NoError(t, err)
	return bootEnvironment(t, settings, clusters)
}

func bootEnvironment(t *testing.T, settings *sandbox.Settings, clusters []eks.Spec) *environment {
	t.Helper()
	return bootSandbox(t, settings, sandbox.Options{Clusters: clusters})
}

func bootSandbox(t *testing.T, settings *sandbox.Settings, options sandbox.Options) *environment {
	t.Helper()
	options.Log = logTo(t)
	s, err := sandbox.Boot(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	e := &environment{Sandbox: s, settings: settings}
	e.stack, err = s.NewStack(t.Context(), repository, settings)
	require.NoError(t, err)
	return e
}

func logTo(t *testing.T) io.Writer {
	t.Helper()
	if testing.Verbose() {
		return os.Stdout
	}
	return io.Discard
}

func (e *environment) cluster(t *testing.T, name string) *eks.Cluster {
	t.Helper()
	for _, c := range e.Clusters.All {
		if c.Name == name {
			return c
		}
	}
	require.FailNow(t, "no such cluster", name)
	return nil
}

func (e *environment) inventory(t *testing.T) *sandbox.Inventory {
	t.Helper()
	inventory, err := e.TakeInventory(t.Context())
	require.NoError(t, err)
	return inventory
}

func (e *environment) up(t *testing.T) auto.UpResult {
	t.Helper()
	result, err := e.stack.Up(t.Context())
	require.NoError(t, err)
	return result
}

// changed are the kinds of operations of an update other than leaving things as they are, or reading what another stack or
// tool made.
func changed(result auto.UpResult) map[string]int {
	changes := map[string]int{}
	if result.Summary.ResourceChanges == nil {
		return changes
	}
	for kind, count := range *result.Summary.ResourceChanges {
		if kind != "same" && kind != "read" {
			changes[kind] = count
		}
	}
	return changes
}

// The whole life of the dev environment, asked of AWS and of Kubernetes themselves.
func TestDevEnvironmentLivesAndLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	foreign, err := e.RegisterOidcProvider(t.Context(), e.cluster(t, "dev-workloads-eu"), map[string]string{"made-by": "another tool"})
	require.NoError(t, err)
	found := e.inventory(t)

	e.Endpoint.ResetCalls()
	e.up(t)
	t.Logf("AWS calls of the first up: %s", e.callsByAction())
	assert.Equal(t, 4, e.calls("eks:DescribeCluster"), "each cluster is looked up once, and one describes itself")
	deployed := e.inventory(t)
	e.assertOidcProviders(t, deployed, foreign)
	e.assertRoles(t, deployed)
	e.assertServiceAccounts(t, deployed)
	e.assertProofs(t, deployed)
	e.assertBucket(t)
	e.assertAccess(t, deployed)
	e.assertSecrets(t, deployed)

	assert.Empty(t, changed(e.up(t)), "a second up changes nothing")
	e.Endpoint.ResetCalls()
	preview, err := e.stack.Preview(t.Context())
	require.NoError(t, err)
	t.Logf("AWS calls of a preview without changes: %s", e.callsByAction())
	assert.Equal(t, []apitype.OpType{apitype.OpSame}, keys(preview), "a preview sees nothing to change")
	require.NoError(t, e.stack.Refresh(t.Context()), "a refresh sees no drift")
	assert.Equal(t, deployed, e.inventory(t))

	e.changeRoles(t, foreign)

	require.NoError(t, e.stack.Destroy(t.Context()))
	assert.Equal(t, found, e.inventory(t), "destroy leaves AWS and Kubernetes as they were found")
}

func keys[K comparable, V any](m map[K]V) []K {
	var all []K
	for key := range m {
		all = append(all, key)
	}
	return all
}

// calls counts the calls of one action, as service:Action.
func (e *environment) calls(action string) int {
	count := 0
	for _, call := range e.Endpoint.Calls() {
		if call.Service+":"+call.Action == action {
			count++
		}
	}
	return count
}

func (e *environment) callsByAction() string {
	counts := map[string]int{}
	for _, call := range e.Endpoint.Calls() {
		counts[call.Service+":"+call.Action]++
	}
	text, err := json.Marshal(counts)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d %s", len(e.Endpoint.Calls()), text)
}

func (e *environment) assertOidcProviders(t *testing.T, deployed *sandbox.Inventory, foreign string) {
	t.Helper()
	origins := map[string]map[string]string{}
	for _, provider := range deployed.OidcProviders {
		assert.Equal(t, []string{"sts.amazonaws.com"}, provider.ClientIDs, provider.Arn)
		origins[provider.Arn] = provider.Tags
	}
	own := map[string]string{components.OwnerTag: "organization/eks-irsa/dev", "environment": "dev"}
	assert.Equal(t, map[string]map[string]string{
		providerArn(e.cluster(t, "dev-hub")):          own,
		providerArn(e.cluster(t, "dev-workloads-us")): own,
		foreign: {"made-by": "another tool"},
	}, origins, "two are created and tagged, the third is adopted as it was")
}

func providerArn(c *eks.Cluster) string {
	return "arn:aws:iam::" + sandbox.Account + ":oidc-provider/" + strings.TrimPrefix(c.Issuer, "https://")
}

// assertRoles compares every role with its golden documents. The issuers of the sandbox are the same on every machine.
func (e *environment) assertRoles(t *testing.T, deployed *sandbox.Inventory) {
	t.Helper()
	const arn = "arn:aws:iam::" + sandbox.Account + ":"
	attached := map[string][]string{}
	for _, role := range deployed.Roles {
		name := role.Arn[strings.LastIndex(role.Arn, "/")+1:]
		attached[name] = append(role.Attached, keys(role.Inline)...)
		assertGolden(t, "trust-"+name+".json", uniqueID.ReplaceAllString(role.TrustPolicy, "AROAEXAMPLE"))
		for policy, document := range role.Inline {
			assertGolden(t, "policy-"+policy+".json", document)
		}
	}
	assert.Equal(t, map[string][]string{
		"iam-role-test":           nil,
		"eks-payments-s3-backup":  {arn + "policy/my-test-policy"},
		"ClusterSelfDescribeRole": {"ClusterOIDCPolicy"},
		"dev-argocd":              {"assume-target-roles"},
		"dev-argocd-workloads-us": nil,

		"eks-test-pod-identity-test": {"arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"},
		"eks-payments-audit":         {"arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"},

		"eks-external-dns-external-dns":         {"external-dns"},
		"eks-kube-system-cluster-autoscaler":    {"cluster-autoscaler"},
		"eks-kube-system-ebs-csi-controller-sa": {"arn:aws:iam::aws:policy/AmazonEBSCSIDriverPolicyV2"},
	}, attached)
	assertGolden(t, "policy-my-test-policy.json", e.managedPolicy(t, arn+"policy/my-test-policy"))
}

// uniqueID is that of a role, another one each time.
var uniqueID = regexp.MustCompile(`AROA[A-Z0-9]+`)

func assertGolden(t *testing.T, file, document string) {
	t.Helper()
	golden, err := os.ReadFile(filepath.Join("testdata", file))
	require.NoError(t, err)
	assert.JSONEq(t, string(golden), document, file)
}

func (e *environment) managedPolicy(t *testing.T, arn string) string {
	t.Helper()
	client := e.AWS().IAM
	policy, err := client.GetPolicy(t.Context(), &iam.GetPolicyInput{PolicyArn: &arn})
	require.NoError(t, err)
	version, err := client.GetPolicyVersion(t.Context(),
		&iam.GetPolicyVersionInput{PolicyArn: &arn, VersionId: policy.Policy.DefaultVersionId})
	require.NoError(t, err)
	document, err := url.QueryUnescape(aws.ToString(version.PolicyVersion.Document))
	require.NoError(t, err)
	return document
}

func (e *environment) assertServiceAccounts(t *testing.T, deployed *sandbox.Inventory) {
	t.Helper()
	roles := map[string]string{}
	for _, account := range deployed.IrsaServiceAccounts() {
		roles[account.String()] = account.Annotations["eks.amazonaws.com/role-arn"]
	}
	const role = "arn:aws:iam::" + sandbox.Account + ":role/"
	assert.Equal(t, map[string]string{
		"dev-hub/default/iam-role-test":                   role + "iam-role-test",
		"dev-hub/payments/s3-backup":                      role + "eks-payments-s3-backup",
		"dev-hub/test/my-service-account":                 role + "ClusterSelfDescribeRole",
		"dev-hub/argocd/argocd-application-controller":    role + "dev-argocd",
		"dev-hub/argocd/argocd-applicationset-controller": role + "dev-argocd",
		"dev-hub/argocd/argocd-server":                    role + "dev-argocd",
		"dev-hub/payments/audit":                          role + "eks-payments-audit",
		"dev-hub/external-dns/external-dns":               role + "eks-external-dns-external-dns",
	}, roles)
	assert.Equal(t, []sandbox.Association{
		{Cluster: "dev-hub", Namespace: "kube-system", ServiceAccount: "cluster-autoscaler", RoleArn: role + "eks-kube-system-cluster-autoscaler"},
		{Cluster: "dev-hub", Namespace: "kube-system", ServiceAccount: "ebs-csi-controller-sa", RoleArn: role + "eks-kube-system-ebs-csi-controller-sa"},
		{Cluster: "dev-hub", Namespace: "payments", ServiceAccount: "audit", RoleArn: role + "eks-payments-audit"},
		{Cluster: "dev-hub", Namespace: "test", ServiceAccount: "pod-identity-test", RoleArn: role + "eks-test-pod-identity-test"},
	}, deployed.Associations)
}

// assertProofs wants every service account with a role proven, by Jobs that are done, and nothing with a role to run on but
// the pod that is asked for.
func (e *environment) assertProofs(t *testing.T, deployed *sandbox.Inventory) {
	t.Helper()
	proofs := []string{
		"dev-hub/argocd/argocd-application-controller-irsa-denied",
		"dev-hub/argocd/argocd-application-controller-irsa-test",
		"dev-hub/argocd/argocd-application-controller-login-workloads-eu",
		"dev-hub/argocd/argocd-application-controller-login-workloads-us",
		"dev-hub/argocd/argocd-applicationset-controller-irsa-test",
		"dev-hub/argocd/argocd-applicationset-controller-login-workloads-eu",
		"dev-hub/argocd/argocd-applicationset-controller-login-workloads-us",
		"dev-hub/argocd/argocd-server-irsa-test",
		"dev-hub/argocd/argocd-server-login-workloads-eu",
		"dev-hub/argocd/argocd-server-login-workloads-us",
		"dev-hub/default/iam-role-test-irsa-denied",
		"dev-hub/default/iam-role-test-irsa-test",
		"dev-hub/external-dns/external-dns-irsa-test",
		"dev-hub/kube-system/cluster-autoscaler-irsa-test",
		"dev-hub/kube-system/ebs-csi-controller-sa-irsa-test",
		"dev-hub/payments/audit-irsa-denied",
		"dev-hub/payments/audit-irsa-test",
		"dev-hub/payments/s3-backup-irsa-denied",
		"dev-hub/payments/s3-backup-irsa-test",
		"dev-hub/test/my-service-account-irsa-denied",
		"dev-hub/test/my-service-account-irsa-test",
		"dev-hub/test/pod-identity-test-irsa-denied",
		"dev-hub/test/pod-identity-test-irsa-test",
	}
	jobs, pods := map[string]string{}, map[string]string{"dev-hub/default/" + shellPod: "ready"}
	for _, proof := range proofs {
		jobs[proof], pods[proof+"-*"] = "complete", "succeeded"
	}
	assert.Equal(t, jobs, statuses(deployed.Jobs))
	assert.Equal(t, pods, statuses(deployed.Pods))
	assert.Len(t, deployed.Pods, len(pods), "each proof at the first try")
	assert.Equal(t, []string{"dev-hub/default/" + shellPod + "/aws-cli"}, e.roleHolders())
	checks := map[string]string{}
	for _, proof := range e.assertProven(t, 11) {
		role := proof.ExpectedRole[strings.LastIndex(proof.ExpectedRole, "/"):]
		assert.Contains(t, proof.Identity, "arn:aws:sts::"+sandbox.Account+":assumed-role"+role+"/")
		if proof.NegativeTest != "none" { // presets have no negative test
			assert.Equal(t, map[string]string{"irsa": "AccessDenied", "podIdentity": "ResourceNotFound"}[proof.Via], proof.NegativeTest)
		}
		checks[proof.ServiceAccount] = proof.Via + " " + proof.Check + " " + proof.NegativeTest
	}
	assert.Equal(t, map[string]string{
		"iam-role-test": "irsa none AccessDenied", "s3-backup": "irsa passed AccessDenied", "my-service-account": "irsa passed AccessDenied",
		"argocd-application-controller": "irsa none AccessDenied", "argocd-applicationset-controller": "irsa none AccessDenied",
		"argocd-server": "irsa none AccessDenied", "audit": "podIdentity passed ResourceNotFound",
		"pod-identity-test": "podIdentity passed ResourceNotFound", "external-dns": "irsa none none",
		"cluster-autoscaler": "podIdentity none none", "ebs-csi-controller-sa": "podIdentity none none",
	}, checks)
}

func statuses(objects []sandbox.Object) map[string]string {
	all := map[string]string{}
	for _, object := range objects {
		all[object.String()] = object.Status
	}
	return all
}

// roleHolders are the containers that run on any node and hold a role.
func (e *environment) roleHolders() []string {
	var all []string
	for _, c := range e.Clusters.All {
		for _, running := range c.Running() {
			if running.HoldsRole() {
				all = append(all, c.Name+"/"+running.String())
			}
		}
	}
	return all
}

func (e *environment) assertBucket(t *testing.T) {
	t.Helper()
	object, err := e.AWS().S3.GetObject(t.Context(),
		&s3.GetObjectInput{Bucket: aws.String("my-test-bucket"), Key: aws.String("my-test-file.txt")})
	require.NoError(t, err)
	content, err := io.ReadAll(object.Body)
	require.NoError(t, err)
	require.NoError(t, object.Body.Close())
	assert.Equal(t, "Hello\n", string(content))
}

func (e *environment) assertAccess(t *testing.T, deployed *sandbox.Inventory) {
	t.Helper()
	const (
		role     = "arn:aws:iam::" + sandbox.Account + ":role/dev-argocd"
		username = "arn:aws:sts::" + sandbox.Account + ":assumed-role/dev-argocd/{{SessionName}}"
	)
	assert.Equal(t, []sandbox.AccessEntry{
		{
			Cluster: "dev-workloads-eu", PrincipalArn: role, Username: username, Groups: []string{},
			Policies: []string{"AmazonEKSClusterAdminPolicy"},
		},
		{
			Cluster: "dev-workloads-us", PrincipalArn: role + "-workloads-us", Groups: []string{},
			Username: strings.Replace(username, "dev-argocd", "dev-argocd-workloads-us", 1),
			Policies: []string{"AmazonEKSAdminPolicy in default"},
		},
	}, deployed.AccessEntries)
}

func (e *environment) assertSecrets(t *testing.T, deployed *sandbox.Inventory) {
	t.Helper()
	secrets := deployed.ArgoCDSecrets()
	require.Len(t, secrets, 3)
	for _, secret := range secrets {
		c := e.cluster(t, "dev-"+secret.Data["name"])
		if c.Name == "dev-hub" {
			assert.Equal(t, map[string]string{
				"name": "hub", "server": "https://kubernetes.default.svc", "config": `{"tlsClientConfig":{"insecure":false}}`,
			}, secret.Data)
			continue
		}
		assert.JSONEq(t, argoCDConfig(t, c), secret.Data["config"])
		want := map[string]string{"name": secret.Data["name"], "server": c.Endpoint, "config": secret.Data["config"]}
		if c.Name == "dev-workloads-us" {
			want["namespaces"] = "default"
		}
		assert.Equal(t, want, secret.Data)
		assert.Equal(t, "dev-hub/argocd", secret.Cluster+"/"+secret.Namespace)
		assert.Equal(t, map[string]string{
			"argocd.argoproj.io/secret-type": "cluster", "app.kubernetes.io/managed-by": "pulumi",
			"environment": "dev", "region": c.Region,
		}, secret.Labels)
	}
}

func argoCDConfig(t *testing.T, c *eks.Cluster) string {
	t.Helper()
	auth := map[string]any{"clusterName": c.Name}
	if c.Name == "dev-workloads-us" {
		auth["roleARN"] = "arn:aws:iam::" + sandbox.Account + ":role/dev-argocd-workloads-us"
	}
	text, err := json.Marshal(map[string]any{
		"awsAuthConfig":   auth,
		"tlsClientConfig": map[string]any{"insecure": false, "caData": c.CertificateAuthority},
	})
	require.NoError(t, err)
	return string(text)
}

// changeRoles takes one role out of the configuration and puts another in.
func (e *environment) changeRoles(t *testing.T, foreign string) {
	t.Helper()
	roles := e.settings.Section("roles")
	delete(roles, "iam-role-test")
	roles["reports"] = map[string]any{
		"clusters":        []any{"workloads-eu"},
		"serviceAccounts": []any{map[string]any{"namespace": "default", "name": "reports"}},
		"managedPolicies": []any{"AmazonS3ReadOnlyAccess"},
	}
	require.NoError(t, e.stack.Write(e.settings))
	before := e.inventory(t)
	e.up(t)
	after := e.inventory(t)

	const arn = "arn:aws:iam::" + sandbox.Account + ":role/"
	added, removed := difference(roleNames(after), roleNames(before))
	assert.Equal(t, []string{arn + "eks-default-reports"}, added)
	assert.Equal(t, []string{arn + "iam-role-test"}, removed)
	added, removed = difference(names(after.IrsaServiceAccounts()), names(before.IrsaServiceAccounts()))
	assert.Equal(t, []string{"dev-workloads-eu/default/reports"}, added)
	assert.Equal(t, []string{"dev-hub/default/iam-role-test"}, removed)
	added, removed = difference(names(after.Pods), names(before.Pods))
	assert.Empty(t, added)
	assert.ElementsMatch(t, []string{
		"dev-hub/default/iam-role-test-irsa-denied-*", "dev-hub/default/iam-role-test-irsa-test-*", "dev-hub/default/" + shellPod,
	}, removed)
	added, removed = difference(names(after.Jobs), names(before.Jobs))
	assert.Empty(t, added)
	assert.Equal(t, []string{"dev-hub/default/iam-role-test-irsa-denied", "dev-hub/default/iam-role-test-irsa-test"}, removed)
	assert.Empty(t, e.roleHolders())
	assert.Equal(t, before.OidcProviders, after.OidcProviders)
	assert.Equal(t, before.AccessEntries, after.AccessEntries)
	assert.Equal(t, before.Secrets, after.Secrets)
	for _, role := range after.Roles {
		if role.Arn == arn+"eks-default-reports" {
			assert.Equal(t, []string{"arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}, role.Attached)
			assert.Contains(t, role.TrustPolicy, foreign, "it trusts the adopted provider")
		}
	}
}

func roleNames(inventory *sandbox.Inventory) []string {
	var all []string
	for _, role := range inventory.Roles {
		all = append(all, role.Arn)
	}
	return all
}

func names(objects []sandbox.Object) []string {
	var all []string
	for _, object := range objects {
		all = append(all, object.String())
	}
	return all
}

func difference(after, before []string) (added, removed []string) {
	had := map[string]bool{}
	for _, name := range before {
		had[name] = true
	}
	for _, name := range after {
		if !had[name] {
			added = append(added, name)
		}
		delete(had, name)
	}
	for _, name := range before {
		if had[name] {
			removed = append(removed, name)
		}
	}
	return added, removed
}

// A platform team runs the CLI, which compiles and runs main.go itself.
func TestThePulumiCLIDeploysTheProgram(t *testing.T) {
	t.Parallel()
	e := newSmallEnvironment(t)
	dir := e.stack.Dir()
	up := exec.CommandContext(t.Context(), e.Tools.Pulumi, "--cwd", dir, "up", "--stack", sandbox.StackName, "--yes", "--skip-preview")
	up.Env = os.Environ()
	for name, value := range e.PulumiEnv(dir) {
		up.Env = append(up.Env, name+"="+value)
	}
	output, err := up.CombinedOutput()
	require.NoError(t, err, string(output))

	assert.Contains(t, roleNames(e.inventory(t)), "arn:aws:iam::"+sandbox.Account+":role/iam-role-test")
	assert.Empty(t, changed(e.up(t)), "the program in this process is the same")
	require.NoError(t, e.stack.Destroy(t.Context()))
}

// An invalid configuration registers nothing at all.
func TestInvalidConfigurationTouchesNothing(t *testing.T) {
	t.Parallel()
	e := newSmallEnvironment(t)
	e.settings.Section("clusters")["hub"].(map[string]any)["regoin"] = "eu-west-1"
	require.NoError(t, e.stack.Write(e.settings))
	found := e.inventory(t)
	e.Endpoint.ResetCalls()

	_, err := e.stack.Up(t.Context())

	require.ErrorContains(t, err, "platform.clusters.hub.regoin: unknown key")
	assert.Empty(t, e.Endpoint.Calls())
	assert.Equal(t, found, e.inventory(t))
}

// foreignRoles is an aws-auth as it grows by hand: nodes, comments, other people's roles.
const foreignRoles = `# nodes, do not touch
- groups:
    - system:bootstrappers
    - system:nodes
  rolearn: arn:aws:iam::123456789012:role/nodes
  username: system:node:{{EC2PrivateDNSName}}
- {rolearn: "arn:aws:iam::123456789012:role/sso-admins", username: admin, groups: [system:masters]} # people
`

// A cluster that knows aws-auth only is reached by a line there. Everybody else's lines stay as they are.
func TestAwsAuthKeepsEverybodyElsesLines(t *testing.T) {
	t.Parallel()
	settings, err := sandbox.ReadSettings(repository)
	require.NoError(t, err)
	delete(settings.Platform, "roles")
	delete(settings.Platform, "buckets")
	delete(settings.Section("clusters"), "workloads-us")
	settings.Section("argocd")["targets"] = map[string]any{"workloads-eu": map[string]any{
		"cluster": "workloads-eu", "access": map[string]any{"kubernetesGroups": []any{"argocd-managers"}},
	}}
	specs, err := settings.Clusters()
	require.NoError(t, err)
	specs[1].AuthenticationMode = "CONFIG_MAP"
	e := bootEnvironment(t, settings, specs)
	configMaps := awsAuth(t, e.cluster(t, "dev-workloads-eu"))
	_, err = configMaps.Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "aws-auth"},
		Data: map[string]string{
			"mapRoles": foreignRoles,
			"mapUsers": "- {userarn: " + sandbox.OperatorArn + ", username: operator, groups: [system:masters]}\n",
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)

	e.up(t)
	mapRoles := readMapRoles(t, configMaps)
	assert.True(t, strings.HasPrefix(mapRoles, foreignRoles), mapRoles)
	assert.Contains(t, mapRoles, "arn:aws:iam::123456789012:role/dev-argocd")
	assert.Contains(t, mapRoles, "argocd-managers")
	assert.Empty(t, changed(e.up(t)))
	assert.Empty(t, e.inventory(t).AccessEntries)

	require.NoError(t, e.stack.Destroy(t.Context()))
	assert.Equal(t, foreignRoles, readMapRoles(t, configMaps))
}

func awsAuth(t *testing.T, c *eks.Cluster) corev1client.ConfigMapInterface {
	t.Helper()
	client, err := kubernetes.NewForConfig(c.AdminConfig())
	require.NoError(t, err)
	return client.CoreV1().ConfigMaps("kube-system")
}

func readMapRoles(t *testing.T, configMaps corev1client.ConfigMapInterface) string {
	t.Helper()
	configMap, err := configMaps.Get(t.Context(), "aws-auth", metav1.GetOptions{})
	require.NoError(t, err)
	return configMap.Data["mapRoles"]
}

// newSmallEnvironment has the hub alone, with one role.
func newSmallEnvironment(t *testing.T) *environment {
	t.Helper()
	settings := smallSettings(t)
	clusters, err := settings.Clusters()
	require.NoError(t, err)
	return bootEnvironment(t, settings, clusters)
}

// keepRoles takes all other roles out of the settings.
func keepRoles(settings *sandbox.Settings, names ...string) {
	for name := range settings.Section("roles") {
		if !slices.Contains(names, name) {
			delete(settings.Section("roles"), name)
		}
	}
}

func smallSettings(t *testing.T) *sandbox.Settings {
	t.Helper()
	settings, err := sandbox.ReadSettings(repository)
	require.NoError(t, err)
	for _, name := range []string{"workloads-eu", "workloads-us"} {
		delete(settings.Section("clusters"), name)
	}
	keepRoles(settings, "iam-role-test")
	delete(settings.Platform, "argocd")
	delete(settings.Platform, "buckets")
	return settings
}
