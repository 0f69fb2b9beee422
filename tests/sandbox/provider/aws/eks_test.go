package aws_test

import (
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider/providertest"
)

const (
	entryToken       = "aws:eks/accessEntry:AccessEntry"
	associationToken = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"

	viewPolicy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
)

func newPrincipal(t *testing.T, e *providertest.Engine, name string) string {
	t.Helper()
	role := e.Create(t, roleToken, name, map[string]any{"name": name, "assumeRolePolicy": trust})
	return role.Output("arn").(string)
}

func TestAccessEntry(t *testing.T) {
	t.Parallel()
	e, live := newEngine(t, nil), newCloud(t)
	principal := newPrincipal(t, e, "entry")
	inputs := map[string]any{
		"clusterName": clusterName, "principalArn": principal, "kubernetesGroups": []any{"b", "a"}, "tags": map[string]any{"t": "1"},
	}
	entry := e.Create(t, entryToken, "entry", inputs)
	assert.Equal(t, clusterName+":"+principal, entry.ID)
	assert.Equal(t, "STANDARD", entry.Output("type"))
	assert.NotEmpty(t, entry.Output("userName"))
	assert.Contains(t, entry.Output("accessEntryArn"), ":access-entry/"+clusterName+"/role/")
	drift, _ := entry.Refresh(t)
	assert.Empty(t, providertest.Changes(drift))
	inputs["kubernetesGroups"] = []any{"a", "b"}
	assert.Empty(t, providertest.Changes(entry.Diff(t, inputs)), "groups are a set")

	inputs["kubernetesGroups"] = []any{"c"}
	inputs["userName"] = "worker"
	inputs["tags"] = map[string]any{"t": "2"}
	assert.Equal(t, map[string]string{"kubernetesGroups": "update", "userName": "add", "tags.t": "update", "tagsAll.t": "update"},
		providertest.Changes(entry.Diff(t, inputs)))
	entry.Update(t, inputs)
	found, err := live.eks.DescribeAccessEntry(t.Context(), &eks.DescribeAccessEntryInput{ClusterName: awssdk.String(clusterName), PrincipalArn: &principal})
	require.NoError(t, err)
	assert.Equal(t, []string{"c"}, found.AccessEntry.KubernetesGroups)
	assert.Equal(t, "worker", awssdk.ToString(found.AccessEntry.Username))
	assert.Equal(t, map[string]string{"t": "2"}, found.AccessEntry.Tags)

	inputs["type"] = "EC2_LINUX"
	assert.Equal(t, map[string]string{"type": "update&replace"}, providertest.Changes(entry.Diff(t, inputs)))
	delete(inputs, "type")

	_, err = e.TryCreate(t, entryToken, "twice", inputs, 0)
	require.ErrorContains(t, err, "creating EKS Access Entry ("+entry.ID+")")
	require.ErrorContains(t, err, "ResourceInUseException")

	_, diff := e.Import(t, entryToken, "again", entry.ID, inputs)
	assert.Empty(t, providertest.Changes(diff))
	entry.Delete(t)
	_, gone := entry.Refresh(t)
	assert.True(t, gone)
	entry.Delete(t)
}

func TestAccessEntryRefusals(t *testing.T) {
	t.Parallel()
	e := newEngine(t, nil)
	_, failures, err := e.Check(t.Context(), entryToken, "entry", property.Map{}, map[string]any{
		"clusterName": clusterName, "principalArn": "me", "type": "KING",
	})
	require.NoError(t, err)
	assert.Len(t, failures, 2)
	_, err = e.TryCreate(t, entryToken, "entry", map[string]any{
		"clusterName": "no-such-cluster", "principalArn": "arn:aws:iam::123456789012:role/x",
	}, 0)
	assert.ErrorContains(t, err, "ResourceNotFoundException")
}

