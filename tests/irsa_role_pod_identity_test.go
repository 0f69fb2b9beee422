package tests

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

// The clusters of podIdentityRole.
const (
	hubArn  = eksCluster + "hub"
	edgeArn = "arn:aws:eks:us-east-1:" + account + ":cluster/edge"
)

// withAgents is an account whose clusters have the agent of EKS Pod Identity.
func withAgents() *recorder {
	r := newRecorder()
	r.agents = []string{"hub", "edge"}
	return r
}

// identityTypes are the steps of a migration from IRSA to EKS Pod Identity.
var identityTypes = []components.IdentityType{
	components.IdentityIRSA, components.IdentityTrustBoth, components.IdentityBoth, components.IdentityPodIdentity,
}

func TestIrsaRoleByEachIdentityTypeIsThisGraphWithThisTrustPolicy(t *testing.T) {
	t.Parallel()
	for _, identity := range identityTypes {
		t.Run(string(identity), func(t *testing.T) {
			t.Parallel()
			r := withAgents()
			role := podIdentityRole.on(t, r, func(args *components.IrsaRoleArgs) { args.Identity = identity })
			got := strings.Join(r.graph(), "\n") + "\n"
			assert.Equal(t, golden(t, "identity-"+string(identity)+"-graph.txt", got), got)
			trust := awaitString(t, role.TrustPolicy)
			assert.JSONEq(t, readGolden(t, "trust-identity-"+string(identity)+".json"), trust)
			assert.Equal(t, trust, r.one(t, roleType, "app").Inputs["assumeRolePolicy"].StringValue())

			providers := map[bool][]string{true: {hubProviderArn, edgeProviderArn}}
			assert.ElementsMatch(t, providers[identity != components.IdentityPodIdentity], await[[]string](t, role.OidcProviderArns))
		})
	}
}

func TestIrsaRoleAssociatesEachAccountOfEachClusterWithItself(t *testing.T) {
	t.Parallel()
	for _, identity := range identityTypes {
		t.Run(string(identity), func(t *testing.T) {
			t.Parallel()
			r := withAgents()
			podIdentityRole.on(t, r, func(args *components.IrsaRoleArgs) {
				args.Identity = identity
				args.ServiceAccounts[1].Mode, args.ServiceAccounts[1].CreateNamespace = components.TrustOnly, false
				args.Tags = pulumi.StringMap{"team": pulumi.String("apps")}
			})
			associations := r.ofType(podIdentityType)
			if identity == components.IdentityIRSA || identity == components.IdentityTrustBoth {
				assert.Empty(t, associations)
				assert.Empty(t, r.called(getAddon), "no agent is needed yet")
				return
			}
			var got []string
			for _, added := range associations {
				provider := map[string]string{"hub": "aws", "edge": "aws-edge"}[added.Inputs["clusterName"].StringValue()]
				assert.Equal(t, provider, providerName(added.Provider), added.Name)
				_, deleteFirst := added.replacement()
				assert.True(t, deleteFirst, "EKS has one association of a service account")
				namespace, account := added.Inputs["namespace"].StringValue(), added.Inputs["serviceAccount"].StringValue()
				got = append(got, added.Name)
				assert.JSONEq(t, fmt.Sprintf(`{
					"clusterName": %q, "namespace": %q, "serviceAccount": %q, "roleArn": "arn:aws:iam::111122223333:role/eks-apps-one",
					"tags": {"team": "apps"}
				}`, strings.Split(added.Name, "/")[1], namespace, account), added.json(t))
				assert.True(t, strings.HasSuffix(added.Name, "/"+namespace+"/"+account), added.Name)
			}
			assert.Equal(t, []string{
				"app/edge/apps/one", "app/edge/apps/two", "app/edge/system/three",
				"app/hub/apps/one", "app/hub/apps/two", "app/hub/system/three",
			}, got, "that of an account which is only trusted as well")
			var agents []string
			for _, call := range r.called(getAddon) {
				agents = append(agents, call.Args["clusterName"].StringValue()+" by "+providerName(call.Provider))
				assert.Equal(t, podIdentityAgent, call.Args["addonName"].StringValue())
			}
			slices.Sort(agents)
			assert.Equal(t, []string{"edge by aws-edge", "hub by aws"}, agents, "each cluster is asked once")
		})
	}
}

