package stacks

import (
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

// createRoles makes all roles at once, as each waits until the engine has taken its component.
func (p *platform) createRoles() error {
	return parallel(slices.Collect(maps.Keys(p.cfg.Roles)), func(key string) error {
		_, err := p.createRole(key, p.cfg.Roles[key])
		return err
	})
}

func (p *platform) createRole(key string, role Role) (*components.IrsaRole, error) {
	account := p.roleAccount(key, role)
	role = role.without(p.gone)
	clusters := make([]components.IrsaCluster, len(role.Clusters))
	var ready []pulumi.Resource
	for i, cluster := range role.Clusters {
		facts := p.clusters[cluster]
		clusters[i] = components.IrsaCluster{
			Name: cluster, Aliases: p.cfg.Clusters[cluster].Aliases, OidcProvider: facts.oidcProvider, Kubernetes: facts.kubernetes,
			Namespaces: facts.namespaces, Arn: facts.arnWithAgent, Aws: facts.aws, OwnPodIdentityAgent: true, // found or installed with the cluster
			Leaving: p.cfg.Clusters[cluster].Leaving,
		}
		for _, account := range role.ServiceAccounts {
			if namespace := facts.namespaces[account.Namespace]; namespace != nil && !slices.Contains(ready, namespace) {
				ready = append(ready, namespace)
			}
		}
	}
	args := role.IrsaRoleArgs
	args.Clusters, args.RoleSettings = clusters, p.withBoundary(role.RoleSettings, role.Clusters[0])
	args.RolePolicies = p.withPolicyArns(role)
	if args.TestPod != nil {
		args.TestPod.DependsOn = p.buckets // a check reads one, most likely
	}
	args.ServiceAccounts = slices.Clone(role.ServiceAccounts)
	for i, account := range role.ServiceAccounts {
		args.ServiceAccounts[i].EarlierRoles = p.earlierRoles(key, role, account)
	}
	component, err := components.NewIrsaRole(p.ctx, key, &args,
		pulumi.Provider(account.iam), pulumi.DependsOn(ready), role.Aliases.of(itself))
	if err != nil {
		return nil, err
	}
	p.roles[key] = component
	p.output("roles", key, pulumi.Map{
		"arn": component.Arn, "name": component.Name, "uniqueId": component.UniqueId,
		"serviceAccounts": component.ServiceAccounts, "iamProvider": pulumi.String(account.credentials.iamProviderName()),
	})
	p.outputTrust(key, role, component)
	return component, nil
}
