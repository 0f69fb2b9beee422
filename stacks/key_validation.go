package stacks

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

// keyForm keeps the names of Pulumi resources apart, which are made of keys with slashes between them, and keeps keys fit for
// the names in AWS that are made of them.
var keyForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*$`)

// validateKeys checks the keys that are names of the configuration's own.
func (cfg *Config) validateKeys() error {
	var found fielderr.List
	found.Add("clusters", validateKeys(cfg.Clusters))
	found.Add("clusters", fielderr.EachKey(cfg.Clusters, func(_ string, cluster Cluster) error {
		return fielderr.At("access", validateKeys(cluster.Access))
	}))
	found.Add("buckets", validateKeys(cfg.Buckets))
	found.Add("roles", validateKeys(cfg.Roles))
	found.Add("argocd.targets", validateKeys(cfg.targets()))
	return found.Err()
}

func validateKeys[T any](entries map[string]T) error {
	return fielderr.EachKey(entries, func(key string, _ T) error {
		if keyForm.MatchString(key) {
			return nil
		}
		return fmt.Errorf("the key %q becomes part of names; use letters, digits, ., _ and -, and begin with a letter, a digit or _",
			key)
	})
}

// validateAliases finds earlier keys that are still there, or that two entries claim.
func (cfg *Config) validateAliases() error {
	var found fielderr.List
	found.Add("", validateAliases("clusters", aliasesOf(cfg.Clusters, func(c Cluster) Aliases { return c.Aliases })))
	for _, key := range slices.Sorted(maps.Keys(cfg.Clusters)) {
		found.Add("", validateAliases(fielderr.Path("clusters").Child(key).Child("access"), cfg.Clusters[key].accessAliases()))
	}
	found.Add("", validateAliases("buckets", aliasesOf(cfg.Buckets, func(b Bucket) Aliases { return b.Aliases })))
	found.Add("", validateAliases("roles", aliasesOf(cfg.Roles, func(r Role) Aliases { return r.Aliases })))
	found.Add("", validateAliases("argocd.targets", aliasesOf(cfg.targets(), func(t ArgoCDTarget) Aliases { return t.Aliases })))
	if cfg.ArgoCD != nil {
		found.Add("roles", fielderr.EachKey(cfg.Roles, func(_ string, role Role) error {
			var found fielderr.List
			i := slices.Index(role.Aliases, argoCDKey)
			found.Refuse(i >= 0, fielderr.Path("aliases").Index(i), "Argo CD's own role has the key %q", argoCDKey)
			return found.Err()
		}))
	}
	return found.Err()
}

// validateAliases checks the earlier keys of the entries of a section, by their keys.
func validateAliases(section fielderr.Path, aliases map[string]Aliases) error {
	claimed := map[string]fielderr.Path{}
	var found fielderr.List
	for _, key := range slices.Sorted(maps.Keys(aliases)) {
		for i, alias := range aliases[key] {
			at := section.Child(key).Child("aliases").Index(i)
			_, declared := aliases[alias]
			switch other, taken := claimed[alias]; {
			case declared:
				found.Addf(at, "%q is declared, at %s, so it is not an earlier key", alias, inFile.Join(section.Child(alias)))
			case taken:
				found.Addf(at, "%q is claimed already, at %s", alias, inFile.Join(other))
			default:
				claimed[alias] = at
			}
		}
	}
	return found.Err()
}
