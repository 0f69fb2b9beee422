package stacks

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

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

// partition is the partition of the cluster's region, or "" where that is none and refused elsewhere.
func (cluster Cluster) partition() string {
	if !regionForm.MatchString(cluster.Region) {
		return ""
	}
	return partitionOf(cluster.Region).name
}

// refusePartition refuses an ARN of another partition than that of the cluster's region: IAM knows none, and in a policy it
// matches nothing. What is no ARN is refused elsewhere.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
func (cluster Cluster) refusePartition(text string) error {
	arn, err := iampolicy.ParseArn(text)
	partition := cluster.partition()
	if err != nil || partition == "" || arn.Partition == partition {
		return nil
	}
	return fmt.Errorf("%s is in the partition %s, and %s in %s", text, arn.Partition, cluster.Region, partition)
}
