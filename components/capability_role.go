package components

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// CapabilityRoleType is the type token of [CapabilityRole].
const CapabilityRoleType = "eks-irsa:index:CapabilityRole"

// CapabilityRoleArgs are the arguments of [NewCapabilityRole]. The json names are those of Pulumi.<env>.yaml.
type CapabilityRoleArgs struct {
	// Name of the role, 1 to 64 characters of A-Z a-z 0-9 + = , . @ _ -.
	Name string `json:"name"`
	// RoleSettings are the role's. It has no description by default.
	RoleSettings
	// ManagedPolicies are managed policies to attach: names of AWS's own, or ARNs. Managed Argo CD needs none, but for repositories in
	// CodeConnections, CodeCommit or ECR, and secrets in Secrets Manager. Default: none.
	ManagedPolicies []string `json:"managedPolicies"`
	// TrustConditions have to hold as well when EKS assumes the role; see [iampolicy.CapabilityTrust]. Default: none.
	TrustConditions iampolicy.Condition `json:"trustConditions"`
}

// CapabilityRole is the IAM role of an EKS Capability, managed Argo CD for example. It is in the account of the capability's cluster.
// The capability itself is made with the AWS CLI: version 6 of the AWS provider has no resource for it.
type CapabilityRole struct {
	pulumi.ResourceState

	// Arn, Name and UniqueId (AROA...) are the role's.
	Arn      pulumi.StringOutput `pulumi:"arn"`
	Name     pulumi.StringOutput `pulumi:"name"`
	UniqueId pulumi.StringOutput `pulumi:"uniqueId"` //nolint:revive // Pulumi's own spelling of the property
}

// NewCapabilityRole makes the role.
func NewCapabilityRole(
	ctx *pulumi.Context, name string, args *CapabilityRoleArgs, opts ...pulumi.ResourceOption,
) (*CapabilityRole, error) {
	component := &CapabilityRole{}
	err := construct(ctx, CapabilityRoleType, name, component, args.Validate(), opts, func(children children) error {
		boundary, err := args.boundary(ctx, pulumi.Parent(component))
		if err != nil {
			return err
		}
		document, err := iampolicy.CapabilityTrust{Conditions: args.TrustConditions}.Document()
		if err != nil {
			return fielderr.At("trustPolicy", fielderr.Document(err))
		}
		trustPolicy, err := document.JSON()
		if err != nil {
			return fielderr.At("trustPolicy", err)
		}
		roleArgs := args.roleArgs(pulumi.String(trustPolicy), boundary)
		roleArgs.Name = pulumi.String(args.Name)
		// What is attached outside this program must not keep the role from being deleted.
		roleArgs.ForceDetachPolicies = pulumi.Bool(true)
		role, err := iam.NewRole(ctx, name, roleArgs, children.named(name, oneOfAName)...)
		if err != nil {
			return fmt.Errorf("creating the role: %w", err)
		}
		component.Arn, component.Name, component.UniqueId = role.Arn, role.Name, role.UniqueId
		return component.attach(ctx, name, args, children)
	})
	if err != nil {
		return nil, err
	}
	return component, nil
}

// attach attaches the managed policies. IAM is asked for those that are given by name.
func (r *CapabilityRole) attach(ctx *pulumi.Context, name string, args *CapabilityRoleArgs, children children) error {
	for i, policy := range args.ManagedPolicies {
		arn, child := policy, childName(name, ManagedPolicyName(policy))
		if !isArn(policy) {
			var err error
			if arn, err = managedPolicyArn(ctx, policy, pulumi.Parent(r)); err != nil {
				return fielderr.At(fielderr.Path("managedPolicies").Index(i), err)
			}
		}
		if _, err := iam.NewRolePolicyAttachment(ctx, child, &iam.RolePolicyAttachmentArgs{
			Role: r.Name, PolicyArn: pulumi.String(arn),
		}, children.named(child, oneOfAName)...); err != nil {
			return fmt.Errorf("attaching policy %q: %w", policy, err)
		}
	}
	return nil
}

// Validate reports every error of the arguments that can be told before the program runs, each with its path; nil
// arguments are an error.
func (args *CapabilityRoleArgs) Validate() error {
	if args == nil {
		return errors.New("args: must not be nil")
	}
	names := make([]string, len(args.ManagedPolicies))
	for i, policy := range args.ManagedPolicies {
		names[i] = ManagedPolicyName(policy)
	}
	var found fielderr.List
	found.Add("name", iampolicy.ValidateRoleName(args.Name))
	found.Add("", args.validateRoleSettings())
	found.Add("managedPolicies", fielderr.Each(args.ManagedPolicies, validateManagedPolicy))
	found.Add("managedPolicies", fielderr.Duplicates(names))
	found.Add("trustConditions", iampolicy.CapabilityTrust{Conditions: args.TrustConditions}.ValidateConditions())
	return found.Err()
}

// ValidateCapabilityRole checks the ARN of a role that exists and is to be that of an EKS Capability.
func ValidateCapabilityRole(text string) error { return validateAssumableRole(text) }

// ValidatePartition refuses what lies in another AWS partition than the given one ("aws", "aws-cn").
func (args *CapabilityRoleArgs) ValidatePartition(partition string) error {
	var found fielderr.List
	found.Add("", args.RoleSettings.ValidatePartition(partition))
	found.Add("managedPolicies", fielderr.Each(args.ManagedPolicies, func(policy string) error {
		if !isArn(policy) {
			return nil
		}
		return iampolicy.ValidatePartition(policy, partition)
	}))
	return found.Err()
}
