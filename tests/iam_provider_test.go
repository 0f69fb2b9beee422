package tests

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/stacks"
)

// Pulumi replaces what goes through an AWS provider of another region, although IAM has none: the sessions of a role that is
// replaced end, and whatever names its unique ID does not know the new one.
func TestPlatformKeepsARoleWhenItsClustersAreSwappedOrFewer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, clusters, declared string }{
		{"one order", "[eu, us]", "\n  eu: {region: eu-west-1}\n  us: {region: us-west-2}"},
		{"the other order", "[us, eu]", "\n  eu: {region: eu-west-1}\n  us: {region: us-west-2}"},
		{"one of them", "[us]", "\n  us: {region: us-west-2}"},
		{"the other of them", "[eu]", "\n  eu: {region: eu-west-1}"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := clusters("eu", "us")
			deployed(t, r, platformConfig(t, "clusters:"+test.declared+`
roles:
  app:
    clusters: `+test.clusters+`
    serviceAccounts: [{namespace: default, name: app}]
    managedPolicies: [ReadOnlyAccess]
    inlinePolicies: {list: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: s3:ListAllMyBuckets, Resource: "*"}]}}
    customerManagedPolicies: {more: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: s3:ListAllMyBuckets, Resource: "*"}]}}
`))
			iam := slices.DeleteFunc(slices.Clone(r.registrations), func(added registration) bool {
				return !strings.HasPrefix(added.TypeToken, "aws:iam/")
			})
			require.Greater(t, len(iam), 5)
			for _, added := range iam {
				assert.Equal(t, "aws-iam", providerName(added.Provider), added.URN)
				assert.True(t, added.RegisterRPC.GetDeleteBeforeReplace(), "%s: the old one has the name of the new one", added.URN)
			}
			provider := r.one(t, awsProviderType, "aws-iam")
			assert.Equal(t, "us-east-1", provider.Inputs["region"].StringValue())
			assert.NotEqual(t, "aws-iam", providerName(r.called(getCluster)[0].Provider), "EKS has regions")
		})
	}
}

func TestPlatformReachesIAMWhereItIsInThePartition(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]string{
		"eu-west-1": "us-east-1", "us-west-2": "us-east-1", "cn-northwest-1": "cn-north-1", "us-gov-east-1": "us-gov-west-1",
		"us-iso-west-1": "us-iso-east-1", "us-isob-west-1": "us-isob-east-1", "us-isof-east-1": "us-isof-south-1",
		"eu-isoe-west-1": "eu-isoe-west-1", "eusc-de-east-1": "eusc-de-east-1",
	} {
		t.Run(region, func(t *testing.T) {
			t.Parallel()
			r := clusters("hub")
			deployed(t, r, platformConfig(t, "clusters:\n  hub: {region: "+region+"}"))
			assert.Equal(t, want, r.one(t, awsProviderType, "aws-iam").Inputs["region"].StringValue())
		})
	}
}

// The engine makes a provider when the stack's state does not hold it.
func TestPlatformRefusesAStackWhoseRolesWouldBeReplaced(t *testing.T) {
	t.Parallel()
	const refusal = "this stack's IAM resources are with AWS providers of regions (aws-us-west-2), and Pulumi would replace every role " +
		"if they were with that of the account at once; move them first, which changes nothing in AWS: " +
		"pulumi stack export | go run ./stacks/moveiam > moved.json && pulumi stack import --file moved.json"
	updated := map[string]any{"roles": map[string]any{}}
	for _, test := range []struct {
		name string
		// outputs are those of the stack's last update.
		outputs map[string]any
		made    []string
		want    string
	}{
		{"in a new stack nothing is", nil, []string{"aws-eu-west-1", "aws-us-west-2", "aws-eu-west-1-other", "aws-iam", "aws-iam-other"}, ""},
		{"in a stack that was moved nothing is", updated, nil, ""},
		{"a region more is no matter", updated, []string{"aws-us-west-2"}, ""},
		{"an account more is no matter", updated, []string{"aws-eu-west-1-other", "aws-iam-other"}, ""},
		{"a stack that was not moved is", updated, []string{"aws-iam-other", "aws-eu-west-1-other", "aws-eu-west-1", "aws-iam"}, refusal},
		{"a stack whose first update was interrupted is not", nil, []string{"aws-iam-other", "aws-eu-west-1-other", "aws-eu-west-1", "aws-iam"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := clusters("far", "eu", "us")
			r.previously(test.outputs)
			var failed []error
			deployed(t, r, platformConfig(t, `
clusters:
  eu: {region: eu-west-1}
  us: {region: us-west-2}
  far: {region: eu-west-1, profile: other}`), func(ctx *pulumi.Context) error {
				return beforeCreations(ctx, awsProviderType, func(name string, create func(resource.PropertyMap) error) {
					if slices.Contains(test.made, name) {
						failed = append(failed, create(nil))
					}
				})
			})
			require.Len(t, failed, len(test.made))
			if test.want == "" {
				require.NoError(t, errors.Join(failed...))
			} else {
				require.EqualError(t, errors.Join(failed...), test.want)
			}
		})
	}
}

// exportedState is a stack as `pulumi stack export` gives it, with roles through providers of two regions and two accounts.
func exportedState(resources string) string {
	return `{"version": 3, "deployment": {"manifest": {"magic": "x"}, "secrets_providers": {"type": "passphrase"}, "resources": [
		{"urn": "urn:pulumi:dev::p::pulumi:pulumi:Stack::p-dev", "type": "pulumi:pulumi:Stack"},` + resources + `]}}`
}

