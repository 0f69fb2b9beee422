package stacks

import (
	"fmt"
	"maps"
	"slices"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/components/kubename"
)

func (cluster Cluster) validate(key string) error {
	var found fielderr.List
	if cluster.Create == nil || cluster.Name != cluster.Aliases.first(key) { // the key of one to create is judged below
		found.Add("name", components.ValidateClusterName(cluster.Name))
	}
	found.Refuse(!regionForm.MatchString(cluster.Region), "region", "%q is not an AWS region such as eu-west-1", cluster.Region)
	found.Add("profile", fielderr.IfGiven(cluster.Profile, components.ValidateProfile))
	if role := cluster.AssumeRole; role != nil {
		found.Add("assumeRole.roleArn", iampolicy.ValidateRoleARN(role.RoleArn))
		found.Add("assumeRole.roleArn", cluster.refusePartition(role.RoleArn))
		found.Add("assumeRole.sessionName", fielderr.IfGiven(role.SessionName, iampolicy.ValidateSessionName))
	}
	for i, namespace := range cluster.Namespaces {
		at := fielderr.Path("namespaces").Index(i)
		found.Add(at, kubename.ValidateNamespace(namespace))
		found.Refuse(slices.Contains(cluster.Namespaces[:i], namespace), at, "%q is there already", namespace)
		found.Refuse(slices.Contains([]string{"default", "kube-system", "kube-public", "kube-node-lease"}, namespace), at,
			"%q is Kubernetes's own, it exists already", namespace)
	}
	if cluster.Create != nil {
		found.Add("create", validateCreatedKey(key))
		found.Add("create", cluster.Create.validate())
	}
	found.Add("oidcProvider", cluster.validateProvider())
	found.Add("access", cluster.validateAccess())
	return found.Err()
}

func (cluster Cluster) validateProvider() error {
	provider, created := cluster.OidcProvider, cluster.Create != nil
	var found fielderr.List
	found.Add("", provider.ValidateSettings())
	found.Refuse(provider.Import && created, "import", "not for a cluster that is still to be created, which has no provider yet")
	found.Refuse(provider.ComputeThumbprint && len(provider.Thumbprints) > 0, "computeThumbprint", "conflicts with thumbprints")
	found.Refuse(provider.ComputeThumbprint && created, "computeThumbprint", "not for a cluster that is still to be created")
	return found.Err()
}

// declared checks a reference to a cluster.
func (cfg *Config) declared(cluster string) error {
	if _, ok := cfg.Clusters[cluster]; ok {
		return nil
	}
	return fmt.Errorf("cluster %q is not declared; declared are %q", cluster, slices.Sorted(maps.Keys(cfg.Clusters)))
}

// validateCredentials refuses clusters of two partitions with the same credentials, which are those of one partition.
func (cfg *Config) validateCredentials() error {
	first := map[credentials]string{}
	return fielderr.EachKey(cfg.Clusters, func(key string, cluster Cluster) error {
		credentials := cluster.credentials()
		other, taken := first[credentials]
		if !taken {
			first[credentials] = key
			return nil
		}
		if partitionOf(cfg.Clusters[other].Region) == partitionOf(cluster.Region) {
			return nil
		}
		return fielderr.At("region", fmt.Errorf("%s is in another partition than %s of cluster %q, which is reached with the same "+
			"credentials%s; a partition has accounts of its own", cluster.Region, cfg.Clusters[other].Region, other, credentials))
	})
}