func TestAccessPolicyAssociation(t *testing.T) {
	t.Parallel()
	e, live := newEngine(t, nil), newCloud(t)
	principal := newPrincipal(t, e, "association")
	e.Create(t, entryToken, "entry", map[string]any{"clusterName": clusterName, "principalArn": principal})
	inputs := map[string]any{
		"clusterName": clusterName, "principalArn": principal, "policyArn": viewPolicy,
		"accessScope": map[string]any{"type": "namespace", "namespaces": []any{"b", "a"}},
	}
	association := e.Create(t, associationToken, "view", inputs)
	assert.Equal(t, clusterName+"#"+principal+"#"+viewPolicy, association.ID)
	assert.NotEmpty(t, association.Output("associatedAt"))
	drift, _ := association.Refresh(t)
	assert.Empty(t, providertest.Changes(drift))

	inputs["accessScope"] = map[string]any{"type": "cluster"}
	assert.Equal(t, map[string]string{"accessScope.type": "update&replace", "accessScope.namespaces": "delete&replace"},
		providertest.Changes(association.Diff(t, inputs)))

	_, err := live.eks.DisassociateAccessPolicy(t.Context(), &eks.DisassociateAccessPolicyInput{
		ClusterName: awssdk.String(clusterName), PrincipalArn: &principal, PolicyArn: awssdk.String(viewPolicy),
	})
	require.NoError(t, err)
	_, gone := association.Refresh(t)
	assert.True(t, gone)
	association.Delete(t)

	wide := e.Create(t, associationToken, "wide", inputs)
	_, diff := e.Import(t, associationToken, "again", wide.ID, inputs)
	assert.Empty(t, providertest.Changes(diff))
	wide.Delete(t)
}

func TestGetCluster(t *testing.T) {
	t.Parallel()
	const token = "aws:eks/getCluster:getCluster"
	e := newEngine(t, nil)
	found, failures, err := e.Invoke(t.Context(), token, map[string]any{"name": clusterName})
	require.NoError(t, err)
	require.Empty(t, failures)
	assert.Equal(t, clusterName, found["name"])
	assert.Equal(t, clusterName, found["id"])
	assert.Equal(t, "arn:aws:eks:eu-west-1:123456789012:cluster/hub", found["arn"])
	assert.Equal(t, "https://127.0.0.1:1", found["endpoint"])
	assert.Equal(t, "ACTIVE", found["status"])
	assert.Equal(t, "1.34", found["version"])
	assert.Equal(t, []any{map[string]any{"oidcs": []any{map[string]any{"issuer": issuer}}}}, found["identities"])
	assert.NotEmpty(t, found["certificateAuthorities"].([]any)[0].(map[string]any)["data"])
	assert.Equal(t, "API", found["accessConfigs"].([]any)[0].(map[string]any)["authenticationMode"])
	assert.Contains(t, found["vpcConfig"], "endpointPublicAccess")

	_, _, err = e.Invoke(t.Context(), token, map[string]any{"name": "none"})
	assert.EqualError(t, err, "invoking "+token+": 1 error occurred:\n\t* reading EKS Cluster (none): couldn't find resource\n\n")
}

func TestGetClusters(t *testing.T) {
	t.Parallel()
	found, failures, err := newEngine(t, nil).Invoke(t.Context(), "aws:eks/getClusters:getClusters", map[string]any{})
	require.NoError(t, err)
	require.Empty(t, failures)
	assert.Equal(t, "eu-west-1", found["id"])
	assert.Equal(t, []any{clusterName}, found["names"])
}

func TestGetAccessEntry(t *testing.T) {
	t.Parallel()
	const token = "aws:eks/getAccessEntry:getAccessEntry"
	e := newEngine(t, nil)
	principal := newPrincipal(t, e, "looked-up")
	args := map[string]any{"clusterName": clusterName, "principalArn": principal}
	_, _, err := e.Invoke(t.Context(), token, args)
	require.EqualError(t, err, "invoking "+token+": 1 error occurred:\n\t* reading EKS Access Entry ("+clusterName+":"+principal+"): "+
		"couldn't find resource\n\n")

	entry := e.Create(t, entryToken, "looked-up", map[string]any{
		"clusterName": clusterName, "principalArn": principal, "userName": "visitor", "kubernetesGroups": []any{"viewers"},
	})
	found, failures, err := e.Invoke(t.Context(), token, args)
	require.NoError(t, err)
	require.Empty(t, failures)
	assert.Equal(t, entry.ID, found["id"])
	assert.Equal(t, "STANDARD", found["type"])
	assert.Equal(t, "visitor", found["userName"])
	assert.Equal(t, []any{"viewers"}, found["kubernetesGroups"])
	assert.Equal(t, entry.Output("accessEntryArn"), found["accessEntryArn"])
	entry.Delete(t)
}
