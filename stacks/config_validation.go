package stacks

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/fault"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/components/kubename"
)

func (cfg *Config) validate() error {
	if len(cfg.Clusters) == 0 {
		return errors.New("clusters: declare at least one cluster")
	}
	faults := []error{fault.Under("testPodDefaults", cfg.TestPodDefaults.Validate())}
	// The defaults are checked once, and not again with each testPod and role that they go into.
	own := *cfg
	own.TestPodDefaults = components.PodSettings{}
	provider := &components.OidcProviderArgs{NewClusterIssuer: later, Owner: cfg.Owner, Tags: pulumi.ToStringMap(cfg.Tags)}
	if err := provider.Validate(); err != nil {
		faults, own.Tags = append(faults, err), nil
	}
	return errors.Join(append(faults, own.validateKeys(), own.validateParts())...)
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

// AWS adds regions and partitions, so the form is all that is judged: us-gov-west-1, eusc-de-east-1.
var regionForm = regexp.MustCompile(`^[a-z]{2,8}(-[a-z]+)+-[0-9]{1,2}$`)

func (cluster Cluster) validate(key string) error {
	var faults []error
	if cluster.Name != "" || cluster.Create == nil { // the key of one to create is judged below
		faults = append(faults, fault.At("name", components.ValidateClusterName(cluster.name(key))))
	}
	if !regionForm.MatchString(cluster.Region) {
		faults = append(faults, fmt.Errorf("region: %q is not an AWS region such as eu-west-1", cluster.Region))
	}
	if cluster.Profile != "" {
		faults = append(faults, fault.At("profile", components.ValidateProfile(cluster.Profile)))
	}
	if role := cluster.AssumeRole; role != nil {
		err := iampolicy.ValidateRoleArn(role.RoleArn)
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
	args := &components.OidcProviderArgs{
		ClientIDs: provider.ClientIDs, Thumbprints: provider.Thumbprints, Import: provider.Import,
	}
	if cluster.Create != nil {
		args.NewClusterIssuer = later
	} else {
		args.ClusterName = "looked-up"
	}
	faults = append(faults, fault.Under("oidcProvider", args.Validate()))
	if provider.ComputeThumbprint && len(provider.Thumbprints) > 0 {
		faults = append(faults, errors.New("oidcProvider.computeThumbprint: not together with thumbprints"))
	}
	if provider.ComputeThumbprint && cluster.Create != nil {
		faults = append(faults, errors.New("oidcProvider.computeThumbprint: not for a cluster that is still to be created"))
	}
	return errors.Join(faults...)
}

func (cfg *Config) validateAccess(target ArgoCDTarget) error {
	access := target.Access
	var faults error
	switch access.Via {
	case "", ViaAccessEntry:
		faults = access.entry().Validate()
		if access.Overwrite {
			faults = errors.Join(faults, fmt.Errorf("overwrite: needs via: %s; an access entry that exists is taken over with import", ViaAwsAuth))
		}
	case ViaAwsAuth:
		faults = access.validateAwsAuth()
	default:
		return fmt.Errorf("access.via: %q is neither %s nor %s", access.Via, ViaAccessEntry, ViaAwsAuth)
	}
	created := cfg.Clusters[target.Cluster].Create
	if faults != nil || created == nil {
		return fault.Under("access", faults)
	}
	// Of a cluster that is still to be created the authentication mode is known already.
	switch mode := created.authenticationMode(); {
	case !mode.AllowsAccessEntries() && !mode.AllowsAwsAuth():
		return nil // no mode at all, which is reported already
	case access.Via == "" && !mode.AllowsAccessEntries():
		return fault.Under("access", access.validateAwsAuth())
	case access.Via == ViaAccessEntry && !mode.AllowsAccessEntries(), access.Via == ViaAwsAuth && !mode.AllowsAwsAuth():
		return fmt.Errorf("access.via: a cluster with the authentication mode %s does not heed %s", mode, access.Via)
	default:
		return nil
	}
}

// validateAwsAuth checks what a line of aws-auth can hold.
func (access ArgoCDAccess) validateAwsAuth() error {
	var faults []error
	if len(access.Policies) > 0 {
		faults = append(faults, errors.New("policies: aws-auth knows no access policies; name kubernetesGroups"))
	}
	if len(access.KubernetesGroups) == 0 {
		faults = append(faults, errors.New("kubernetesGroups: name at least one group"))
	}
	faults = append(faults, components.ValidateKubernetesNames("kubernetesGroups", access.KubernetesGroups))
	if access.Username != "" {
		faults = append(faults, fault.At("username", components.ValidateKubernetesName(access.Username)))
	}
	if access.Import {
		faults = append(faults, errors.New("import: not with aws-auth; a line that maps the role already is replaced with overwrite"))
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

// later stands for a value that is known only when the program runs: validation needs to know just that it will be
// there.
var later = pulumi.String("").ToStringOutput()

// laterClusters are clusters as a role needs them, before any is looked up.
func laterClusters(keys []string) []components.IrsaCluster {
	clusters := make([]components.IrsaCluster, len(keys))
	for i, key := range keys {
		clusters[i] = components.IrsaCluster{Name: key, OidcProviderArn: later, Kubernetes: &kubernetes.Provider{}}
	}
	return clusters
}
