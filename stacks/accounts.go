package stacks

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fault"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// checkAccounts finds what only the accounts' answers can tell, and what depends on that, all at once.
func (p *platform) checkAccounts() error {
	inAccount := func(cluster string) string { return " of account " + p.accountOf(cluster).id }
	var faults []error
	for _, key := range slices.Sorted(maps.Keys(p.cfg.Roles)) {
		faults = append(faults, fault.Under("roles."+key, p.cfg.Roles[key].validateAccount(func(cluster string) string {
			return p.accountOf(cluster).id
		})))
	}
	if p.cfg.ArgoCD != nil {
		faults = append(faults, fault.Under("argocd", p.checkArgoCD()))
	}
	faults = append(faults, p.checkPolicies(), p.cfg.validateUnique(inAccount))
	renamed, err := p.checkKeys()
	if err != nil {
		return err
	}
	if err := errors.Join(fault.Under(ConfigKey, errors.Join(faults...)), renamed); err != nil {
		return fmt.Errorf("invalid configuration:\n%w", err)
	}
	return nil
}

// checkArgoCD checks the hub role with its permission to assume the targets' roles, and the targets against the hub.
func (p *platform) checkArgoCD() error {
	hub, err := p.hubRole()
	if err != nil {
		return err
	}
	faults := []error{hub.ValidateSettings(len(hub.Clusters))}
	roleArns := p.targetRoleArns()
	for _, key := range slices.Sorted(maps.Keys(p.cfg.ArgoCD.Targets)) {
		faults = append(faults, fault.Under("targets."+key, p.checkTarget(p.cfg.ArgoCD.Targets[key], roleArns[key])))
	}
	return errors.Join(faults...)
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
	path := "roleArn"
	if target.Role != nil {
		path = "role"
	}
	if role.Account != p.accountOf(p.cfg.ArgoCD.Hub).id {
		return nil
	}
	return p.cfg.ArgoCD.refuseRole(path, role.RoleName())
}

// roleAccount is the account of a role, with the credentials that the role was made with, as long as a cluster of the account
// is reached with them. It does not matter which of the account's credentials make a role, but with others than before it
// would be replaced: by a cluster that leaves its list, for example.
func (p *platform) roleAccount(key string, role Role) *account {
	first, before := p.accountOf(role.Clusters[0]), p.before.roleProviders()
	for _, was := range append(slices.Clone(role.Aliases), key) {
		for _, account := range p.accounts {
			if account.id == first.id && account.credentials.iamProviderName() == before[was] {
				return account
			}
		}
	}
	return first
}
