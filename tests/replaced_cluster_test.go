package tests

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

// replacedWith are the names of the resources with which the engine replaces this one.
func (added registration) replacedWith() []string {
	var names []string
	for _, urn := range added.RegisterRPC.GetReplaceWith() {
		names = append(names, resource.URN(urn).Name())
	}
	return names
}

// EKS loses an access entry with its cluster, and the next one of its name has the same clusterName.
func TestClusterAccessIsGrantedAgainInAnotherClusterOfTheName(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		give bool
		want []string
	}{{"with the cluster's provider", true, []string{"kubernetes-edge"}}, {"without", false, nil}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRecorder()
			require.NoError(t, r.run(func(ctx *pulumi.Context) error {
				given, err := registerProviders(ctx)
				if err != nil {
					return err
				}
				args := clusterAccess.valid(given)
				if test.give {
					args.Cluster = given.edge
				}
				_, err = components.NewClusterAccess(ctx, "edge", args, pulumi.Provider(given.aws))
				return err
			}))
			granted := append(r.ofType(accessEntryType), r.ofType(associationType)...)
			require.Len(t, granted, 3)
			for _, added := range granted {
				assert.Equal(t, test.want, added.replacedWith(), added.Name)
			}
		})
	}
}

func TestIrsaRoleByPodIdentityIsAssociatedAgainInAnotherClusterOfTheName(t *testing.T) {
	t.Parallel()
	r := withAgents()
	podIdentityRole.on(t, r, nil)
	require.NotEmpty(t, r.ofType(podIdentityType))
	for _, added := range r.ofType(podIdentityType) {
		require.Len(t, added.replacedWith(), 1, added.Name)
		assert.Contains(t, added.Name, added.replacedWith()[0][len("kubernetes-"):], "with the provider of its own cluster")
	}
}

// A secret of another name would be another cluster to Argo CD, for as long as both are there.
func TestArgoCDClusterKeepsTheNameThatWasMadeFromItsServer(t *testing.T) {
	t.Parallel()
	r, _ := argoCDCluster.made(t, nil)
	assert.Equal(t, []string{"metadata.name"}, r.one(t, secretType, "edge").RegisterRPC.GetIgnoreChanges())
	r, _ = argoCDCluster.made(t, func(args *components.ArgoCDClusterArgs) { args.SecretName = "edge" })
	assert.Empty(t, r.one(t, secretType, "edge").RegisterRPC.GetIgnoreChanges(), "a name that was chosen is the user's to change")
}

const drilledPlatform = `
clusters:
  hub: {region: eu-west-1, namespaces: [argocd]}
  eu: {region: eu-west-1}
roles:
  app: {clusters: [hub], identity: both, serviceAccounts: [{namespace: argocd, name: app}]}
argocd:
  hub: hub
  targets: {eu: {cluster: eu, access: {kubernetesGroups: [x]}}, hub: {cluster: hub}}
`

func drilledAccount() *recorder {
	r := clusters("hub", "eu")
	r.agents = []string{"hub"}
	return r
}

func TestPlatformTellsClustersOfOneNameApart(t *testing.T) {
	t.Parallel()
	r := drilledAccount()
	deployed(t, r, platformConfig(t, drilledPlatform))
	for name, issuer := range map[string]string{"hub": hubIssuer, "eu": euIssuer} {
		assert.Equal(t, "https://"+issuer, r.one(t, "pulumi:providers:kubernetes", "kubernetes-"+name).Inputs["clusterIdentifier"].StringValue())
	}
	assert.Equal(t, []string{"kubernetes-eu"}, r.one(t, accessEntryType, "argocd/eu").replacedWith(), "the target's provider, and not the hub's")
	assert.Equal(t, []string{"kubernetes-hub"}, r.one(t, podIdentityType, "app/hub/argocd/app").replacedWith())
	for _, added := range append(r.ofType(secretType), r.ofType(roleType)...) {
		assert.Empty(t, added.replacedWith(), "%s: it stays", added.Name)
	}
}

func TestPlatformTellsACreatedClusterFromAnotherByItsIssuer(t *testing.T) {
	t.Parallel()
	r, _ := created(t, "create: {}")
	assert.Equal(t, "https://"+createdIssuer, r.one(t, "pulumi:providers:kubernetes", "kubernetes-new").Inputs["clusterIdentifier"].StringValue())
}

// Pulumi would wait for the old cluster, half-way through the update.
func TestPlatformRefusesAClusterThatReplacedAnotherUntilItMayForgetTheOldOne(t *testing.T) {
	outputs := deployed(t, drilledAccount(), platformConfig(t, drilledPlatform))
	replaced := func() *recorder {
		r := drilledAccount()
		r.hasCluster("hub", "https://"+usIssuer, "API")
		r.previously(outputs)
		return r
	}
	for _, value := range []string{"", "false"} {
		t.Setenv("PULUMI_K8S_DELETE_UNREACHABLE", value)
		_, err := runPlatform(t, replaced(), platformConfig(t, drilledPlatform))
		require.ErrorContains(t, err, `cluster "hub": `+hubArn+" is another cluster than at the last update: its issuer is https://"+usIssuer+
			" and was https://"+hubIssuer+". If the old one was deleted, have Pulumi forget what it made there, and make it again here, with one "+
			"update: PULUMI_K8S_DELETE_UNREACHABLE=true pulumi up")
	}

	t.Setenv("PULUMI_K8S_DELETE_UNREACHABLE", "true")
	r := replaced()
	deployed(t, r, platformConfig(t, drilledPlatform))
	assert.Equal(t, "https://"+usIssuer, r.one(t, "pulumi:providers:kubernetes", "kubernetes-hub").Inputs["clusterIdentifier"].StringValue())
	t.Setenv("PULUMI_K8S_DELETE_UNREACHABLE", "")
	r = drilledAccount()
	r.previously(outputs)
	deployed(t, r, platformConfig(t, drilledPlatform))
}
