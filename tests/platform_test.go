package tests

import (
	"encoding/json"
	"errors"
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

	"github.com/eks-irsa/pulumi-eks-irsa/components"
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
	r.hasOidcProvider(euIssuer, []any{"sts.amazonaws.com"}, map[string]any{"alpha.eksctl.io/cluster-name": "dev-workloads-eu"})
	return r
}

func devConfig(t *testing.T) map[string]string {
	t.Helper()
	return stackConfig(t, readFile(t, "../Pulumi.dev.yaml"))
}

func TestTheDevPlatformIsTheseResources(t *testing.T) {
	t.Parallel()
	r := devAccount()
	outputs, err := runPlatform(t, r, devConfig(t))
	require.NoError(t, err)
	got := strings.Join(r.graph(), "\n") + "\n"
	assert.Equal(t, golden(t, "dev-resources.txt", got), got)
	got = jsonOf(t, outputs)
	assert.JSONEq(t, golden(t, "dev-outputs.json", got), got)
	assert.Len(t, r.ancestors(t), 14,
		"3 OidcProviders, 4 IrsaRoles, 3 ArgoCDTargets, 3 namespaces, a bucket")
}

func TestTheDevPlatformAsksForEachThingOnce(t *testing.T) {
	t.Parallel()
	r := devAccount()
	_, err := runPlatform(t, r, devConfig(t))
	require.NoError(t, err)
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
	assert.Len(t, r.invokes, 8, "and the engine for the stack's own outputs")
}

func TestTheDevRolesTrustTheseServiceAccountsOnly(t *testing.T) {
	t.Parallel()
	r := devAccount()
	_, err := runPlatform(t, r, devConfig(t))
	require.NoError(t, err)
	roles := r.ofType(roleType)
	require.Len(t, roles, 5)
	for _, role := range roles {
		assert.JSONEq(t, readGolden(t, "trust-"+strings.ReplaceAll(role.Name, "/", "-")+".json"), role.Inputs["assumeRolePolicy"].StringValue(), role.Name)
	}
}

func TestThePlatformIsTheSameEveryTime(t *testing.T) {
	t.Parallel()
	var runs [2][]string
	for i := range runs {
		r := devAccount()
		_, err := runPlatform(t, r, devConfig(t))
		require.NoError(t, err)
		for _, added := range r.registrations {
			runs[i] = append(runs[i], added.URN+" "+added.json(t))
		}
		slices.Sort(runs[i])
	}
	assert.Equal(t, runs[0], runs[1])
}

func TestTheKubernetesProviderLogsInWithTheAWSCLI(t *testing.T) {
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
			r := newRecorder()
			r.hasCluster("edge", "https://"+hubIssuer, "API")
			_, err := runPlatform(t, r, platformConfig(t, `
clusters:
  edge:
    region: eu-west-1
    `+test.credentials))
			require.NoError(t, err)
			provider := r.one(t, "pulumi:providers:kubernetes", "kubernetes-edge")
			assert.JSONEq(t, test.want, provider.Inputs["kubeconfig"].StringValue())
			assert.True(t, provider.Inputs["enableServerSideApply"].BoolValue())
			assert.True(t, provider.Inputs["enableSecretMutable"].BoolValue(), "or Argo CD's cluster secrets are deleted when they change")
		})
	}
}

