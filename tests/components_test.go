package tests

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/internals"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

// component is a component in one of its shapes, for the tests that hold for all.
type component struct {
	name, typ string
	// construct makes one called "app", whose inputs come from give.
	construct func(ctx *pulumi.Context, name string, given providers, give give, opts ...pulumi.ResourceOption) (pulumi.ComponentResource, error)
	// withoutArgs constructs with nil for arguments.
	withoutArgs func(ctx *pulumi.Context, name string) error
	children    []child
	emptyOutput string // the one that has nothing to say
}

// give makes an input of a text.
type give func(text string) pulumi.StringInput

func known(text string) pulumi.StringInput    { return pulumi.String(text) }
func unknown(string) pulumi.StringInput       { return unknownString() }
func resolved(text string) pulumi.StringInput { return pulumi.String(text).ToStringOutput() }

// child is one of the component's, by its type and what its name has behind the component's; what says in an error that it
// failed, behind the component.
type child struct{ typ, suffix, what string }

func conforming[A any, C pulumi.ComponentResource](
	name string, s specimen[A, C], change func(*A, give), children ...child,
) component {
	return component{
		s.typeName() + name, s.typ,
		func(ctx *pulumi.Context, name string, given providers, give give, opts ...pulumi.ResourceOption) (pulumi.ComponentResource, error) {
			return s.construct(ctx, name, s.args(given, func(args *A) { change(args, give) }), opts...)
		},
		func(ctx *pulumi.Context, name string) error {
			_, err := s.construct(ctx, name, nil)
			return err
		},
		children, "",
	}
}

func (c component) without(output string) component {
	c.emptyOutput = output
	return c
}

