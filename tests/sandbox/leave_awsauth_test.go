package sandbox_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"

	"github.com/eks-irsa/pulumi-eks-irsa/stacks/awsauth"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox"
	sandboxaws "github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
)

const inAccount = "arn:aws:iam::" + sandbox.Account + ":role/"

// grownMap is an aws-auth as it grows over the years: nodes of EKS's own and others, people, programs, a line that another hides, one
// with a path, which lets nobody in, and a whole account.
var grownMap = map[string]string{
	"mapRoles": `# nodes, do not touch
- groups: [system:bootstrappers, system:nodes]
  rolearn: ` + inAccount + sandboxaws.NodeRole + `
  username: system:node:{{EC2PrivateDNSName}}
- groups: [system:bootstrappers, system:nodes]
  rolearn: ` + inAccount + `self-managed
  username: system:node:{{EC2PrivateDNSName}}
- {rolearn: "` + inAccount + `admins", username: "admin:{{SessionName}}", groups: [system:masters]} # people
- {rolearn: "` + inAccount + `ci", username: forgotten, groups: [system:masters]}
- {rolearn: "` + inAccount + `ci", username: ci, groups: [deployers]}
- {rolearn: "` + inAccount + `teams/support", username: support, groups: [viewers]}
- {rolearn: "` + inAccount + `auditors", username: "audit-{{SessionName}}", groups: [auditors, system:serviceaccounts]}
`,
	"mapUsers":    "- {userarn: " + sandbox.OperatorArn + ", username: operator, groups: [system:masters]}\n",
	"mapAccounts": "- \"" + sandbox.Account + "\"\n",
}

// instance is the ID of an EC2 instance, which names the sessions of a node.
var instance = regexp.MustCompile(`i-0[0-9a-f]{16}`)

// way is a cluster on its way out of aws-auth.
type way struct{ life }

// The way out of aws-auth, step by step: the plan, the mode, the entries as configuration, the next mode, and the lines. After each step
// nodes, people and programs log in with real tokens, and each step but the modes' is undone by an update.
func TestAClusterLeavesAwsAuthStepByStepAndLocksNobodyOut(t *testing.T) {
	t.Parallel()
	w := newWay(t)
	const (
		admin   = "admin:someone in system:masters"
		ci      = "ci in deployers"
		node    = "system:node:i-1.ec2.internal in system:bootstrappers, system:nodes"
		auditor = "audit-someone in auditors, system:serviceaccounts"
		anyone  = inAccount + "support in "
		nobody  = "refused"
	)
	before := map[string]string{"nodes": node, "self-managed": node, "admins": admin, "ci": ci, "auditors": auditor, "support": anyone}
	w.assertLogins(t, "in the beginning", before)

	plan, yamlText := w.plan(t)
	verdicts := map[string]awsauth.Verdict{}
	for _, step := range plan.Steps {
		verdicts[step.Place] = step.Verdict
	}
	assert.Equal(t, map[string]awsauth.Verdict{
		"mapRoles[0]": awsauth.ByEKS, "mapRoles[1]": awsauth.Same, "mapRoles[2]": awsauth.Same, "mapRoles[3]": awsauth.Ignored,
		"mapRoles[4]": awsauth.Same, "mapRoles[5]": awsauth.Ignored, "mapRoles[6]": awsauth.Less, "mapUsers[0]": awsauth.Ignored, "mapAccounts[0]": awsauth.None,
	}, verdicts)

	var pasted map[string]map[string]map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(yamlText), &pasted))
	access, _ := pasted["clusters"]["eu"]["access"].(map[string]any)
	cluster := w.settings.Section("clusters")["eu"].(map[string]any)
	cluster["access"] = access
	assert.Contains(t, w.refused(t), "change the mode first, which has no way back and leaves aws-auth as it is: "+w.command(plan.Order[0]))
	w.assertLogins(t, "after an update that is refused", before)

	w.run(t, w.command(plan.Order[0]))
	w.assertLogins(t, "in both modes", with(before, "nodes", "system:node:i-1.ec2.internal in system:nodes"))
	entries := w.inventory(t).AccessEntries
	require.Len(t, entries, 1, "EKS made that of the managed nodes alone")
	assert.Equal(t, inAccount+sandboxaws.NodeRole, entries[0].PrincipalArn)

	eksOwn := map[string]any{"principalArn": inAccount + sandboxaws.NodeRole, "type": "EC2_LINUX", "import": true}
	access["managed"] = eksOwn
	assert.Equal(t, 1, w.up(t)["import"], "the entry that EKS made is taken over")
	delete(eksOwn, "import")
	assert.Empty(t, w.up(t), "which is for one update")
	withEntries := map[string]string{
		"nodes": "system:node:i-1.ec2.internal in system:nodes", "self-managed": "system:node:i-1.ec2.internal in system:nodes",
		"admins": "admin:someone in ", "ci": ci, "auditors": inSession("auditors") + " in auditors", "support": anyone,
	}
	w.assertLogins(t, "with entries", withEntries)
	w.assertMayDoEverything(t, "admins")
	w.editMap(t, "mapRoles", strings.ReplaceAll(grownMap["mapRoles"], "deployers", "intruders"))
	w.assertLogins(t, "as entries win over lines", withEntries)
	w.editMap(t, "mapRoles", grownMap["mapRoles"])

	delete(cluster, "access")
	w.up(t)
	w.assertLogins(t, "without entries again", before)
	cluster["access"] = access
	w.up(t)
	w.assertNoWayBack(t, "CONFIG_MAP")

	w.run(t, w.command(plan.Order[4]))
	w.assertLogins(t, "with entries alone", with(withEntries, "support", nobody))
	w.assertNoWayBack(t, "API_AND_CONFIG_MAP")
	require.NoError(t, w.configMaps(t).Delete(t.Context(), "aws-auth", metav1.DeleteOptions{}))
	w.assertLogins(t, "without the lines", with(withEntries, "support", nobody))
	assert.Empty(t, w.up(t), "there is nothing left to do")
	w.destroy(t)
}

