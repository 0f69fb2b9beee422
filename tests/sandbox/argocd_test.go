package sandbox_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox"
	eksclusters "github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/eks"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/tools"
)

// argoCDPlatform has a target of every kind: both models, this account and another, access entries and aws-auth.
const argoCDPlatform = `
clusters:
  hub: {region: eu-west-1, namespaces: [argocd]}
  direct: {region: eu-west-1}
  legacy: {region: us-east-1}
  tenant:
    region: ap-southeast-2
    assumeRole: {roleArn: "arn:aws:iam::` + otherAccount + `:role/OrganizationAccountAccessRole"}
    namespaces: [team-a, team-b]
  tenant-direct:
    region: eu-central-1
    assumeRole: {roleArn: "arn:aws:iam::` + otherAccount + `:role/OrganizationAccountAccessRole"}
argocd:
  hub: hub
  roleName: argocd
  targets:
    direct:
      cluster: direct
      access: {policies: [{policy: AmazonEKSClusterAdminPolicy}]}
    legacy:
      cluster: legacy
      role: {path: /argocd/}
      access: {kubernetesGroups: [visitors]}
    tenant:
      cluster: tenant
      role: {path: /argocd/}
      access: {policies: [{policy: AmazonEKSViewPolicy, namespaces: [team-a]}], kubernetesGroups: [visitors]}
      namespaces: [team-a]
    tenant-direct:
      cluster: tenant-direct
      access: {policies: [{policy: AmazonEKSAdminViewPolicy}]}
`

const (
	otherAccount = "210987654321"
	argoCDRole   = "arn:aws:iam::" + sandbox.Account + ":role/argocd"
	tenantRole   = "arn:aws:iam::" + otherAccount + ":role/argocd/argocd-tenant"
	legacyRole   = "arn:aws:iam::" + sandbox.Account + ":role/argocd/argocd-legacy"
)

var (
	argoCDAccounts = []string{"argocd-application-controller", "argocd-applicationset-controller", "argocd-server"}
	// argoCDUsers are how the targets call Argo CD, to begin with.
	argoCDUsers = map[string]string{
		"direct":        "arn:aws:sts::" + sandbox.Account + ":assumed-role/argocd/",
		"legacy":        "arn:aws:iam::" + sandbox.Account + ":role/argocd-legacy",
		"tenant":        "arn:aws:sts::" + otherAccount + ":assumed-role/argocd-tenant/",
		"tenant-direct": "arn:aws:sts::" + sandbox.Account + ":assumed-role/argocd/",
	}
)

// foreignAccount is one of Argo CD's that the hub role does not trust.
const foreignAccount = "argocd-repo-server"

// argoCD is a hub with its targets, and counts who was let in.
type argoCD struct {
	*environment
	hub kubernetes.Interface
	// users are how the targets call Argo CD.
	users                   map[string]string
	batches, logins, denied int
}

// login is a login to a target by a service account of Argo CD, in a pod, with Argo CD's own code.
type login struct {
	account string
	// secret is the target whose secret is used, as the stack wrote it or, after a slash, changed: see publish.
	secret string
	// namespace is the one whose ConfigMaps are listed. Default: the cluster's namespaces are listed.
	namespace string
	// refusal is what the pod says that ended it. Default: it is let in.
	refusal string
}

// Argo CD's code logs in with the secrets that the stack writes, and only where and how far it is let in; also after the
// roles were made anew, as EKS and IAM know a role by its unique ID.
func TestArgoCDLogsInToEveryTarget(t *testing.T) {
	t.Parallel()
	a := newArgoCD(t)
	found := a.inventory(t)
	a.up(t)
	assert.Empty(t, changed(a.up(t)), "a second up changes nothing")
	a.reachTenantAsOperator(t)
	a.trustNobodyElse(t)
	a.publish(t)
	a.logIn(t, append(a.everywhere(), a.refused()...)...)

	a.deleteBehindPulumisBack(t)
	a.logIn(t, append(a.foreign(),
		login{account: "argocd-server", secret: "direct", refusal: unauthorized},
		login{account: "argocd-server", secret: "tenant", refusal: "api error AccessDenied: User: arn:aws:sts::" + sandbox.Account +
			":assumed-role/argocd/"},
		login{account: "argocd-server", secret: "tenant-direct"},
	)...)
	a.deleteRole(t, sandbox.Account, "argocd")
	_, err := a.stack.Up(t.Context(), optup.Refresh())
	require.NoError(t, err)
	a.logIn(t, a.everywhere()...)

	a.removeTarget(t)
	require.NoError(t, a.stack.Destroy(t.Context()))
	assert.Equal(t, found, a.inventory(t), "destroy leaves AWS and Kubernetes as they were found")
	t.Logf("Argo CD logged in %d times and was refused %d times", a.logins, a.denied)
}

