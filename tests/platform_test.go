package tests

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/encoding"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/testpod"
	"github.com/eks-irsa/pulumi-eks-irsa/stacks"
)

// stackConfig is what the CLI hands to the program for a stack file.
func stackConfig(tb testing.TB, stackFile string) map[string]string {
	tb.Helper()
	declared, err := workspace.LoadProject("../Pulumi.yaml")
	require.NoError(tb, err)
	loaded, err := workspace.LoadProjectStackBytes(nil, declared, []byte(stackFile), "Pulumi.dev.yaml", encoding.YAML)
	require.NoError(tb, err)
	decrypted, err := loaded.Config.Decrypt(config.Base64Crypter)
	require.NoError(tb, err)
	values := map[string]string{}
	for key, value := range decrypted {
		values[key.String()] = value
	}
	return values
}

// platformConfig is what the CLI hands to the program for a stack file with that value of eks-irsa:platform.
func platformConfig(tb testing.TB, platform string) map[string]string {
	tb.Helper()
	return stackConfig(tb, "config:\n  eks-irsa:platform:\n    "+strings.ReplaceAll(strings.TrimSpace(platform), "\n", "\n    ")+"\n")
}

// runPlatform runs the platform, after what other programs and providers registered, and gives the stack's outputs.
func runPlatform(
	t *testing.T, r *recorder, values map[string]string, before ...pulumi.RunFunc,
) (outputs map[string]any, err error) {
	t.Helper()
	var exports map[string]pulumi.Input
	err = r.run(func(ctx *pulumi.Context) error {
		for _, prepare := range before {
			if err := prepare(ctx); err != nil {
				return err
			}
		}
		err := stacks.Platform(ctx)
		exports = ctx.GetCurrentExportMap()
		return err
	}, withConfig(values))
	if err != nil {
		return nil, err
	}
	outputs = map[string]any{}
	for name, value := range exports {
		outputs[name] = await[map[string]any](t, pulumi.ToOutput(value))
	}
	return outputs, nil
}

// deployed runs the platform, which succeeds.
func deployed(t *testing.T, r *recorder, values map[string]string, before ...pulumi.RunFunc) map[string]any {
	t.Helper()
	outputs, err := runPlatform(t, r, values, before...)
	require.NoError(t, err)
	return outputs
}

// clusters is an account with up to three clusters of these names, which know access entries only.
func clusters(names ...string) *recorder {
	r := newRecorder()
	for i, name := range names {
		r.hasCluster(name, "https://"+[]string{hubIssuer, euIssuer, usIssuer}[i], "API")
	}
	return r
}

const (
	euIssuer = "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE2"
	usIssuer = "oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE3"
)

// devAccount is the account that Pulumi.dev.yaml is deployed to: three clusters, the OIDC provider of one of which another
// tool has made.
func devAccount() *recorder {
	r := newRecorder()
	r.hasCluster("dev-hub", "https://"+hubIssuer, "API")
	r.hasCluster("dev-workloads-eu", "https://"+euIssuer, "API_AND_CONFIG_MAP")
	r.hasCluster("dev-workloads-us", "https://"+usIssuer, "API")
	r.agents = []string{"dev-hub"}
	r.hasOidcProvider(euIssuer, []any{"sts.amazonaws.com"}, map[string]any{"alpha.eksctl.io/cluster-name": "dev-workloads-eu"})
	return r
}

func devConfig(t *testing.T) map[string]string {
	t.Helper()
	return stackConfig(t, readFile(t, "../Pulumi.dev.yaml"))
}

func TestPlatformOfDevIsTheseResources(t *testing.T) {
	t.Parallel()
	r := devAccount()
	outputs := deployed(t, r, devConfig(t))
	got := strings.Join(r.graph(), "\n") + "\n"
	assert.Equal(t, golden(t, "dev-resources.txt", got), got)
	got = jsonOf(t, outputs)
	assert.JSONEq(t, golden(t, "dev-outputs.json", got), got)
	assert.Len(t, r.ancestors(t), 20,
		"3 OidcProviders, 9 IrsaRoles, 3 ArgoCDTargets, 4 namespaces, a bucket")
}

