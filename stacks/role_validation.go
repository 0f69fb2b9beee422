package stacks

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fault"
)

func (cfg *Config) validateRole(role Role) error {
	var faults []error
	for i, key := range role.Clusters {
		faults = append(faults, cfg.declared(fmt.Sprintf("clusters[%d]", i), key))
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

// validatePodRole checks what every role of pods has. Its policies have other paths here than in the component's arguments, so
// they are checked first, and only those that are right go there.
func (cfg *Config) validatePodRole(role Role) error {
	var cluster string
	if len(role.Clusters) > 0 {
		cluster = role.Clusters[0]
	}
	var names, right []string
	faults := []error{cfg.validateBoundary(role.RoleSettings, cluster)}
	for i, policy := range role.ManagedPolicies {
		path, name := fmt.Sprintf("managedPolicies[%d]", i), managedPolicyName(policy)
		err := cfg.validatePolicy(policy, cluster)
		first := slices.IndexFunc(names, func(other string) bool { return strings.EqualFold(other, name) })
		switch {
		case err != nil:
			faults = append(faults, fault.At(path, err))
		case first >= 0:
			faults = append(faults, fmt.Errorf("%s: a policy named %q is there already, at index %d", path, names[first], first))
		default:
			right = append(right, policy)
		}
		names = append(names, name)
	}
	role.ManagedPolicies, role.PermissionsBoundary = right, ""
	partition := cfg.Clusters[cluster].partition()
	args := cfg.roleArgs(role, laterClusters(role.Clusters), func(policy string) string { return managedPolicyArn(policy, orKey(partition, "aws")) })
	faults = append(faults, args.Validate())
	if partition != "" {
		faults = append(faults, args.ValidatePartition(partition))
	}
	return errors.Join(faults...)
}

// unaskedPolicy gives the ARN of a managed policy before AWS is asked for its partition and its path.
func unaskedPolicy(policy string) string { return managedPolicyArn(policy, "aws") }