// everyComponent has every component, with all that it can have.
var everyComponent = []component{
	conforming("", fullIrsaRole, func(args *components.IrsaRoleArgs, give give) {
		args.Clusters[0].OidcProviderArn, args.PermissionsBoundary = give(hubProviderArn), give("arn:aws:iam::aws:policy/PowerUserAccess")
		args.InlinePolicies["describe"], args.CustomerManagedPolicies["buckets"] = give(describeCluster), give(listBuckets)
		args.PolicyAttachments["read"] = give("arn:aws:iam::aws:policy/ReadOnlyAccess")
		args.ExclusivePolicies = true
	},
		child{components.OidcProviderType, "/edge", `registering OidcProvider "app/edge": `},
		child{iamProviderType, "/edge", `OidcProvider "app/edge": creating the IAM OIDC provider: `},
		child{roleType, "", "creating the role: "},
		child{attachmentType, "/read", `attaching policy "read": `},
		child{inlinePolicyType, "/describe", `creating inline policy "describe": `},
		child{policyType, "/buckets", `creating managed policy "buckets": `},
		child{attachmentType, "/buckets", `attaching policy "buckets": `},
		child{inlineExclusiveType, "", "making the inline policies exclusive: "},
		child{attachedExclusiveType, "", "making the attached policies exclusive: "},
		child{namespaceType, "/edge/apps", `creating namespace "apps" in cluster "edge": `},
		child{serviceAccountType, "/hub/apps/two", "service account hub/apps/two (create): "},
		child{serviceAccountType, "/hub/system/three", "service account hub/system/three (patch): "},
		child{accountPatchType, "/hub/system/three", "service account hub/system/three (patch): "},
		child{jobType, "/hub/apps/one-irsa-test", "creating the test pod hub/apps/one-irsa-test: "},
		child{podType, "/hub/apps/one-irsa-shell", "creating the pod hub/apps/one-irsa-shell, which stays: "},
	),
	conforming(" by both ways", podIdentityRole, func(args *components.IrsaRoleArgs, give give) {
		args.Clusters[0].Arn, args.Clusters[0].OidcProviderArn = give(hubArn), give(hubProviderArn)
		args.Clusters[1].Arn = give(edgeArn)
		args.ServiceAccounts[2].Mode, args.ServiceAccounts = components.TrustOnly, args.ServiceAccounts[1:]
		args.PolicyAttachments, args.InlinePolicies, args.CustomerManagedPolicies = nil, nil, nil
	},
		child{components.OidcProviderType, "/edge", `registering OidcProvider "app/edge": `},
		child{iamProviderType, "/edge", `OidcProvider "app/edge": creating the IAM OIDC provider: `},
		child{roleType, "", "creating the role: "},
		child{namespaceType, "/edge/apps", `creating namespace "apps" in cluster "edge": `},
		child{podIdentityType, "/hub/apps/two", "associating hub/apps/two with the role: "},
		child{podIdentityType, "/edge/system/three", "associating edge/system/three with the role: "},
		child{serviceAccountType, "/hub/apps/two", "service account hub/apps/two (create): "},
		child{jobType, "/hub/apps/two-irsa-test", "creating the test pod hub/apps/two-irsa-test: "},
		child{podType, "/hub/apps/two-irsa-shell", "creating the pod hub/apps/two-irsa-shell, which stays: "},
	),
	conforming(" that is created", oidcProvider, func(*components.OidcProviderArgs, give) {},
		child{iamProviderType, "", "creating the IAM OIDC provider: "}),
	conforming(" that is adopted", oidcProvider, func(args *components.OidcProviderArgs, _ give) { args.Issuer = "https://" + euIssuer },
		child{iamProviderType, "", "reading the IAM OIDC provider: "}),
	conforming(" of a new cluster", oidcProvider, func(args *components.OidcProviderArgs, give give) {
		args.Issuer, args.IssuerOfNewCluster = "", give("https://"+createdIssuer)
	}, child{iamProviderType, "", "creating the IAM OIDC provider: "}),
	conforming("", assumableRole, func(args *components.AssumableRoleArgs, give give) {
		args.TrustedRoles = []components.TrustedRole{{Arn: give(argoCDRole), UniqueId: give("AROAEXAMPLE")}}
		args.PermissionsBoundary = give("arn:aws:iam::aws:policy/PowerUserAccess")
	}, child{roleType, "", "creating the role: "}),
	conforming(" by an access entry", clusterAccess, func(args *components.ClusterAccessArgs, give give) {
		args.ClusterName, args.PrincipalArn, args.PrincipalUniqueId = give("hub"), give(argoCDRole), give("AROAEXAMPLE")
	},
		child{accessEntryType, "", "creating the access entry: "},
		child{associationType, "/AmazonEKSEditPolicy", `associating access policy "AmazonEKSEditPolicy": `}),
	conforming(" by aws-auth", clusterAccess, func(args *components.ClusterAccessArgs, give give) {
		args.ClusterName, args.PrincipalArn, args.AccessEntry = give("hub"), give(argoCDRole), nil
		args.AwsAuth = &components.AwsAuthArgs{Kubeconfig: known("apiVersion: v1"), Groups: []string{"deployers"}}
	}, child{awsAuthRoleType, "", "mapping the role in aws-auth: "}).without("accessEntryArn"),
	conforming("", argoCDCluster, func(args *components.ArgoCDClusterArgs, give give) {
		args.ClusterName, args.Server, args.CertificateAuthorityData = give("hub"), give(edgeServer), give(caData)
		args.RoleArn, args.DisplayName = give(argoCDRole), give("Hub")
	}, child{secretType, "", "creating the secret: "}),
	conforming("", capabilityRole, func(args *components.CapabilityRoleArgs, give give) {
		args.PermissionsBoundary = give("arn:aws:iam::aws:policy/PowerUserAccess")
		args.ManagedPolicies = []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}
	},
		child{roleType, "", "creating the role: "},
		child{attachmentType, "/ReadOnlyAccess", `attaching policy "arn:aws:iam::aws:policy/ReadOnlyAccess": `}),
	conforming(" with an entry of EKS's own", clusterAccess, func(args *components.ClusterAccessArgs, give give) {
		args.ClusterName, args.PrincipalArn, args.ExistingEntry = give("hub"), give(argoCDRole), true
	}, child{associationType, "/AmazonEKSEditPolicy", `associating access policy "AmazonEKSEditPolicy": `}).without("accessEntryArn"),
	conforming(" by its ARN", argoCDCluster, func(args *components.ArgoCDClusterArgs, give give) {
		*args = components.ArgoCDClusterArgs{Arn: give(edgeArn), DisplayName: give("Edge")}
	}, child{secretType, "", "creating the secret: "}),
	conforming(" of managed Argo CD", managedTarget, func(args *components.ArgoCDTargetArgs, give give) {
		args.Hub.Role = components.TrustedRole{Arn: give(capabilityRoleArn), UniqueId: give("AROAEXAMPLE")}
	},
		child{clusterRoleType, "/argocd-read-all", "creating the ClusterRole: "},
		child{clusterRoleBindingType, "/argocd-read-all", "creating the ClusterRoleBinding: "},
		child{components.ClusterAccessType, "", `registering ClusterAccess "app": `},
		child{accessEntryType, "", `ClusterAccess "app": creating the access entry: `},
		child{associationType, "/AmazonEKSEditPolicy", `ClusterAccess "app": associating access policy "AmazonEKSEditPolicy": `},
		child{components.ArgoCDClusterType, "", `registering ArgoCDCluster "app": `},
		child{secretType, "", `ArgoCDCluster "app": creating the secret: `},
	),
	conforming("", argoCDTarget, func(args *components.ArgoCDTargetArgs, give give) {
		args.Hub.Role = components.TrustedRole{Arn: give(argoCDRole), UniqueId: give("AROAEXAMPLE")}
	},
		child{components.AssumableRoleType, "", `registering AssumableRole "app": `},
		child{roleType, "", `AssumableRole "app": creating the role: `},
		child{components.ClusterAccessType, "", `registering ClusterAccess "app": `},
		child{accessEntryType, "", `ClusterAccess "app": creating the access entry: `},
		child{associationType, "/AmazonEKSEditPolicy", `ClusterAccess "app": associating access policy "AmazonEKSEditPolicy": `},
		child{components.ClusterLoginTestType, "", `registering ClusterLoginTest "app": `},
		child{jobType, "/argocd/argocd-server-login-edge", `ClusterLoginTest "app": creating the pod of argocd/argocd-server: `},
		child{components.ArgoCDClusterType, "", `registering ArgoCDCluster "app": `},
		child{secretType, "", `ArgoCDCluster "app": creating the secret: `},
	),
	conforming("", clusterLogin, func(args *components.ClusterLoginTestArgs, give give) {
		args.ClusterName, args.Server, args.CertificateAuthorityData = give("hub"), give(edgeServer), give(caData)
		args.PrincipalArn, args.Assume, args.Fingerprint = give(argoCDRole), true, give("AROAEXAMPLE")
	}, child{jobType, "/argocd/argocd-server-login-workloads", "creating the pod of argocd/argocd-server: "}),
}

