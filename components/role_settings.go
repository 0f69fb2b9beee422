package components

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// RoleSettings are what every IAM role takes, no matter which principals it trusts. The json names are those of Pulumi.<env>.yaml.
type RoleSettings struct {
	// Path of the role, default "/". It begins and ends with a slash.
	Path string `json:"path"`
	// Description of the role, up to 1,000 characters. Default: the component's own.
	Description string `json:"description"`
	// MaxSessionDuration in seconds, 3,600 (the default) to 43,200. A role that assumes this one with credentials of a
	// session of its own, as every pod does, gets an hour at most, whatever is given here:
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining
	MaxSessionDuration int `json:"maxSessionDuration"`
	// PermissionsBoundary is a managed policy that limits what the role can be given: the name of one of AWS's own, or an ARN.
	PermissionsBoundary pulumi.StringInput `json:"permissionsBoundary"`
	// Tags of the role and of the policies that are made for it.
	Tags pulumi.StringMapInput `json:"tags"`
	// Quotas are what the account allows its roles, from [ReadRoleQuotas]: the role is held against these before it is made.
	// Default: IAM's default for the length of a trust policy, and any number of managed policies.
	Quotas *RoleQuotas `json:"-"`
}

// oneOfAName replaces a role, a policy or an attachment by deleting the old one first. IAM refuses a second role or policy of
// a name, and an attachment or an inline policy is the same one in IAM as its replacement, which would go with it. The AWS
// provider knows that of some properties, but not where `pulumi up --replace` asks.
var oneOfAName = pulumi.DeleteBeforeReplace(true)

// roleArgs are the role's but for its name. boundary is the ARN of the permissions boundary, if there is one.
func (s RoleSettings) roleArgs(trustPolicy, boundary pulumi.StringInput) *iam.RoleArgs {
	args := &iam.RoleArgs{
		AssumeRolePolicy: trustPolicy, Path: optionalString(s.Path), Description: optionalString(s.Description), Tags: s.Tags,
	}
	if s.MaxSessionDuration != 0 {
		args.MaxSessionDuration = pulumi.Int(s.MaxSessionDuration)
	}
	if boundary != nil {
		args.PermissionsBoundary = boundary.ToStringOutput().ToStringPtrOutput()
	}
	return args
}

// boundary is the ARN of the permissions boundary, nil where there is none. IAM is asked where a name is given.
func (s RoleSettings) boundary(ctx *pulumi.Context, opts ...pulumi.InvokeOption) (pulumi.StringInput, error) {
	policy, plain := plainString(s.PermissionsBoundary)
	if !plain || isArn(policy) {
		return s.PermissionsBoundary, nil
	}
	arn, err := managedPolicyArn(ctx, policy, opts...)
	return pulumi.String(arn), fielderr.At("permissionsBoundary", err)
}

func (s RoleSettings) validateRoleSettings() error {
	var found fielderr.List
	found.Add("path", fielderr.IfGiven(s.Path, iampolicy.ValidateRolePath))
	found.Add("description", iampolicy.ValidateDescription(s.Description))
	found.Add("maxSessionDuration", fielderr.IfGiven(s.MaxSessionDuration, iampolicy.ValidateSessionDuration))
	found.Add("permissionsBoundary", ifKnown(s.PermissionsBoundary, validateManagedPolicy))
	found.Add("", validateIAMTags(s.Tags))
	return found.Err()
}

// ValidatePartition refuses what lies in another AWS partition than the given one ("aws", "aws-cn") and is known before the
// program runs.
func (s RoleSettings) ValidatePartition(partition string) error {
	boundary, plain := plainString(s.PermissionsBoundary)
	if !plain || !isArn(boundary) {
		return nil
	}
	return fielderr.At("permissionsBoundary", iampolicy.ValidatePartition(boundary, partition))
}
