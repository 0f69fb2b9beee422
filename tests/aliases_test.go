package tests

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

// aliasedPlatform has a resource of every kind below its keys, which are %hub%, %eu%, %app%, %data% and %target%.
const aliasedPlatform = `
clusters:
  %hub%: {region: eu-west-1, namespaces: [apps, argocd]%was-hub%}
  %eu%: {region: eu-west-1%was-eu%}
buckets:
  %data%: {cluster: %hub%, objects: {a/b.txt: c}%was-data%}
roles:
  %app%:
    clusters: [%hub%, %eu%]
    serviceAccounts:
      - {namespace: apps, name: one}
      - {namespace: apps, name: two, mode: patch}
    managedPolicies: [ReadOnlyAccess]
    inlinePolicies: {describe: {Statement: [{Effect: Allow, Action: 'eks:DescribeCluster', Resource: '*'}]}}
    customerManagedPolicies: {list: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: 's3:ListBucket', Resource: '*'}]}}
    testPod: {negativeTest: true, keepRunning: true}
    %was-app%
argocd:
  hub: %hub%
  testPod: {negativeTest: true}
  targets:
    %target%: {cluster: %eu%, role: {}, access: {policies: [{policy: AmazonEKSViewPolicy}]}%was-target%}
`

// keys fills the platform in. With aliases the keys say what they were before, and one the key before that.
func keys(hub, eu, app, data, target string, aliases ...string) string {
	fill := []string{"%hub%", hub, "%eu%", eu, "%app%", app, "%data%", data, "%target%", target}
	for i, key := range []string{"hub", "eu", "data", "app", "target"} {
		said := ""
		if len(aliases) > 0 {
			said = "aliases: [" + aliases[i] + "]"
			if key != "app" {
				said = ", " + said
			}
		}
		fill = append(fill, "%was-"+key+"%", said)
	}
	return strings.NewReplacer(fill...).Replace(aliasedPlatform)
}

func aliasedAccount() *recorder {
	r := clusters("hub", "eu")
	r.hasOidcProvider(euIssuer, []any{"sts.amazonaws.com"}, nil)
	return r
}

// Whatever the engine finds in the state of the old keys is claimed by one resource of the new ones, with the same inputs.
func TestPlatformKeepsEverythingOfARenamedKey(t *testing.T) {
	t.Parallel()
	before, after := aliasedAccount(), aliasedAccount()
	deployed(t, before, platformConfig(t, keys("hub", "eu", "app", "data", "target")))
	deployed(t, after, platformConfig(t, keys("hub-2", "eu-2", "app-2", "data-2", "target-2", "hub", "eu", "data", "app", "target")))

	renamed := 0
	for _, old := range before.registrations {
		claims := slices.DeleteFunc(slices.Clone(after.registrations), func(added registration) bool {
			return !slices.Contains(append(added.earlierURNs(), added.URN), old.URN)
		})
		if old.isRead() {
			assert.NotEmpty(t, claims, "%s is read under the old name as well, as reads have no aliases", old.URN)
			continue
		}
		if !assert.Len(t, claims, 1, "the heirs of %s", old.URN) {
			continue
		}
		assert.Equal(t, old.json(t), claims[0].json(t), old.URN)
		assert.Equal(t, old.RegisterRPC.GetDeleteBeforeReplace(), claims[0].RegisterRPC.GetDeleteBeforeReplace(), old.URN)
		if claims[0].URN != old.URN {
			renamed++
		}
	}
	assert.Equal(t, len(before.registrations)-len(before.unaffected()), renamed, "nothing keeps a name with an old key")
}

// unaffected are the registrations with no key in their names: Argo CD's own, whose key is fixed, and AWS providers. What is
// read is not counted either.
func (r *recorder) unaffected() []string {
	var names []string
	for _, added := range r.registrations {
		aws := added.TypeToken == awsProviderType
		hubRole := added.Name == "argocd" || strings.HasPrefix(added.Name, "argocd/") && strings.HasPrefix(added.TypeToken, "aws:iam/rolePolicy")
		if aws || hubRole || added.isRead() {
			names = append(names, added.Name)
		}
	}
	return names
}

// earlierURNs are the URNs that the aliases of a resource stand for.
func (added registration) earlierURNs() []string {
	parent := resource.URN(parentOf(added.MockResourceArgs)).QualifiedType()
	if parent == resource.RootStackType {
		parent = ""
	}
	var urns []string
	for _, alias := range added.RegisterRPC.GetAliases() {
		urns = append(urns, string(resource.NewURN(stack, project, parent, tokens.Type(added.TypeToken), alias.GetSpec().GetName())))
	}
	return urns
}

