package sandbox_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox"
	sandboxaws "github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
	eksclusters "github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/eks"
)

// kindsPlatform is a hub with the given Argo CD, over the same targets in this account and in another.
func kindsPlatform(hub, argoCD string, more ...string) string {
	return `
owner: ` + hub + `
clusters:
  ` + hub + `: {region: eu-west-1, namespaces: [argocd, platform]}
  direct: {region: us-east-1}
  tenant-direct:
    region: ap-southeast-2
    assumeRole: {roleArn: "arn:aws:iam::` + otherAccount + `:role/OrganizationAccountAccessRole"}
argocd:
  hub: ` + hub + `
  ` + argoCD + `
  targets:
    direct: {cluster: direct, bridge: true, access: {policies: [{policy: AmazonEKSClusterAdminPolicy}]}}
    tenant-direct: {cluster: tenant-direct, access: {policies: [{policy: AmazonEKSAdminViewPolicy}]}}
    ` + strings.Join(more, "\n    ") + "\n"
}

const (
	managedHub     = "managed-hub"
	capabilityRole = "arn:aws:iam::" + sandbox.Account + ":role/managed-hub-argocd-capability"
)

// managedArgoCD is a hub with managed Argo CD, beside one with Argo CD in pods, and counts its logins.
type managedArgoCD struct {
	*environment
	argoCD *sandbox.ManagedArgoCD
	logins int
}

// Self-managed and managed Argo CD reach the same targets, each from one block of configuration; managed Argo CD only as its
// capability role, only where that is let in, and only as far.
func TestBothKindsOfArgoCDReachTheSameTargets(t *testing.T) {
	t.Parallel()
	a := bootArgoCD(t, kindsPlatform("hub", "roleName: argocd"), map[string]string{
		"direct": argoCDUsers["direct"], "tenant-direct": argoCDUsers["tenant-direct"],
	}, eksclusters.Spec{Name: managedHub, Account: sandbox.Account, Region: "eu-west-1", AuthenticationMode: "API"})
	a.makeTeams(t)
	found := a.inventory(t)
	a.up(t)
	a.publish(t)
	a.logIn(t, a.everywhere()...)

	m := a.newManaged(t)
	m.refuseWithoutCapability(t)
	m.up(t)
	assert.Empty(t, changed(m.up(t)), "a second up changes nothing")
	m.createCapability(t)
	assert.Equal(t, map[string]int{"create": 3}, changed(m.up(t)), "the hub's own access, once EKS has made the entry")
	assert.Empty(t, changed(m.up(t)))
	m.logInEverywhere(t)
	m.deployTheLeast(t)
	m.refuseASpokeRoleOnly(t)
	m.takeATargetAway(t)
	m.leaveTheHub(t)

	a.logIn(t, a.everywhere()...)
	selfManaged := len(a.users) * len(argoCDAccounts)
	assert.Equal(t, 2*selfManaged, a.logins, "the other hub's targets are none of its business")
	require.NoError(t, m.stack.Destroy(t.Context()))
	a.becomeManaged(t)
	require.NoError(t, a.stack.Destroy(t.Context()))
	assert.Equal(t, found, a.inventory(t), "destroy leaves AWS and Kubernetes as they were found")
	fmt.Printf("argocd logins: %d self-managed, %d managed\n", selfManaged, m.logins)
}

// makeTeams makes the namespaces of two teams in every cluster that Argo CD manages.
func (a *argoCD) makeTeams(t *testing.T) {
	t.Helper()
	for _, cluster := range []string{"direct", "tenant-direct"} {
		for _, team := range []string{"team-a", "team-b"} {
			_, err := a.client(t, cluster).CoreV1().Namespaces().
				Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: team}}, metav1.CreateOptions{})
			require.NoError(t, err)
		}
	}
}

// becomeManaged puts managed Argo CD in the place of the one in pods: the targets stay, and let the capability role in instead.
func (a *argoCD) becomeManaged(t *testing.T) {
	t.Helper()
	argoCD := a.settings.Section("argocd")
	delete(argoCD, "roleName")
	argoCD["managed"] = map[string]any{}
	require.NoError(t, a.stack.Write(a.settings))
	a.up(t)
	assert.Empty(t, changed(a.up(t)))
	const role = "arn:aws:iam::" + sandbox.Account + ":role/hub-argocd-capability"
	after := a.inventory(t)
	assert.Subset(t, principals(after), []string{"direct: " + role, "tenant-direct: " + role})
	assert.NotContains(t, principals(after), "direct: "+argoCDRole)
	assert.ElementsMatch(t, []string{"direct", "tenant-direct"}, targets(after))
	assert.NotContains(t, roleNames(after), argoCDRole)
}

