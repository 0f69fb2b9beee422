package components

import (
	"errors"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fault"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// roleSettings are the arguments that every IAM role has, whoever may assume it.
type roleSettings struct {
	path, description   string
	maxSessionDuration  int
	permissionsBoundary pulumi.StringInput
	tags                pulumi.StringMapInput
}

// oneOfAName replaces a role, a policy or an attachment by deleting the old one first. IAM refuses a second role or policy of
// a name, and an attachment or an inline policy is the same one in IAM as its replacement, which would go with it. The AWS
// provider knows that of some properties, but not where `pulumi up --replace` asks.
var oneOfAName = pulumi.DeleteBeforeReplace(true)

func (s roleSettings) args(trustPolicy pulumi.StringInput) *iam.RoleArgs {
	args := &iam.RoleArgs{
		AssumeRolePolicy: trustPolicy, Path: optionalString(s.path), Description: optionalString(s.description), Tags: s.tags,
	}
	if s.maxSessionDuration != 0 {
		args.MaxSessionDuration = pulumi.Int(s.maxSessionDuration)
	}
	if s.permissionsBoundary != nil {
		args.PermissionsBoundary = s.permissionsBoundary.ToStringOutput().ToStringPtrOutput()
	}
	return args
}

func (s roleSettings) validate() error {
	var faults []error
	if s.path != "" {
		faults = append(faults, fault.At("path", iampolicy.ValidateRolePath(s.path)))
	}
	faults = append(faults, fault.At("description", iampolicy.ValidateDescription(s.description)))
	if s.maxSessionDuration != 0 {
		faults = append(faults, fault.At("maxSessionDuration", iampolicy.ValidateSessionDuration(s.maxSessionDuration)))
	}
	if boundary, plain := plainString(s.permissionsBoundary); plain {
		faults = append(faults, fault.At("permissionsBoundary", iampolicy.ValidatePolicyArn(boundary)))
	}
	return errors.Join(append(faults, validateIAMTags(s.tags))...)
}