func TestPlatformNamesThingsAfterTheOldestKey(t *testing.T) {
	t.Parallel()
	r := aliasedAccount()
	deployed(t, r, platformConfig(t,
		keys("hub-3", "eu-3", "app-3", "data-3", "target-3", "hub, hub-2", "eu, eu-2", "data, data-2", "app, app-2", "target, target-2")))
	assert.Equal(t, "data", r.one(t, bucketType, "data-3").Inputs["bucket"].StringValue())
	role := r.one(t, roleType, "argocd/target-3")
	assert.Equal(t, "eks-argocd-argocd-application-controller-target", role.Inputs["name"].StringValue())
	const targetRole = components.ArgoCDTargetType + "$" + components.AssumableRoleType
	assert.Subset(t, role.earlierURNs(), []string{
		string(resource.NewURN(stack, project, targetRole, roleType, "argocd/target")),
		string(resource.NewURN(stack, project, targetRole, roleType, "argocd/target-2")),
	})
}

// A cluster's key stands between the role's and the rest.
func TestIrsaRoleMeetsEachOfItsClustersUnderEachEarlierName(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	err := r.run(func(ctx *pulumi.Context) error {
		given, err := registerProviders(ctx)
		if err != nil {
			return err
		}
		_, err = components.NewIrsaRole(ctx, "app", &components.IrsaRoleArgs{
			Clusters: []components.IrsaCluster{
				{Name: "hub", Aliases: []string{"main"}, Issuer: "https://" + hubIssuer, Kubernetes: given.hub},
				{Name: "hub-2", OidcProviderArn: pulumi.String("arn:aws:iam::" + account + ":oidc-provider/" + euIssuer), Kubernetes: given.edge},
			},
			ServiceAccounts: []components.ServiceAccountArgs{{Namespace: "apps", Name: "one"}},
			RolePolicies: components.RolePolicies{
				PolicyAttachments: map[string]pulumi.StringInput{"hub": pulumi.String("arn:aws:iam::aws:policy/ReadOnlyAccess")},
			},
		}, pulumi.Aliases([]pulumi.Alias{
			{Name: pulumi.String("old")}, {Type: pulumi.String("test:index:Role")},
		}))
		return err
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"app/main/apps/one", "old/hub/apps/one", "old/main/apps/one"}, r.one(t, serviceAccountType, "app/hub/apps/one").earlierNames())
	assert.Equal(t, []string{"old/hub-2/apps/one"}, r.one(t, serviceAccountType, "app/hub-2/apps/one").earlierNames())
	assert.Equal(t, []string{"app/main", "old/hub", "old/main"}, r.one(t, iamProviderType, "app/hub").earlierNames(), "below a component of the role's")
	assert.Equal(t, []string{"old/hub"}, r.one(t, attachmentType, "app/hub").earlierNames(), "a policy is no cluster")
	assert.Equal(t, []string{"old"}, r.one(t, roleType, "app").earlierNames())
}

func (added registration) earlierNames() []string {
	var names []string
	for _, alias := range added.RegisterRPC.GetAliases() {
		names = append(names, alias.GetSpec().GetName())
	}
	return names
}

// previously is what the stack's last update told of itself.
func (r *recorder) previously(outputs map[string]any) {
	r.answers = map[string]resource.PropertyMap{
		"pulumi:pulumi:readStackOutputs": resource.NewPropertyMapFromMap(map[string]any{"outputs": outputs}),
	}
}

// previousState is what the stack's state has, by names and type tokens.
func (r *recorder) previousState(types map[string]string) {
	state := map[string]any{}
	for name, typ := range types {
		state[string(resource.NewURN(stack, project, components.IrsaRoleType, tokens.Type(typ), name))] = map[string]any{"type": typ}
	}
	r.answers["pulumi:pulumi:readStackResourceOutputs"] = resource.NewPropertyMapFromMap(map[string]any{"outputs": state})
}

func TestPlatformRefusesAKeyThatIsRenamedWithoutAliases(t *testing.T) {
	t.Parallel()
	outputs := deployed(t, aliasedAccount(), platformConfig(t, keys("hub", "eu", "app", "data", "target")))
	said := func(path, what, key string) string {
		return "platform." + path + ": this stack made " + what + ` under the key "` + key + "\", which is gone; if the key was renamed, say " +
			"`aliases: [" + key + "]` here, and nothing changes; if not, take the old one away with one update and add this with the next"
	}
	for _, test := range []struct{ name, platform, want string }{
		{
			"a cluster's", strings.ReplaceAll(keys("hub", "eu-2", "app", "data", "target"), "eu-2: {", "eu-2: {name: eu, "),
			said("clusters.eu-2", "what belongs to EKS cluster eu in eu-west-1 of account 111122223333", "eu"),
		},
		{
			"a bucket's", strings.ReplaceAll(keys("hub", "eu", "app", "data-2", "target"), "data-2: {", "data-2: {name: data, "),
			said("buckets.data-2", "bucket data", "data"),
		},
		{
			"a role's", keys("hub", "eu", "app-2", "data", "target"),
			said("roles.app-2", "role eks-apps-one of account 111122223333", "app"),
		},
		{
			"a target's", keys("hub", "eu", "app", "data", "target-2"),
			said("argocd.targets.target-2", "what lets Argo CD into https://EU.gr7.eu-west-1.eks.amazonaws.com", "target"),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := aliasedAccount()
			r.previously(outputs)
			_, err := runPlatform(t, r, platformConfig(t, test.platform))
			require.ErrorContains(t, err, "invalid configuration:\n"+test.want+"\n")
			assert.Equal(t, []string{"pulumi:providers:aws aws-eu-west-1", "pulumi:providers:aws aws-iam after aws/aws-eu-west-1"}, r.graph())
		})
	}
}

