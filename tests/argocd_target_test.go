package tests

import (
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

func TestArgoCDTargetIsReachedIn(t *testing.T) {
	t.Parallel()
	const given = "arn:aws:iam::222233334444:role/argocd"
	cases := []struct {
		model     components.ArgoCDModel
		change    func(*components.ArgoCDTargetArgs)
		roles     int
		principal string
		// roleArn is what Argo CD is told to assume.
		roleArn any
	}{
		{components.ArgoCDAssumedRole, nil, 1, "arn:aws:iam::111122223333:role/dev-edge", "arn:aws:iam::111122223333:role/dev-edge"},
		{components.ArgoCDAssumedRole, func(args *components.ArgoCDTargetArgs) {
			args.Role, args.RoleArn = nil, pulumi.String(given).ToStringOutput()
		}, 0, given, given},
		{components.ArgoCDDirect, func(args *components.ArgoCDTargetArgs) { args.Role = nil }, 0, argoCDRole, nil},
	}
	for _, test := range cases {
		t.Run(string(test.model)+" "+test.principal, func(t *testing.T) {
			t.Parallel()
			args := argoCDTarget.args(unregistered, test.change)
			assert.Equal(t, test.model, args.Model())
			r, target := argoCDTarget.made(t, test.change)
			assert.Len(t, r.ofType(roleType), test.roles)
			assert.Equal(t, test.principal, awaitString(t, target.PrincipalArn))
			assert.Equal(t, test.principal, r.one(t, accessEntryType, "edge").Inputs["principalArn"].StringValue())
			config := fromJSON(t, decoded(t, r.one(t, secretType, "edge")))["data"].(map[string]any)["config"].(map[string]any)
			assert.Equal(t, test.roleArn, config["awsAuthConfig"].(map[string]any)["roleARN"])
			assert.Contains(t, r.one(t, secretType, "edge").dependencies(), "AccessEntry/edge", "Argo CD connects as soon as it sees the secret")
		})
	}
}

func TestArgoCDTargetInTheClusterOfArgoCDIsASecretAlone(t *testing.T) {
	t.Parallel()
	r, target := argoCDTarget.made(t, func(args *components.ArgoCDTargetArgs) {
		*args = components.ArgoCDTargetArgs{Hub: args.Hub, ArgoCDClusterArgs: components.ArgoCDClusterArgs{InCluster: true}}
	})
	assert.Nil(t, target.Access)
	assert.Equal(t, components.ArgoCDInClusterServer, awaitString(t, target.Secret.Server))
	assert.Equal(t, []string{
		"eks-irsa:index:ArgoCDCluster edge in edge", "eks-irsa:index:ArgoCDTarget edge", "kubernetes:core/v1:Secret edge in edge by kubernetes-hub",
	}, r.graph()[:3])
}

// The IAM provider of the cluster's account may be another one than that of the cluster's region.
func TestArgoCDTargetMakesItsRoleWithItsOwnProvider(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	require.NoError(t, r.run(func(ctx *pulumi.Context) error {
		given, err := registerProviders(ctx)
		if err != nil {
			return err
		}
		other, err := aws.NewProvider(ctx, "iam", &aws.ProviderArgs{})
		if err != nil {
			return err
		}
		args := argoCDTarget.args(given, func(args *components.ArgoCDTargetArgs) { args.RoleProvider = other })
		_, err = components.NewArgoCDTarget(ctx, "edge", args, pulumi.Providers(given.aws, given.hub))
		return err
	}))
	assert.Equal(t, "iam", providerName(r.one(t, roleType, "edge").Provider))
	assert.NotEqual(t, "iam", providerName(r.one(t, accessEntryType, "edge").Provider))
}

func TestArgoCDTargetGrantsByAwsAuthWhereTheClusterSupportsNothingElse(t *testing.T) {
	t.Parallel()
	r, target := argoCDTarget.made(t, func(args *components.ArgoCDTargetArgs) {
		args.AuthenticationMode, args.Kubeconfig = components.AuthenticationModeConfigMap, pulumi.String("apiVersion: v1")
		args.Access = components.ArgoCDAccess{AccessEntryArgs: components.AccessEntryArgs{KubernetesGroups: []string{"deployers"}}}
	})
	assert.Equal(t, "aws-auth", awaitString(t, target.Access.Via))
	assert.Len(t, r.ofType(awsAuthRoleType), 1)
	assert.Empty(t, r.ofType(accessEntryType))
}

func TestArgoCDTargetRefuses(t *testing.T) {
	t.Parallel()
	type args = components.ArgoCDTargetArgs
	const inCluster = "not for the cluster that Argo CD runs in, which it reaches with its service accounts"
	argoCDTarget.refuses(t, []refusal[args]{
		{"no role of the hub", "hub.role.arn: must not be empty", func(a *args) { a.Hub.Role.Arn = nil }},
		{"no cluster", "clusterName: must not be empty", func(a *args) { a.ClusterName = nil }},
		{"a role and another", "roleArn: give role, to have one made, or roleArn, not both", func(a *args) { a.RoleArn = pulumi.String(argoCDRole) }},
		{"a role that is none", `roleArn: "x" ` + notAnArn, func(a *args) { a.Role, a.RoleArn = nil, pulumi.String("x") }},
		{
			"a service-linked role", `roleArn: "arn:aws:iam::111122223333:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS" is ` +
				"a service-linked role, which only its AWS service may assume",
			func(a *args) {
				a.Role, a.RoleArn = nil, pulumi.String("arn:aws:iam::111122223333:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS")
			},
		},
		{"a role's path", `role.path: role path "teams" must begin and end with a slash and have no empty part or white space, like "/teams/payments/"`, func(a *args) { a.Role.Path = "teams" }},
		{"an access that gives nothing", "access.policies: give policies, kubernetesGroups or a username, an entry without them allows nothing", func(a *args) {
			a.Access = components.ArgoCDAccess{}
		}},
		{"a way that there is not", `access.via: "iam" is neither accessEntry nor aws-auth`, func(a *args) { a.Access.Via = "iam" }},
		{"a name of the login that no pod can have", `loginTestName: "Edge" is not a part of a name; use lower case letters, digits and hyphens`, func(a *args) {
			a.LoginTestName = "Edge"
		}},
		{"an account twice", `hub.serviceAccounts[1]: "argocd-server" is already in the list, at index 0`, func(a *args) {
			a.Hub.ServiceAccounts = []string{"argocd-server", "argocd-server"}
		}},
		{"a time-out that is none", "hub.testPod.timeoutSeconds: 1 is less than 15", func(a *args) { a.Hub.TestPod.TimeoutSeconds = 1 }},
		{"ways into the cluster that Argo CD runs in", lines("role: "+inCluster, "access: "+inCluster, "clusterName: "+inCluster,
			"server: "+inCluster, "certificateAuthorityData: "+inCluster), func(a *args) { a.InCluster = true }},
	})
}
