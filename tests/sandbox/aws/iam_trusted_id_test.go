package aws_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestATrustPolicyMeansTheRoleThatWasThereWhenItWasWritten(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	hubName, targetName := unique("hub"), unique("target")
	hub := e.createRole(t, "/", hubName)
	target := e.createRole(t, "/", targetName)
	write := func() {
		_, err := e.iam().UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{
			RoleName:       &targetName,
			PolicyDocument: aws.String(document(`{"Effect":"Allow","Principal":{"AWS":"` + *hub.Arn + `"},"Action":"sts:AssumeRole"}`)),
		})
		require.NoError(t, err)
	}
	assume := func() error {
		_, err := e.as(t, *hub.Arn).sts().AssumeRole(t.Context(), &sts.AssumeRoleInput{
			RoleArn: target.Arn, RoleSessionName: aws.String("session"),
		})
		return err
	}
	write()
	require.NoError(t, assume())

	e.deleteRole(t, hubName)
	again := e.createRole(t, "/", hubName)
	require.Equal(t, *hub.Arn, *again.Arn)
	require.NotEqual(t, *hub.RoleId, *again.RoleId)
	require.ErrorContains(t, assume(), "because no role trust policy allows the sts:AssumeRole action")

	write()
	assert.NoError(t, assume(), "the policy was written again")
}
