package tests

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hubByPodIdentity are the targets of twoAccounts with a hub role of the identity type.
func hubByPodIdentity(identity string, declared ...string) string {
	return strings.Replace(targets(declared...), "  roleName: dev-argocd\n", "  roleName: dev-argocd\n  identity: "+identity+"\n", 1)
}

// EKS Pod Identity gives every session tags, and STS refuses those to a role that allows no tags.
func TestPlatformLetsTheHubTakeItsSessionTagsToTargets(t *testing.T) {
	t.Parallel()
	for identity, want := range map[string]string{
		"irsa": `"sts:AssumeRole"`, "trustBoth": `["sts:AssumeRole", "sts:TagSession"]`, "both": `["sts:AssumeRole", "sts:TagSession"]`,
		"podIdentity": `["sts:AssumeRole", "sts:TagSession"]`,
	} {
		t.Run(identity, func(t *testing.T) {
			t.Parallel()
			r := twoAccounts()
			r.agents = []string{"hub"}
			_, err := runPlatform(t, r, platformConfig(t, hubByPodIdentity(identity, farRole, nearDirect)))
			require.NoError(t, err)
			id := plain(r.state(r.one(t, roleType, "argocd"))["uniqueId"], "")
			assert.JSONEq(t, `{"Version": "2012-10-17", "Statement": [
				{"Sid": "`+id+`", "Effect": "Allow", "Principal": {"AWS": "`+hubRole+`"}, "Action": `+want+`}
			]}`, r.one(t, roleType, "argocd/far").Inputs["assumeRolePolicy"].StringValue())
			assert.JSONEq(t, `{"Version": "2012-10-17", "Statement": [
				{"Effect": "Allow", "Action": `+want+`, "Resource": "arn:aws:iam::`+otherAccount+`:role/argocd/dev-argocd-far"}
			]}`, r.one(t, inlinePolicyType, "argocd/assume-target-roles").Inputs["policy"].StringValue())
		})
	}
}

func TestPlatformAssociatesTheAccountsOfArgoCDWithTheHubRole(t *testing.T) {
	t.Parallel()
	r := twoAccounts()
	r.agents = []string{"hub"}
	_, err := runPlatform(t, r, platformConfig(t, hubByPodIdentity("podIdentity", nearRole)))
	require.NoError(t, err)
	var accounts []string
	for _, added := range r.ofType(podIdentityType) {
		accounts = append(accounts, added.Inputs["serviceAccount"].StringValue())
		assert.Equal(t, "aws-eu-west-1", providerName(added.Provider), "that of the hub's region, and not IAM's")
		assert.Equal(t, "hub", added.Inputs["clusterName"].StringValue())
		assert.Equal(t, hubRole, added.Inputs["roleArn"].StringValue())
		assert.Contains(t, r.one(t, secretType, "argocd/near").dependencies(), "PodIdentityAssociation/"+added.Name,
			"Argo CD connects as soon as it sees the secret")
	}
	assert.Equal(t, []string{"argocd-application-controller", "argocd-applicationset-controller", "argocd-server"}, accounts)
	assert.NotContains(t, r.one(t, roleType, "argocd").Inputs["assumeRolePolicy"].StringValue(), "oidc-provider")
}

func TestPlatformLooksForTheAgentOfAnAdoptedCluster(t *testing.T) {
	t.Parallel()
	const role = "roles: {app: {clusters: [hub], identity: both, serviceAccounts: [{namespace: payments, name: app}]}}"
	auto := func(enabled bool) func(*recorder) {
		return func(r *recorder) {
			r.clusters["hub"]["computeConfigs"] = resource.NewPropertyValue([]any{map[string]any{"enabled": enabled}})
		}
	}
	for _, test := range []struct {
		name, cluster string
		prepare       func(*recorder)
		asks, fails   bool
	}{
		{"that has the add-on", "", func(r *recorder) { r.agents = []string{"hub"} }, true, false},
		{"that has none", "", func(*recorder) {}, true, true},
		{"whose agent is its own", ", ownPodIdentityAgent: true", func(*recorder) {}, false, false},
		{"of EKS Auto Mode", "", auto(true), false, false},
		{"whose Auto Mode is off", "", auto(false), true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := clusters("hub")
			test.prepare(r)
			_, err := runPlatform(t, r, platformConfig(t, "clusters:\n  hub: {region: eu-west-1"+test.cluster+"}\n"+role))
			if test.fails {
				require.ErrorContains(t, err, "aws eks create-addon --cluster-name hub --addon-name eks-pod-identity-agent")
			} else {
				require.NoError(t, err)
				association := r.one(t, podIdentityType, "app/hub/payments/app")
				assert.Equal(t, "aws-eu-west-1", providerName(association.Provider))
			}
			assert.Equal(t, test.asks, len(r.called(getAddon)) > 0)
			assert.Empty(t, r.ofType(addonType), "an add-on of an adopted cluster is not this stack's")
		})
	}
}