// bootArgoCD starts a sandbox in which pods find Argo CD's login, with more clusters than the platform has if there are some.
func bootArgoCD(t *testing.T, platform string, users map[string]string, more ...eksclusters.Spec) *argoCD {
	t.Helper()
	settings := &sandbox.Settings{}
	require.NoError(t, yaml.Unmarshal([]byte(platform), &settings.Platform))
	clusters, err := settings.Clusters()
	require.NoError(t, err)
	for i := range clusters {
		if clusters[i].Name == "legacy" {
			clusters[i].AuthenticationMode = "CONFIG_MAP"
		}
	}
	programs, err := tools.ArgoCD(t.Context(), tools.Options{Log: logTo(t)})
	require.NoError(t, err)
	options := sandbox.Options{Clusters: append(clusters, more...), ContainerPath: programs}
	a := &argoCD{environment: bootSandbox(t, settings, options), users: users}
	a.hub = a.client(t, "hub")
	return a
}

func newArgoCD(t *testing.T) *argoCD {
	t.Helper()
	a := bootArgoCD(t, argoCDPlatform, argoCDUsers)
	_, err := awsAuth(t, a.cluster(t, "legacy")).Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "aws-auth"},
		Data: map[string]string{
			"mapRoles": foreignRoles,
			"mapUsers": "- {userarn: " + sandbox.OperatorArn + ", username: operator, groups: [system:masters]}\n",
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	for _, name := range []string{"legacy", "tenant"} {
		a.letVisitorsIn(t, name)
	}
	return a
}

// letVisitorsIn lets the group that the stack names list the namespaces of a cluster.
func (a *argoCD) letVisitorsIn(t *testing.T, name string) {
	t.Helper()
	const visitors = "visitors"
	rbac := a.client(t, name).RbacV1()
	_, err := rbac.ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: visitors},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{"list"}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = rbac.ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: visitors},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: visitors}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: visitors},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

// reachTenantAsOperator logs in to a cluster of the other account with the kubeconfig that people get.
func (a *argoCD) reachTenantAsOperator(t *testing.T) {
	t.Helper()
	config, err := clientcmd.NewDefaultClientConfig(*a.cluster(t, "tenant").Kubeconfig(a.Tools.AWS), nil).ClientConfig()
	require.NoError(t, err)
	for name, value := range a.Env() {
		config.ExecProvider.Env = append(config.ExecProvider.Env, clientcmdapi.ExecEnvVar{Name: name, Value: value})
	}
	client, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	_, err = client.CoreV1().Namespaces().Get(t.Context(), "team-a", metav1.GetOptions{})
	require.NoError(t, err)
}

// trustNobodyElse makes a fourth service account of Argo CD, on which somebody puts the role by hand.
func (a *argoCD) trustNobodyElse(t *testing.T) {
	t.Helper()
	_, err := a.hub.CoreV1().ServiceAccounts("argocd").Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{
		Name: foreignAccount, Annotations: map[string]string{"eks.amazonaws.com/role-arn": argoCDRole},
	}}, metav1.CreateOptions{})
	require.NoError(t, err)
}

// secretsForPods holds Argo CD's cluster secrets as the API has them, so that pods need no right to read them.
const secretsForPods = "login"

// publish puts the cluster secrets where pods can read them, some also with a change that nobody may make.
func (a *argoCD) publish(t *testing.T) {
	t.Helper()
	list, err := a.hub.CoreV1().Secrets("argocd").
		List(t.Context(), metav1.ListOptions{LabelSelector: "argocd.argoproj.io/secret-type=cluster"})
	require.NoError(t, err)
	published := map[string][]byte{}
	for _, secret := range list.Items {
		name := string(secret.Data["name"])
		published[name+".json"] = marshal(t, secret)
		for change, auth := range map[string]map[string]string{
			"without-its-role": {"clusterName": name},
			"as-tenant":        {"clusterName": name, "roleARN": tenantRole},
			"for-another":      {"clusterName": "hub"},
		} {
			changed := secret.DeepCopy()
			var config map[string]any
			require.NoError(t, json.Unmarshal(secret.Data["config"], &config))
			config["awsAuthConfig"] = auth
			changed.Data["config"] = marshal(t, config)
			published[name+"."+change+".json"] = marshal(t, changed)
		}
	}
	assert.Len(t, list.Items, len(a.users))
	_, err = a.hub.CoreV1().Secrets("argocd").Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: secretsForPods}, Data: published,
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

