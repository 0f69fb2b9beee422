package tests

import (
	"errors"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

func TestIrsaRoleTrustsALeavingClusterAndProvesNothingInIt(t *testing.T) {
	t.Parallel()
	for _, identity := range []components.IdentityType{components.IdentityIRSA, components.IdentityBoth, components.IdentityPodIdentity} {
		t.Run(string(identity), func(t *testing.T) {
			t.Parallel()
			declare := func(leaving bool) func(*components.IrsaRoleArgs) {
				return func(args *components.IrsaRoleArgs) {
					args.Identity, args.Clusters[0].Leaving = identity, leaving
					args.Clusters[0].Arn, args.Clusters[0].Aws = pulumi.String(hubArn), &aws.Provider{}
					args.TestPod = &components.TestPodArgs{NegativeTest: true, KeepRunning: true}
				}
			}
			staying := withAgents()
			irsaRole.on(t, staying, declare(false))
			leaving := newRecorder() // whose agent is gone already
			irsaRole.on(t, leaving, declare(true))
			for _, typ := range []string{roleType, serviceAccountType, podIdentityType} {
				require.Len(t, leaving.ofType(typ), len(staying.ofType(typ)), typ)
				for i, added := range leaving.ofType(typ) {
					assert.Equal(t, staying.ofType(typ)[i].Inputs, added.Inputs, "%s is what it was", added.Name)
				}
			}
			assert.NotEmpty(t, staying.ofType(jobType))
			assert.Empty(t, leaving.ofType(jobType))
			assert.Empty(t, leaving.ofType(podType))
			assert.Empty(t, leaving.called(getAddon))
		})
	}
}

// blueAndGreen is a platform whose cluster blue is followed by green.
const blueAndGreen = `
clusters:
  blue:
    region: eu-west-1
    leaving: true
    namespaces: [apps]
    access: {admins: {principalArn: "arn:aws:iam::111122223333:role/admin", policies: [{policy: AmazonEKSClusterAdminPolicy}]}}
  green: {region: eu-west-1}
roles:
  app:
    clusters: [blue, green]
    serviceAccounts:
      - {namespace: apps, name: old, clusters: [blue]}
      - {namespace: default, name: both}
      - {namespace: default, name: new, clusters: [green]}
    testPod: {negativeTest: true}
`

const blueIssuer, greenIssuer = hubIssuer, euIssuer

// leaves runs the platform and gives what Pulumi warns of.
func leaves(t *testing.T, r *recorder, platform string) ([]string, error) {
	t.Helper()
	log := &warnings{}
	_, err := runPlatform(t, r, platformConfig(t, platform), func(ctx *pulumi.Context) error {
		log.Log, ctx.Log = ctx.Log, log
		return nil
	})
	return log.texts, err
}

func TestPlatformTrustsALeavingClusterAsLongAsItIsThere(t *testing.T) {
	t.Parallel()
	r := clusters("blue", "green")
	warned, err := leaves(t, r, blueAndGreen)
	require.NoError(t, err)
	assert.Empty(t, warned)
	trust := r.one(t, roleType, "app").Inputs["assumeRolePolicy"].StringValue()
	assert.Contains(t, trust, blueIssuer)
	assert.Contains(t, trust, greenIssuer)
	var accounts, jobs []string
	for _, added := range r.ofType(serviceAccountType) {
		accounts = append(accounts, added.Name)
	}
	assert.ElementsMatch(t, []string{"app/blue/apps/old", "app/blue/default/both", "app/green/default/both", "app/green/default/new"}, accounts)
	for _, added := range r.ofType(jobType) {
		jobs = append(jobs, added.Name)
	}
	assert.ElementsMatch(t, []string{
		"app/green/default/both-irsa-test", "app/green/default/new-irsa-test", "app/green/default/both-irsa-denied",
	}, jobs)
	assert.Len(t, r.ofType(accessEntryType), 1)
	for key, want := range map[string]bool{"blue": true, "green": false} {
		forgets := r.one(t, "pulumi:providers:kubernetes", "kubernetes-"+key).Inputs["deleteUnreachable"]
		assert.Equal(t, want, forgets.IsBool() && forgets.BoolValue(), "what was made in %s is forgotten when it is gone", key)
	}
}

func TestPlatformTakesTheTrustAwayFromAClusterThatIsGone(t *testing.T) {
	t.Parallel()
	r := clusters("blue", "green")
	delete(r.clusters, "blue")
	warned, err := leaves(t, r, blueAndGreen)
	require.NoError(t, err)
	assert.Equal(t, []string{`cluster "blue" was leaving, and EKS has no cluster blue in eu-west-1 any more: no role trusts it now. Take it out ` +
		"of the configuration"}, warned)
	role := r.one(t, roleType, "app")
	assert.Equal(t, "eks-apps-old", plain(role.Inputs["name"], ""), "a role that is called after the first account is not made anew")
	assert.JSONEq(t, `{"Version": "2012-10-17", "Statement": [{
		"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/`+greenIssuer+`"},
		"Action": "sts:AssumeRoleWithWebIdentity",
		"Condition": {"StringEquals": {
			"`+greenIssuer+`:aud": "sts.amazonaws.com",
			"`+greenIssuer+`:sub": ["system:serviceaccount:default:both", "system:serviceaccount:default:new"]
		}}
	}]}`, role.Inputs["assumeRolePolicy"].StringValue(), "apps/old had the role in blue only")
	for _, added := range r.registrations {
		assert.NotContains(t, added.Name, "blue")
	}
}

func TestPlatformRefusesWhatNeedsAClusterThatIsGone(t *testing.T) {
	t.Parallel()
	blue := "clusters:\n  blue: {region: eu-west-1, leaving: true}\n  green: {region: eu-west-1}\n"
	for _, test := range []struct{ name, platform, want string }{
		{
			"a role without another cluster", blue + "roles: {app: {clusters: [blue], serviceAccounts: [{namespace: apps, name: app}]}}",
			`platform.roles.app.clusters: all of ["blue"] have left, and EKS does not have them any more; name another cluster, or take the role out`,
		},
		{
			"a role whose accounts have it there only",
			blue + "roles: {app: {clusters: [blue, green], serviceAccounts: [{namespace: apps, name: app, clusters: [blue]}]}}",
			"platform.roles.app.serviceAccounts: the clusters of all of them have left, and EKS does not have them any more; give the role in " +
				"another cluster to one, or take the role out",
		},
		{
			"a role of a preset whose account has it there only",
			blue + "roles: {app: {clusters: [blue, green], preset: {ebsCsi: {}}, serviceAccounts: [{namespace: apps, name: app, clusters: [blue]}]}}",
			"platform.roles.app.serviceAccounts: the clusters of all of them have left",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := clusters("blue", "green")
			delete(r.clusters, "blue")
			_, err := leaves(t, r, test.platform)
			require.ErrorContains(t, err, test.want)
			assert.Empty(t, r.ofType(roleType))
		})
	}
}