func stateProvider(name, id, region string) string {
	return `{"urn": "urn:pulumi:dev::p::pulumi:providers:aws::` + name + `", "id": "` + id + `", "type": "pulumi:providers:aws", "custom": true,
		"inputs": {"region": "` + region + `", "version": "6"}, "outputs": {"region": "` + region + `", "version": "6"}}`
}

func stateOf(typ, name, provider string) string {
	return stateBelow(components.IrsaRoleType, typ, name, provider)
}

func stateBelow(parent, typ, name, provider string) string {
	return `{"urn": "urn:pulumi:dev::p::` + parent + "$" + typ + `::` + name + `", "id": "` + name + `", "type": "` + typ + `", "custom": true, "sequenceNumber": 1.0,
		"provider": "urn:pulumi:dev::p::pulumi:providers:aws::` + provider + `"}`
}

func TestMoveIAMMovesResourcesToTheProviderOfTheirAccount(t *testing.T) {
	t.Parallel()
	old := exportedState(strings.Join([]string{
		stateProvider("aws-eu-west-1", "1", "eu-west-1"), stateProvider("aws-us-west-2", "2", "us-west-2"),
		stateProvider("aws-cn-north-1-cn", "3", "cn-north-1"), stateProvider("mine", "4", "eu-west-1"),
		stateOf(iamProviderType, "eu", "aws-eu-west-1::1"), stateOf(roleType, "a", "aws-us-west-2::2"), stateOf(policyType, "a/x", "aws-us-west-2::2"),
		stateOf(roleType, "c", "aws-cn-north-1-cn::3"), stateOf(roleType, "m", "mine::4"), stateOf(bucketType, "b", "aws-eu-west-1::1"),
		stateBelow(createdClusterType, roleType, "nodes", "aws-eu-west-1::1"),
	}, ","))
	want := exportedState(strings.Join([]string{
		stateProvider("aws-iam", "1", "us-east-1"), stateProvider("aws-eu-west-1", "1", "eu-west-1"), stateProvider("aws-us-west-2", "2", "us-west-2"),
		stateProvider("aws-iam-cn", "3", "cn-north-1"), stateProvider("aws-cn-north-1-cn", "3", "cn-north-1"), stateProvider("mine", "4", "eu-west-1"),
		stateOf(iamProviderType, "eu", "aws-iam::1"), stateOf(roleType, "a", "aws-iam::1"), stateOf(policyType, "a/x", "aws-iam::1"),
		stateOf(roleType, "c", "aws-iam-cn::3"), stateOf(roleType, "m", "mine::4"), stateOf(bucketType, "b", "aws-eu-west-1::1"),
		stateBelow(createdClusterType, roleType, "nodes", "aws-eu-west-1::1"),
	}, ","))
	moved, count, err := stacks.MoveIAM([]byte(old))
	require.NoError(t, err)
	assert.Equal(t, 4, count)
	assert.JSONEq(t, want, string(moved))
	assert.Contains(t, string(moved), `"sequenceNumber": 1.0`, "what is not moved stays as it is written")

	again, count, err := stacks.MoveIAM(moved)
	require.NoError(t, err)
	assert.Zero(t, count)
	assert.JSONEq(t, want, string(again), "to move it twice changes nothing")
}

func TestMoveIAMLeavesAStackAloneThatCannotBeMoved(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, state, want string }{
		{"no JSON", "pulumi", "reading the exported stack: invalid character 'p' looking for beginning of value"},
		{"no deployment", `{"deployment": 1}`, "reading the deployment of the exported stack: "},
		{"no resources", `{"deployment": {"resources": {}}}`, "reading the resources of the exported stack: "},
		{
			"an operation pending", `{"deployment": {"pending_operations": [{"type": "creating"}]}}`,
			"the stack has pending operations; complete them first, with pulumi refresh",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := stacks.MoveIAM([]byte(test.state))
			require.ErrorContains(t, err, test.want)
		})
	}
	moved, count, err := stacks.MoveIAM([]byte(`{"version": 3, "deployment": {"manifest": {}}}`))
	require.NoError(t, err, "a stack without resources")
	assert.Zero(t, count)
	assert.True(t, json.Valid(moved))
}

func TestPlatformDeclaresTheOwnerAndTheKeepingOfAnOidcProvider(t *testing.T) {
	t.Parallel()
	r := clusters("hub", "eu")
	r.hasOidcProvider(hubIssuer, []any{"sts.amazonaws.com"}, map[string]any{components.OwnerTag: "acme/eks-irsa/old"})
	outputs := deployed(t, r, platformConfig(t, `
owner: platform
clusters:
  hub: {region: eu-west-1, oidcProvider: {import: true}}
  eu: {region: eu-west-1, oidcProvider: {retainOnDelete: true}}
`))
	hub, eu := r.one(t, iamProviderType, "hub"), r.one(t, iamProviderType, "eu")
	assert.Equal(t, hubProviderArn, hub.RegisterRPC.GetImportId())
	assert.False(t, hub.RegisterRPC.GetRetainOnDelete())
	assert.Empty(t, eu.RegisterRPC.GetImportId())
	assert.True(t, eu.RegisterRPC.GetRetainOnDelete())
	for _, added := range []registration{hub, eu} {
		assert.Equal(t, "platform", added.Inputs["tags"].ObjectValue()[components.OwnerTag].StringValue())
	}
	for _, cluster := range outputs["clusters"].(map[string]any) {
		assert.Equal(t, false, cluster.(map[string]any)["oidcProviderAdopted"])
	}
}
