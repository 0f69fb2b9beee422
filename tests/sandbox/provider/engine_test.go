//go:build unix

package provider_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	k8scorev1 "k8s.io/api/core/v1"
	k8smetav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientgo "k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	sandboxaws "github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/eks"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/tools"
)

// world is everything that a stack runs on: the real engine, an AWS, a cluster.
type world struct {
	tools      *tools.Tools
	aws        string
	kubeconfig string
	cluster    clientgo.Interface
}

func newWorld(t *testing.T) world {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute) // the first time, everything is compiled
	defer cancel()
	found, err := tools.Ensure(ctx, tools.Options{Log: os.Stderr})
	require.NoError(t, err)
	dir := t.TempDir()
	moto, process, err := sandboxaws.StartMoto(t.Context(),
		sandboxaws.Moto{Path: found.MotoServer, LogFile: filepath.Join(dir, "moto.log")})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, process.Stop(5*time.Second)) })
	clusters, err := eks.Start(ctx, eks.Options{
		ControlPlane: found.ControlPlane, Dir: filepath.Join(dir, "clusters"), AWSEndpoint: moto,
		Access: func(string, string, string) (sandboxaws.AccessEntry, bool) { return sandboxaws.AccessEntry{}, false },
	}, []eks.Spec{{Name: "hub", Account: "123456789012", Region: "eu-west-1", AuthenticationMode: "API"}})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, clusters.Stop()) })
	client, err := clientgo.NewForConfig(clusters.All[0].AdminConfig())
	require.NoError(t, err)
	return world{tools: found, aws: moto, kubeconfig: kubeconfig(t, clusters.All[0].AdminConfig()), cluster: client}
}

func kubeconfig(t *testing.T, config *rest.Config) string {
	t.Helper()
	written, err := clientcmd.Write(api.Config{
		Clusters:       map[string]*api.Cluster{"c": {Server: config.Host, CertificateAuthorityData: config.CAData}},
		AuthInfos:      map[string]*api.AuthInfo{"u": {ClientCertificateData: config.CertData, ClientKeyData: config.KeyData}},
		Contexts:       map[string]*api.Context{"x": {Cluster: "c", AuthInfo: "u"}},
		CurrentContext: "x",
	})
	require.NoError(t, err)
	return string(written)
}

func (w world) iam(t *testing.T) *awsiam.Client {
	t.Helper()
	sdk, err := config.LoadDefaultConfig(t.Context(), config.WithRegion("eu-west-1"), config.WithBaseEndpoint(w.aws),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("AKIASANDBOXOPERATOR", "any", "")))
	require.NoError(t, err)
	return awsiam.NewFromConfig(sdk)
}

func (w world) stack(t *testing.T, program pulumi.RunFunc) (stack auto.Stack, dir string) {
	t.Helper()
	dir = t.TempDir()
	cli, err := auto.NewPulumiCommand(&auto.PulumiCommandOptions{Root: filepath.Dir(filepath.Dir(w.tools.Pulumi))})
	require.NoError(t, err)
	stack, err = auto.UpsertStackInlineSource(t.Context(), "dev", "engine-test", program,
		auto.Pulumi(cli),
		auto.Project(workspace.Project{
			Name: tokens.PackageName("engine-test"), Runtime: workspace.NewProjectRuntimeInfo("go", nil),
			Backend: &workspace.ProjectBackend{URL: "file://" + dir},
		}),
		auto.EnvVars(map[string]string{
			"PATH": w.tools.Path(), "PULUMI_CONFIG_PASSPHRASE": "", "PULUMI_SKIP_UPDATE_CHECK": "true", "PULUMI_HOME": dir,
			"AWS_ENDPOINT_URL": w.aws, "AWS_ACCESS_KEY_ID": "AKIASANDBOXOPERATOR", "AWS_SECRET_ACCESS_KEY": "any",
		}))
	require.NoError(t, err)
	require.NoError(t, stack.SetConfig(t.Context(), "aws:region", auto.ConfigValue{Value: "eu-west-1"}))
	return stack, dir
}

