package aws_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	sandboxaws "github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
)

// A role would keep the policy for good, and could not be deleted itself.
func TestAPolicyThatARoleHasIsNotDeleted(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	client := e.iam()
	role := unique("role")
	e.createRole(t, "/", role)
	created, err := client.CreatePolicy(t.Context(), &iam.CreatePolicyInput{
		PolicyName: aws.String(unique("policy")), Path: aws.String("/a/path/"),
		PolicyDocument: aws.String(document(statement("Allow", "s3:ListBucket", "*"))),
	})
	require.NoError(t, err)
	policy := created.Policy.Arn
	_, err = client.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: &role, PolicyArn: policy})
	require.NoError(t, err)

	_, err = client.DeletePolicy(t.Context(), &iam.DeletePolicyInput{PolicyArn: policy})
	requireAPIError(t, err, "DeleteConflict", "Cannot delete a policy attached to entities.")

	_, err = client.DetachRolePolicy(t.Context(), &iam.DetachRolePolicyInput{RoleName: &role, PolicyArn: policy})
	require.NoError(t, err)
	_, err = client.DeletePolicy(t.Context(), &iam.DeletePolicyInput{PolicyArn: policy})
	require.NoError(t, err)
	_, err = client.DeletePolicy(t.Context(), &iam.DeletePolicyInput{PolicyArn: policy})
	requireAPIError(t, err, "NoSuchEntity", "Policy "+*policy+" not found")
	e.deleteRole(t, role)
}

func TestALateCallIsAnsweredAsEver(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	const late = 300 * time.Millisecond
	e.Inject(sandboxaws.Late("sts", "", 1, late))
	started := time.Now()
	_, err := e.sts().GetCallerIdentity(t.Context(), nil)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, time.Since(started), late)
}
