package stacks

import (
	"fmt"
	"maps"
	"slices"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// hubRole is the hub role with its permission to assume the targets' roles, if there are any.
func (p *platform) hubRole() (Role, error) {
	role := p.cfg.ArgoCD.role()
	arns := slices.Collect(maps.Values(p.targetRoleArns()))
	if len(arns) == 0 {
		return role, nil
	}
	document, err := iampolicy.AssumeRoles(arns)
	if err != nil {
		return Role{}, fmt.Errorf("policy %q of Argo CD's role: %w", assumePolicy, err)
	}
	policies := map[string]components.PolicyDocument{assumePolicy: components.Policy(document)}
	maps.Copy(policies, role.InlinePolicies)
	role.InlinePolicies = policies
	return role, nil
}

// targetRoleArns are the roles that the hub role assumes, by the targets' keys. ARNs are computed, not read from
// outputs: otherwise the hub's policy and the targets' roles would depend on each other.
func (p *platform) targetRoleArns() map[string]string {
	arns := map[string]string{}
	for key, target := range p.cfg.ArgoCD.Targets {
		arn, given := target.roleArn()
		switch account := p.accountOf(target.Cluster); {
		case given:
			arns[key] = arn
		case target.Role != nil:
			arns[key] = iampolicy.RoleARN(account.partition, account.id, target.Role.Path, target.Role.Name).String()
		}
	}
	return arns
}
