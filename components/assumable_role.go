package components

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// AssumableRoleType is the type token of [AssumableRole].
const AssumableRoleType = "eks-irsa:index:AssumableRole"

// AssumableRoleArgs are the arguments of [NewAssumableRole]. The json names are those of Pulumi.<env>.yaml.
type AssumableRoleArgs struct {
	// TrustedRoles are the roles that may assume this one, one or more. Each must also have the permission to do so.
	TrustedRoles []TrustedRole `json:"-"`

	// Name of the role, 1 to 64 characters of A-Z a-z 0-9 + = , . @ _ -.
	Name string `json:"name"`
	// RoleSettings are the role's. It has no description by default.
	RoleSettings
}

// TrustedRole is an IAM role that may assume another one.
type TrustedRole struct {
	// Arn is the role's ARN.
	Arn pulumi.StringInput
	// UniqueId is the role's unique ID (AROA...), if it is known. It becomes the Sid in the trust policy, so that the
	// policy is stored again, and thereby trusts the role again, after the role was recreated: see
	// [iampolicy.RoleTrust.Document].
	UniqueId pulumi.StringInput //nolint:revive // Pulumi's own spelling of the property
	// SessionTags lets the role's sessions bring tags, as those of EKS Pod Identity do, which are refused without it.
	SessionTags bool
}

// AssumableRole is an IAM role that exactly the given IAM roles may assume. It has no permissions; in a cluster it may do
// what its [ClusterAccess] gives it.
type AssumableRole struct {
	pulumi.ResourceState

	// Arn, Name and UniqueId (AROA...) are the role's.
	Arn      pulumi.StringOutput `pulumi:"arn"`
	Name     pulumi.StringOutput `pulumi:"name"`
	UniqueId pulumi.StringOutput `pulumi:"uniqueId"` //nolint:revive // Pulumi's own spelling of the property
	// TrustPolicy is the role's trust policy as JSON. The state holds it with the role, and not a second time.
	TrustPolicy pulumi.StringOutput
}

// NewAssumableRole makes the role.
func NewAssumableRole(
	ctx *pulumi.Context, name string, args *AssumableRoleArgs, opts ...pulumi.ResourceOption,
) (*AssumableRole, error) {
	component := &AssumableRole{}
	err := construct(ctx, AssumableRoleType, name, component, args.Validate(), opts, func(children children) error {
		boundary, err := args.boundary(ctx, pulumi.Parent(component))
		if err != nil {
			return err
		}
		component.TrustPolicy = args.trustPolicy(name)
		roleArgs := args.roleArgs(component.TrustPolicy, boundary)
		roleArgs.Name = pulumi.String(args.Name)
		// What is attached outside this program must not keep the role from being deleted.
		roleArgs.ForceDetachPolicies = pulumi.Bool(true)
		role, err := iam.NewRole(ctx, name, roleArgs, children.named(name, oneOfAName)...)
		if err != nil {
			return fmt.Errorf("creating the role: %w", err)
		}
		component.Arn, component.Name, component.UniqueId = role.Arn, role.Name, role.UniqueId
		return nil
	})
	if err != nil {
		return nil, err
	}
	return component, nil
}

func (args *AssumableRoleArgs) trustPolicy(component string) pulumi.StringOutput {
	var inputs pulumi.StringArray // an ARN and a unique ID, by turns
	for _, principal := range args.TrustedRoles {
		uniqueID := principal.UniqueId
		if uniqueID == nil {
			uniqueID = pulumi.String("")
		}
		inputs = append(inputs, principal.Arn, uniqueID)
	}
	return inputs.ToStringArrayOutput().ApplyT(func(in []string) (string, error) {
		trusted := make([]iampolicy.TrustedRole, len(in)/2)
		for i := range trusted {
			trusted[i] = iampolicy.TrustedRole{ARN: in[2*i], UniqueID: in[2*i+1], SessionTags: args.TrustedRoles[i].SessionTags}
		}
		document, err := iampolicy.RoleTrust{TrustedRoles: trusted, MaxSize: args.Quotas.trustPolicySize(0)}.Document()
		if err != nil {
			return "", failure(AssumableRoleType, component, fielderr.At("trustPolicy", fielderr.Document(err)))
		}
		return document.JSON()
	}).(pulumi.StringOutput)
}

// Validate reports every error of the arguments that can be told before the program runs, each with its path; nil
// arguments are an error.
func (args *AssumableRoleArgs) Validate() error {
	if args == nil {
		return errors.New("args: must not be nil")
	}
	var found fielderr.List
	found.Refuse(len(args.TrustedRoles) == 0, "trustedRoles", "name at least one role")
	found.Add("trustedRoles", fielderr.Each(args.TrustedRoles, TrustedRole.validate))
	found.Add("", args.ValidateSettings())
	return found.Err()
}

func (r TrustedRole) validate() error {
	if r.Arn == nil {
		return fielderr.At("arn", errors.New("must not be empty"))
	}
	return fielderr.At("arn", ifKnown(r.Arn, iampolicy.ValidateRoleARN))
}

// ValidateSettings is [AssumableRoleArgs.Validate] without the roles to trust, for a program that does not know them yet.
func (args *AssumableRoleArgs) ValidateSettings() error {
	var found fielderr.List
	found.Add("name", iampolicy.ValidateRoleName(args.Name))
	found.Add("", args.validateRoleSettings())
	return found.Err()
}
