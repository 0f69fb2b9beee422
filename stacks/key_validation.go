package stacks

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fault"
)

// keyForm keeps the names of Pulumi resources apart, which are made of keys with slashes between them, and keeps keys fit for
// the names in AWS that are made of them.
var keyForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*$`)

// validateKeys checks the keys that are names of the configuration's own.
func (cfg *Config) validateKeys() error {
	return errors.Join(validateKeys("clusters", cfg.Clusters), validateKeys("buckets", cfg.Buckets), validateKeys("roles", cfg.Roles),
		validateKeys("argocd.targets", cfg.targets()))
}

func validateKeys[T any](section string, entries map[string]T) error {
	var faults []error
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		if !keyForm.MatchString(key) {
			faults = append(faults, fmt.Errorf("%s.%s: the key %q becomes part of names; use letters, digits, ., _ and -, and begin with a "+
				"letter, a digit or _", section, key, key))
		}
	}
	return errors.Join(faults...)
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