// newCluster declares a cluster that is created, beside one that exists.
const newCluster = `
tags: {environment: dev}
clusters:
  hub: {region: eu-west-1}
  new:
    name: new-one
    region: eu-west-1
    create: {}
`

func TestPlatformInstallsTheAgentInACreatedClusterThatNeedsIt(t *testing.T) {
	t.Parallel()
	const accounts = "serviceAccounts: [{namespace: apps, name: app}]"
	const own = newCluster + "    ownPodIdentityAgent: true\n"
	for _, test := range []struct {
		name, platform string
		installs       bool
	}{
		{"by no role", newCluster, false},
		{"by a role with IRSA", newCluster + "roles: {app: {clusters: [new], " + accounts + "}}", false},
		{"by a role elsewhere", newCluster + "roles: {app: {clusters: [hub], identity: both, " + accounts + "}}", false},
		{
			"by a role that will have associations",
			newCluster + "roles: {app: {clusters: [new], identity: trustBoth, " + accounts + "}}", true,
		},
		{"by a role of two clusters", newCluster + "roles: {app: {clusters: [hub, new], identity: both, " + accounts + "}}", true},
		{"by Argo CD", newCluster + "argocd: {hub: new, identity: podIdentity}", true},
		{"by a role, where it has its own", own + "roles: {app: {clusters: [new], identity: both, " + accounts + "}}", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := emptyAccount()
			r.hasCluster("hub", "https://"+hubIssuer, "API")
			r.agents = []string{"hub"}
			deployed(t, r, platformConfig(t, test.platform), registerCreatedCluster("new-one"))
			if !test.installs {
				assert.Empty(t, r.ofType(addonType))
				return
			}
			addon := r.one(t, addonType, "new/eks-pod-identity-agent")
			assert.JSONEq(t, `{
				"clusterName": "new-one", "addonName": "eks-pod-identity-agent", "tags": {"environment": "dev"}
			}`, addon.json(t))
			assert.Contains(t, addon.dependencies(), "NodeGroup/new/nodes", "the agent runs on the nodes")
			assert.Equal(t, "aws-eu-west-1", providerName(addon.Provider))
			for _, association := range r.ofType(podIdentityType) {
				if association.Inputs["clusterName"].StringValue() == "new-one" {
					assert.Contains(t, association.dependencies(), "Addon/new/eks-pod-identity-agent", association.Name)
				}
			}
		})
	}
}

func TestPlatformSaysThatTheAgentCouldNotBeInstalled(t *testing.T) {
	t.Parallel()
	r := emptyAccount()
	config := platformConfig(t, strings.Replace(newCluster, "  hub: {region: eu-west-1}\n", "", 1)+
		"roles: {app: {clusters: [new], identity: both, serviceAccounts: [{namespace: apps, name: app}]}}")
	_, err := runPlatform(t, r, config, registerCreatedCluster("new-one"), func(ctx *pulumi.Context) error {
		return refuseAtOnce(ctx, addonType, "new/eks-pod-identity-agent")
	})
	require.ErrorContains(t, err, "installing the agent of EKS Pod Identity: "+refusedAtOnce)
}

// The pods of a role with a pattern are not known, so no association can name their accounts.
func TestConfigRefusesAPatternByPodIdentity(t *testing.T) {
	t.Parallel()
	for _, identity := range []string{"trustBoth", "both", "podIdentity"} {
		refusedConfig(t, "roles: {app: {name: app, identity: "+identity+", clusters: [hub], serviceAccounts: "+
			"[{namespace: ci, namePattern: 'job-*', mode: trustOnly}]}}",
			"platform.roles.app.trustPolicy: serviceAccounts[0].namePattern: EKS Pod Identity knows no patterns; name each service "+
				"account, or leave the role with IRSA")
	}
}
