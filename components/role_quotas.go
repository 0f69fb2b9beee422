package components

import (
	"fmt"
	"math"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/servicequotas"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

// RoleQuotas are what an account allows each of its roles; AWS raises both on request. A number that is 0 is not known yet, and
// nothing is refused by it.
type RoleQuotas struct {
	// TrustPolicySize is the length of a role's trust policy, in characters without white space.
	TrustPolicySize int
	// ManagedPolicies is how many managed policies a role can have, the customer's own and those of AWS.
	ManagedPolicies int
}

// The quotas of IAM, by the names and codes of Service Quotas:
// https://docs.aws.amazon.com/general/latest/gr/iam-service.html#limits_iam
var (
	trustPolicySizeQuota = iamQuota{"Role trust policy length", "L-C07B4B0D"}
	managedPoliciesQuota = iamQuota{"Managed policies attached to an IAM role", "L-0DA4ABF3"}
)

type iamQuota struct{ name, code string }

// ReadRoleQuotas asks Service Quotas what an account allows its roles. It takes two calls, so ask once for an account and give the
// answer to all of its roles. Pulumi's credentials need servicequotas:GetServiceQuota and servicequotas:GetAWSDefaultServiceQuota.
//
// Service Quotas has IAM's quotas only in the region of the partition's IAM, so give it an AWS provider of that region: us-east-1,
// cn-north-1 in China, us-gov-west-1 in GovCloud.
func ReadRoleQuotas(ctx *pulumi.Context, opts ...pulumi.InvokeOption) (*RoleQuotas, error) {
	size, err := trustPolicySizeQuota.read(ctx, opts...)
	if err != nil {
		return nil, err
	}
	policies, err := managedPoliciesQuota.read(ctx, opts...)
	if err != nil {
		return nil, err
	}
	return &RoleQuotas{TrustPolicySize: size, ManagedPolicies: policies}, nil
}

// read is the account's quota, or AWS's default where the account's was never changed.
func (q iamQuota) read(ctx *pulumi.Context, opts ...pulumi.InvokeOption) (int, error) {
	found, err := servicequotas.LookupServiceQuota(ctx, &servicequotas.LookupServiceQuotaArgs{ServiceCode: "iam", QuotaCode: &q.code}, opts...)
	switch {
	case err == nil && found.Value < 1:
		return 0, fmt.Errorf("asking Service Quotas for IAM's quota %q (%s): it says %v", q.name, q.code, found.Value)
	case err == nil:
		return int(found.Value), nil
	case isDenied(err):
		return 0, fmt.Errorf("asking Service Quotas for IAM's quota %q (%s): allow Pulumi's credentials servicequotas:GetServiceQuota and "+
			"servicequotas:GetAWSDefaultServiceQuota: %w", q.name, q.code, err)
	case isMissing(err) || strings.Contains(err.Error(), "NoSuchResourceException"):
		return 0, fmt.Errorf("asking Service Quotas for IAM's quota %q (%s): it has IAM's quotas in the region of the partition's IAM alone, "+
			"us-east-1 for example, so the AWS provider has to be one of that region: %w", q.name, q.code, err)
	}
	return 0, fmt.Errorf("asking Service Quotas for IAM's quota %q (%s): %w", q.name, q.code, err)
}

// trustPolicySize is the limit of a trust policy: what the arguments give, else the account's quota where it was read; 0 is IAM's
// default.
func (q *RoleQuotas) trustPolicySize(given int) int {
	switch {
	case given != 0 || q == nil:
		return given
	case q.TrustPolicySize == 0:
		return math.MaxInt
	}
	return q.TrustPolicySize
}

// validateTrustPolicySize refuses a limit that the account does not have.
func (q *RoleQuotas) validateTrustPolicySize(given int) error {
	if q == nil || q.TrustPolicySize == 0 || given <= q.TrustPolicySize {
		return nil
	}
	return fmt.Errorf("%d is more than the account's quota %q, which is %d; have AWS raise it, or leave this out, as the quota is read",
		given, trustPolicySizeQuota.name, q.TrustPolicySize)
}

// validateManagedPolicies refuses more managed policies than a role of the account can have.
func (q *RoleQuotas) validateManagedPolicies(count int) error {
	if q == nil || q.ManagedPolicies == 0 || count <= q.ManagedPolicies {
		return nil
	}
	return fielderr.At("managedPolicies", fmt.Errorf("the role has %d managed policies in all, with those that are made for it, and the "+
		"account's quota %q is %d; make inline policies of some, or have AWS raise it", count, managedPoliciesQuota.name, q.ManagedPolicies))
}