func (a *argoCD) newManaged(t *testing.T) *managedArgoCD {
	t.Helper()
	settings := &sandbox.Settings{}
	platform := kindsPlatform(managedHub, "managed: {}", "hub: {cluster: "+managedHub+", namespaces: [platform]}")
	require.NoError(t, yaml.Unmarshal([]byte(platform), &settings.Platform))
	stack, err := a.NewStack(t.Context(), repository, settings)
	require.NoError(t, err)
	m := &managedArgoCD{environment: &environment{Sandbox: a.Sandbox, settings: settings, stack: stack}}
	m.argoCD = a.ManagedArgoCD(m.cluster(t, managedHub))
	return m
}

// createCapability runs the command that the stack gives, as a user does.
func (m *managedArgoCD) createCapability(t *testing.T) {
	t.Helper()
	result := m.up(t)
	output := result.Outputs["argocdCapability"].Value.(map[string]any)[managedHub].(map[string]any)
	assert.Equal(t, capabilityRole, output["roleArn"])
	assert.NotContains(t, result.Outputs["argocdTargets"].Value.(map[string]any)["hub"], "via")
	command := strings.Replace(output["createCommand"].(string), "<ARN of the IAM Identity Center instance>", "arn:aws:sso:::instance/ssoins-1234567890abcdef", 1)
	shell := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(command, "aws ", m.Tools.AWS+" ", 1))
	for name, value := range m.Env() {
		shell.Env = append(shell.Env, name+"="+value)
	}
	said, err := shell.CombinedOutput()
	require.NoError(t, err, "%s: %s", command, said)
	assert.Equal(t, ownOfEKS(), m.hubPolicies(t))
}

// hubPolicies are the access policies of the capability role in its own cluster, with their namespaces.
func (m *managedArgoCD) hubPolicies(t *testing.T) map[string][]string {
	t.Helper()
	answer, err := m.AWS().EKS("eu-west-1").ListAssociatedAccessPolicies(t.Context(), &eks.ListAssociatedAccessPoliciesInput{
		ClusterName: aws.String(managedHub), PrincipalArn: aws.String(capabilityRole),
	})
	require.NoError(t, err)
	policies := map[string][]string{}
	for _, policy := range answer.AssociatedAccessPolicies {
		name := (*policy.PolicyArn)[strings.LastIndex(*policy.PolicyArn, "/")+1:]
		policies[name] = policy.AccessScope.Namespaces
		if policy.AccessScope.Type == ekstypes.AccessScopeTypeCluster {
			policies[name] = nil
		}
	}
	return policies
}

// ownOfEKS are the policies that EKS gives the role itself.
func ownOfEKS() map[string][]string {
	return map[string][]string{"AmazonEKSArgoCDClusterPolicy": nil, "AmazonEKSArgoCDPolicy": {"argocd"}}
}

// refuseWithoutCapability checks that there is no managed Argo CD that could read the cluster secrets.
func (m *managedArgoCD) refuseWithoutCapability(t *testing.T) {
	t.Helper()
	_, err := m.argoCD.Secrets(t.Context(), "argocd")
	require.ErrorContains(t, err, "has no capability of type ARGOCD")
}

// secrets are what managed Argo CD itself reads in the hub.
func (m *managedArgoCD) secrets(t *testing.T) map[string]*corev1.Secret {
	t.Helper()
	secrets, err := m.argoCD.Secrets(t.Context(), "argocd")
	require.NoError(t, err)
	for name, secret := range secrets {
		assert.NotContains(t, secret.Data, "config", name)
		assert.Equal(t, "default", string(secret.Data["project"]), name)
	}
	if direct, ok := secrets["direct"]; ok {
		assert.Equal(t, "us-east-1", direct.Annotations["aws_region"])
		assert.Equal(t, sandbox.Account, direct.Annotations["aws_account_id"])
		assert.Regexp(t, "^vpc-[0-9a-f]{17}$", direct.Annotations["aws_vpc_id"])
	}
	return secrets
}

// logInEverywhere logs in to every target, and gives clients of them.
func (m *managedArgoCD) logInEverywhere(t *testing.T) map[string]kubernetes.Interface {
	t.Helper()
	secrets := m.secrets(t)
	require.ElementsMatch(t, []string{"hub", "direct", "tenant-direct"}, keys(secrets))
	clients := map[string]kubernetes.Interface{}
	for name, secret := range secrets {
		client, err := m.argoCD.Client(t.Context(), secret)
		require.NoError(t, err, name)
		_, err = client.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err, name)
		review, err := client.AuthenticationV1().SelfSubjectReviews().
			Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
		require.NoError(t, err, name)
		assert.Contains(t, review.Status.UserInfo.Username, "assumed-role/managed-hub-argocd-capability/", name)
		clients[name] = client
		m.logins++
	}
	return clients
}

