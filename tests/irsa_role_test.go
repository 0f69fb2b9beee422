package tests

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// Documents of permissions, as short as they can be.
const (
	describeCluster = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"eks:DescribeCluster","Resource":"*"}]}`
	listBuckets     = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"}]}`
)

const edgeProviderArn = "arn:aws:iam::" + account + ":oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE2"

func TestIrsaRoleIsThisGraph(t *testing.T) {
	t.Parallel()
	r, role := fullIrsaRole.made(t, nil)
	got := strings.Join(r.graph(), "\n") + "\n"
	assert.Equal(t, golden(t, "irsa-role-graph.txt", got), got)

	assert.Equal(t, []string{hubProviderArn, edgeProviderArn}, await[[]string](t, role.OidcProviderArns))
	assert.Equal(t, []string{
		"edge/apps/one", "edge/apps/two", "edge/system/three", "hub/apps/one", "hub/apps/two", "hub/system/three",
	}, await[[]string](t, role.ServiceAccounts))
	assert.Equal(t, []string{
		"edge/apps/one-irsa-test", "edge/apps/two-irsa-test", "edge/system/three-irsa-test",
		"hub/apps/one-irsa-test", "hub/apps/two-irsa-test", "hub/system/three-irsa-test",
	}, await[[]string](t, role.TestPods))
	assert.Equal(t, []string{
		"edge/apps/one-irsa-denied", "edge/system/three-irsa-denied", "hub/apps/one-irsa-denied", "hub/system/three-irsa-denied",
	}, await[[]string](t, role.NegativeTestPods), "one for each namespace")
}

func TestIrsaRoleAtItsSmallestIsThisGraph(t *testing.T) {
	t.Parallel()
	r, role := irsaRole.made(t, func(args *components.IrsaRoleArgs) {
		args.Clusters[0].Kubernetes = nil
		args.ServiceAccounts[0].Mode = components.TrustOnly
	})
	assert.Equal(t, []string{
		"aws:iam/role:Role app in app by aws",
		"eks-irsa:index:IrsaRole app",
		"pulumi:providers:aws aws", "pulumi:providers:kubernetes kubernetes-edge", "pulumi:providers:kubernetes kubernetes-hub",
	}, r.graph())
	assert.Empty(t, await[[]string](t, role.ServiceAccounts))
	assert.Empty(t, await[[]string](t, role.TestPods))
	assert.Empty(t, await[[]string](t, role.NegativeTestPods))
	assert.Equal(t, "arn:aws:iam::"+account+":role/eks-default-app", awaitString(t, role.Arn))
	assert.Equal(t, "eks-default-app", awaitString(t, role.Name))
	assert.Equal(t, r.state(r.one(t, roleType, "app"))["uniqueId"].StringValue(), awaitString(t, role.UniqueId))
	assert.JSONEq(t, r.one(t, roleType, "app").Inputs["assumeRolePolicy"].StringValue(), awaitString(t, role.TrustPolicy))
}