// declaration is what the program of the test declares; it changes between updates.
type declaration struct {
	kubeconfig  string
	oidc        string // ARN of a provider to import
	description string
}

const oidcURL = "https://oidc.eks.eu-west-1.amazonaws.com/id/ENGINE"

func (d *declaration) program(ctx *pulumi.Context) error {
	east, err := aws.NewProvider(ctx, "east", &aws.ProviderArgs{
		Region:      pulumi.String("us-east-1"),
		DefaultTags: &aws.ProviderDefaultTagsArgs{Tags: pulumi.StringMap{"team": pulumi.String("x")}},
	})
	if err != nil {
		return err
	}
	// The default tags are not the importer's: whoever made the provider knows nothing of them.
	oidc, err := iam.NewOpenIdConnectProvider(ctx, "oidc", &iam.OpenIdConnectProviderArgs{
		Url: pulumi.String(oidcURL), ClientIdLists: pulumi.ToStringArray([]string{"sts.amazonaws.com"}),
	}, pulumi.Import(pulumi.ID(d.oidc)))
	if err != nil {
		return err
	}
	role, err := iam.NewRole(ctx, "role", &iam.RoleArgs{
		Description: pulumi.String(d.description),
		AssumeRolePolicy: pulumi.Sprintf(`{"Version": "2012-10-17", "Statement": [
			{"Effect": "Allow", "Principal": {"Federated": "%s"}, "Action": "sts:AssumeRoleWithWebIdentity"}]}`, oidc.Arn),
	}, pulumi.Provider(east))
	if err != nil {
		return err
	}
	hub, err := kubernetes.NewProvider(ctx, "hub", &kubernetes.ProviderArgs{Kubeconfig: pulumi.String(d.kubeconfig)})
	if err != nil {
		return err
	}
	return d.workload(ctx, role, pulumi.Provider(hub))
}

func (d *declaration) workload(ctx *pulumi.Context, role *iam.Role, hub pulumi.ResourceOption) error {
	namespace, err := corev1.NewNamespace(ctx, "apps", &corev1.NamespaceArgs{Metadata: metav1.ObjectMetaArgs{Name: pulumi.String("apps")}}, hub)
	if err != nil {
		return err
	}
	account, err := corev1.NewServiceAccount(ctx, "app", &corev1.ServiceAccountArgs{Metadata: metav1.ObjectMetaArgs{
		Namespace: namespace.Metadata.Name(), Annotations: pulumi.StringMap{"eks.amazonaws.com/role-arn": role.Arn},
	}}, hub)
	if err != nil {
		return err
	}
	if _, err := corev1.NewSecret(ctx, "key", &corev1.SecretArgs{
		Metadata:   metav1.ObjectMetaArgs{Namespace: namespace.Metadata.Name()},
		StringData: pulumi.StringMap{"key": pulumi.String("hunter2")},
	}, hub); err != nil {
		return err
	}
	if _, err := corev1.NewConfigMapPatch(ctx, "patch", &corev1.ConfigMapPatchArgs{
		Metadata: metav1.ObjectMetaPatchArgs{Name: pulumi.String("somebody-elses")},
		Data:     pulumi.StringMap{"note": pulumi.String(d.description)},
	}, hub); err != nil {
		return err
	}
	pod, err := corev1.NewPod(ctx, "pod", &corev1.PodArgs{
		Metadata: metav1.ObjectMetaArgs{Namespace: namespace.Metadata.Name()},
		Spec: corev1.PodSpecArgs{
			ServiceAccountName: account.Metadata.Name(), TerminationGracePeriodSeconds: pulumi.Int(1),
			Containers: corev1.ContainerArray{corev1.ContainerArgs{
				Name: pulumi.String("main"), Image: pulumi.String("public.ecr.aws/aws-cli/aws-cli:2.31.0"),
				Command: pulumi.ToStringArray([]string{"sleep", "infinity"}),
			}},
		},
	}, hub)
	if err != nil {
		return err
	}
	ctx.Export("role", role.Name)
	ctx.Export("phase", pod.Status.Phase())
	return nil
}