func TestPlatformOfDevAsksForEachThingOnce(t *testing.T) {
	t.Parallel()
	r := devAccount()
	deployed(t, r, devConfig(t))
	asked := func(token, argument string) []string {
		var values []string
		for _, call := range r.called(token) {
			values = append(values, call.Args[resource.PropertyKey(argument)].StringValue()+" by "+providerName(call.Provider))
		}
		slices.Sort(values)
		return values
	}
	assert.Equal(t, []string{
		"dev-hub by aws-eu-west-1", "dev-workloads-eu by aws-eu-west-1", "dev-workloads-us by aws-us-east-1",
	}, asked(getCluster, "name"))
	assert.Equal(t, []string{
		"https://" + hubIssuer + " by aws-iam", "https://" + euIssuer + " by aws-iam", "https://" + usIssuer + " by aws-iam",
	}, asked(getOpenIDConnectProvider, "url"))
	assert.Len(t, r.called(getCallerIdentity), 1)
	assert.Equal(t, []string{"dev-hub by aws-eu-west-1"}, asked(getAddon, "clusterName"))
	assert.Len(t, r.called(getPolicy), 2, "one of which two roles name, and the other a preset")
	assert.Len(t, r.invokes, 11, "and the engine for the stack's own outputs")
}

func TestPlatformOfDevTrustsTheseServiceAccountsOnly(t *testing.T) {
	t.Parallel()
	r := devAccount()
	deployed(t, r, devConfig(t))
	roles := r.ofType(roleType)
	require.Len(t, roles, 10)
	for _, role := range roles {
		assert.JSONEq(t, readGolden(t, "trust-"+strings.ReplaceAll(role.Name, "/", "-")+".json"), role.Inputs["assumeRolePolicy"].StringValue(), role.Name)
	}
}

func TestPlatformIsTheSameEveryTime(t *testing.T) {
	t.Parallel()
	var runs [2][]string
	for i := range runs {
		r := devAccount()
		deployed(t, r, devConfig(t))
		runs[i] = r.requests(t)
	}
	assert.Equal(t, runs[0], runs[1])
}

func TestPlatformLogsInToKubernetesWithTheAWSCLI(t *testing.T) {
	t.Parallel()
	cluster := func(before, after string) string {
		return `{
			"apiVersion": "v1", "kind": "Config", "current-context": "edge",
			"clusters": [{"name": "edge", "cluster": {
				"server": "https://EDGE.gr7.eu-west-1.eks.amazonaws.com", "certificate-authority-data": "` + caData + `"
			}}],
			"users": [{"name": "edge", "user": {"exec": {
				"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "aws", "interactiveMode": "Never",
				"args": [` + before + `"--region", "eu-west-1", "eks", "get-token", "--cluster-name", "edge", "--output", "json"` + after + `]
			}}}],
			"contexts": [{"name": "edge", "context": {"cluster": "edge", "user": "edge"}}]
		}`
	}
	for _, test := range []struct{ name, credentials, want string }{
		{"with the environment's credentials", "", cluster("", "")},
		{"with a profile", "profile: edge", cluster(`"--profile", "edge", `, "")},
		{
			"with a role", "assumeRole: {roleArn: 'arn:aws:iam::222233334444:role/deployer'}",
			cluster("", `, "--role-arn", "arn:aws:iam::222233334444:role/deployer"`),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := clusters("edge")
			deployed(t, r, platformConfig(t, `
clusters:
  edge:
    region: eu-west-1
    `+test.credentials))
			provider := r.one(t, "pulumi:providers:kubernetes", "kubernetes-edge")
			assert.JSONEq(t, test.want, provider.Inputs["kubeconfig"].StringValue())
			assert.True(t, provider.Inputs["enableServerSideApply"].BoolValue())
			assert.True(t, provider.Inputs["enableSecretMutable"].BoolValue(), "or Argo CD's cluster secrets are deleted when they change")
		})
	}
}

