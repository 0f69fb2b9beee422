package tests

import (
	"errors"
	"slices"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"
)

// refusedParts checks what the program says when the SDK refuses a part of the platform.
func refusedParts(t *testing.T, account func() *recorder, values map[string]string, parts []struct{ typ, name, want string }, before ...pulumi.RunFunc) {
	t.Helper()
	for _, part := range parts {
		t.Run(part.typ+" "+part.name, func(t *testing.T) {
			t.Parallel()
			_, err := runPlatform(t, account(), values, append(slices.Clone(before), func(ctx *pulumi.Context) error {
				return refuseAtOnce(ctx, part.typ, part.name)
			})...)
			require.ErrorContains(t, err, part.want+refusedAtOnce)
		})
	}
}

func TestPlatformSaysWhatWentWrongAndWhere(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
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
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := hubAndEdge("API")
			test.prepare(r)
			_, err := runPlatform(t, r, argoCDConfig(t, "access: {policies: [{policy: AmazonEKSViewPolicy}]}"))
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestPlatformFailsWithAnythingThatTheEngineRefuses(t *testing.T) {
	t.Parallel()
	whole := devAccount()
	values := devConfig(t)
	deployed(t, whole, values)
	for _, victim := range whole.registrations {
		t.Run(victim.TypeToken+" "+victim.Name, func(t *testing.T) {
			t.Parallel()
			r := devAccount()
			r.refused = victim.URN
			_, err := runPlatform(t, r, values)
			require.ErrorContains(t, err, refusedLater)
		})
	}
}

func TestPlatformSaysWhatTheSDKRefused(t *testing.T) {
	t.Parallel()
	refusedParts(t, devAccount, devConfig(t), []struct{ typ, name, want string }{
		{awsProviderType, "aws-us-east-1", `configuring AWS provider "aws-us-east-1": `},
		{"pulumi:providers:kubernetes", "kubernetes-hub", `cluster "hub": configuring the Kubernetes provider: `},
		{namespaceType, "hub/payments", `cluster "hub": namespace "payments": `},
		{bucketType, "my-test-bucket", `bucket "my-test-bucket": `},
		{"aws:s3/bucketObjectv2:BucketObjectv2", "my-test-bucket/my-test-file.txt", `bucket "my-test-bucket": object "my-test-file.txt": `},
		{roleType, "s3-backup", `IrsaRole "s3-backup": creating the role: `},
		{roleType, "argocd", `IrsaRole "argocd": creating the role: `},
		{accessEntryType, "argocd/workloads-eu", `ArgoCDTarget "argocd/workloads-eu": ClusterAccess "argocd/workloads-eu": creating the access entry: `},
		{secretType, "argocd/workloads-us", `ArgoCDTarget "argocd/workloads-us": ArgoCDCluster "argocd/workloads-us": creating the secret: `},
	})
}