func newWay(t *testing.T) *way {
	t.Helper()
	settings := identitySettings(t)
	delete(settings.Platform, "roles")
	delete(settings.Section("clusters"), "us")
	clusters, err := settings.Clusters()
	require.NoError(t, err)
	clusters[0].AuthenticationMode = "CONFIG_MAP"
	e := identityEnvironment{bootEnvironment(t, settings, clusters)}
	w := &way{life{e, e.stack, settings}}
	for _, role := range []string{"self-managed", "admins", "ci", "auditors", "support"} {
		e.createRole(t, role)
	}
	_, err = e.Endpoint.NodeCredentials(t.Context(), "eu-west-1", "eu") // makes the role
	require.NoError(t, err)
	require.NoError(t, e.Endpoint.AddManagedNodes(t.Context(), "eu-west-1", "eu", inAccount+sandboxaws.NodeRole, "EC2_LINUX"))
	_, err = w.configMaps(t).Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "aws-auth"}, Data: grownMap}, metav1.CreateOptions{})
	require.NoError(t, err)
	return w
}

func (w *way) configMaps(t *testing.T) corev1client.ConfigMapInterface {
	t.Helper()
	return awsAuth(t, w.cluster(t, "eu"))
}

func (w *way) editMap(t *testing.T, key, text string) {
	t.Helper()
	found, err := w.configMaps(t).Get(t.Context(), "aws-auth", metav1.GetOptions{})
	require.NoError(t, err)
	found.Data[key] = text
	_, err = w.configMaps(t).Update(t.Context(), found, metav1.UpdateOptions{})
	require.NoError(t, err)
}

// plan runs the command on the cluster's map, for programs and as configuration.
func (w *way) plan(t *testing.T) (awsauth.Plan, string) {
	t.Helper()
	command := filepath.Join(t.TempDir(), "leaveawsauth")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", command, "./stacks/leaveawsauth")
	build.Dir = repository
	output, err := build.CombinedOutput()
	require.NoError(t, err, string(output))
	found, err := w.configMaps(t).Get(t.Context(), "aws-auth", metav1.GetOptions{})
	require.NoError(t, err)
	found.APIVersion, found.Kind = "v1", "ConfigMap" // as kubectl prints it
	text, err := yaml.Marshal(found)
	require.NoError(t, err)
	planned := func(form string) string {
		run := exec.CommandContext(t.Context(), command, "--cluster", "eu", "--account", sandbox.Account, "--managed", sandboxaws.NodeRole, form)
		run.Stdin, run.Stderr = strings.NewReader(string(text)), os.Stderr
		printed, err := run.Output()
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
		assert.Equal(t, 2, exit.ExitCode(), "something has no equivalent")
		return string(printed)
	}
	var plan awsauth.Plan
	require.NoError(t, json.Unmarshal([]byte(planned("--json")), &plan))
	return plan, planned("--yaml")
}

