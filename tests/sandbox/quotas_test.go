package sandbox_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
)

// quotasPlatform is a role whose trust policy is longer than IAM's default quota, in an account of its own.
const quotasPlatform = `
clusters:
  hub:
    region: eu-west-1
    assumeRole: {roleArn: "arn:aws:iam::` + otherAccount + `:role/OrganizationAccountAccessRole"}
roles:
  many:
    name: many
    clusters: [hub]
`

// A role that trusts many service accounts comes up in an account whose quota AWS has raised, without a word of how far, and is
// refused before anything is made where the quota is not read, or is not raised.
func TestALongTrustPolicyComesUpWhereTheAccountsQuotaIsRead(t *testing.T) {
	t.Parallel()
	settings := &sandbox.Settings{}
	require.NoError(t, yaml.Unmarshal([]byte(quotasPlatform), &settings.Platform))
	var accounts []any
	for i := range 40 {
		accounts = append(accounts, map[string]any{"namespace": "apps", "name": fmt.Sprintf("one-of-very-many-accounts-%02d", i), "mode": "trustOnly"})
	}
	settings.Section("roles")["many"].(map[string]any)["serviceAccounts"] = accounts
	settings.Platform["readQuotas"] = true
	clusters, err := settings.Clusters() // which reads the configuration as the stack does
	require.NoError(t, err)
	delete(settings.Platform, "readQuotas")
	e := bootEnvironment(t, settings, clusters)
	found := e.inventory(t)

	refused := func() {
		t.Helper()
		e.Endpoint.ResetCalls()
		_, err := e.stack.Up(t.Context())
		require.ErrorContains(t, err, "platform.roles.many.trustPolicy: trust policy has ")
		require.ErrorContains(t, err, " and IAM allows 2048: ")
		assert.Zero(t, e.calls("iam:CreateRole"), "it is refused before IAM is asked")
		assert.Equal(t, found, e.inventory(t), "nothing is made")
	}
	refused()
	assert.Zero(t, e.calls("servicequotas:GetServiceQuota"), "no quota is asked for unless the key says so")
	settings.Platform["readQuotas"] = true
	require.NoError(t, e.stack.Write(settings))
	refused()

	require.NoError(t, e.Endpoint.RaiseQuota(otherAccount, aws.TrustPolicySizeQuota))
	e.Endpoint.ResetCalls()
	e.up(t)
	assert.Equal(t, 2, e.calls("servicequotas:GetServiceQuota"), "each quota is asked for once")
	name := "many"
	role, err := e.AWSIn(otherAccount).IAM.GetRole(t.Context(), &iam.GetRoleInput{RoleName: &name})
	require.NoError(t, err)
	assert.Equal(t, 40, strings.Count(*role.Role.AssumeRolePolicyDocument, "one-of-very-many-accounts-"))
	assert.Empty(t, changed(e.up(t)), "the next up changes nothing")

	e.mayNotReadQuotas(t)
	require.NoError(t, e.stack.Destroy(t.Context()))
}

// mayNotReadQuotas takes the permission to read quotas away from the role that the stack works with.
func (e *environment) mayNotReadQuotas(t *testing.T) {
	t.Helper()
	access, deny := "OrganizationAccountAccessRole", "deny"
	document := `{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "servicequotas:*", "Resource": "*"}]}`
	client := e.AWSIn(otherAccount).IAM
	_, err := client.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &access, PolicyName: &deny, PolicyDocument: &document})
	require.NoError(t, err)
	_, err = e.stack.Up(t.Context())
	require.ErrorContains(t, err, "reading the account's quotas (through arn:aws:iam::"+otherAccount+":role/OrganizationAccountAccessRole) for "+
		"platform.readQuotas (without that key IAM's defaults count, and maxTrustPolicySize)")
	require.ErrorContains(t, err, "allow Pulumi's credentials servicequotas:GetServiceQuota and servicequotas:GetAWSDefaultServiceQuota")
}