func TestPlatformHasOneAWSProviderForAnAccountAndRegion(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	const deployer = "arn:aws:iam::222233334444:role/deployer"
	for i, name := range []string{"a", "b", "c", "d", "e"} {
		r.hasCluster(name, "https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE"+string(rune('1'+i)), "API")
	}
	r.accounts["aws-iam-other"] = "222233334444"
	outputs := deployed(t, r, platformConfig(t, `
clusters:
  a: {region: eu-west-1}
  b: {region: eu-west-1}
  c: {region: eu-west-1, profile: other}
  d: {region: us-east-1, profile: other}
  e: {region: eu-west-1, assumeRole: {roleArn: '`+deployer+`', sessionName: pulumi}}
`))
	for name, want := range map[string]string{
		"aws-eu-west-1":       `{"region": "eu-west-1"}`,
		"aws-eu-west-1-other": `{"region": "eu-west-1", "profile": "other"}`,
		"aws-us-east-1-other": `{"region": "us-east-1", "profile": "other"}`,
		"aws-eu-west-1-b6cc6c87": `{"region": "eu-west-1", "assumeRole": {
			"roleArn": "` + deployer + `", "sessionName": "pulumi"
		}}`,
		"aws-iam":       `{"region": "us-east-1"}`,
		"aws-iam-other": `{"region": "us-east-1", "profile": "other"}`,
		"aws-iam-b6cc6c87": `{"region": "us-east-1", "assumeRole": {
			"roleArn": "` + deployer + `", "sessionName": "pulumi"
		}}`,
	} {
		provider := r.one(t, awsProviderType, name)
		delete(provider.Inputs, "skipCredentialsValidation") // the SDK's own defaults
		delete(provider.Inputs, "skipRegionValidation")
		assert.JSONEq(t, want, provider.json(t), name)
	}
	assert.Len(t, r.ofType(awsProviderType), 7)
	assert.Len(t, r.called(getCallerIdentity), 3, "one for each set of credentials, not for each region")
	accounts := map[string]any{}
	for key, cluster := range outputs["clusters"].(map[string]any) {
		accounts[key] = cluster.(map[string]any)["account"]
	}
	assert.Equal(t, map[string]any{
		"a": account, "b": account, "c": "222233334444", "d": "222233334444", "e": account,
	}, accounts)
}

// What holds for the pods of a whole environment is said once.
func TestPlatformRunsATestPodAsTheEnvironmentSaysUnlessThePodSaysOtherwise(t *testing.T) {
	t.Parallel()
	r := clusters("hub", "edge")
	deployed(t, r, platformConfig(t, `
testPodDefaults:
  image: images.example.com/aws-cli:2
  imagePullSecrets: [registry]
  timeoutSeconds: 90
  nodeSelector: {pool: system}
  tolerations: [{key: system, operator: Exists}]
  labels: {team: platform, tier: proof}
  annotations: {sidecar.istio.io/inject: 'false'}
clusters: {hub: {region: eu-west-1}, edge: {region: eu-west-1}}
roles:
  app:
    clusters: [hub]
    serviceAccounts: [{namespace: apps, name: app}]
    testPod: {timeoutSeconds: 30, labels: {team: apps}, tolerations: []}
argocd:
  hub: hub
  testPod: {}
  targets: {edge: {cluster: edge, access: {policies: [{policy: AmazonEKSViewPolicy}]}}}
`))
	for name, want := range map[string]struct {
		deadline int
		labels   string
		rest     string
	}{
		"app/hub/apps/app-irsa-test": {30, `{"team": "apps", "tier": "proof"}`, `{}`},
		"argocd/hub/argocd/argocd-server-irsa-test": {
			90, `{"team": "platform", "tier": "proof"}`, `{"tolerations": [{"key": "system", "operator": "Exists"}]}`,
		},
		"argocd/edge/argocd/argocd-server-login-edge": {
			90, `{"team": "platform", "tier": "proof"}`, `{"tolerations": [{"key": "system", "operator": "Exists"}]}`,
		},
	} {
		job := r.one(t, jobType, name).Inputs["spec"].ObjectValue()
		assert.InDelta(t, want.deadline, job["activeDeadlineSeconds"].NumberValue(), 0, name)
		metadata := job["template"].ObjectValue()["metadata"].ObjectValue()
		labels := metadata["labels"].ObjectValue()
		delete(labels, testpod.Label)
		delete(labels, "app.kubernetes.io/managed-by")
		assert.JSONEq(t, want.labels, jsonOf(t, labels.Mappable()), name)
		assert.JSONEq(t, `{"sidecar.istio.io/inject": "false"}`, jsonOf(t, metadata["annotations"].ObjectValue().Mappable()), name)
		spec := podSpec(r.one(t, jobType, name))
		assert.JSONEq(t, `{"kubernetes.io/os": "linux", "pool": "system"}`, jsonOf(t, spec["nodeSelector"].ObjectValue().Mappable()), name)
		assert.Equal(t, "images.example.com/aws-cli:2", container(r.one(t, jobType, name))["image"].StringValue())
		assert.Equal(t, "registry", spec["imagePullSecrets"].ArrayValue()[0].ObjectValue()["name"].StringValue())
		rest := resource.PropertyMap{}
		if tolerations, ok := spec["tolerations"]; ok {
			rest["tolerations"] = tolerations
		}
		assert.JSONEq(t, want.rest, jsonOf(t, rest.Mappable()), name)
	}
}

