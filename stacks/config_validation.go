package stacks

import (
	"errors"
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/fault"
)

// validateEnvironment checks what the environment gives to all that is declared.
func (cfg *Config) validateEnvironment() error {
	provider := &components.OidcProviderArgs{Owner: cfg.Owner, Tags: pulumi.ToStringMap(cfg.Tags)}
	return errors.Join(fault.Under("testPodDefaults", cfg.TestPodDefaults.Validate()), provider.ValidateSettings())
}

func (cfg *Config) validate() error {
	if len(cfg.Clusters) == 0 {
		return errors.New("clusters: declare at least one cluster")
	}
	return errors.Join(cfg.validateKeys(), cfg.validateParts())
}

func (cfg *Config) validateParts() error {
	var faults []error
	for _, key := range slices.Sorted(maps.Keys(cfg.Clusters)) {
		faults = append(faults, fault.Under("clusters."+key, cfg.Clusters[key].validate(key)))
	}
	faults = append(faults, cfg.validateCredentials())
	for _, key := range slices.Sorted(maps.Keys(cfg.Buckets)) {
		faults = append(faults, fault.Under("buckets."+key, cfg.validateBucket(key)))
	}
	for _, key := range slices.Sorted(maps.Keys(cfg.Roles)) {
		faults = append(faults, fault.Under("roles."+key, cfg.validateRole(cfg.Roles[key])))
	}
	if cfg.ArgoCD != nil {
		faults = append(faults, fault.Under("argocd", cfg.validateArgoCD()))
	}
	return errors.Join(append(faults, cfg.validateAliases(), cfg.validateUnique(cfg.inAccount))...)
}