func changes(summary auto.UpdateSummary) map[string]int {
	if summary.ResourceChanges == nil {
		return nil
	}
	return *summary.ResourceChanges
}

// A released plugin is where Pulumi's home of the user has it, though the stack has a home of its own.
func TestTheEngineTakesPluginsThatAreInstalledInPulumisHome(t *testing.T) {
	t.Parallel()
	found, err := tools.Ensure(t.Context(), tools.Options{Log: os.Stderr})
	require.NoError(t, err)
	home, manifests := t.TempDir(), t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(home, "plugins"), 0o700))
	for _, plugin := range found.Plugins {
		require.NoError(t, os.Symlink(plugin.Dir, filepath.Join(home, "plugins", "resource-"+plugin.Name+"-v"+plugin.Version)))
	}
	found, err = tools.Ensure(t.Context(), tools.Options{
		Log: os.Stderr, Plugins: []tools.Source{tools.Installed}, PulumiHome: home,
	})
	require.NoError(t, err)
	stack, _ := world{tools: found}.stack(t, func(ctx *pulumi.Context) error {
		files, err := kubernetes.NewProvider(ctx, "files", &kubernetes.ProviderArgs{RenderYamlToDirectory: pulumi.String(manifests)})
		if err != nil {
			return err
		}
		_, err = corev1.NewNamespace(ctx, "apps", &corev1.NamespaceArgs{
			Metadata: metav1.ObjectMetaArgs{Name: pulumi.String("apps")},
		}, pulumi.Provider(files))
		return err
	})

	up, err := stack.Up(t.Context())

	require.NoError(t, err)
	assert.Contains(t, up.StdOut, "using pulumi-resource-kubernetes from $PATH at "+home)
	written, err := filepath.Glob(filepath.Join(manifests, "*", "*namespace*apps.yaml"))
	require.NoError(t, err)
	assert.Len(t, written, 1, "by that plugin")
}

// newerThanTheModule tells whether the Kubernetes plugin does what releases do from 4.29 on. The Go module that it is
// built from is older, of January 2026.
func (w world) newerThanTheModule() bool {
	return slices.ContainsFunc(w.tools.Plugins, func(plugin tools.Plugin) bool {
		return plugin.Name == "kubernetes" && plugin.Source != tools.Built
	})
}

// Newer releases create what the program declares; the module, and older ones, apply it, and so take over what is there.
func TestWhatExistsIsTakenOverByTheOlderKubernetesPluginOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	accounts := w.cluster.CoreV1().ServiceAccounts("default")
	_, err := accounts.Create(t.Context(), &k8scorev1.ServiceAccount{
		ObjectMeta: k8smetav1.ObjectMeta{Name: "theirs", Labels: map[string]string{"by": "helm"}},
	}, k8smetav1.CreateOptions{})
	require.NoError(t, err)
	stack, _ := w.stack(t, func(ctx *pulumi.Context) error {
		hub, err := kubernetes.NewProvider(ctx, "hub", &kubernetes.ProviderArgs{Kubeconfig: pulumi.String(w.kubeconfig)})
		if err != nil {
			return err
		}
		_, err = corev1.NewServiceAccount(ctx, "ours", &corev1.ServiceAccountArgs{Metadata: metav1.ObjectMetaArgs{
			Name: pulumi.String("theirs"), Labels: pulumi.StringMap{"team": pulumi.String("a")},
		}}, pulumi.Provider(hub))
		return err
	})

	_, err = stack.Preview(t.Context())
	require.NoError(t, err, "no version's preview shows it")
	_, err = stack.Up(t.Context(), optup.ErrorProgressStreams(io.Discard))
	labels := map[string]string{"by": "helm"}
	if w.newerThanTheModule() {
		require.ErrorContains(t, err, `"theirs" already exists`)
	} else {
		require.NoError(t, err)
		labels["team"] = "a"
	}
	found, err := accounts.Get(t.Context(), "theirs", k8smetav1.GetOptions{})
	require.NoError(t, err)
	delete(found.Labels, "app.kubernetes.io/managed-by") // every version marks what it made
	assert.Equal(t, labels, found.Labels)
}

