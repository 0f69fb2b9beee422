package stacks

import (
	"errors"
	"slices"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// checkAccounts finds what only the accounts' answers can tell, and what depends on that, all at once.
func (p *platform) checkAccounts() error {
	inAccount := func(cluster string) string { return " of account " + p.accountOf(cluster).id }
	var found fielderr.List
	found.Add("roles", fielderr.EachKey(p.cfg.Roles, func(_ string, role Role) error {
		err := errors.Join(p.validateRemaining(role), role.validateAccount(func(cluster string) string { return p.accountOf(cluster).id }))
		if remaining := role.without(p.gone); err == nil && p.cfg.ReadQuotas {
			return remaining.ValidateSettings(len(remaining.Clusters))
		}
		return err
	}))
	switch {
	case p.cfg.ArgoCD == nil:
	case p.cfg.ArgoCD.Managed != nil:
		found.Add("argocd.managed", p.checkManaged())
	default:
		found.Add("argocd", p.checkArgoCD())
	}
	found.Add("clusters", fielderr.EachKey(p.cfg.Clusters, p.checkCluster))
	found.Add("", p.checkPolicies())
	found.Add("", p.cfg.validateUnique(inAccount))
	renamed, err := p.checkKeys()
	if err != nil {
		return err
	}
	found.Add("", renamed)
	return invalidConfiguration(found.Err())
}

// checkCluster checks the access entries against the cluster's account, and the authentication mode of a cluster that this stack created
// against the one that it had.
func (p *platform) checkCluster(key string, cluster Cluster) error {
	var found fielderr.List
	if cluster.assumedAccount() == "" { // else reported already
		found.Add("access", fielderr.EachKey(cluster.Access, func(_ string, entry AccessEntry) error {
			return fielderr.At("principalArn", entry.refuseAccount(p.accountOf(key).id))
		}))
	}
	if cluster.Create != nil {
		found.Add("create.authenticationMode", refuseModeStep(p.modeBefore(key), cluster.Create.AuthenticationMode))
	}
	return found.Err()
}

// checkArgoCD checks the hub role with its permission to assume the targets' roles, and the targets against the hub.
func (p *platform) checkArgoCD() error {
	hub, err := p.hubRole()
	if err != nil {
		return err
	}
	roleArns := p.targetRoleArns()
	var found fielderr.List
	found.Add("", hub.ValidateSettings(len(hub.Clusters)))
	found.Add("targets", fielderr.EachKey(p.cfg.ArgoCD.Targets, func(key string, target ArgoCDTarget) error {
		return p.checkTarget(target, roleArns[key])
	}))
	return found.Err()
}

// checkTarget refuses the hub role as the role to assume; roleArn is that role, if any.
func (p *platform) checkTarget(target ArgoCDTarget, roleArn string) error {
	if roleArn == "" {
		return nil
	}
	role, err := iampolicy.ParseARN(roleArn)
	if err != nil {
		return err
	}
	if role.Account != p.accountOf(p.cfg.ArgoCD.Hub).id {
		return nil
	}
	if target.Role != nil {
		return p.cfg.ArgoCD.refuseRole("role", role.RoleName())
	}
	return p.cfg.ArgoCD.refuseRole("roleArn", role.RoleName())
}

// roleAccount is the account of a role, with the credentials that the role was made with, as long as a cluster of the account
// is reached with them. It does not matter which of the account's credentials make a role, but with others than before it
// would be replaced: by a cluster that leaves its list, for example.
func (p *platform) roleAccount(key string, role Role) *account {
	first := p.accountOf(role.Clusters[0])
	for _, was := range append(slices.Clone(role.Aliases), key) {
		for _, account := range p.accounts {
			if account.id == first.id && account.credentials.iamProviderName() == p.providersBefore[was] {
				return account
			}
		}
	}
	return first
}