func TestAnAccountAndRegionHaveOneAWSProvider(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	const deployer = "arn:aws:iam::222233334444:role/deployer"
	for i, name := range []string{"a", "b", "c", "d", "e"} {
		r.hasCluster(name, "https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE"+string(rune('1'+i)), "API")
	}
	r.accounts["aws-iam-other"] = "222233334444"
	outputs, err := runPlatform(t, r, platformConfig(t, `
clusters:
  a: {region: eu-west-1}
  b: {region: eu-west-1}
  c: {region: eu-west-1, profile: other}
  d: {region: us-east-1, profile: other}
  e: {region: eu-west-1, assumeRole: {roleArn: '`+deployer+`', sessionName: pulumi}}
`))
	require.NoError(t, err)
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

// argoCDConfig is a hub with one target, edge.
func argoCDConfig(t *testing.T, target string) map[string]string {
	t.Helper()
	return platformConfig(t, `
clusters:
  hub: {region: eu-west-1, namespaces: [argocd]}
  edge: {region: eu-west-1}
argocd:
  hub: hub
  targets:
    edge:
      cluster: edge
      `+strings.ReplaceAll(target, "\n", "\n      "))
}

func hubAndEdge(edgeMode string) *recorder {
	r := newRecorder()
	r.hasCluster("hub", "https://"+hubIssuer, "API")
	r.hasCluster("edge", "https://"+euIssuer, edgeMode)
	return r
}

func TestArgoCDIsLetInTheWayThatTheClusterHeeds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ mode, access, want string }{
		{"API", "kubernetesGroups: [deployers]", "accessEntry"},
		{"API_AND_CONFIG_MAP", "kubernetesGroups: [deployers]", "accessEntry"},
		{"API_AND_CONFIG_MAP", "{via: aws-auth, kubernetesGroups: ['system:masters']}", "aws-auth"},
		{"CONFIG_MAP", "kubernetesGroups: [deployers]", "aws-auth"},
		{"CONFIG_MAP", "{via: aws-auth, kubernetesGroups: ['system:masters'], username: argocd}", "aws-auth"},
	} {
		t.Run(test.mode+" "+test.access, func(t *testing.T) {
			t.Parallel()
			r := hubAndEdge(test.mode)
			access := test.access
			if !strings.HasPrefix(access, "{") {
				access = "{" + access + "}"
			}
			outputs, err := runPlatform(t, r, argoCDConfig(t, "access: "+access))
			require.NoError(t, err)
			target := outputs["argocdTargets"].(map[string]any)["edge"].(map[string]any)
			assert.Equal(t, test.want, target["via"])
			entries, mappings := r.ofType(accessEntryType), r.ofType(awsAuthRoleType)
			assert.Len(t, append(entries, mappings...), 1)
			for _, mapping := range mappings {
				kubeconfig := r.one(t, "pulumi:providers:kubernetes", "kubernetes-edge").Inputs["kubeconfig"].StringValue()
				require.True(t, mapping.Inputs["kubeconfig"].IsSecret())
				assert.Equal(t, kubeconfig, plain(mapping.Inputs["kubeconfig"], ""))
				assert.Equal(t, "arn:aws:iam::111122223333:role/eks-argocd-argocd-application-controller", mapping.Inputs["roleArn"].StringValue())
			}
			// Argo CD connects as soon as it sees the secret.
			waitsFor := r.one(t, secretType, "argocd/edge").dependencies()
			assert.Contains(t, waitsFor, "Namespace/hub/argocd")
			assert.Contains(t, waitsFor, map[string]string{"accessEntry": "AccessEntry/argocd/edge", "aws-auth": "AwsAuthRole/argocd/edge"}[test.want])
		})
	}
}

func TestAClusterOlderThanAccessEntriesIsLetInByAwsAuth(t *testing.T) {
	t.Parallel()
	r := hubAndEdge("")
	delete(r.clusters["edge"], "accessConfigs")
	_, err := runPlatform(t, r, argoCDConfig(t, "access: {kubernetesGroups: [deployers]}"))
	require.NoError(t, err)
	assert.Len(t, r.ofType(awsAuthRoleType), 1)
}