// run runs a program that makes the component under the providers, or with the options that before gives.
func (c component) run(
	r *recorder, give give, before func(*pulumi.Context, providers) ([]pulumi.ResourceOption, error), options ...pulumi.RunOption,
) (constructed, failed error) {
	r.hasOidcProvider(euIssuer, []any{"sts.amazonaws.com"}, nil)
	r.agents = []string{"hub", "edge"}
	failed = r.run(func(ctx *pulumi.Context) error {
		given, err := registerProviders(ctx)
		if err != nil {
			return err
		}
		opts := []pulumi.ResourceOption{pulumi.Providers(given.aws, given.hub)}
		if before != nil {
			if opts, err = before(ctx, given); err != nil {
				return err
			}
		}
		_, constructed = c.construct(ctx, "app", given, give, opts...)
		return nil
	}, options...)
	return constructed, failed
}

// whole is what a program that makes the component registers.
func (c component) whole(t *testing.T, give give, options ...pulumi.RunOption) *recorder {
	t.Helper()
	r := newRecorder()
	err, failed := c.run(r, give, nil, options...)
	require.NoError(t, err)
	require.NoError(t, failed)
	return r
}

// isOf reports whether the registration is the component or below it, and not what the program has beside it.
func (c component) isOf(added registration) bool {
	return !strings.HasPrefix(added.TypeToken, "pulumi:providers:") && !strings.HasPrefix(added.TypeToken, "test:")
}

func (c component) typeName() string { return typeName(c.typ) }

