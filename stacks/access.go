package stacks

import (
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

// createAccess makes the access entries of the clusters.
func (p *platform) createAccess() error {
	for _, cluster := range slices.Sorted(maps.Keys(p.cfg.Clusters)) {
		if p.gone[cluster] {
			continue
		}
		entries, outputs := p.cfg.Clusters[cluster].Access, pulumi.Map{}
		for _, key := range slices.Sorted(maps.Keys(entries)) {
			access, err := p.createAccessEntry(cluster, key, entries[key])
			if err != nil {
				return err
			}
			outputs[key] = pulumi.Map{"principalArn": access.PrincipalArn, "accessEntryArn": access.AccessEntryArn}
		}
		if len(entries) > 0 {
			p.output("access", cluster, outputs)
		}
	}
	return nil
}

func (p *platform) createAccessEntry(cluster, key string, entry AccessEntry) (*components.ClusterAccess, error) {
	facts := p.clusters[cluster]
	return components.NewClusterAccess(p.ctx, accessName(cluster, key), &components.ClusterAccessArgs{
		ClusterName: facts.name, PrincipalArn: pulumi.String(entry.PrincipalArn), AccessEntry: &entry.AccessEntryArgs,
		Cluster: facts.kubernetes,
	}, pulumi.Provider(facts.aws), p.accessAliases(cluster, key, entry))
}

// accessName is the name of the resources of an access entry.
func accessName(cluster, key string) string { return below("access/" + key)(cluster) }

// accessAliases are the names that an access entry had when its cluster or it had earlier keys.
func (p *platform) accessAliases(cluster, key string, entry AccessEntry) pulumi.ResourceOption {
	var all []pulumi.Alias
	for _, earlierCluster := range append(slices.Clone(p.cfg.Clusters[cluster].Aliases), cluster) {
		for _, earlierKey := range append(slices.Clone(entry.Aliases), key) {
			if name := accessName(earlierCluster, earlierKey); name != accessName(cluster, key) {
				all = append(all, pulumi.Alias{Name: pulumi.String(name)})
			}
		}
	}
	return pulumi.Aliases(all)
}

// refuseOldMode refuses access entries in a cluster that exists and whose authentication mode knows none.
func (facts *resolvedCluster) refuseOldMode(name string, cluster Cluster) error {
	if len(cluster.Access) == 0 || facts.mode.AllowsAccessEntries() {
		return nil
	}
	return fmt.Errorf("its authentication mode %s knows no access entries (access); change the mode first, which has no way back and leaves "+
		"aws-auth as it is: aws eks update-cluster-config --name %s --access-config authenticationMode=%s",
		facts.mode, name, components.AuthenticationModeAPIAndConfigMap)
}
