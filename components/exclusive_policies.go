package components

import (
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// makeExclusive takes away what is not the program's. It waits for the role's own policies, so that these are there before.
func (b *irsaRoleBuilder) makeExclusive() error {
	if !b.args.ExclusivePolicies {
		return nil
	}
	names, arns := pulumi.StringArray{}, append(pulumi.StringArray{}, b.customerManaged...) // no list is no answer
	for _, key := range slices.Sorted(maps.Keys(b.inline)) {
		names = append(names, pulumi.String(key))
	}
	for _, key := range slices.Sorted(maps.Keys(b.attached)) {
		arns = append(arns, b.attached[key])
	}
	options := b.children.named(b.name, pulumi.DependsOn(b.policies))
	inline, err := iam.NewRolePoliciesExclusive(b.ctx, b.name, &iam.RolePoliciesExclusiveArgs{
		RoleName: b.role.Name, PolicyNames: names,
	}, options...)
	if err != nil {
		return fmt.Errorf("making the inline policies exclusive: %w", err)
	}
	attached, err := iam.NewRolePolicyAttachmentsExclusive(b.ctx, b.name, &iam.RolePolicyAttachmentsExclusiveArgs{
		RoleName: b.role.Name, PolicyArns: arns,
	}, options...)
	if err != nil {
		return fmt.Errorf("making the attached policies exclusive: %w", err)
	}
	b.policies = append(b.policies, inline, attached)
	return nil
}
