package stacks

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

// readQuotas asks each account what it allows its roles, once, with whatever credentials and however many roles it has.
func (p *platform) readQuotas() error {
	if !p.cfg.ReadQuotas {
		return nil
	}
	type question struct {
		account *account
		quotas  *components.RoleQuotas
	}
	questions := map[string]*question{}
	for _, cluster := range slices.Sorted(maps.Keys(p.cfg.Clusters)) {
		if account := p.accountOf(cluster); questions[account.id] == nil {
			questions[account.id] = &question{account: account}
		}
	}
	err := parallel(slices.Collect(maps.Values(questions)), func(q *question) (err error) {
		if q.quotas, err = components.ReadRoleQuotas(p.ctx, pulumi.Provider(q.account.iam)); err != nil {
			return fmt.Errorf("reading the account's quotas%s for %s (without that key IAM's defaults count, and maxTrustPolicySize): %w",
				q.account.credentials, inFile.Child("readQuotas"), err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	p.cfg.setQuotas(func(cluster string) *components.RoleQuotas { return questions[p.accountOf(cluster).id].quotas })
	return nil
}

// setQuotas tells each role what its account allows, by a cluster in that account.
func (cfg *Config) setQuotas(quotasOf func(cluster string) *components.RoleQuotas) {
	for key, role := range cfg.Roles {
		role.Quotas = quotasOf(cmp.Or(role.Clusters...))
		cfg.Roles[key] = role
	}
	if cfg.ArgoCD == nil {
		return
	}
	cfg.ArgoCD.Quotas = quotasOf(cfg.ArgoCD.Hub)
	for _, target := range cfg.ArgoCD.Targets {
		if target.Role != nil {
			target.Role.Quotas = quotasOf(target.Cluster)
		}
	}
}