func TestPlatformTakesAKeyThatIsRenamedWithAliases(t *testing.T) {
	t.Parallel()
	outputs := deployed(t, aliasedAccount(), platformConfig(t, keys("hub", "eu", "app", "data", "target")))
	for name, platform := range map[string]string{
		"unchanged":                    keys("hub", "eu", "app", "data", "target"),
		"with aliases":                 keys("hub-2", "eu-2", "app-2", "data-2", "target-2", "hub", "eu", "data", "app", "target"),
		"another role of another name": strings.ReplaceAll(keys("hub", "eu", "other", "data", "target"), "name: one}", "name: three}"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := aliasedAccount()
			r.previously(outputs)
			deployed(t, r, platformConfig(t, platform))
		})
	}
}

// The outputs only make an error come earlier, and the state matters to accounts that have moved.
func TestPlatformIsDeployedWhenItsStateCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, unread := range []string{"pulumi:pulumi:readStackOutputs", "pulumi:pulumi:readStackResourceOutputs"} {
		r := aliasedAccount()
		r.previously(map[string]any{"roles": map[string]any{}})
		r.invokeErrors[unread] = errors.New("no backend client is available")
		deployed(t, r, platformConfig(t, keys("hub", "eu", "app", "data", "target")))
	}
}

// Kubernetes and EKS know an account by its name, so the engine could not make what belongs to the new one before it deletes the old.
func TestPlatformMakesAnAccountThatGoesToAnotherRoleOnce(t *testing.T) {
	t.Parallel()
	r := clusters("hub")
	r.previously(map[string]any{"roles": map[string]any{}})
	r.previousState(map[string]string{
		"second/hub/apps/one": serviceAccountType, "team/third/hub/apps/two": serviceAccountType, "fourth/hub/apps/two": accountPatchType,
		"fifth/hub/apps/two-irsa-test": jobType, "fifth": roleType, "sixth/hub/apps/three": podIdentityType, "app/hub/apps/four": serviceAccountType,
		"old/hub/apps/four": serviceAccountType, "second/edge/apps/four": serviceAccountType, "second/hub/apps": namespaceType,
	})
	deployed(t, r, platformConfig(t, `
clusters: {hub: {region: eu-west-1, ownPodIdentityAgent: true}}
roles:
  app:
    clusters: [hub]
    aliases: [old]
    identity: both
    testPod: {}
    serviceAccounts:
      - {namespace: apps, name: one}
      - {namespace: apps, name: two}
      - {namespace: apps, name: three, mode: trustOnly}
      - {namespace: apps, name: four}
`))
	for name, want := range map[string][]string{
		"one": {"old", "second"}, "two": {"fourth", "old", "team/third"}, "three": {"old", "sixth"}, "four": {"old"},
	} {
		var names, jobs []string
		for _, role := range want {
			names, jobs = append(names, role+"/hub/apps/"+name), append(jobs, role+"/hub/apps/"+name+"-irsa-test")
		}
		assert.ElementsMatch(t, names, r.one(t, podIdentityType, "app/hub/apps/"+name).earlierNames())
		if name != "three" {
			assert.ElementsMatch(t, names, r.one(t, serviceAccountType, "app/hub/apps/"+name).earlierNames())
			assert.ElementsMatch(t, jobs, r.one(t, jobType, "app/hub/apps/"+name+"-irsa-test").earlierNames())
		}
	}
	assert.Equal(t, []string{"old"}, r.one(t, roleType, "app").earlierNames(), "the role is another")

	// Without outputs there may be no state either, and the engine would fail.
	r = clusters("hub")
	r.previously(nil)
	deployed(t, r, platformConfig(t, "clusters: {hub: {region: eu-west-1}}"))
	assert.Empty(t, r.called("pulumi:pulumi:readStackResourceOutputs"))
}
