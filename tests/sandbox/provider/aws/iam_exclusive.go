package aws

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider"
)

// exclusive is a list of a role's policies of one kind: others go when it is made or changed, and a read shows them. Its deletion
// changes nothing in IAM. Its ID is the role's name.
type exclusive struct {
	// list is the input, and what the kind in errors.
	list, what string
	// has are those that the role has, and remove takes one away.
	has    func(ctx context.Context, role string) ([]string, error)
	remove func(ctx context.Context, role, policy string) error
}

func (c *cloud) rolePoliciesExclusive() provider.Table {
	return exclusive{
		"policyNames", "IAM Role Policies Exclusive", c.inlinePolicyNames,
		func(ctx context.Context, role, policy string) error {
			_, err := c.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &role, PolicyName: &policy})
			return err
		},
	}.table()
}

func (c *cloud) rolePolicyAttachmentsExclusive() provider.Table {
	return exclusive{
		"policyArns", "IAM Role Policy Attachments Exclusive", c.attachedPolicies,
		func(ctx context.Context, role, policy string) error {
			_, err := c.iam.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &role, PolicyArn: &policy})
			return err
		},
	}.table()
}

func (e exclusive) table() provider.Table {
	return provider.Table{
		Inputs: provider.Inputs{
			"roleName": {Type: provider.String, Required: true, Replace: true},
			e.list:     {Type: provider.Set, Required: true},
		},
		Explain: explain,
		API: provider.API{
			Create: func(ctx context.Context, in provider.Values) (string, error) {
				return in.String("roleName"), e.sync(ctx, in)
			},
			Read: func(ctx context.Context, id string, _ provider.Values) (provider.Values, error) {
				has, err := e.has(ctx, id)
				if noSuchEntity(err) {
					return nil, nil
				}
				if err != nil {
					return nil, fmt.Errorf("reading %s (%s): %w", e.what, id, err)
				}
				return provider.Values{"roleName": id, e.list: has}, nil
			},
			Update: func(ctx context.Context, _ string, _, in provider.Values) error { return e.sync(ctx, in) },
			Delete: func(context.Context, string, provider.Values) error { return nil },
		},
	}
}

// sync takes away what is not on the list. What is on it has resources of its own.
func (e exclusive) sync(ctx context.Context, in provider.Values) error {
	role := in.String("roleName")
	has, err := e.has(ctx, role)
	if err != nil {
		return fmt.Errorf("creating %s (%s): %w", e.what, role, err)
	}
	for _, policy := range has {
		if slices.Contains(in.Strings(e.list), policy) {
			continue
		}
		if err := e.remove(ctx, role, policy); err != nil && !noSuchEntity(err) {
			return fmt.Errorf("updating %s (%s): %w", e.what, role, err)
		}
	}
	return nil
}
