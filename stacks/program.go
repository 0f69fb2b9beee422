// Package stacks composes the components into the platform that Pulumi.<env>.yaml declares: clusters, roles of service
// accounts, and Argo CD across the clusters.
package stacks

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

// Platform is the Pulumi program. It registers nothing unless the whole configuration is valid, and nothing but AWS
// providers before each account was asked who it is. Then it asks each cluster once what it is, and registers the rest,
// which the engine makes in parallel.
func Platform(ctx *pulumi.Context) error {
	cfg, err := LoadConfig(ctx)
	if err != nil {
		return err
	}
	if err := cfg.requirePrograms(); err != nil {
		return err
	}
	p := &platform{
		ctx: ctx, cfg: cfg,
		providers: map[providerKey]*aws.Provider{},
		accounts:  map[credentials]*account{},
		policies:  map[namedPolicy]string{},
		clusters:  map[string]*resolvedCluster{},
		gone:      map[string]bool{},
		roles:     map[string]*components.IrsaRole{},
		outputs:   map[string]pulumi.Map{trustOutput: {}},
	}
	p.readPreviousOutputs()
	for _, step := range []func() error{
		p.resolveAccounts, p.readQuotas, p.findPolicies, p.findGone, p.checkAccounts, p.resolveClusters, p.createAccess, p.createBuckets,
		p.createRoles, p.createArgoCD,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	p.export()
	return nil
}
