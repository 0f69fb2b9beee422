package aws_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	sandboxaws "github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
)

func (e endpoint) changeMode(t *testing.T, cluster, mode string) (*types.Update, error) {
	t.Helper()
	answer, err := e.eks().UpdateClusterConfig(t.Context(), &awseks.UpdateClusterConfigInput{
		Name: &cluster, AccessConfig: &types.UpdateAccessConfigRequest{AuthenticationMode: types.AuthenticationMode(mode)},
	})
	if err != nil {
		return nil, err
	}
	return answer.Update, nil
}

func TestTheAuthenticationModeGoesOneWayAndOneStepAtATime(t *testing.T) {
	t.Parallel()
	modes := []string{"CONFIG_MAP", "API_AND_CONFIG_MAP", "API"}
	for i, from := range modes {
		for j, to := range modes {
			t.Run(from+" to "+to, func(t *testing.T) {
				t.Parallel()
				e := newEndpoint(t)
				name := e.addCluster(t, func(c *sandboxaws.Cluster) { c.AuthenticationMode = from })

				update, err := e.changeMode(t, name, to)

				if j != i+1 {
					requireAPIError(t, err, "InvalidParameterException", "Unsupported authentication mode update from "+from+" to "+to)
					assert.Equal(t, from, e.AuthenticationMode(region, name))
					return
				}
				require.NoError(t, err)
				assert.Equal(t, to, e.AuthenticationMode(region, name))
				assert.Equal(t, types.UpdateStatusInProgress, update.Status)
				done, err := e.eks().DescribeUpdate(t.Context(), &awseks.DescribeUpdateInput{Name: &name, UpdateId: update.Id})
				require.NoError(t, err)
				assert.Equal(t, types.UpdateStatusSuccessful, done.Update.Status)
				assert.Equal(t, types.UpdateTypeAccessConfigUpdate, done.Update.Type)
				assert.Equal(t, to, *done.Update.Params[0].Value)
			})
		}
	}
}

// EKS replaces the lines of its own, and nobody else's.
func TestEKSMakesEntriesAsAClusterLeavesTheModeConfigMap(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	name := e.addCluster(t, func(c *sandboxaws.Cluster) { c.AuthenticationMode = "CONFIG_MAP" })
	nodes, pods, people := e.createRole(t, "/", unique("nodes")), e.createRole(t, "/teams/", unique("pods")), e.createRole(t, "/", unique("people"))
	require.NoError(t, e.AddManagedNodes(t.Context(), region, name, *nodes.Arn, "EC2_LINUX"))
	require.NoError(t, e.AddManagedNodes(t.Context(), region, name, *pods.Arn, "FARGATE_LINUX"))

	_, err := e.changeMode(t, name, "API_AND_CONFIG_MAP")
	require.NoError(t, err)

	listed, err := e.eks().ListAccessEntries(t.Context(), &awseks.ListAccessEntriesInput{ClusterName: &name})
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{operatorArn, *nodes.Arn, *pods.Arn}, listed.AccessEntries)
	entry, ok := e.AccessEntry(region, name, *pods.Arn)
	require.True(t, ok)
	assert.Equal(t, "FARGATE_LINUX", entry.Type)
	_, ok = e.AccessEntry(region, name, *people.Arn)
	assert.False(t, ok)

	_, err = e.eks().CreateAccessEntry(t.Context(), &awseks.CreateAccessEntryInput{ClusterName: &name, PrincipalArn: nodes.Arn, Type: aws.String("EC2_LINUX")})
	requireAPIError(t, err, "ResourceInUseException", "The specified access entry resource is already in use on this cluster.")
}

func TestEKSKeepsTheEntryOfManagedNodesThatExists(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	name := e.addCluster(t, nil)
	windows, linux := e.createRole(t, "/", unique("windows")), e.createRole(t, "/", unique("linux"))
	_, err := e.eks().CreateAccessEntry(t.Context(), &awseks.CreateAccessEntryInput{ClusterName: &name, PrincipalArn: windows.Arn, Type: aws.String("EC2_WINDOWS")})
	require.NoError(t, err)

	require.NoError(t, e.AddManagedNodes(t.Context(), region, name, *windows.Arn, "EC2_LINUX"))
	require.NoError(t, e.AddManagedNodes(t.Context(), region, name, *linux.Arn, "HYBRID_LINUX"))

	entry, _ := e.AccessEntry(region, name, *windows.Arn)
	assert.Equal(t, "EC2_WINDOWS", entry.Type)
	entry, _ = e.AccessEntry(region, name, *linux.Arn)
	assert.Equal(t, "system:node:{{SessionName}}", entry.Username)
	require.ErrorContains(t, e.AddManagedNodes(t.Context(), region, name, *linux.Arn, "STANDARD"), `"STANDARD" is not a type of nodes`)
	require.ErrorContains(t, e.AddManagedNodes(t.Context(), region, "none", *linux.Arn, "EC2_LINUX"), `there is no cluster "none" in eu-west-1`)
	require.ErrorContains(t, e.AddManagedNodes(t.Context(), region, name, "arn:aws:iam::123456789012:role/none", "EC2_LINUX"), "invalid principal")
	require.ErrorContains(t, e.AddManagedNodes(t.Context(), region, name, "arn:aws:iam::210987654321:role/other", "EC2_LINUX"), "must be a role in the cluster's account")
	assert.Empty(t, e.AuthenticationMode(region, "none"))
}

