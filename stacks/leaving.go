package stacks

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	awseks "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/eks"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

// findGone asks which of the clusters that are leaving are not there any more. Roles trust the others still: pods run there.
func (p *platform) findGone() error {
	for _, key := range slices.Sorted(maps.Keys(p.cfg.Clusters)) {
		cluster := p.cfg.Clusters[key]
		if !cluster.Leaving || cluster.Create != nil {
			continue
		}
		provider := p.providers[providerKey{credentials: cluster.credentials(), region: cluster.Region}]
		there, err := awseks.GetClusters(p.ctx, pulumi.Provider(provider))
		if err != nil {
			return fmt.Errorf("looking whether cluster %q, which is leaving, is there: listing the EKS clusters in %s: %w", key, cluster.Region, err)
		}
		if slices.Contains(there.Names, cluster.Name) {
			continue
		}
		p.gone[key] = true
		message := fmt.Sprintf("cluster %q was leaving, and EKS has no cluster %s in %s any more: no role trusts it now. Take it out of the "+
			"configuration", key, cluster.Name, cluster.Region)
		if err := p.ctx.Log.Warn(message, &pulumi.LogArgs{}); err != nil {
			return err
		}
	}
	return nil
}

// without is the role without the clusters that are gone, and without the service accounts that have it nowhere else: an account
// that names no cluster has the role in all of them.
func (role Role) without(gone map[string]bool) Role {
	isGone := func(cluster string) bool { return gone[cluster] }
	if !slices.ContainsFunc(role.Clusters, isGone) {
		return role
	}
	if role.NamePrefix == "" {
		role.Name = role.RoleName() // the default follows the first account, which may go
	}
	role.Clusters = slices.DeleteFunc(slices.Clone(role.Clusters), isGone)
	accounts := role.ServiceAccounts
	role.ServiceAccounts = nil
	for _, account := range accounts {
		remaining := slices.DeleteFunc(slices.Clone(account.Clusters), isGone)
		if len(account.Clusters) > 0 && len(remaining) == 0 {
			continue
		}
		account.Clusters = remaining
		role.ServiceAccounts = append(role.ServiceAccounts, account)
	}
	return role
}

// validateRemaining refuses a role that has no service account left to trust.
func (p *platform) validateRemaining(role Role) error {
	remaining := role.without(p.gone)
	switch {
	case len(role.Clusters) > 0 && len(remaining.Clusters) == 0:
		return fielderr.At("clusters", fmt.Errorf("all of %q have left, and EKS does not have them any more; name another cluster, or take "+
			"the role out", role.Clusters))
	case len(remaining.ServiceAccounts) == 0:
		return fielderr.At("serviceAccounts", errors.New("the clusters of all of them have left, and EKS does not have them any more; give "+
			"the role in another cluster to one, or take the role out"))
	default:
		return nil
	}
}

// refuseLeaving refuses a cluster that is leaving where Argo CD would go on working; first is what to do before it leaves.
func (cfg *Config) refuseLeaving(cluster, first string) error {
	if !cfg.Clusters[cluster].Leaving {
		return nil
	}
	return fmt.Errorf("%q is leaving; %s first", cluster, first)
}