func TestIrsaRoleIsAsAsked(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 60)
	for _, test := range []variant[components.IrsaRoleArgs]{
		{"by default", nil, `{
			"name": "eks-default-app", "description": "IRSA for default/app", "forceDetachPolicies": true
		}`},
		{"with every option", func(args *components.IrsaRoleArgs) {
			args.Name, args.Path, args.Description = "the-app", "/teams/apps/", "What it is for"
			args.MaxSessionDuration = 43200
			args.PermissionsBoundary = pulumi.String("arn:aws:iam::" + account + ":policy/boundary")
			args.Tags = pulumi.StringMap{"team": pulumi.String("apps")}
			args.ForceDetachPolicies = new(bool)
		}, `{
			"name": "the-app", "path": "/teams/apps/", "description": "What it is for", "maxSessionDuration": 43200,
			"permissionsBoundary": "arn:aws:iam::111122223333:policy/boundary", "tags": {"team": "apps"}, "forceDetachPolicies": false
		}`},
		{"with a name prefix", func(args *components.IrsaRoleArgs) { args.NamePrefix = "app-" }, `{
			"namePrefix": "app-", "description": "IRSA for default/app", "forceDetachPolicies": true
		}`},
		{"with a name of 64 characters", func(args *components.IrsaRoleArgs) { args.Name = long + "aaaa" }, `{
			"name": "` + long + `aaaa", "description": "IRSA for default/app", "forceDetachPolicies": true
		}`},
		// printf %s "default/$(printf a%.0s {1..60})" | sha256sum | cut -c1-8
		{"with a service account of 60 characters", func(args *components.IrsaRoleArgs) {
			args.ServiceAccounts[0].Name = long
		}, `{
			"name": "eks-default-` + strings.Repeat("a", 43) + `-bf5d8047", "description": "IRSA for default/` + long + `", "forceDetachPolicies": true
		}`},
		{"for several service accounts", func(args *components.IrsaRoleArgs) {
			args.ServiceAccounts = append(args.ServiceAccounts,
				components.ServiceAccountArgs{Namespace: "ci", Name: "b"}, components.ServiceAccountArgs{Namespace: "ci", Name: "c"})
		}, `{
			"name": "eks-default-app", "description": "IRSA for default/app and 2 more", "forceDetachPolicies": true
		}`},
		{"for a pattern", func(args *components.IrsaRoleArgs) {
			args.Name = "runners"
			args.ServiceAccounts = []components.ServiceAccountArgs{{Namespace: "ci", NamePattern: "runner-*", Mode: components.TrustOnly}}
		}, `{
			"name": "runners", "description": "IRSA for ci/runner-*", "forceDetachPolicies": true
		}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, _ := irsaRole.made(t, test.change)
			role := r.one(t, roleType, "app")
			delete(role.Inputs, "assumeRolePolicy")
			assert.JSONEq(t, test.want, role.json(t))
		})
	}
}

// The trust policies of the articles that the project was made from, with the audience where they forgot it.
func TestIrsaRoleTrustPolicyIsThisDocument(t *testing.T) {
	t.Parallel()
	is := func(file string, role specimen[components.IrsaRoleArgs, *components.IrsaRole], change func(*components.IrsaRoleArgs)) {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			r, made := role.made(t, change)
			got := r.one(t, roleType, "app").Inputs["assumeRolePolicy"].StringValue()
			assert.JSONEq(t, readGolden(t, file), got)
			assert.Equal(t, got, awaitString(t, made.TrustPolicy))
		})
	}
	for file, account := range map[string]components.ServiceAccountArgs{
		"trust-iam-role-test.json":         {Namespace: "default", Name: "iam-role-test"},
		"trust-s3-backup.json":             {Namespace: "payments", Name: "s3-backup"},
		"trust-my-test-role.json":          {Namespace: "default", Name: "my-service-account"},
		"trust-cluster-self-describe.json": {Namespace: "test", Name: "my-service-account"},
	} {
		is(file, irsaRole, func(args *components.IrsaRoleArgs) { args.ServiceAccounts[0] = account })
	}
	is("trust-everything.json", fullIrsaRole, func(args *components.IrsaRoleArgs) {
		args.TrustStatements = []iampolicy.Statement{{
			Sid: "AssumeItself", Effect: iampolicy.Allow, Actions: iampolicy.Strings{"sts:AssumeRole"},
			Principal: &iampolicy.Principal{AWS: iampolicy.Strings{"arn:aws:iam::" + account + ":role/app"}},
		}}
	})
}

func TestIrsaRoleTrustPolicyMayBeLongerWhereTheQuotaWasRaised(t *testing.T) {
	t.Parallel()
	r, _ := irsaRole.made(t, func(args *components.IrsaRoleArgs) {
		manyServiceAccounts(args)
		args.MaxTrustPolicySize = 4096
	})
	assert.Greater(t, len(r.one(t, roleType, "app").Inputs["assumeRolePolicy"].StringValue()), 2048)
}

// manyServiceAccounts makes the trust policy longer than the default quota, but by no more than the name of a provider:
// it fits as long as that is not known.
func manyServiceAccounts(args *components.IrsaRoleArgs) {
	args.ServiceAccounts = nil
	for i := range 25 {
		args.ServiceAccounts = append(args.ServiceAccounts, components.ServiceAccountArgs{
			Namespace: "namespace-of-the-accounts", Name: "account-" + string(rune('a'+i)) + "-of-many",
			Mode: components.TrustOnly,
		})
	}
}

func TestIrsaRoleSharesAnOidcProviderWithOthers(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	err := r.run(func(ctx *pulumi.Context) error {
		provider, err := components.NewOidcProvider(ctx, "hub", &components.OidcProviderArgs{Issuer: "https://" + hubIssuer})
		if err != nil {
			return err
		}
		for _, name := range []string{"a", "b"} {
			_, err := components.NewIrsaRole(ctx, name, &components.IrsaRoleArgs{
				Clusters:        []components.IrsaCluster{{Name: "hub", OidcProvider: provider}},
				ServiceAccounts: []components.ServiceAccountArgs{{Namespace: "default", Name: name, Mode: components.TrustOnly}},
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(t, err)
	assert.Len(t, r.ofType(iamProviderType), 1)
	assert.Len(t, r.called(getOpenIDConnectProvider), 1)
	for _, role := range r.ofType(roleType) {
		assert.Contains(t, role.Inputs["assumeRolePolicy"].StringValue(), hubProviderArn)
		assert.Equal(t, []string{"OpenIdConnectProvider/hub"}, role.dependencies())
	}
}

func TestIrsaRoleFailsTheProgramWhenItTurnsOutToBeWrong(t *testing.T) {
	t.Parallel()
	type args = components.IrsaRoleArgs
	later := func(text string) pulumi.StringOutput { return pulumi.String(text).ToStringOutput() }
	irsaRole.fails(t, []refusal[args]{
		{"a trust policy over the limit", `trustPolicy: trust policy has 2066 characters and IAM allows 2048: `, func(a *args) {
			manyServiceAccounts(a)
			a.Clusters[0].OidcProviderArn = later(hubProviderArn)
		}},
		{"an OIDC provider's ARN that is another's", `trustPolicy: providers[0]: "arn:aws:iam::111122223333:role/app" is not the ARN of an OIDC provider` + providerForm, func(a *args) {
			a.Clusters[0].OidcProviderArn = later("arn:aws:iam::111122223333:role/app")
		}},
		{"an OIDC provider's ARN that is none", `trustPolicy: providers[0]: "hub" is not the ARN of an OIDC provider` + providerForm, func(a *args) {
			a.Clusters[0].OidcProviderArn = later("hub")
		}},
		{"one cluster by two names", `trustPolicy: providers[1]: ` + hubIssuer + ` is the issuer of providers[0] already`, func(a *args) {
			a.Clusters = append(a.Clusters, components.IrsaCluster{
				Name: "again", OidcProviderArn: later(hubProviderArn), Kubernetes: a.Clusters[0].Kubernetes,
			})
		}},
		{"clusters of two accounts", `clusters: the OIDC providers ` + hubProviderArn + " and arn:aws:iam::222233334444:oidc-provider/oidc.example.com " +
			"are in different accounts; a role can trust those of its own account only, so make one role per account", func(a *args) {
			a.Clusters = append(a.Clusters, components.IrsaCluster{
				Name: "edge", OidcProviderArn: later("arn:aws:iam::222233334444:oidc-provider/oidc.example.com"), Kubernetes: a.Clusters[0].Kubernetes,
			})
		}},
		{"an inline policy that is not JSON", `inlinePolicies.x: `, func(a *args) {
			a.InlinePolicies = map[string]components.PolicyDocument{"x": later("Version: 2012-10-17")}
		}},
		{"a customer managed policy without a statement", `customerManagedPolicies.x: Statement: is missing; a policy needs at least one statement`, func(a *args) {
			a.CustomerManagedPolicies = map[string]components.PolicyDocument{"x": later(`{"Version":"2012-10-17"}`)}
		}},
	})
}

func TestIrsaRoleIsKnownToAPreviewButForItsTrustPolicy(t *testing.T) {
	t.Parallel()
	r, _ := irsaRole.made(t, func(args *components.IrsaRoleArgs) {
		args.Clusters[0].OidcProviderArn = unknownString()
		args.TestPod = &components.TestPodArgs{}
	}, preview)
	assert.NotContains(t, r.one(t, roleType, "app").Inputs, resource.PropertyKey("assumeRolePolicy"))
	assert.Equal(t, "eks-default-app", r.one(t, roleType, "app").Inputs["name"].StringValue())
}
