package stacks

import (
	"errors"
	"fmt"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

func (cfg *Config) validateRole(role Role) error {
	err := role.validateAccount(func(key string) string { return cfg.Clusters[key].assumedAccount() })
	if err == nil {
		err = cfg.validateOnePartition(role)
	}
	var found fielderr.List
	found.Refuse(len(role.Clusters) == 0, "clusters", "name at least one cluster")
	for i, key := range role.Clusters {
		at := fielderr.Path("clusters").Index(i)
		found.Add(at, cfg.declared(key))
		found.Add(at, fielderr.Duplicate(role.Clusters, i))
	}
	found.Add("", err)
	found.Add("", cfg.validatePodRole(role))
	return found.Err()
}

// validateOnePartition refuses clusters of several partitions, which are always of several accounts.
func (cfg *Config) validateOnePartition(role Role) error {
	return role.eachOtherCluster(func(key, firstKey string) error {
		first, partition := cfg.Clusters[firstKey].partition(), cfg.Clusters[key].partition()
		if first == "" || partition == "" || partition == first {
			return nil
		}
		return fmt.Errorf("%q is in the partition %s and %q in %s; a role is in one account, so make one role per partition",
			key, partition, firstKey, first)
	})
}

// validateAccount refuses clusters of several accounts; accountOf is "" where it is not known yet.
func (role Role) validateAccount(accountOf func(cluster string) string) error {
	return role.eachOtherCluster(func(key, firstKey string) error {
		first, account := accountOf(firstKey), accountOf(key)
		if first == "" || account == "" || account == first {
			return nil
		}
		return fmt.Errorf("%q is in account %s and %q in account %s; a role is in one account, so make one role per account",
			key, account, firstKey, first)
	})
}

// eachOtherCluster checks the clusters against the first one.
func (role Role) eachOtherCluster(check func(key, first string) error) error {
	return fielderr.At("clusters", fielderr.Each(role.Clusters, func(key string) error { return check(key, role.Clusters[0]) }))
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
