package stacks

import (
	"errors"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

// validateEnvironment checks what the environment gives to all that is declared.
func (cfg *Config) validateEnvironment() error {
	provider := &components.OidcProviderArgs{Owner: cfg.Owner, Tags: pulumi.ToStringMap(cfg.Tags)}
	var found fielderr.List
	found.Add("testPodDefaults", cfg.TestPodDefaults.Validate())
	found.Add("", provider.ValidateSettings())
	return found.Err()
}

func (cfg *Config) validate() error {
	if len(cfg.Clusters) == 0 {
		return fielderr.At("clusters", errors.New("declare at least one cluster"))
	}
	var found fielderr.List
	found.Add("", cfg.validateKeys())
	found.Add("clusters", fielderr.EachKey(cfg.Clusters, func(key string, cluster Cluster) error { return cluster.validate(key) }))
	found.Add("clusters", cfg.validateCredentials())
	found.Add("buckets", fielderr.EachKey(cfg.Buckets, func(_ string, bucket Bucket) error { return cfg.validateBucket(bucket) }))
	found.Add("roles", fielderr.EachKey(cfg.Roles, func(_ string, role Role) error { return cfg.validateRole(role) }))
	if cfg.ArgoCD != nil {
		found.Add("argocd", cfg.validateArgoCD())
	}
	found.Add("", cfg.validateAliases())
	found.Add("", cfg.validateUnique(cfg.inAccount))
	return found.Err()
}