// command is the command in a step of the plan's order.
func (w *way) command(step string) string { return step[strings.Index(step, "aws eks "):] }

// run pastes a command into a shell of the operator.
func (w *way) run(t *testing.T, command string) {
	t.Helper()
	shell := exec.CommandContext(t.Context(), "sh", "-c", command)
	for name, value := range w.Env() {
		shell.Env = append(shell.Env, name+"="+value)
	}
	output, err := shell.CombinedOutput()
	require.NoError(t, err, string(output))
}

func (w *way) assertNoWayBack(t *testing.T, mode string) {
	t.Helper()
	_, err := w.AWS().EKS("eu-west-1").UpdateClusterConfig(t.Context(), &awseks.UpdateClusterConfigInput{
		Name: aws.String("eu"), AccessConfig: &ekstypes.UpdateAccessConfigRequest{AuthenticationMode: ekstypes.AuthenticationMode(mode)},
	})
	require.ErrorContains(t, err, "Unsupported authentication mode update from "+w.Endpoint.AuthenticationMode("eu-west-1", "eu")+" to "+mode)
}

// with is a copy of logins with another one.
func with(logins map[string]string, who, what string) map[string]string {
	changed := map[string]string{who: what}
	for name, login := range logins {
		if name != who {
			changed[name] = login
		}
	}
	return changed
}

func inSession(role string) string {
	return "arn:aws:sts::" + sandbox.Account + ":assumed-role/" + role + "/someone"
}

// assertLogins logs each role in, in a session of its own, and compares its name and groups in Kubernetes.
func (w *way) assertLogins(t *testing.T, when string, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	for role := range want {
		review, err := w.logIn(t, role).AuthenticationV1().SelfSubjectReviews().Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
		if apierrors.IsUnauthorized(err) {
			got[role] = "refused"
			continue
		}
		require.NoError(t, err, "%s: %s", when, role)
		var groups []string
		for _, group := range review.Status.UserInfo.Groups {
			if group != "system:authenticated" {
				groups = append(groups, group)
			}
		}
		got[role] = instance.ReplaceAllString(review.Status.UserInfo.Username, "i-1") + " in " + strings.Join(groups, ", ")
	}
	assert.Equal(t, want, got, when)
}

// assertMayDoEverything wants a role to be an administrator of the cluster.
func (w *way) assertMayDoEverything(t *testing.T, role string) {
	t.Helper()
	_, err := w.logIn(t, role).CoreV1().Secrets("kube-system").List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
}

// logIn is a client that logs in with `aws eks get-token`, with the credentials of a node or of a fresh session of a role.
func (w *way) logIn(t *testing.T, role string) kubernetes.Interface {
	t.Helper()
	session := "someone"
	if role == "self-managed" {
		session = "i-0123456789abcdef0"
	}
	credentials, err := stscreds.NewAssumeRoleProvider(w.AWS().STS(), inAccount+role, func(o *stscreds.AssumeRoleOptions) { o.RoleSessionName = session }).Retrieve(t.Context())
	if role == "nodes" {
		credentials, err = w.Endpoint.NodeCredentials(t.Context(), "eu-west-1", "eu")
	}
	require.NoError(t, err)
	config := w.cluster(t, "eu").Kubeconfig(w.Tools.AWS)
	for _, user := range config.AuthInfos {
		for name, value := range map[string]string{
			"AWS_ACCESS_KEY_ID": credentials.AccessKeyID, "AWS_SECRET_ACCESS_KEY": credentials.SecretAccessKey, "AWS_SESSION_TOKEN": credentials.SessionToken,
		} {
			user.Exec.Env = append(user.Exec.Env, clientcmdapi.ExecEnvVar{Name: name, Value: value})
		}
	}
	rest, err := clientcmd.NewDefaultClientConfig(*config, nil).ClientConfig()
	require.NoError(t, err)
	client, err := kubernetes.NewForConfig(rest)
	require.NoError(t, err)
	return client
}