// What holds for the pods of a whole environment is said once.
func TestATestPodRunsAsTheEnvironmentSaysUnlessItSaysOtherwise(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	r.hasCluster("hub", "https://"+hubIssuer, "API")
	r.hasCluster("edge", "https://"+euIssuer, "API")
	_, err := runPlatform(t, r, platformConfig(t, `
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
	require.NoError(t, err)
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
		delete(labels, components.ProofLabel)
		delete(labels, "app.kubernetes.io/managed-by")
		assert.JSONEq(t, want.labels, jsonOf(t, labels.Mappable()), name)
		assert.JSONEq(t, `{"sidecar.istio.io/inject": "false"}`, jsonOf(t, metadata["annotations"].ObjectValue().Mappable()), name)
		spec := podSpec(r.one(t, jobType, name))
		assert.JSONEq(t, `{"kubernetes.io/os": "linux", "pool": "system"}`, jsonOf(t, spec["nodeSelector"].ObjectValue().Mappable()), name)
		assert.Equal(t, "images.example.com/aws-cli:2", spec["containers"].ArrayValue()[0].ObjectValue()["image"].StringValue())
		assert.Equal(t, "registry", spec["imagePullSecrets"].ArrayValue()[0].ObjectValue()["name"].StringValue())
		rest := resource.PropertyMap{}
		if tolerations, ok := spec["tolerations"]; ok {
			rest["tolerations"] = tolerations
		}
		assert.JSONEq(t, want.rest, jsonOf(t, rest.Mappable()), name)
	}
}

func TestABucketHasItsObjects(t *testing.T) {
	t.Parallel()
	r := devAccount()
	_, err := runPlatform(t, r, devConfig(t))
	require.NoError(t, err)
	bucket := r.one(t, bucketType, "my-test-bucket")
	assert.JSONEq(t, `{"bucket": "my-test-bucket", "forceDestroy": true, "tags": {"environment": "dev"}}`, bucket.json(t))
	assert.Equal(t, "aws-eu-west-1", providerName(bucket.Provider))
	object := r.one(t, "aws:s3/bucketObjectv2:BucketObjectv2", "my-test-bucket/my-test-file.txt")
	assert.JSONEq(t, `{"bucket": "my-test-bucket", "key": "my-test-file.txt", "content": "Hello\n"}`, object.json(t))
	assert.Equal(t, bucket.URN, object.RegisterRPC.GetParent())
}

func TestAnOidcProviderIsCreatedAsTheClusterDeclaresIt(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	r.hasCluster("hub", "https://"+hubIssuer, "API")
	_, err := runPlatform(t, r, platformConfig(t, `
tags: {environment: dev}
clusters:
  hub:
    region: eu-west-1
    oidcProvider: {clientIds: [sts.amazonaws.com, gitlab], thumbprints: [9e99a48a9960b14926bb7f3b02e22da2b0ab7280]}
`))
	require.NoError(t, err)
	assert.JSONEq(t, `{
		"url": "https://`+hubIssuer+`", "clientIdLists": ["sts.amazonaws.com", "gitlab"],
		"thumbprintLists": ["9e99a48a9960b14926bb7f3b02e22da2b0ab7280"],
		"tags": {"environment": "dev", "eks-irsa/owner": "acme/eks-irsa/dev"}
	}`, r.one(t, iamProviderType, "hub").json(t))
}

func TestAThumbprintComesFromTheIssuersOwnChain(t *testing.T) {
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

func TestThePlatformSaysWhatWentWrongAndWhere(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		prepare func(*recorder)
		want    string
	}{
		{
			"a cluster is missing", func(r *recorder) { delete(r.clusters, "edge") },
			`cluster "edge": looking up EKS cluster "edge" in eu-west-1: reading EKS Cluster (edge): couldn't find resource`,
		},
		{
			"both clusters are missing", func(r *recorder) { clear(r.clusters) },
			`cluster "edge": looking up EKS cluster "edge" in eu-west-1: reading EKS Cluster (edge): couldn't find resource` + "\n" +
				`cluster "hub": looking up EKS cluster "hub" in eu-west-1: reading EKS Cluster (hub): couldn't find resource`,
		},
		{"a cluster is being created", func(r *recorder) {
			r.clusters["edge"] = resource.NewPropertyMapFromMap(map[string]any{"name": "edge", "status": "CREATING"})
		}, `cluster "edge": EKS cluster "edge" is CREATING and has no OIDC issuer or certificate authority yet`},
		{
			"STS cannot be asked", func(r *recorder) { r.invokeErrors[getCallerIdentity] = errors.New("ExpiredToken") },
			`asking STS for the caller's identity: ExpiredToken`,
		},
		{
			"the caller has no ARN", func(r *recorder) { r.partition = "" },
			`the caller's identity: "arn::iam::111122223333:user/deployer" is not an ARN: the partition is ""; it should be aws, aws-cn, aws-us-gov or the like`,
		},
		{
			"IAM cannot be asked", func(r *recorder) { r.invokeErrors[getOpenIDConnectProvider] = errors.New("AccessDenied") },
			`cluster "edge": OidcProvider "edge": looking up the IAM OIDC provider of https://` + euIssuer + `: AccessDenied`,
		},
		{"a cluster knows aws-auth only, which has no policies", func(r *recorder) {
			r.hasCluster("edge", "https://"+euIssuer, "CONFIG_MAP")
		}, `invalid arguments of ArgoCDTarget "argocd/edge":` + "\n" +
			"access.via: is aws-auth, as the cluster's authentication mode CONFIG_MAP allows nothing else\n" +
			"access.policies: aws-auth knows no access policies; name kubernetesGroups\n" +
			"access.kubernetesGroups: name at least one group"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := hubAndEdge("API")
			test.prepare(r)
			_, err := runPlatform(t, r, argoCDConfig(t, "access: {policies: [{policy: AmazonEKSViewPolicy}]}"))
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestAWayInThatTheClusterIgnoresIsRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ mode, access, want string }{
		{
			"API", "{via: aws-auth, kubernetesGroups: [deployers]}",
			"access.via: authentication mode API does not support aws-auth",
		},
		{
			"CONFIG_MAP", "{via: accessEntry, kubernetesGroups: [deployers]}",
			"access.via: authentication mode CONFIG_MAP does not support accessEntry",
		},
	} {
		t.Run(test.mode, func(t *testing.T) {
			t.Parallel()
			_, err := runPlatform(t, hubAndEdge(test.mode), argoCDConfig(t, "access: "+test.access))
			require.ErrorContains(t, err, `invalid arguments of ArgoCDTarget "argocd/edge":`+"\n"+test.want)
		})
	}
}

func TestAnyRegistrationOfThePlatformThatFailsFailsTheProgram(t *testing.T) {
	t.Parallel()
	whole := devAccount()
	values := devConfig(t)
	_, err := runPlatform(t, whole, values)
	require.NoError(t, err)
	for _, victim := range whole.registrations {
		t.Run(victim.TypeToken+" "+victim.Name, func(t *testing.T) {
			t.Parallel()
			r := devAccount()
			r.refuse = func(added registration) error {
				if added.URN == victim.URN {
					return errors.New("the API says no")
				}
				return nil
			}
			_, err := runPlatform(t, r, values)
			require.ErrorContains(t, err, "the API says no")
		})
	}
}

func TestTheFirstFailureOfThePlatformNamesItsSubject(t *testing.T) {
	t.Parallel()
	cases := []struct{ typ, name, want string }{
		{awsProviderType, "aws-us-east-1", `configuring AWS provider "aws-us-east-1": `},
		{"pulumi:providers:kubernetes", "kubernetes-hub", `cluster "hub": configuring the Kubernetes provider: `},
		{namespaceType, "hub/payments", `cluster "hub": namespace "payments": `},
		{bucketType, "my-test-bucket", `bucket "my-test-bucket": `},
		{"aws:s3/bucketObjectv2:BucketObjectv2", "my-test-bucket/my-test-file.txt", `bucket "my-test-bucket": object "my-test-file.txt": `},
		{roleType, "s3-backup", `IrsaRole "s3-backup": creating the role: `},
		{roleType, "argocd", `IrsaRole "argocd": creating the role: `},
		{accessEntryType, "argocd/workloads-eu", `ArgoCDTarget "argocd/workloads-eu": ClusterAccess "argocd/workloads-eu": creating the access entry: `},
		{secretType, "argocd/workloads-us", `ArgoCDTarget "argocd/workloads-us": ArgoCDCluster "argocd/workloads-us": creating the secret: `},
	}
	for _, test := range cases {
		t.Run(test.typ+" "+test.name, func(t *testing.T) {
			t.Parallel()
			_, err := runPlatform(t, devAccount(), devConfig(t), func(ctx *pulumi.Context) error {
				return refuseAtOnce(ctx, test.typ, test.name)
			})
			require.ErrorContains(t, err, test.want+refusedAtOnce)
		})
	}
}

func TestTheConfigurationIsWhatTheStackFileSays(t *testing.T) {
	t.Parallel()
	cfg, err := stacks.ParseConfig(devConfig(t)["eks-irsa:platform"])
	require.NoError(t, err)
	assert.Equal(t, "dev-hub", cfg.Clusters["hub"].Name)
	assert.Equal(t, []string{"argocd", "payments", "test"}, cfg.Clusters["hub"].Namespaces)
	assert.True(t, json.Valid([]byte(cfg.Roles["s3-backup"].CustomerManagedPolicies["my-test-policy"].(pulumi.String))))
	assert.Equal(t, "dev-argocd", cfg.ArgoCD.RoleName)
}
