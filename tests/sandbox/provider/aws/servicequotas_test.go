package aws_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	sandboxaws "github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
)

func TestAQuotaIsAWSsDefaultUntilTheAccountHasItsOwn(t *testing.T) {
	const token = "aws:servicequotas/getServiceQuota:getServiceQuota"
	asked := map[string]any{"serviceCode": "iam", "quotaCode": sandboxaws.ManagedPoliciesQuota}
	endpoint, err := newEndpoint()
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, endpoint.Close()) })
	t.Setenv("AWS_ENDPOINT_URL", endpoint.URL())
	e := newEngine(t, map[string]any{"region": "us-east-1"})
	found, _, err := e.Invoke(t.Context(), token, asked)
	require.NoError(t, err)
	assert.Equal(t, map[string]any{
		"adjustable": true, "arn": "arn:aws:servicequotas:::iam/L-0DA4ABF3", "defaultValue": 10.0, "globalQuota": true,
		"id": "arn:aws:servicequotas:::iam/L-0DA4ABF3", "quotaCode": "L-0DA4ABF3", "quotaName": "Managed policies attached to an IAM role",
		"serviceCode": "iam", "serviceName": "AWS Identity and Access Management (IAM)", "usageMetrics": []any{}, "value": 10.0,
	}, map[string]any(found))

	require.NoError(t, endpoint.RaiseQuota(account, sandboxaws.ManagedPoliciesQuota))
	found, _, err = e.Invoke(t.Context(), token, asked)
	require.NoError(t, err)
	assert.InDelta(t, 25, found["value"], 0)
	assert.InDelta(t, 10, found["defaultValue"], 0)
	assert.Equal(t, "arn:aws:servicequotas::"+account+":iam/L-0DA4ABF3", found["arn"])

	_, _, err = newEngine(t, map[string]any{"region": "eu-west-1"}).Invoke(t.Context(), token, asked)
	require.ErrorContains(t, err, "getting Default Service Quota for (iam/L-0DA4ABF3): couldn't find resource")
	_, failures, err := e.Invoke(t.Context(), token, map[string]any{"serviceCode": "iam", "quotaName": "x"})
	require.NoError(t, err)
	assert.Len(t, failures, 2, "it finds a quota by its code only")
}