func TestPlatformSaysWhyItCannotTellWhetherAClusterHasLeft(t *testing.T) {
	t.Parallel()
	r := clusters("blue", "green")
	r.invokeErrors[getClusters] = errors.New("AccessDeniedException")
	_, err := leaves(t, r, blueAndGreen)
	require.ErrorContains(t, err, `looking whether cluster "blue", which is leaving, is there: listing the EKS clusters in eu-west-1: AccessDeniedException`)
	r = clusters("blue", "green")
	delete(r.clusters, "blue")
	_, err = runPlatform(t, r, platformConfig(t, blueAndGreen), func(ctx *pulumi.Context) error {
		ctx.Log = &warnings{err: errors.New("no log")}
		return nil
	})
	require.ErrorContains(t, err, "no log")
}

// Only a cluster that is said to be leaving may be missing, and one that this stack makes is there.
func TestPlatformListsClustersForLeavingOnesOnly(t *testing.T) {
	t.Parallel()
	r, _ := created(t, "create: {}\nleaving: true")
	assert.Empty(t, r.called(getClusters))
	r = clusters("hub")
	_, err := runPlatform(t, r, platformConfig(t, "clusters: {hub: {region: eu-west-1}}"))
	require.NoError(t, err)
	assert.Empty(t, r.called(getClusters))
}

// A cluster that this stack made is deleted by an update of its own, with the trust in it still there: what is not the cluster's
// stays as if another had made the cluster.
func TestPlatformDeletesAClusterOfItsOwnAndTrustsItStill(t *testing.T) {
	t.Parallel()
	made, _ := created(t, "create: {}\nleaving: true")
	adopted := emptyAccount()
	adopted.hasCluster("new-one", "https://"+createdIssuer, "API")
	adopted.oidcProviders["https://"+createdIssuer] = resource.NewPropertyMapFromMap(map[string]any{
		"arn": "arn:aws:iam::" + account + ":oidc-provider/" + createdIssuer, "url": createdIssuer,
		"tags": map[string]any{components.OwnerTag: organization + "/" + project + "/" + stack},
	})
	deployed(t, adopted, createdCluster(t, "leaving: true"))
	assert.Empty(t, adopted.ofType(createdClusterType), "so the engine deletes it")
	assert.Empty(t, adopted.ofType(nodeGroupType))
	for _, typ := range []string{iamProviderType, roleType, serviceAccountType, "pulumi:providers:kubernetes"} {
		require.NotEmpty(t, made.ofType(typ), typ)
		var before, after []string
		for _, added := range made.ofType(typ) {
			if added.Name != "new-instanceRole-role" { // the nodes', which go with them
				before = append(before, added.URN)
			}
		}
		for _, added := range adopted.ofType(typ) {
			after = append(after, added.URN)
		}
		assert.ElementsMatch(t, before, after, typ)
	}
	assert.Equal(t, made.one(t, roleType, "app").Inputs["assumeRolePolicy"], adopted.one(t, roleType, "app").Inputs["assumeRolePolicy"])
}