func TestPlatformMakesABucketWithItsObjects(t *testing.T) {
	t.Parallel()
	r := devAccount()
	deployed(t, r, devConfig(t))
	bucket := r.one(t, bucketType, "my-test-bucket")
	assert.JSONEq(t, `{"bucket": "my-test-bucket", "forceDestroy": true, "tags": {"environment": "dev"}}`, bucket.json(t))
	assert.Equal(t, "aws-eu-west-1", providerName(bucket.Provider))
	object := r.one(t, "aws:s3/bucketObjectv2:BucketObjectv2", "my-test-bucket/my-test-file.txt")
	assert.JSONEq(t, `{"bucket": "my-test-bucket", "key": "my-test-file.txt", "content": "Hello\n"}`, object.json(t))
	assert.Equal(t, bucket.URN, object.RegisterRPC.GetParent())
}

func TestPlatformCreatesAnOidcProviderAsTheClusterDeclaresIt(t *testing.T) {
	t.Parallel()
	r := clusters("hub")
	deployed(t, r, platformConfig(t, `
tags: {environment: dev}
clusters:
  hub:
    region: eu-west-1
    oidcProvider: {clientIds: [sts.amazonaws.com, gitlab], thumbprints: [9e99a48a9960b14926bb7f3b02e22da2b0ab7280]}
`))
	assert.JSONEq(t, `{
		"url": "https://`+hubIssuer+`", "clientIdLists": ["sts.amazonaws.com", "gitlab"],
		"thumbprintLists": ["9e99a48a9960b14926bb7f3b02e22da2b0ab7280"],
		"tags": {"environment": "dev", "eks-irsa/owner": "acme/eks-irsa/dev"}
	}`, r.one(t, iamProviderType, "hub").json(t))
}

func TestPlatformTakesAThumbprintFromTheIssuersOwnChain(t *testing.T) {
	t.Parallel()
	// A server that the system does not trust: asking it at all shows in the error.
	root := issue(t, "root", nil)
	url := serveTLS(t, issue(t, "leaf", &root), root)
	r := newRecorder()
	r.hasCluster("hub", url, "API")
	_, err := runPlatform(t, r, platformConfig(t, `
clusters:
  hub: {region: eu-west-1, oidcProvider: {computeThumbprint: true}}
`))
	require.ErrorContains(t, err, `cluster "hub": computing the thumbprint of "`+url+`": `)
	require.ErrorContains(t, err, "tls: failed to verify certificate")
	assert.Empty(t, r.ofType(iamProviderType))
}

func TestConfigIsWhatTheStackFileSays(t *testing.T) {
	t.Parallel()
	cfg, err := stacks.ParseConfig(devConfig(t)["eks-irsa:platform"], "")
	require.NoError(t, err)
	assert.Equal(t, "dev-hub", cfg.Clusters["hub"].Name)
	assert.Equal(t, []string{"argocd", "external-dns", "payments", "test"}, cfg.Clusters["hub"].Namespaces)
	assert.True(t, json.Valid([]byte(cfg.Roles["s3-backup"].CustomerManagedPolicies["my-test-policy"].(pulumi.String))))
	assert.Equal(t, "dev-argocd", cfg.ArgoCD.RoleName)
}
