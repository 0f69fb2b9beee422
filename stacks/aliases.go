package stacks

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fault"
)

// Aliases are the keys that an entry of the configuration had before, the oldest first. What was made under an earlier key is
// kept, and what is named after a key by default keeps the name that the oldest one gave it.
type Aliases []string

// first is the key that an entry had first.
func (aliases Aliases) first(key string) string {
	return slices.Concat(aliases, []string{key})[0]
}

// of are the aliases of a resource whose name is made from the key.
func (aliases Aliases) of(name func(key string) string) pulumi.ResourceOption {
	var all []pulumi.Alias
	for _, alias := range aliases {
		all = append(all, pulumi.Alias{Name: pulumi.String(name(alias))})
	}
	return pulumi.Aliases(all)
}

// itself is the name of a resource that is called as its key.
func itself(key string) string { return key }

// below makes the names of resources that stand below a key.
func below(name string) func(key string) string {
	return func(key string) string { return key + "/" + name }
}

// inArgoCD is the name of the resources of a target.
func inArgoCD(key string) string { return argoCDKey + "/" + key }

// name is the EKS cluster's.
func (cluster Cluster) name(key string) string {
	return orKey(cluster.Name, cluster.Aliases.first(key))
}

// name is the bucket's.
func (bucket Bucket) name(key string) string { return orKey(bucket.Name, bucket.Aliases.first(key)) }

// displayName is the cluster's name in Argo CD.
func (target ArgoCDTarget) displayName(key string) string {
	return orKey(target.DisplayName, target.Aliases.first(key))
}

// validateAliases finds earlier keys that are still there, or that two entries claim.
func (cfg *Config) validateAliases() error {
	faults := []error{
		validateAliases("clusters", ConfigKey+".clusters", cfg.Clusters, func(c Cluster) Aliases { return c.Aliases }),
		validateAliases("buckets", ConfigKey+".buckets", cfg.Buckets, func(b Bucket) Aliases { return b.Aliases }),
		validateAliases("roles", ConfigKey+".roles", cfg.Roles, func(r Role) Aliases { return r.Aliases }),
	}
	if cfg.ArgoCD != nil {
		faults = append(faults, fault.Under("argocd",
			validateAliases("targets", ConfigKey+".argocd.targets", cfg.ArgoCD.Targets, func(t ArgoCDTarget) Aliases { return t.Aliases })))
		for _, key := range slices.Sorted(maps.Keys(cfg.Roles)) {
			if i := slices.Index(cfg.Roles[key].Aliases, argoCDKey); i >= 0 {
				faults = append(faults, fmt.Errorf("roles.%s.aliases[%d]: Argo CD's own role has the key %q", key, i, argoCDKey))
			}
		}
	}
	return errors.Join(faults...)
}

// validateAliases names its faults below the section, and other entries below at, which is where it stands in the file.
func validateAliases[T any](section, at string, entries map[string]T, aliasesOf func(T) Aliases) error {
	claimed := map[string]string{}
	var faults []error
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		for i, alias := range aliasesOf(entries[key]) {
			path := fmt.Sprintf("%s.%s.aliases[%d]", section, key, i)
			_, declared := entries[alias]
			switch other, taken := claimed[alias]; {
			case declared:
				faults = append(faults, fmt.Errorf("%s: %q is declared, at %s.%s, so it is not an earlier key",
					path, alias, at, alias))
			case taken:
				faults = append(faults, fmt.Errorf("%s: %q is claimed already, at %s.%s", path, alias, at, other))
			default:
				claimed[alias] = fmt.Sprintf("%s.aliases[%d]", key, i)
			}
		}
	}
	return errors.Join(faults...)
}