func marshal(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return text
}

// everywhere is a login to each target by each of Argo CD's service accounts.
func (a *argoCD) everywhere() []login {
	var all []login
	for target := range a.users {
		for _, account := range argoCDAccounts {
			all = append(all, login{account: account, secret: target})
		}
	}
	return all
}

// unauthorized is how a cluster refuses somebody that it does not know.
const unauthorized = "listing the namespaces: Unauthorized"

// refused is what the access does not allow, beside the like that it does.
func (a *argoCD) refused() []login {
	var all []login
	for _, account := range argoCDAccounts {
		all = append(all,
			login{account: account, secret: "tenant", namespace: "team-a"},
			login{account: account, secret: "tenant", namespace: "team-b", refusal: forbidden(argoCDUsers["tenant"])},
			login{account: account, secret: "legacy", namespace: "kube-system", refusal: forbidden(argoCDUsers["legacy"])},
		)
	}
	return append(all,
		login{account: "argocd-server", secret: "tenant.without-its-role", refusal: unauthorized},
		login{account: "argocd-server", secret: "legacy.without-its-role", refusal: unauthorized},
		login{account: "argocd-server", secret: "direct.as-tenant", refusal: unauthorized},
		login{account: "argocd-server", secret: "direct.for-another", refusal: unauthorized},
	)
}

// foreign is a login to each target by the service account that the hub role does not trust.
func (a *argoCD) foreign() []login {
	var all []login
	for target := range a.users {
		all = append(all, login{
			account: foreignAccount, secret: target,
			refusal: "api error AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity",
		})
	}
	return all
}

// forbidden is how a cluster refuses a user the ConfigMaps of a namespace.
func forbidden(user string) string { return `configmaps is forbidden: User "` + user }

// logIn runs all logins at once, each in a pod, and checks how each of them ended.
func (a *argoCD) logIn(t *testing.T, logins ...login) {
	t.Helper()
	a.batches++
	started := time.Now()
	label := map[string]string{"batch": fmt.Sprint(a.batches)}
	byPod := map[string]login{}
	pods := a.hub.CoreV1().Pods("argocd")
	for i, l := range logins {
		name := fmt.Sprintf("login-%d-%d", a.batches, i)
		byPod[name] = l
		_, err := pods.Create(t.Context(), l.pod(name, label), metav1.CreateOptions{})
		require.NoError(t, err)
	}
	for range logins {
		pod := a.ended(t, byPod, metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: label}))
		log, err := pods.GetLogs(pod.Name, &corev1.PodLogOptions{}).DoRaw(t.Context())
		require.NoError(t, err)
		a.check(t, byPod[pod.Name], pod, string(log))
		delete(byPod, pod.Name)
	}
	t.Logf("%d logins at once took %s", len(logins), time.Since(started).Round(time.Millisecond))
}

func (l login) pod(name string, labels map[string]string) *corev1.Pod {
	const folder = "/clusters"
	container := corev1.Container{
		Name: "login", Image: "public.ecr.aws/aws-cli/aws-cli:latest", Command: []string{"argocd-login", folder + "/" + l.secret + ".json"},
		VolumeMounts: []corev1.VolumeMount{{Name: "clusters", MountPath: folder}},
	}
	if l.namespace != "" {
		container.Command = append(container.Command, l.namespace)
	}
	if l.refusal != "" {
		container.Env = []corev1.EnvVar{{Name: "ARGOCD_LOGIN_PATIENCE", Value: "6s"}}
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec: corev1.PodSpec{
			ServiceAccountName: l.account, RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{container},
			Volumes: []corev1.Volume{{Name: "clusters", VolumeSource: corev1.VolumeSource{
				Secret: &corev1.SecretVolumeSource{SecretName: secretsForPods},
			}}},
		},
	}
}

// ended waits until one of the pods has ended.
func (a *argoCD) ended(t *testing.T, among map[string]login, selector string) *corev1.Pod {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for time.Now().Before(deadline) {
		pods, err := a.hub.CoreV1().Pods("argocd").List(t.Context(), metav1.ListOptions{LabelSelector: selector})
		require.NoError(t, err)
		for i := range pods.Items {
			pod := &pods.Items[i]
			_, awaited := among[pod.Name]
			if awaited && (pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed) {
				return pod
			}
		}
		time.Sleep(100 * time.Millisecond) // polled, because the list says all that a watch would
	}
	require.FailNow(t, "pods do not end", "%v", among)
	return nil
}

