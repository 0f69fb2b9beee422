// Package stacks composes the components into the platform that Pulumi.<env>.yaml declares: clusters, roles of service
// accounts, and Argo CD across the clusters.
package stacks

import (
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
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
		clusters:  map[string]*clusterFacts{},
		roles:     map[string]*components.IrsaRole{},
		outputs:   map[string]pulumi.Map{},
	}
	p.readPreviousOutputs()
	for _, step := range []func() error{p.openAccounts, p.findPolicies, p.checkAccounts, p.openClusters, p.createBuckets, p.createRoles, p.createArgoCD} {
		if err := step(); err != nil {
			return err
		}
	}
	p.export()
	return nil
}

type platform struct {
	ctx *pulumi.Context
	cfg *Config

	providers map[providerKey]*aws.Provider
	accounts  map[credentials]*account
	// policies are the ARNs of AWS's own policies that the configuration names, and "" for those that AWS does not have.
	policies map[namedPolicy]string
	clusters map[string]*clusterFacts
	roles    map[string]*components.IrsaRole
	// before are the outputs of the stack's last update, and unread is why they cannot be read.
	before stackOutputs
	unread error
	// buckets are all buckets and their objects.
	buckets []pulumi.Resource
	// outputs are the stack's outputs, by name.
	outputs map[string]pulumi.Map
}

func (p *platform) createBuckets() error {
	for _, key := range slices.Sorted(maps.Keys(p.cfg.Buckets)) {
		if err := p.createBucket(key, p.cfg.Buckets[key]); err != nil {
			return fmt.Errorf("bucket %q: %w", key, err)
		}
	}
	return nil
}

func (p *platform) createBucket(key string, bucket Bucket) error {
	provider := pulumi.Provider(p.clusters[bucket.Cluster].aws)
	resource, err := s3.NewBucketV2(p.ctx, key, &s3.BucketV2Args{
		Bucket: pulumi.String(bucket.name(key)), ForceDestroy: pulumi.Bool(bucket.ForceDestroy),
		Tags: pulumi.ToStringMap(p.cfg.Tags),
	}, provider, bucket.Aliases.of(itself))
	if err != nil {
		return err
	}
	p.buckets = append(p.buckets, resource)
	for _, object := range slices.Sorted(maps.Keys(bucket.Objects)) {
		content, err := s3.NewBucketObjectv2(p.ctx, key+"/"+object, &s3.BucketObjectv2Args{
			Bucket: resource.Bucket, Key: pulumi.String(object), Content: pulumi.String(bucket.Objects[object]),
		}, provider, pulumi.Parent(resource), bucket.Aliases.of(below(object)))
		if err != nil {
			return fmt.Errorf("object %q: %w", object, err)
		}
		p.buckets = append(p.buckets, content)
	}
	p.output("buckets", key, pulumi.Map{"name": resource.Bucket, "arn": resource.Arn})
	return nil
}

func (p *platform) createRoles() error {
	for _, key := range slices.Sorted(maps.Keys(p.cfg.Roles)) {
		role, err := p.createRole(key, p.cfg.Roles[key])
		if err != nil {
			return err
		}
		p.roles[key] = role
	}
	return nil
}

func (p *platform) createRole(key string, role Role) (*components.IrsaRole, error) {
	clusters := make([]components.IrsaCluster, len(role.Clusters))
	var ready []pulumi.Resource
	for i, cluster := range role.Clusters {
		facts := p.clusters[cluster]
		clusters[i] = components.IrsaCluster{
			Name: cluster, Aliases: p.cfg.Clusters[cluster].Aliases, OidcProvider: facts.oidcProvider, Kubernetes: facts.kubernetes,
			Namespaces: facts.namespaces,
		}
		for _, account := range role.ServiceAccounts {
			if namespace := facts.namespaces[account.Namespace]; namespace != nil && !slices.Contains(ready, namespace) {
				ready = append(ready, namespace)
			}
		}
	}
	account := p.roleAccount(key, role)
	args := p.cfg.roleArgs(role, clusters, p.policyArn(role.Clusters[0]))
	if args.TestPod != nil {
		args.TestPod.DependsOn = p.buckets // a check reads one, most likely
	}
	for i, account := range role.ServiceAccounts {
		args.ServiceAccounts[i].EarlierRoles = p.earlierRoles(key, role, account)
	}
	component, err := components.NewIrsaRole(p.ctx, key, args,
		pulumi.Provider(account.iam), pulumi.DependsOn(ready), role.Aliases.of(itself))
	if err != nil {
		return nil, err
	}
	p.output("roles", key, pulumi.Map{
		"arn": component.Arn, "name": component.Name, "uniqueId": component.UniqueId, "trustPolicy": component.TrustPolicy,
		"serviceAccounts": component.ServiceAccounts, "testPods": component.TestPods,
		"controlPods": component.ControlPods, "iamProvider": pulumi.String(account.credentials.iamProviderName()),
	})
	return component, nil
}