// TestComponents tests one component with -run Components/IrsaRole, and one rule with -run 'Components/.*/registers'.
func TestComponents(t *testing.T) {
	t.Parallel()
	for _, c := range everyComponent {
		for name, test := range map[string]func(*testing.T){
			"refuses nil arguments and an empty name":       c.refusesNilArgumentsAndAnEmptyName,
			"says what the SDK refused":                     c.saysWhatTheSDKRefused,
			"fails with anything that the engine refuses":   c.failsWithAnythingThatTheEngineRefuses,
			"names its children after itself":               c.namesItsChildrenAfterItself,
			"registers its outputs":                         c.registersItsOutputs,
			"passes on dependencies, providers and aliases": c.passesOnDependenciesProvidersAndAliases,
			"can be previewed before its inputs are known":  c.canBePreviewedBeforeItsInputsAreKnown,
			"is the same of the same arguments":             c.isTheSameOfTheSameArguments,
		} {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				test(t)
			})
		}
	}
}

func TestComponentsAreAllInTheTable(t *testing.T) {
	t.Parallel()
	rows := map[string]bool{}
	for _, row := range everyComponent {
		rows[row.typeName()] = true
	}
	for _, name := range componentNames(t) {
		assert.True(t, rows[name], "%s has a row", name)
	}
}

func (c component) refusesNilArgumentsAndAnEmptyName(t *testing.T) {
	t.Helper()
	invalid := "invalid arguments of " + c.typeName()
	refusedInput(t, invalid+" \"app\":\nargs: must not be nil", func(ctx *pulumi.Context) error { return c.withoutArgs(ctx, "app") })
	refusedInput(t, invalid+" \"\":\nname: must not be empty\nargs: must not be nil", func(ctx *pulumi.Context) error { return c.withoutArgs(ctx, "") })
	refusedInput(t, invalid+" \"\":\nname: must not be empty", func(ctx *pulumi.Context) error {
		_, err := c.construct(ctx, "", unregistered, known)
		return err
	})
}

// An error of the SDK comes back from the constructor at once.
func (c component) saysWhatTheSDKRefused(t *testing.T) {
	t.Helper()
	whole := c.whole(t, known)
	said := map[string]bool{c.typ: true}
	for _, child := range c.children {
		said[child.typ] = true
	}
	for _, added := range whole.registrations {
		assert.True(t, !c.isOf(added) || said[added.TypeToken], "the row lacks a child of type %s", added.TypeToken)
	}
	refusal := func(typ, name, want string) {
		err, _ := c.run(newRecorder(), known, func(ctx *pulumi.Context, _ providers) ([]pulumi.ResourceOption, error) {
			return nil, refuseAtOnce(ctx, typ, name)
		})
		require.EqualError(t, err, want+refusedAtOnce, typ)
	}
	refusal(c.typ, "app", `registering `+c.typeName()+` "app": `)
	for _, child := range c.children {
		refusal(child.typ, "app"+child.suffix, c.typeName()+` "app": `+child.what)
	}
}

// The engine answers later, and what it refuses fails the program.
func (c component) failsWithAnythingThatTheEngineRefuses(t *testing.T) {
	t.Helper()
	whole := c.whole(t, known)
	for _, victim := range whole.registrations {
		r := newRecorder()
		r.refused = victim.URN
		err, failed := c.run(r, known, nil)
		// What depends on the victim may say it first.
		require.Regexp(t, "^waiting for RPCs: (resolving options: )?"+refusedLater+"$", failed.Error(), victim.URN)
		if victim.TypeToken == c.typ {
			require.ErrorContains(t, err, c.typeName()+` "app": `, "the constructor waits for the component")
			require.ErrorContains(t, err, refusedLater)
		}
	}
}

func (c component) namesItsChildrenAfterItself(t *testing.T) {
	t.Helper()
	r := c.whole(t, known)
	assert.Equal(t, []string{c.typ + " app"}, r.ancestors(t))
}

// Outputs are registered once: what comes later is not looked at, or its error would fail the program.
func (c component) registersItsOutputs(t *testing.T) {
	t.Helper()
	r := newRecorder()
	r.hasOidcProvider(euIssuer, []any{"sts.amazonaws.com"}, nil)
	r.agents = []string{"hub", "edge"}
	outputs := map[string]pulumi.Output{}
	require.NoError(t, r.run(func(ctx *pulumi.Context) error {
		given, err := registerProviders(ctx)
		if err != nil {
			return err
		}
		made, err := c.construct(ctx, "app", given, known)
		if err != nil {
			return err
		}
		value := reflect.ValueOf(made).Elem()
		for i := range value.NumField() {
			if tag := value.Type().Field(i).Tag.Get("pulumi"); tag != "" {
				outputs[tag] = value.Field(i).Interface().(pulumi.Output)
			}
		}
		return ctx.RegisterResourceOutputs(made, pulumi.Map{"late": pulumi.String("").ToStringOutput().ApplyT(func(string) (string, error) {
			return "", errors.New("the outputs were not registered")
		})})
	}))
	require.NotEmpty(t, outputs)
	for tag, output := range outputs {
		result, err := internals.UnsafeAwaitOutput(t.Context(), output)
		require.NoError(t, err)
		assert.True(t, result.Known, tag)
		// What the constructor leaves out is empty, as the SDK sets it.
		assert.Equal(t, tag == c.emptyOutput, reflect.ValueOf(result.Value).IsZero(), tag)
	}
}

