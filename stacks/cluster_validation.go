package stacks

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/fault"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/components/kubename"
)

func (cluster Cluster) validate(key string) error {
	var faults []error
	if cluster.Create == nil || cluster.Name != cluster.Aliases.first(key) { // the key of one to create is judged below
		faults = append(faults, fault.At("name", components.ValidateClusterName(cluster.Name)))
	}
	if !regionForm.MatchString(cluster.Region) {
		faults = append(faults, fmt.Errorf("region: %q is not an AWS region such as eu-west-1", cluster.Region))
	}
	if cluster.Profile != "" {
		faults = append(faults, fault.At("profile", components.ValidateProfile(cluster.Profile)))
	}
	if role := cluster.AssumeRole; role != nil {
		err := iampolicy.ValidateRoleARN(role.RoleArn)
		faults = append(faults, fault.At("assumeRole.roleArn", errors.Join(err, cluster.refusePartition(role.RoleArn))))
		if role.SessionName != "" {
			faults = append(faults, fault.At("assumeRole.sessionName", iampolicy.ValidateSessionName(role.SessionName)))
		}
	}
	for i, namespace := range cluster.Namespaces {
		faults = append(faults, fault.At(fmt.Sprintf("namespaces[%d]", i), kubename.ValidateNamespace(namespace)))
		if slices.Contains(cluster.Namespaces[:i], namespace) {
			faults = append(faults, fmt.Errorf("namespaces[%d]: %q is there already", i, namespace))
		}
		if slices.Contains([]string{"default", "kube-system", "kube-public", "kube-node-lease"}, namespace) {
			faults = append(faults, fmt.Errorf("namespaces[%d]: %q is Kubernetes's own, it exists already", i, namespace))
		}
	}
	if cluster.Create != nil {
		faults = append(faults, fault.At("create", validateCreatedKey(key)), fault.Under("create", cluster.Create.validate()))
	}
	provider := cluster.OidcProvider
	faults = append(faults, fault.Under("oidcProvider", provider.ValidateSettings()))
	if provider.Import && cluster.Create != nil {
		faults = append(faults, errors.New("oidcProvider.import: not for a cluster that is still to be created, which has no provider yet"))
	}
	if provider.ComputeThumbprint && len(provider.Thumbprints) > 0 {
		faults = append(faults, errors.New("oidcProvider.computeThumbprint: conflicts with thumbprints"))
	}
	if provider.ComputeThumbprint && cluster.Create != nil {
		faults = append(faults, errors.New("oidcProvider.computeThumbprint: not for a cluster that is still to be created"))
	}
	return errors.Join(faults...)
}

// declared checks a reference to a cluster.
func (cfg *Config) declared(path, cluster string) error {
	if _, ok := cfg.Clusters[cluster]; ok {
		return nil
	}
	return fmt.Errorf("%s: cluster %q is not declared; declared are %q", path, cluster, slices.Sorted(maps.Keys(cfg.Clusters)))
}

// validateCredentials refuses clusters of two partitions with the same credentials, which are those of one partition.
func (cfg *Config) validateCredentials() error {
	first := map[credentials]string{}
	var faults []error
	for _, key := range slices.Sorted(maps.Keys(cfg.Clusters)) {
		credentials, region := cfg.Clusters[key].credentials(), cfg.Clusters[key].Region
		switch other, ok := first[credentials]; {
		case !ok:
			first[credentials] = key
		case partitionOf(cfg.Clusters[other].Region) != partitionOf(region):
			faults = append(faults, fmt.Errorf("clusters.%s.region: %s is in another partition than %s of cluster %q, which is reached with "+
				"the same credentials%s; a partition has accounts of its own", key, region, cfg.Clusters[other].Region, other, credentials))
		}
	}
	return errors.Join(faults...)
}