func TestIrsaRoleAnnotatesAccountsAsLongAsTheyHaveItByIRSA(t *testing.T) {
	t.Parallel()
	modes := map[components.ServiceAccountMode]string{
		components.CreateServiceAccount: serviceAccountType, components.ImportServiceAccount: serviceAccountType,
		components.PatchServiceAccount: accountPatchType,
	}
	regional := true
	for _, identity := range identityTypes {
		for mode, typ := range modes {
			t.Run(fmt.Sprintf("%s, %s", identity, mode), func(t *testing.T) {
				t.Parallel()
				r := withAgents()
				irsaRole.on(t, r, func(args *components.IrsaRoleArgs) {
					args.Identity, args.Clusters[0].Arn = identity, pulumi.String(hubArn)
					args.ServiceAccounts[0] = components.ServiceAccountArgs{
						Namespace: "default", Name: "app", Mode: mode, Annotations: map[string]string{"team": "apps"},
						RegionalSTS: &regional, TokenExpirationSeconds: 3600,
					}
				})
				want := `{"team": "apps"}`
				if identity != components.IdentityPodIdentity {
					want = `{
						"team": "apps", "eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/eks-default-app",
						"eks.amazonaws.com/sts-regional-endpoints": "true", "eks.amazonaws.com/token-expiration": "3600"
					}`
				}
				var account registration // a patched account is read under its type, and registered as a patch
				for _, added := range r.ofType(typ) {
					if !added.isRead() {
						account = added
					}
				}
				annotations := account.Inputs["metadata"].ObjectValue()["annotations"]
				assert.JSONEq(t, want, jsonOf(t, readable(annotations)))
			})
		}
	}
}

// What the clusters have for EKS Pod Identity changes nothing of a role that does not use it.
func TestIrsaRoleByIRSADoesNotLookAtWhatPodIdentityNeeds(t *testing.T) {
	t.Parallel()
	without, _ := fullIrsaRole.made(t, nil)
	for _, arn := range []string{hubArn, "arn:aws-cn:eks:cn-north-1:222233334444:cluster/hub", "none"} {
		with, _ := fullIrsaRole.made(t, func(args *components.IrsaRoleArgs) {
			args.Identity = components.IdentityIRSA
			args.Clusters[0].Arn, args.Clusters[0].Aws, args.Clusters[0].OwnPodIdentityAgent = pulumi.String(arn), &aws.Provider{}, true
		})
		assert.Equal(t, without.requests(t), with.requests(t))
		assert.Equal(t, without.graph(), with.graph())
		assert.Empty(t, with.called(getAddon))
	}
}

func TestIrsaRoleByPodIdentityNeedsNoOIDCProvider(t *testing.T) {
	t.Parallel()
	r := withAgents()
	role := irsaRole.on(t, r, func(args *components.IrsaRoleArgs) {
		args.Identity = components.IdentityPodIdentity
		args.Clusters[0].OidcProviderArn, args.Clusters[0].Arn = nil, pulumi.String(hubArn)
	})
	assert.Empty(t, r.ofType(iamProviderType))
	assert.Empty(t, r.called(getOpenIDConnectProvider))
	assert.Empty(t, await[[]string](t, role.OidcProviderArns))
}

func TestIrsaRoleByPodIdentityIsWhatItsDependenciesWaitFor(t *testing.T) {
	t.Parallel()
	r := withAgents()
	require.NoError(t, r.run(func(ctx *pulumi.Context) error {
		given, err := registerProviders(ctx)
		if err != nil {
			return err
		}
		role, err := components.NewIrsaRole(ctx, "app", podIdentityRole.args(given, nil), pulumi.Providers(given.aws, given.hub))
		if err != nil {
			return err
		}
		return ctx.RegisterComponentResource("test:index:Pod", "pod", &pulumi.ResourceState{}, pulumi.DependsOn(role.Dependencies()))
	}))
	waits := r.one(t, "test:index:Pod", "pod").dependencies()
	for _, name := range []string{"hub/apps/one", "hub/system/three", "edge/apps/two"} {
		assert.Contains(t, waits, "PodIdentityAssociation/app/"+name)
	}
	assert.Contains(t, waits, "ServiceAccount/app/hub/apps/one")
}

func TestIrsaRoleSaysWhatToDoWhereTheAgentIsMissing(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]pulumi.RunOption{"in an update": nil, "in a preview": {preview}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRecorder()
			r.agents = []string{"hub"}
			_, err := podIdentityRole.run(r, nil, options...)
			require.ErrorContains(t, err, `IrsaRole "app": cluster "edge": the add-on eks-pod-identity-agent, which EKS Pod Identity `+
				`needs, is not found: `)
			require.ErrorContains(t, err, "reading EKS Add-On (edge:eks-pod-identity-agent): couldn't find resource")
			require.ErrorContains(t, err, "Install it: aws eks create-addon --cluster-name edge --addon-name eks-pod-identity-agent. "+
				"Where the agent is there otherwise, say so with ownPodIdentityAgent")
			assert.NotContains(t, err.Error(), `cluster "hub"`)
		})
	}
}

func TestIrsaRoleDoesNotLookForAnAgentOfItsCluster(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	r.invokeErrors[getAddon] = errors.New("not to be asked")
	podIdentityRole.on(t, r, func(args *components.IrsaRoleArgs) {
		for i := range args.Clusters {
			args.Clusters[i].OwnPodIdentityAgent = true
		}
	})
	assert.Len(t, r.ofType(podIdentityType), 6)
	assert.Empty(t, r.called(getAddon))
}