// deployTheLeast leaves the access of the targets to their namespaces: everything is read, and only these are written.
func (m *managedArgoCD) deployTheLeast(t *testing.T) {
	t.Helper()
	targets := m.settings.Section("argocd")["targets"].(map[string]any)
	for _, name := range []string{"direct", "tenant-direct"} {
		targets[name] = map[string]any{"cluster": name, "bridge": true, "namespaces": []any{"team-a"}}
	}
	require.NoError(t, m.stack.Write(m.settings))
	m.up(t)
	for name, client := range m.logInEverywhere(t) {
		mine, others := "team-a", "team-b"
		if name == "hub" {
			mine, others = "platform", "default"
		}
		_, err := client.CoreV1().Secrets("").List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err, "%s: Argo CD watches every kind of resource", name)
		_, err = client.RbacV1().ClusterRoles().List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err, name)
		deployed := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "deployed"}}
		_, err = client.CoreV1().ConfigMaps(mine).Create(t.Context(), deployed, metav1.CreateOptions{})
		require.NoError(t, err, name)
		require.NoError(t, client.CoreV1().ConfigMaps(mine).Delete(t.Context(), "deployed", metav1.DeleteOptions{}), name)
		_, err = client.CoreV1().ConfigMaps(others).Create(t.Context(), deployed, metav1.CreateOptions{})
		assert.True(t, apierrors.IsForbidden(err), "%s: outside of its namespaces: %v", name, err)
		err = client.CoreV1().Namespaces().Delete(t.Context(), mine, metav1.DeleteOptions{})
		assert.True(t, apierrors.IsForbidden(err), "%s: cluster-scoped: %v", name, err)
	}
	policies := ownOfEKS()
	policies["AmazonEKSEditPolicy"], policies["AmazonEKSAdminViewPolicy"] = []string{"platform"}, nil
	assert.Equal(t, policies, m.hubPolicies(t))
}

// refuseASpokeRoleOnly has another role let in, as for self-managed Argo CD, and that role in the secret: the failure that users
// report. A server's URL is no better.
func (m *managedArgoCD) refuseASpokeRoleOnly(t *testing.T) {
	t.Helper()
	client, secret := m.AWS().EKS("us-east-1"), m.secrets(t)["direct"].DeepCopy()
	_, err := client.DeleteAccessEntry(t.Context(), &eks.DeleteAccessEntryInput{ClusterName: aws.String("direct"), PrincipalArn: aws.String(capabilityRole)})
	require.NoError(t, err)
	_, err = client.DescribeAccessEntry(t.Context(), &eks.DescribeAccessEntryInput{ClusterName: aws.String("direct"), PrincipalArn: aws.String(argoCDRole)})
	require.NoError(t, err, "the other role is let in")
	secret.Data["config"] = []byte(`{"awsAuthConfig":{"clusterName":"direct","roleARN":"` + argoCDRole + `"}}`)
	_, err = m.argoCD.Client(t.Context(), secret)
	require.EqualError(t, err, "error getting cluster RESTConfig: failed to verify the access entry")
	for _, server := range []string{m.cluster(t, "direct").Endpoint, "https://kubernetes.default.svc"} {
		secret.Data["server"] = []byte(server)
		_, err = m.argoCD.Client(t.Context(), secret)
		require.ErrorContains(t, err, "is the ARN of no EKS cluster")
	}
	_, err = m.stack.Up(t.Context(), optup.Refresh())
	require.NoError(t, err)
	_, err = m.argoCD.Client(t.Context(), m.secrets(t)["direct"])
	require.NoError(t, err, "the next up lets the role in again")
}

// takeATargetAway takes one target out of the configuration: its secret goes, and so does the way in, for whoever kept the secret.
func (m *managedArgoCD) takeATargetAway(t *testing.T) {
	t.Helper()
	kept := m.secrets(t)["tenant-direct"]
	delete(m.settings.Section("argocd")["targets"].(map[string]any), "tenant-direct")
	require.NoError(t, m.stack.Write(m.settings))
	m.up(t)
	assert.ElementsMatch(t, []string{"hub", "direct"}, keys(m.secrets(t)))
	_, err := m.argoCD.Client(t.Context(), kept)
	require.ErrorIs(t, err, sandboxaws.ErrNoAccessEntry)
	roles, err := m.client(t, "tenant-direct").RbacV1().ClusterRoles().List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	for i := range roles.Items {
		assert.NotContains(t, roles.Items[i].Name, "argocd-read-all")
	}
}

// leaveTheHub takes the hub off the targets, and then the capability away, as a user does before the stack. What EKS gave the role
// stays until then.
func (m *managedArgoCD) leaveTheHub(t *testing.T) {
	t.Helper()
	delete(m.settings.Section("argocd")["targets"].(map[string]any), "hub")
	require.NoError(t, m.stack.Write(m.settings))
	m.up(t)
	assert.Equal(t, ownOfEKS(), m.hubPolicies(t))
	_, err := m.AWS().EKS("eu-west-1").DeleteCapability(t.Context(), &eks.DeleteCapabilityInput{
		ClusterName: aws.String(managedHub), CapabilityName: aws.String("argocd"),
	})
	require.NoError(t, err)
	m.refuseWithoutCapability(t)
}