// roleArgs are the component's arguments for a declared role; arnOf gives the ARN of a managed policy.
func (cfg *Config) roleArgs(
	role Role, clusters []components.IrsaCluster, arnOf func(policy string) string,
) *components.IrsaRoleArgs {
	args := &components.IrsaRoleArgs{
		Clusters: clusters, Name: role.Name, NamePrefix: role.NamePrefix, Path: role.Path, Description: role.Description,
		MaxSessionDuration: role.MaxSessionDuration, Tags: cfg.tags(role.Tags),
		KeepForeignPolicies: role.KeepForeignPolicies, MaxTrustPolicySize: role.MaxTrustPolicySize,
		ManagedPolicies: map[string]pulumi.StringInput{},
		InlinePolicies:  documents(role.InlinePolicies), CustomerManagedPolicies: documents(role.CustomerManagedPolicies),
	}
	if role.PermissionsBoundary != "" {
		args.PermissionsBoundary = pulumi.String(arnOf(role.PermissionsBoundary))
	}
	for _, policy := range role.ManagedPolicies {
		args.ManagedPolicies[managedPolicyName(policy)] = pulumi.String(arnOf(policy))
	}
	for _, account := range role.ServiceAccounts {
		args.ServiceAccounts = append(args.ServiceAccounts, components.ServiceAccountArgs{
			Namespace: account.Namespace, Name: account.Name, NamePattern: account.NamePattern, Mode: account.Mode,
			Labels: account.Labels, Annotations: account.Annotations, RegionalSTS: account.RegionalSTS,
			TokenExpirationSeconds: account.TokenExpirationSeconds,
		})
	}
	args.TestPod = cfg.testPod(role.TestPod)
	return args
}

// roleName is the name that a role will have, or "" when a prefix leaves it to the AWS provider.
func (cfg *Config) roleName(role Role) string {
	return cfg.roleArgs(role, nil, managedPolicyName).RoleName()
}

// testPod is a declared testPod with the environment's settings where it gives none of its own.
func (cfg *Config) testPod(declared *components.TestPodArgs) *components.TestPodArgs {
	if declared == nil {
		return nil
	}
	pod := *declared
	pod.PodSettings = pod.WithDefaults(cfg.TestPodDefaults)
	return &pod
}

// tags are the environment's tags and more of one role, which win.
func (cfg *Config) tags(more map[string]string) pulumi.StringMap {
	tags := map[string]string{}
	maps.Copy(tags, cfg.Tags)
	maps.Copy(tags, more)
	return pulumi.ToStringMap(tags)
}

func documents(declared map[string]Document) map[string]pulumi.StringInput {
	inputs := map[string]pulumi.StringInput{}
	for name, document := range declared {
		inputs[name] = pulumi.String(string(document))
	}
	return inputs
}

func (p *platform) createNamespaces(cluster Cluster, facts *clusterFacts) error {
	for _, name := range cluster.Namespaces {
		namespace, err := corev1.NewNamespace(p.ctx, facts.key+"/"+name, &corev1.NamespaceArgs{
			Metadata: &metav1.ObjectMetaArgs{Name: pulumi.String(name)},
		}, pulumi.Provider(facts.kubernetes), cluster.Aliases.of(below(name)))
		if err != nil {
			return fmt.Errorf("namespace %q: %w", name, err)
		}
		facts.namespaces[name] = namespace
	}
	return nil
}

// output adds an entry to one of the stack's outputs.
func (p *platform) output(name, key string, value pulumi.Map) {
	if p.outputs[name] == nil {
		p.outputs[name] = pulumi.Map{}
	}
	p.outputs[name][key] = value
}

func (p *platform) export() {
	for _, name := range slices.Sorted(maps.Keys(p.outputs)) {
		p.ctx.Export(name, p.outputs[name])
	}
}
