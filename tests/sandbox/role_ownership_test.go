package sandbox_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A policy that a user attaches by hand stays where the role does not ask for more, and goes where its policies are exclusive.
func TestPoliciesOfOthersGoFromARoleWhosePoliciesAreExclusive(t *testing.T) {
	t.Parallel()
	e := newSmallEnvironment(t)
	role := e.settings.Section("roles")["iam-role-test"].(map[string]any)
	delete(role, "testPod")
	role["managedPolicies"] = []any{"AmazonS3ReadOnlyAccess"}
	require.NoError(t, e.stack.Write(e.settings))
	e.up(t)
	const administrator = "arn:aws:iam::aws:policy/AdministratorAccess"
	attach := func() {
		_, err := e.AWS().IAM.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{
			RoleName: aws.String("iam-role-test"), PolicyArn: aws.String(administrator),
		})
		require.NoError(t, err)
		_, err = e.AWS().IAM.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
			RoleName: aws.String("iam-role-test"), PolicyName: aws.String("by-hand"),
			PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`),
		})
		require.NoError(t, err)
	}
	policies := func() []string {
		for _, found := range e.inventory(t).Roles {
			if found.Arn == "arn:aws:iam::123456789012:role/iam-role-test" {
				return append(found.Attached, keys(found.Inline)...)
			}
		}
		return nil
	}
	const own = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"

	attach()
	_, err := e.stack.Up(t.Context(), optup.Refresh())
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{administrator, own, "by-hand"}, policies(), "not asked for")

	role["exclusivePolicies"] = true
	require.NoError(t, e.stack.Write(e.settings))
	e.up(t)
	assert.Equal(t, []string{own}, policies(), "as it becomes exclusive")
	assert.Empty(t, changed(e.up(t)))

	attach()
	_, err = e.stack.Up(t.Context(), optup.Refresh())
	require.NoError(t, err)
	assert.Equal(t, []string{own}, policies(), "as drift")

	delete(role, "managedPolicies")
	role["inlinePolicies"] = map[string]any{"list": map[string]any{"Version": "2012-10-17", "Statement": []any{
		map[string]any{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"},
	}}}
	require.NoError(t, e.stack.Write(e.settings))
	e.up(t)
	assert.Equal(t, []string{"list"}, policies(), "its own policies change")
	role["exclusivePolicies"] = false
	require.NoError(t, e.stack.Write(e.settings))
	e.up(t)
	assert.Equal(t, []string{"list"}, policies(), "and stay when it no longer asks")
	require.NoError(t, e.stack.Destroy(t.Context()))
}

// A role that exists is an error, and is taken over on demand: with its unique ID, the trust policy that is declared, and a proof.
func TestARoleThatWasMadeByHandIsTakenOverOnDemand(t *testing.T) {
	t.Parallel()
	e := newSmallEnvironment(t)
	made, err := e.AWS().IAM.CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: aws.String("iam-role-test"), Description: aws.String("by hand"), MaxSessionDuration: aws.Int32(7200),
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` +
			`"Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`),
	})
	require.NoError(t, err)
	_, err = e.stack.Up(t.Context())
	require.ErrorContains(t, err, "EntityAlreadyExists")

	role := e.settings.Section("roles")["iam-role-test"].(map[string]any)
	role["import"] = true
	require.NoError(t, e.stack.Write(e.settings))
	e.up(t)
	e.assertProven(t, 1)
	found, err := e.AWS().IAM.GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("iam-role-test")})
	require.NoError(t, err)
	assert.Equal(t, made.Role.RoleId, found.Role.RoleId)
	assert.Equal(t, "IRSA for default/iam-role-test", *found.Role.Description)
	assert.Equal(t, int32(3600), *found.Role.MaxSessionDuration)
	assert.NotContains(t, *found.Role.AssumeRolePolicyDocument, "ec2.amazonaws.com", "who had it by the old trust policy has it no more")

	delete(role, "import")
	require.NoError(t, e.stack.Write(e.settings))
	assert.Empty(t, changed(e.up(t)), "it is the stack's now")
	require.NoError(t, e.stack.Destroy(t.Context()))
	_, err = e.AWS().IAM.GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("iam-role-test")})
	require.ErrorContains(t, err, "NoSuchEntity")
}