func (c component) passesOnDependenciesProvidersAndAliases(t *testing.T) {
	t.Helper()
	r := newRecorder()
	err, failed := c.run(r, known, func(ctx *pulumi.Context, given providers) ([]pulumi.ResourceOption, error) {
		first := &pulumi.ResourceState{}
		return []pulumi.ResourceOption{
			pulumi.Providers(given.aws, given.hub),
			pulumi.DependsOn([]pulumi.Resource{given.edge}),
			pulumi.DependsOnInputs(pulumi.ToResourceArray([]pulumi.Resource{given.hub})),
			pulumi.Aliases([]pulumi.Alias{{Name: pulumi.String("old")}}),
			pulumi.IgnoreChanges([]string{"tags"}),
			pulumi.ReplaceOnChanges([]string{"name"}),
			pulumi.AdditionalSecretOutputs([]string{"arn"}),
			pulumi.Timeouts(&pulumi.CustomTimeouts{Delete: "1s"}),
			pulumi.RetainOnDelete(true),
			pulumi.DeletedWith(first),
			pulumi.Parent(first),
		}, ctx.RegisterComponentResource("test:index:First", "first", first)
	})
	require.NoError(t, err)
	require.NoError(t, failed)
	assert.Equal(t, "first", resource.URN(r.one(t, c.typ, "app").RegisterRPC.GetParent()).Name())
	for _, added := range r.registrations {
		if !c.isOf(added) || added.TypeToken == c.typ {
			continue
		}
		request, what := added.RegisterRPC, added.TypeToken+" "+added.Name
		if service, _, _ := strings.Cut(added.TypeToken, ":"); service == "aws" || service == "kubernetes" {
			assert.Contains(t, providerName(added.Provider), service, what)
		}
		rest, current := strings.CutPrefix(added.Name, "app")
		if added.isRead() { // of a read the engine is told nothing: the SDK itself waits, and what has an alias is read twice
			assert.NotNil(t, !current || r.one(t, added.TypeToken, "old"+rest).isRead(), what)
			continue
		}
		assert.Contains(t, added.earlierNames(), "old"+rest, what)
		assert.Subset(t, added.dependencies(), []string{"kubernetes/kubernetes-edge", "kubernetes/kubernetes-hub"}, "%s waits as well", what)
		assert.NotContains(t, request.GetIgnoreChanges(), "tags", what)
		assert.NotContains(t, request.GetReplaceOnChanges(), "name", what)
		assert.NotContains(t, request.GetAdditionalSecretOutputs(), "arn", what)
		assert.Empty(t, request.GetCustomTimeouts().GetDelete(), what)
		assert.False(t, request.GetRetainOnDelete(), what)
		assert.Empty(t, request.GetDeletedWith(), what)
	}
}

// The resources of a preview are those of the update, with all that is not made yet unknown.
func (c component) canBePreviewedBeforeItsInputsAreKnown(t *testing.T) {
	t.Helper()
	update := c.whole(t, known)
	later := c.whole(t, resolved)
	inPreview := unknown
	if c.typ == components.ArgoCDClusterType {
		inPreview = resolved // all inputs are in one secret, and mocks cannot pass on a secret that is unknown
	}
	preview := c.whole(t, inPreview, preview)
	assert.Equal(t, update.urns(), later.urns(), "known later")
	assert.Equal(t, update.urns(), preview.urns(), "unknown")
}

func (c component) isTheSameOfTheSameArguments(t *testing.T) {
	t.Helper()
	one := c.whole(t, known)
	other := c.whole(t, known)
	assert.Equal(t, one.requests(t), other.requests(t))
}
