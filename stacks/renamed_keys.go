package stacks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

// checkKeys finds keys that were renamed without a word: the same thing in AWS or Kubernetes, which this stack made under a key
// that is gone, is to be made under a new one. The engine makes the new resources first and deletes the old ones last. So most
// would fail, as there can be one of a name; and what is taken over, as Kubernetes objects are, would be deleted at the end.
func (p *platform) checkKeys() (faulty, failed error) {
	before := p.before
	if p.unread != nil {
		// It would only make an error come earlier.
		return nil, p.ctx.Log.Debug("the stack's own outputs cannot be read: "+p.unread.Error(), nil)
	}
	var found fielderr.List
	for _, section := range []struct {
		path fielderr.Path
		// was is what stood under each key, and is what is to stand there.
		was, is map[string]string
		aliases map[string]Aliases
	}{
		{"clusters", before.clusters(), p.clusterIdentities(), aliasesOf(p.cfg.Clusters, func(c Cluster) Aliases { return c.Aliases })},
		{"buckets", before.buckets(), p.bucketIdentities(), aliasesOf(p.cfg.Buckets, func(b Bucket) Aliases { return b.Aliases })},
		{"roles", before.roles(), p.roleIdentities(), aliasesOf(p.cfg.Roles, func(r Role) Aliases { return r.Aliases })},
		{"argocd.targets", before.targets(), p.targetIdentities(before), aliasesOf(p.cfg.targets(), func(t ArgoCDTarget) Aliases { return t.Aliases })},
	} {
		found.Add(section.path, renamedKeys(section.was, section.is, section.aliases))
	}
	found.Add("clusters", fielderr.EachKey(p.cfg.Clusters, func(key string, cluster Cluster) error {
		is := map[string]string{}
		for name, entry := range cluster.Access {
			is[name] = accessIdentity(entry.PrincipalArn)
		}
		return fielderr.At("access", renamedKeys(before.accessOf(cluster.keys(key)), is, cluster.accessAliases()))
	}))
	return found.Err(), nil
}

func renamedKeys(was, is map[string]string, aliases map[string]Aliases) error {
	gone := map[string]string{}
	claimed := slices.Concat(slices.Collect(maps.Values(aliases))...)
	for key, identity := range was {
		if _, declared := is[key]; !declared && !slices.Contains(claimed, key) && identity != "" {
			gone[strings.ToLower(identity)] = key // IAM knows no case
		}
	}
	return fielderr.EachKey(is, func(key, identity string) error {
		earlier, renamed := gone[strings.ToLower(identity)]
		if _, known := was[key]; known || !renamed {
			return nil
		}
		return fmt.Errorf("this stack made %s under the key %q, which is gone; if the key was renamed, say `aliases: [%s]` here, "+
			"and nothing changes; if not, take the old one away with one update and add this with the next", identity, earlier, earlier)
	})
}

// readPreviousOutputs reads the outputs of the stack's last update. It does so once, before anything is registered: the engine
// answers through a provider that it makes first, and for that a hook, which holds a step, waits in vain where an update makes
// one resource after the other.
func (p *platform) readPreviousOutputs() {
	var found struct {
		Outputs map[string]any `pulumi:"outputs"`
	}
	stack := strings.Join([]string{p.ctx.Organization(), p.ctx.Project(), p.ctx.Stack()}, "/")
	p.unread = p.ctx.Invoke("pulumi:pulumi:readStackOutputs", pulumi.Map{"name": pulumi.String(stack)}, &found)
	p.before = found.Outputs
	p.providersBefore = p.before.roleProviders()
	if len(p.before) > 0 { // the engine itself fails where a stack has no state yet
		p.readRolesBefore(stack)
	}
}

func (p *platform) clusterIdentities() map[string]string {
	identities := map[string]string{}
	for key, cluster := range p.cfg.Clusters {
		identities[key] = clusterIdentity(cluster.Name, cluster.Region, p.accountOf(key).id)
	}
	return identities
}

func (p *platform) bucketIdentities() map[string]string {
	identities := map[string]string{}
	for key, bucket := range p.cfg.Buckets {
		identities[key] = bucketIdentity(bucket.Name)
	}
	return identities
}

// roleIdentities have none for a role whose name the AWS provider makes: two of these do not collide.
func (p *platform) roleIdentities() map[string]string {
	identities := map[string]string{}
	for key, role := range p.cfg.Roles {
		identities[key] = ""
		if name := role.RoleName(); name != "" {
			identities[key] = roleIdentity(name, p.accountOf(role.Clusters[0]).id)
		}
	}
	if p.cfg.ArgoCD != nil {
		identities[argoCDKey] = ""
	}
	return identities
}

// targetIdentities go by the API servers, or for managed Argo CD the ARNs, that the clusters had at the last update: what is new since
// then was no target.
func (p *platform) targetIdentities(before stackOutputs) map[string]string {
	identities, servers := map[string]string{}, before.ofClusters("endpoint")
	managed := p.cfg.ArgoCD != nil && p.cfg.ArgoCD.Managed != nil
	if managed {
		servers = before.ofClusters("arn")
	}
	for key, target := range p.cfg.targets() {
		identities[key] = ""
		if target.Cluster == p.cfg.ArgoCD.Hub && !managed {
			identities[key] = targetIdentity(components.ArgoCDInClusterServer)
			continue
		}
		for _, cluster := range slices.Concat(p.cfg.Clusters[target.Cluster].Aliases, []string{target.Cluster}) {
			if server := servers[cluster]; server != "" {
				identities[key] = targetIdentity(server)
			}
		}
	}
	return identities
}