func (a *argoCD) check(t *testing.T, l login, pod *corev1.Pod, log string) {
	t.Helper()
	ended := pod.Status.ContainerStatuses[0].State.Terminated
	require.NotNil(t, ended, "%+v", l)
	if l.refusal != "" {
		a.denied++
		assert.Equal(t, int32(1), ended.ExitCode, "%+v: %s", l, log)
		assert.Contains(t, log, l.refusal, "%+v", l)
		return
	}
	a.logins++
	if !assert.Zero(t, ended.ExitCode, "%+v: %s", l, log) {
		return
	}
	var seen struct {
		Cluster, Username      string
		Namespaces, ConfigMaps []string
	}
	require.NoError(t, json.Unmarshal([]byte(log), &seen), log)
	assert.Equal(t, l.secret, seen.Cluster)
	assert.True(t, strings.HasPrefix(seen.Username, a.users[l.secret]), "%+v: %s", l, log)
	if l.namespace == "" {
		assert.Subset(t, seen.Namespaces, []string{"default", "kube-system"}, "%+v", l)
	} else {
		assert.Equal(t, []string{"kube-root-ca.crt"}, seen.ConfigMaps, "%+v", l)
	}
}

// deleteBehindPulumisBack takes the way into one target away, and the role of another.
func (a *argoCD) deleteBehindPulumisBack(t *testing.T) {
	t.Helper()
	_, err := a.AWS().EKS("eu-west-1").
		DeleteAccessEntry(t.Context(), &eks.DeleteAccessEntryInput{ClusterName: aws.String("direct"), PrincipalArn: aws.String(argoCDRole)})
	require.NoError(t, err)
	a.deleteRole(t, otherAccount, "argocd-tenant")
}

func (a *argoCD) deleteRole(t *testing.T, account, name string) {
	t.Helper()
	client := a.AWSIn(account).IAM
	policies, err := client.ListRolePolicies(t.Context(), &iam.ListRolePoliciesInput{RoleName: &name})
	require.NoError(t, err)
	for _, policy := range policies.PolicyNames {
		_, err := client.DeleteRolePolicy(t.Context(), &iam.DeleteRolePolicyInput{RoleName: &name, PolicyName: &policy})
		require.NoError(t, err)
	}
	_, err = client.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: &name})
	require.NoError(t, err)
}

// removeTarget takes one target out of the configuration. What was there for it alone goes, and nothing else.
func (a *argoCD) removeTarget(t *testing.T) {
	t.Helper()
	before := a.inventory(t)
	assert.Contains(t, hubPolicy(before), tenantRole)
	delete(a.settings.Section("argocd")["targets"].(map[string]any), "tenant")
	require.NoError(t, a.stack.Write(a.settings))
	a.up(t)
	after := a.inventory(t)

	added, removed := difference(roleNames(after), roleNames(before))
	assert.Empty(t, added)
	assert.Equal(t, []string{tenantRole}, removed)
	added, removed = difference(principals(after), principals(before))
	assert.Empty(t, added)
	assert.Equal(t, []string{"tenant: " + tenantRole}, removed)
	added, removed = difference(targets(after), targets(before))
	assert.Empty(t, added)
	assert.Equal(t, []string{"tenant"}, removed)
	assert.Len(t, after.Secrets, len(before.Secrets)-1)
	assert.NotContains(t, hubPolicy(after), tenantRole)
	assert.Contains(t, hubPolicy(after), legacyRole)
	for _, i := range []*sandbox.Inventory{before, after} {
		i.Roles, i.AccessEntries, i.Secrets = nil, nil, nil
	}
	assert.Equal(t, before, after, "nothing else changes")

	a.logIn(t,
		login{account: "argocd-server", secret: "direct"},
		login{account: "argocd-server", secret: "legacy"},
		login{account: "argocd-server", secret: "tenant-direct"},
	)
}

// hubPolicy is what the hub role may do in AWS.
func hubPolicy(inventory *sandbox.Inventory) string {
	for _, role := range inventory.Roles {
		if role.Arn == argoCDRole {
			return strings.Join(values(role.Inline), "\n")
		}
	}
	return ""
}

func values[K comparable, V any](m map[K]V) []V {
	var all []V
	for _, value := range m {
		all = append(all, value)
	}
	return all
}

// principals are who has an access entry, and where.
func principals(inventory *sandbox.Inventory) []string {
	var all []string
	for _, entry := range inventory.AccessEntries {
		all = append(all, entry.Cluster+": "+entry.PrincipalArn)
	}
	return all
}

// targets are the clusters that Argo CD knows.
func targets(inventory *sandbox.Inventory) []string {
	var all []string
	for _, secret := range inventory.ArgoCDSecrets() {
		all = append(all, secret.Data["name"])
	}
	return all
}