func TestIrsaRoleRefusesWhatPodIdentityCannot(t *testing.T) {
	t.Parallel()
	type args = components.IrsaRoleArgs
	const pattern = "trustPolicy: serviceAccounts[3].namePattern: EKS Pod Identity knows no patterns; name each service " +
		"account, or leave the role with IRSA"
	const foreign = "arn:aws:eks:eu-west-1:222233334444:cluster/foreign"
	for _, identity := range identityTypes[1:] {
		t.Run(string(identity), func(t *testing.T) {
			t.Parallel()
			podIdentityRole.refuses(t, []refusal[args]{
				{"a pattern", pattern, func(a *args) {
					a.Identity = identity
					a.ServiceAccounts = append(a.ServiceAccounts, components.ServiceAccountArgs{
						Namespace: "ci", NamePattern: "runner-*", Mode: components.TrustOnly,
					})
				}},
				{"no ARN", "clusters[1].arn: must not be empty", func(a *args) { a.Identity, a.Clusters[1].Arn = identity, nil }},
				{"another ARN", "clusters[1].arn: " + notAClusterArn(hubProviderArn), func(a *args) {
					a.Identity, a.Clusters[1].Arn = identity, pulumi.String(hubProviderArn)
				}},
				{
					"clusters of two accounts", "trustPolicy: clusters[1]: " + foreign + " is in another account than " + hubArn +
						"; EKS Pod Identity knows roles of the cluster's own account only",
					func(a *args) { a.Identity, a.Clusters[1].Arn = identity, pulumi.String(foreign) },
				},
			})
		})
	}
	podIdentityRole.refuses(t, []refusal[args]{
		{
			"a cluster of another account than the OIDC provider",
			"clusters: the OIDC provider " + hubProviderArn + " and the cluster " + foreign +
				" are in different accounts; a role can trust those of its own account only, so make one role per account",
			func(a *args) {
				a.Clusters = a.Clusters[:1]
				a.Clusters[0].Arn = pulumi.String(foreign)
			},
		},
		{
			"an unknown type", `identity: "pod" is none of "irsa", "trustBoth", "both" and "podIdentity"`,
			func(a *args) { a.Identity = "pod" },
		},
		{
			"what is in another partition than the cluster",
			`managedPolicies[0]: "arn:aws:iam::aws:policy/SecurityAudit" is in the partition aws, and ` +
				`the role is in aws-cn: write arn:aws-cn:iam::aws:policy/SecurityAudit`,
			func(a *args) {
				a.Identity, a.Clusters = components.IdentityPodIdentity, a.Clusters[:1]
				a.Clusters[0].Arn = pulumi.String("arn:aws-cn:eks:cn-north-1:111122223333:cluster/hub")
				a.PolicyAttachments, a.ManagedPolicies = nil, []string{"arn:aws:iam::aws:policy/SecurityAudit"}
			},
		},
		{
			"a proof on Fargate", "testPod.nodeSelector: EKS Pod Identity has no agent on Fargate; pods there need the identity irsa",
			func(a *args) { a.TestPod.NodeSelector = map[string]string{"eks.amazonaws.com/compute-type": "fargate"} },
		},
	})
}

// As long as pods get the role by IRSA, they may run on Fargate.
func TestIrsaRoleMayBeProvenOnFargateByIRSA(t *testing.T) {
	t.Parallel()
	for _, identity := range identityTypes[:2] {
		args := podIdentityRole.args(unregistered, func(args *components.IrsaRoleArgs) {
			args.Identity = identity
			args.TestPod.NodeSelector = map[string]string{"eks.amazonaws.com/compute-type": "fargate"}
		})
		require.NoError(t, args.Validate())
	}
}

func TestIrsaRoleFailsTheProgramWhenAClusterTurnsOutToBeWrong(t *testing.T) {
	t.Parallel()
	type args = components.IrsaRoleArgs
	for _, test := range []struct{ arn, want string }{
		{"hub", notAClusterArn("hub")}, // by the role or by an association, whichever is first
		{"arn:aws:eks:eu-west-1:222233334444:cluster/hub", "clusters: the OIDC provider " + hubProviderArn + " and the cluster " +
			"arn:aws:eks:eu-west-1:222233334444:cluster/hub are in different accounts"},
	} {
		t.Run(test.want, func(t *testing.T) {
			t.Parallel()
			r := withAgents()
			_, err := podIdentityRole.run(r, func(a *args) {
				a.Clusters = a.Clusters[:1]
				a.Clusters[0].Arn = pulumi.String(test.arn).ToStringOutput()
			})
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestIrsaRoleByPodIdentityIsKnownToAPreviewButForTheCluster(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	podIdentityRole.on(t, r, func(args *components.IrsaRoleArgs) {
		args.Clusters[0].Arn, args.Clusters[1].Arn = unknownString(), unknownString()
	}, preview)
	association := r.one(t, podIdentityType, "app/hub/apps/one")
	assert.NotContains(t, association.Inputs, resource.PropertyKey("clusterName"))
	assert.Equal(t, "one", association.Inputs["serviceAccount"].StringValue())
	assert.Empty(t, r.called(getAddon), "the cluster is not there yet")
}
