package stacks

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/fault"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/components/kubename"
)

func (cfg *Config) validateArgoCD() error {
	argocd := cfg.ArgoCD
	faults := []error{cfg.declared("hub", argocd.Hub)}
	// What has another path in the role than here is checked here, and only the rest of the role's settings with the role.
	rest := *argocd
	rest.Namespace, rest.ServiceAccounts, rest.RoleName, rest.RoleNamePrefix = components.DefaultArgoCDNamespace, components.ArgoCDServiceAccounts(), "", ""
	faults = append(faults, fault.At("namespace", kubename.ValidateNamespace(argocd.Namespace)), argocd.validateNames())
	if err := rest.ServiceAccountMode.Validate(); err != nil {
		faults = append(faults, fault.At("serviceAccountMode", err))
		rest.ServiceAccountMode = ""
	}
	faults = append(faults, cfg.validatePodRole(rest.role()))
	for _, key := range slices.Sorted(maps.Keys(argocd.Targets)) {
		path := "targets." + key
		faults = append(faults, fault.At(path, argocd.validateLoginName(key, argocd.Targets[key])),
			fault.Under(path, cfg.validateTarget(argocd.Targets[key])))
	}
	return errors.Join(faults...)
}

// validateNames checks the names of the hub role, of its policies and of Argo CD's service accounts.
func (argocd *ArgoCD) validateNames() error {
	var faults []error
	if argocd.RoleName != "" {
		faults = append(faults, fault.At("roleName", iampolicy.ValidateRoleName(argocd.RoleName)))
	}
	if argocd.RoleNamePrefix != "" {
		faults = append(faults, fault.At("roleNamePrefix", iampolicy.ValidateNamePrefix(argocd.RoleNamePrefix)))
	}
	if argocd.RoleName != "" && argocd.RoleNamePrefix != "" {
		faults = append(faults, errors.New("roleNamePrefix: give roleName or a prefix, not both"))
	}
	for i, policy := range argocd.ManagedPolicies {
		faults = append(faults, refuseAssumePolicy(fmt.Sprintf("managedPolicies[%d]", i), components.ManagedPolicyName(policy)))
	}
	for _, name := range slices.Sorted(maps.Keys(argocd.InlinePolicies)) {
		faults = append(faults, refuseAssumePolicy("inlinePolicies."+name, name))
	}
	for _, name := range slices.Sorted(maps.Keys(argocd.CustomerManagedPolicies)) {
		faults = append(faults, refuseAssumePolicy("customerManagedPolicies."+name, name))
	}
	if argocd.ServiceAccounts != nil && len(argocd.ServiceAccounts) == 0 {
		faults = append(faults, errors.New("serviceAccounts: name at least one, or leave the key out for those of Argo CD's own manifests"))
	}
	for i, name := range argocd.ServiceAccounts {
		path := fmt.Sprintf("serviceAccounts[%d]", i)
		if err := kubename.ValidateObject("a service account", name); err != nil {
			faults = append(faults, fault.At(path, err))
		} else if first := slices.Index(argocd.ServiceAccounts, name); first < i {
			faults = append(faults, fmt.Errorf("%s: %q is already in the list, at index %d", path, name, first))
		}
	}
	return errors.Join(faults...)
}

// refuseAssumePolicy keeps the name of the hub role's own policy free.
func refuseAssumePolicy(path, name string) error {
	if !strings.EqualFold(name, assumePolicy) {
		return nil
	}
	return fmt.Errorf("%s: the hub role's permission to assume the targets' roles has the name %q; choose another", path, assumePolicy)
}

func (cfg *Config) validateTarget(target ArgoCDTarget) error {
	if created := cfg.Clusters[target.Cluster].Create; created != nil {
		target.AuthenticationMode = created.AuthenticationMode // which is known before the cluster is there
	}
	faults := []error{
		cfg.declared("cluster", target.Cluster), cfg.validateTargetPartition(target), target.ValidateSettings(cfg.ArgoCD.TestPod != nil),
	}
	if !target.InCluster {
		faults = append(faults, cfg.validateTargetRole(target))
	}
	return errors.Join(faults...)
}

// validateLoginName checks what the pods that prove the login to a target are named after.
func (argocd *ArgoCD) validateLoginName(key string, target ArgoCDTarget) error {
	if argocd.TestPod == nil || target.Cluster == argocd.Hub || target.Aliases.inPodName(key) != "" {
		return nil
	}
	return fmt.Errorf("the pods that log in to the target, as testPod asks for, are named after its key, and %q cannot be part of a pod's "+
		"name; use lower-case letters, digits and -", key)
}

// validateTargetPartition refuses a cluster that the hub role means nothing to.
func (cfg *Config) validateTargetPartition(target ArgoCDTarget) error {
	cluster, declared := cfg.Clusters[target.Cluster]
	hub, known := cfg.Clusters[cfg.ArgoCD.Hub]
	if !declared || !known || partitionOf(cluster.Region) == partitionOf(hub.Region) {
		return nil
	}
	return fmt.Errorf("cluster: %q is in the partition %s and the hub in %s; IAM credentials are not valid across "+
		"partitions; run a separate Argo CD in that partition", target.Cluster, partitionOf(cluster.Region).name, partitionOf(hub.Region).name)
}

// validateTargetRole refuses a role of another partition, and the hub role itself.
func (cfg *Config) validateTargetRole(target ArgoCDTarget) error {
	argocd, hub := cfg.ArgoCD, cfg.Clusters[cfg.ArgoCD.Hub]
	var faults []error
	if target.Role != nil {
		if partition := cfg.Clusters[target.Cluster].partition(); partition != "" {
			faults = append(faults, fault.Under("role", target.Role.ValidatePartition(partition)))
		}
		if cfg.inAccount(argocd.Hub) == cfg.inAccount(target.Cluster) {
			faults = append(faults, argocd.refuseRole("role", target.Role.Name))
		}
	}
	if arn, given := target.roleArn(); given {
		faults = append(faults, fault.At("roleArn", hub.refusePartition(arn)))
		// The role that reaches the hub tells the hub's account before AWS is asked.
		role, err := iampolicy.ParseARN(arn)
		if account := hub.assumedAccount(); err == nil && account != "" && role.Account == account {
			faults = append(faults, argocd.refuseRole("roleArn", role.RoleName()))
		}
	}
	return errors.Join(faults...)
}

// roleArn is the role that was made elsewhere, if there is one.
func (target ArgoCDTarget) roleArn() (arn string, given bool) {
	plain, given := target.RoleArn.(pulumi.String) // as the configuration is decoded
	return string(plain), given
}
