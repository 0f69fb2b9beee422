package stacks

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
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