// The real engine takes the plugins that package tools found or built.
func TestTheEngineRunsAStackOnThePlugins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cloud := w.iam(t)
	foreign, err := cloud.CreateOpenIDConnectProvider(t.Context(), &awsiam.CreateOpenIDConnectProviderInput{
		Url: awssdk.String(oidcURL), ClientIDList: []string{"sts.amazonaws.com"},
	})
	require.NoError(t, err)
	maps := w.cluster.CoreV1().ConfigMaps("default")
	_, err = maps.Create(t.Context(), &k8scorev1.ConfigMap{
		ObjectMeta: k8smetav1.ObjectMeta{Name: "somebody-elses"}, Data: map[string]string{"theirs": "1"},
	}, k8smetav1.CreateOptions{})
	require.NoError(t, err)
	d := &declaration{kubeconfig: w.kubeconfig, oidc: *foreign.OpenIDConnectProviderArn, description: "one"}
	stack, backend := w.stack(t, d.program)

	_, err = stack.Preview(t.Context())
	require.NoError(t, err)
	up, err := stack.Up(t.Context(), optup.ErrorProgressStreams(io.Discard))
	require.NoError(t, err)
	assert.Equal(t, map[string]int{"create": 9, "import": 1}, changes(up.Summary))
	assert.Equal(t, "Running", up.Outputs["phase"].Value)
	state, err := os.ReadFile(filepath.Join(backend, ".pulumi", "stacks", "engine-test", "dev.json"))
	require.NoError(t, err)
	assert.Contains(t, string(state), "kubernetes:core/v1:Secret::key")
	assert.False(t, strings.Contains(string(state), "hunter2") || strings.Contains(string(state), "aHVudGVyMg=="), "a secret is in the state in clear")

	again, err := stack.Up(t.Context())
	require.NoError(t, err)
	assert.Equal(t, map[string]int{"same": 10}, changes(again.Summary))
	preview, err := stack.Preview(t.Context())
	require.NoError(t, err)
	assert.Equal(t, map[apitype.OpType]int{apitype.OpSame: 10}, preview.ChangeSummary)
	refreshed, err := stack.Refresh(t.Context())
	require.NoError(t, err)
	assert.Equal(t, map[string]int{"same": 10}, changes(refreshed.Summary))

	role := up.Outputs["role"].Value.(string)
	_, err = cloud.TagRole(t.Context(), &awsiam.TagRoleInput{RoleName: &role, Tags: iamTag("by", "hand")})
	require.NoError(t, err)
	refreshed, err = stack.Refresh(t.Context())
	require.NoError(t, err)
	assert.Equal(t, map[string]int{"same": 9, "update": 1}, changes(refreshed.Summary), "somebody tagged the role")

	d.description = "two"
	changed, err := stack.Up(t.Context())
	require.NoError(t, err)
	assert.Equal(t, map[string]int{"same": 8, "update": 2}, changes(changed.Summary), "the role and the patch")
	found, err := cloud.GetRole(t.Context(), &awsiam.GetRoleInput{RoleName: &role})
	require.NoError(t, err)
	assert.Equal(t, "two", *found.Role.Description)
	assert.Len(t, found.Role.Tags, 1, "the tag that the program does not know is gone")

	destroyed, err := stack.Destroy(t.Context())
	require.NoError(t, err)
	assert.Equal(t, map[string]int{"delete": 10}, changes(destroyed.Summary))
	left, err := maps.Get(t.Context(), "somebody-elses", k8smetav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"theirs": "1"}, left.Data)
}

func iamTag(key, value string) []iamtypes.Tag {
	return []iamtypes.Tag{{Key: &key, Value: &value}}
}
