package stacks

import (
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

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
		switch account := p.accountOf(target.Cluster); {
		case target.RoleArn != "":
			arns[key] = target.RoleArn
		case target.Role != nil:
			arns[key] = iampolicy.RoleARN(account.partition, account.id, target.Role.Path, target.Role.Name).String()
		}
	}
	return arns
}

// The models of a target, in the README's words.
const (
	modelDirect    = "direct"
	modelRole      = "role"
	modelInCluster = "inCluster"
)

// targetLogin is who Argo CD is in a target.
type targetLogin struct {
	model string
	// TrustedRole is the role that the cluster lets in.
	components.TrustedRole
	// roleArn is that role where Argo CD has to assume it, and nil where it is the hub's own.
	roleArn pulumi.StringInput
	// ready is what Argo CD needs to get the role.
	ready []pulumi.Resource
}

// loginOf makes the role of a target, if it is to have one.
func (p *platform) loginOf(hub *components.IrsaRole, key string, target ArgoCDTarget) (targetLogin, error) {
	self := components.TrustedRole{Arn: hub.Arn, UniqueId: hub.UniqueId}
	switch {
	case target.RoleArn != "":
		arn := pulumi.String(target.RoleArn)
		return targetLogin{
			model: modelRole, TrustedRole: components.TrustedRole{Arn: arn}, roleArn: arn, ready: hub.Dependencies(),
		}, nil
	case target.Role == nil:
		return targetLogin{model: modelDirect, TrustedRole: self}, nil
	}
	facts := p.clusters[target.Cluster]
	args := *target.Role
	args.TrustedRoles, args.RoleSettings = []components.TrustedRole{self}, p.withBoundary(args.RoleSettings, target.Cluster)
	role, err := components.NewAssumableRole(p.ctx, inArgoCD(key), &args, pulumi.Provider(facts.account.iam), target.Aliases.of(inArgoCD))
	if err != nil {
		return targetLogin{}, err
	}
	return targetLogin{
		model: modelRole, TrustedRole: components.TrustedRole{Arn: role.Arn, UniqueId: role.UniqueId},
		roleArn: role.Arn, ready: hub.Dependencies(),
	}, nil
}
