package aws_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	sandboxaws "github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
)

func (e endpoint) quotas() *servicequotas.Client { return servicequotas.NewFromConfig(e.config()) }

// standard is AWS's default of a quota, and applied what the account has.
func (e endpoint) standard(t *testing.T, service, code string) (float64, error) {
	t.Helper()
	answer, err := e.quotas().GetAWSDefaultServiceQuota(t.Context(), &servicequotas.GetAWSDefaultServiceQuotaInput{ServiceCode: &service, QuotaCode: &code})
	if err != nil {
		return 0, err
	}
	return aws.ToFloat64(answer.Quota.Value), nil
}

func (e endpoint) applied(t *testing.T, code string) (float64, error) {
	t.Helper()
	answer, err := e.quotas().GetServiceQuota(t.Context(), &servicequotas.GetServiceQuotaInput{ServiceCode: aws.String("iam"), QuotaCode: &code})
	if err != nil {
		return 0, err
	}
	return aws.ToFloat64(answer.Quota.Value), nil
}

const noSuchQuota = "The request failed because the specified service quota does not exist."

func TestAQuotaIsOfAnAccountOnceAWSHasRaisedIt(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	here, foreign := e.in("us-east-1"), e.administrator(t, "aws").in("us-east-1")
	value, err := here.standard(t, "iam", sandboxaws.TrustPolicySizeQuota)
	require.NoError(t, err)
	assert.InDelta(t, 2048, value, 0)
	_, err = here.applied(t, sandboxaws.TrustPolicySizeQuota)
	requireAPIError(t, err, "NoSuchResourceException", noSuchQuota)

	require.NoError(t, e.RaiseQuota(account, sandboxaws.TrustPolicySizeQuota))
	value, err = here.applied(t, sandboxaws.TrustPolicySizeQuota)
	require.NoError(t, err)
	assert.InDelta(t, 8192, value, 0)
	value, err = here.standard(t, "iam", sandboxaws.TrustPolicySizeQuota)
	require.NoError(t, err)
	assert.InDelta(t, 2048, value, 0, "AWS's default stays")
	_, err = foreign.applied(t, sandboxaws.TrustPolicySizeQuota)
	requireAPIError(t, err, "NoSuchResourceException", noSuchQuota)

	_, err = e.in("eu-west-1").standard(t, "iam", sandboxaws.TrustPolicySizeQuota)
	requireAPIError(t, err, "NoSuchResourceException", noSuchQuota) // IAM's are elsewhere
	_, err = here.standard(t, "ec2", sandboxaws.TrustPolicySizeQuota)
	requireAPIError(t, err, "NoSuchResourceException", noSuchQuota)
	_, err = here.standard(t, "iam", "L-00000000")
	requireAPIError(t, err, "NoSuchResourceException", noSuchQuota)
	_, err = here.quotas().ListServices(t.Context(), &servicequotas.ListServicesInput{})
	requireAPIError(t, err, "UnknownOperationException", "Service Quotas has no ListServices in the sandbox")
	require.EqualError(t, e.RaiseQuota(account, "L-0"), "raising quota L-0 of account "+account+": the sandbox has no such quota or account")
}

func TestWhatARoleMayDoInServiceQuotas(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t).in("us-east-1")
	role := e.createRole(t, "/", unique("role"))
	session := e.as(t, *role.Arn)
	_, err := session.standard(t, "iam", sandboxaws.ManagedPoliciesQuota)
	requireAPIError(t, err, "AccessDeniedException", denied(*role.RoleName, "servicequotas:GetAWSDefaultServiceQuota", "*",
		noPolicy("servicequotas:GetAWSDefaultServiceQuota")))

	e.allow(t, *role.RoleName, "servicequotas:GetAWSDefaultServiceQuota", "*")
	value, err := session.standard(t, "iam", sandboxaws.ManagedPoliciesQuota)
	require.NoError(t, err)
	assert.InDelta(t, 10, value, 0)
	_, err = session.applied(t, sandboxaws.ManagedPoliciesQuota)
	requireAPIError(t, err, "AccessDeniedException", denied(*role.RoleName, "servicequotas:GetServiceQuota", "*", noPolicy("servicequotas:GetServiceQuota")))

	e.allow(t, *role.RoleName, "servicequotas:*", "*")
	_, err = session.applied(t, sandboxaws.ManagedPoliciesQuota)
	requireAPIError(t, err, "NoSuchResourceException", noSuchQuota)
	_, err = session.quotas().ListServices(t.Context(), &servicequotas.ListServicesInput{})
	require.ErrorContains(t, err, "because the sandbox does not know which permission that takes")
}

// trustOf is a trust policy that IAM counts as so many characters; it has white space besides.
func trustOf(size int) string {
	const form = `{"Version":"2012-10-17","Statement":[{"Sid":"%s","Effect":"Deny","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}`
	return strings.Replace(fmt.Sprintf(form, strings.Repeat("x", size-len(form)+len("%s"))), `,"Effect"`, ",\n   \"Effect\"", 1)
}

func TestATrustPolicyIsAsLongAsTheAccountsQuotaAtMost(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	name := unique("role")
	create := func(size int) error {
		_, err := e.iam().CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(trustOf(size))})
		return err
	}
	update := func(size int) error {
		_, err := e.iam().UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: &name, PolicyDocument: aws.String(trustOf(size))})
		return err
	}
	requireAPIError(t, create(2049), "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048")
	require.NoError(t, create(2048))
	requireAPIError(t, update(2049), "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048")
	require.NoError(t, e.RaiseQuota(account, sandboxaws.TrustPolicySizeQuota))
	require.NoError(t, update(8192))
	requireAPIError(t, update(8193), "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 8192")
	e.deleteRole(t, name)
}

func TestARoleHasAsManyManagedPoliciesAsTheAccountsQuotaAtMost(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	name := unique("role")
	e.createRole(t, "/", name)
	attach := func(i int) error {
		policy := "arn:aws:iam::aws:policy/" + []string{
			"ReadOnlyAccess", "SecurityAudit", "AmazonS3FullAccess", "AmazonS3ReadOnlyAccess", "PowerUserAccess", "IAMFullAccess",
			"AmazonEC2FullAccess", "AmazonEC2ReadOnlyAccess", "AmazonSQSFullAccess", "AmazonSNSFullAccess", "AmazonVPCFullAccess",
		}[i]
		_, err := e.iam().AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: &name, PolicyArn: &policy})
		return err
	}
	for i := range 10 {
		require.NoError(t, attach(i))
	}
	require.NoError(t, attach(0), "it is attached already")
	requireAPIError(t, attach(10), "LimitExceeded", "Cannot exceed quota for PoliciesPerRole: 10")
	require.NoError(t, e.RaiseQuota(account, sandboxaws.ManagedPoliciesQuota))
	require.NoError(t, attach(10))
	_, err := e.iam().AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{
		RoleName: aws.String(unique("none")), PolicyArn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess"),
	})
	require.ErrorContains(t, err, "NoSuchEntity")
}
