package stacks

import (
	"errors"
	"fmt"
	"slices"
)

func (cfg *Config) validateRole(role Role) error {
	var faults []error
	if len(role.Clusters) == 0 {
		faults = append(faults, errors.New("clusters: name at least one cluster"))
	}
	for i, key := range role.Clusters {
		path := fmt.Sprintf("clusters[%d]", i)
		faults = append(faults, cfg.declared(path, key))
		if first := slices.Index(role.Clusters, key); first < i {
			faults = append(faults, fmt.Errorf("%s: %q is already in the list, at index %d", path, key, first))
		}
	}
	err := role.validateAccount(func(key string) string { return cfg.Clusters[key].assumedAccount() })
	if err == nil {
		err = cfg.validateOnePartition(role)
	}
	return errors.Join(append(faults, err, cfg.validatePodRole(role))...)
}

// validateOnePartition refuses clusters of several partitions, which are always of several accounts.
func (cfg *Config) validateOnePartition(role Role) error {
	var faults []error
	for i, key := range role.Clusters {
		first, partition := cfg.Clusters[role.Clusters[0]].partition(), cfg.Clusters[key].partition()
		if first != "" && partition != "" && partition != first {
			faults = append(faults, fmt.Errorf("clusters[%d]: %q is in the partition %s and %q in %s; a role is in one account, so make one "+
				"role per partition", i, key, partition, role.Clusters[0], first))
		}
	}
	return errors.Join(faults...)
}

// validateAccount refuses clusters of several accounts; accountOf is "" where it is not known yet.
func (role Role) validateAccount(accountOf func(cluster string) string) error {
	var faults []error
	for i, key := range role.Clusters {
		first, account := accountOf(role.Clusters[0]), accountOf(key)
		if first != "" && account != "" && account != first {
			faults = append(faults, fmt.Errorf("clusters[%d]: %q is in account %s and %q in account %s; a role is in one account, "+
				"so make one role per account", i, key, account, role.Clusters[0], first))
		}
	}
	return errors.Join(faults...)
}

// validatePodRole checks what every role of pods has.
func (cfg *Config) validatePodRole(role Role) error {
	err := role.ValidateSettings(len(role.Clusters))
	if len(role.Clusters) == 0 {
		return err
	}
	if partition := cfg.Clusters[role.Clusters[0]].partition(); partition != "" {
		return errors.Join(err, role.ValidatePartition(partition))
	}
	return err
}