func TestNothingElseOfAClusterChanges(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	name := e.addCluster(t, nil)
	_, err := e.eks().UpdateClusterConfig(t.Context(), &awseks.UpdateClusterConfigInput{Name: &name})
	requireAPIError(t, err, "InvalidParameterException", "No changes needed for the cluster config provided.")
	_, err = e.eks().UpdateClusterConfig(t.Context(), &awseks.UpdateClusterConfigInput{
		Name: &name, ResourcesVpcConfig: &types.VpcConfigRequest{EndpointPublicAccess: aws.Bool(false)},
	})
	require.ErrorContains(t, err, "resourcesVpcConfig")
	_, err = e.changeMode(t, "none", "API")
	requireAPIError(t, err, "ResourceNotFoundException", "No cluster found for name: none.")
	_, err = e.eks().DescribeUpdate(t.Context(), &awseks.DescribeUpdateInput{Name: &name, UpdateId: aws.String("none")})
	requireAPIError(t, err, "ResourceNotFoundException", "No update found for ID: none")
	_, err = e.eks().DescribeUpdate(t.Context(), &awseks.DescribeUpdateInput{Name: aws.String("none"), UpdateId: aws.String("none")})
	requireAPIError(t, err, "ResourceNotFoundException", "No cluster found for name: none.")
}

func TestTheAWSCLIChangesTheAuthenticationMode(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	name := e.addCluster(t, func(c *sandboxaws.Cluster) { c.AuthenticationMode = "CONFIG_MAP" })
	out := e.aws(t, "eks", "update-cluster-config", "--name", name, "--access-config", "authenticationMode=API_AND_CONFIG_MAP")
	var answer struct{ Update struct{ ID, Type string } }
	require.NoError(t, json.Unmarshal([]byte(out), &answer))
	assert.Equal(t, "AccessConfigUpdate", answer.Update.Type)
	assert.Contains(t, e.aws(t, "eks", "describe-cluster", "--name", name), `"authenticationMode": "API_AND_CONFIG_MAP"`)
}

func TestWhatARoleMayDoWithAuthenticationModesAndNodes(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	own, other := e.addCluster(t, nil), e.addCluster(t, nil)
	role, nodes := e.createRole(t, "/", unique("role")), e.createRole(t, "/", unique("nodes"))
	arn := "arn:aws:eks:eu-west-1:123456789012:cluster/"
	e.putPolicy(t, *role.RoleName, "self",
		statement("Allow", "eks:UpdateClusterConfig", arn+own), statement("Allow", "eks:CreateAccessEntry", arn+own))
	session := e.as(t, *role.Arn)

	_, err := session.changeMode(t, own, "API")
	require.NoError(t, err)
	_, err = session.changeMode(t, other, "API")
	requireAPIError(t, err, "AccessDeniedException",
		denied(*role.RoleName, "eks:UpdateClusterConfig", arn+other, noPolicy("eks:UpdateClusterConfig")))

	letIn := func(kind string) error {
		_, err := session.eks().CreateAccessEntry(t.Context(), &awseks.CreateAccessEntryInput{ClusterName: &own, PrincipalArn: nodes.Arn, Type: &kind})
		return err
	}
	for _, kind := range []string{"EC2_LINUX", "EC2_WINDOWS"} {
		requireAPIError(t, letIn(kind), "AccessDeniedException", denied(*role.RoleName, "iam:PassRole", *nodes.Arn, noPolicy("iam:PassRole")))
	}
	e.putPolicy(t, *role.RoleName, "pass", statement("Allow", "iam:PassRole", *nodes.Arn))
	require.NoError(t, letIn("EC2_LINUX"))
	assert.True(t, slices.ContainsFunc(e.Calls(), func(call sandboxaws.Call) bool { return call.Action == "UpdateClusterConfig" }))
}
