package stacks

import (
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

// madeRole is a role, as far as its clusters are there, and what is made of it.
type madeRole struct {
	key string
	Role

	account   *account
	component *components.IrsaRole
}

// createRoles makes all roles at once, as each waits until the engine has taken its component.
func (p *platform) createRoles() error {
	var roles []*madeRole
	for _, key := range slices.Sorted(maps.Keys(p.cfg.Roles)) {
		roles = append(roles, p.roleToMake(key, p.cfg.Roles[key]))
	}
	if err := parallel(roles, p.createRole); err != nil {
		return err
	}
	for _, role := range roles {
		p.outputRole(role)
	}
	return nil
}

func (p *platform) roleToMake(key string, role Role) *madeRole {
	return &madeRole{key: key, Role: role.without(p.gone), account: p.roleAccount(key, role)}
}

func (p *platform) createRole(role *madeRole) error {
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
	args.RolePolicies = p.withPolicyArns(role.Role)
	if args.TestPod != nil {
		args.TestPod.DependsOn = p.buckets // a check reads one, most likely
	}
	args.ServiceAccounts = slices.Clone(role.ServiceAccounts)
	for i, account := range role.ServiceAccounts {
		args.ServiceAccounts[i].EarlierRoles = p.earlierRoles(role.key, role.Role, account)
	}
	var err error
	role.component, err = components.NewIrsaRole(p.ctx, role.key, &args,
		pulumi.Provider(role.account.iam), pulumi.DependsOn(ready), role.Aliases.of(itself))
	return err
}

// outputRole tells the rest of the platform and the stack's outputs of a role that was made.
func (p *platform) outputRole(role *madeRole) {
	component := role.component
	p.roles[role.key] = component
	p.output("roles", role.key, pulumi.Map{
		"arn": component.Arn, "name": component.Name, "uniqueId": component.UniqueId,
		"serviceAccounts": component.ServiceAccounts, "iamProvider": pulumi.String(role.account.credentials.iamProviderName()),
	})
	p.outputTrust(role.key, role.Role, component)
}
