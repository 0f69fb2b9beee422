package stacks

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/components/kubename"
)

func (cfg *Config) validateArgoCD() error {
	argocd := cfg.ArgoCD
	var found fielderr.List
	found.Add("hub", cfg.declared(argocd.Hub))
	found.Add("hub", cfg.refuseLeaving(argocd.Hub, "move Argo CD to another hub"))
	found.Add("namespace", kubename.ValidateNamespace(argocd.Namespace))
	if argocd.Managed != nil {
		found.Add("", cfg.validateManaged())
	} else {
		found.Add("", argocd.validateNames())
		found.Add("serviceAccountMode", argocd.ServiceAccountMode.Validate())
		found.Add("", cfg.validatePodRole(argocd.restOfRole()))
	}
	found.Add("targets", fielderr.EachKey(argocd.Targets, func(key string, target ArgoCDTarget) error {
		return errors.Join(argocd.validateLoginName(key, target), cfg.validateTarget(target), cfg.validateBridge(target))
	}))
	return found.Err()
}

// restOfRole is the hub role with valid values in place of those that have another path in the role than in the configuration: these
// are checked with the configuration.
func (argocd *ArgoCD) restOfRole() Role {
	rest := *argocd
	rest.Namespace, rest.ServiceAccounts = components.DefaultArgoCDNamespace, components.ArgoCDServiceAccounts()
	rest.RoleName, rest.RoleNamePrefix = "", ""
	if rest.ServiceAccountMode.Validate() != nil {
		rest.ServiceAccountMode = ""
	}
	return rest.role()
}

// validateNames checks the names of the hub role, of its policies and of Argo CD's service accounts.
func (argocd *ArgoCD) validateNames() error {
	var found fielderr.List
	found.Add("roleName", fielderr.IfGiven(argocd.RoleName, iampolicy.ValidateRoleName))
	found.Add("roleNamePrefix", fielderr.IfGiven(argocd.RoleNamePrefix, iampolicy.ValidateNamePrefix))
	found.Refuse(argocd.RoleName != "" && argocd.RoleNamePrefix != "", "roleNamePrefix", "give roleName or a prefix, not both")
	found.Add("managedPolicies", fielderr.Each(argocd.ManagedPolicies, func(policy string) error {
		return refuseAssumePolicy(components.ManagedPolicyName(policy))
	}))
	refuseKey := func(name string, _ components.PolicyDocument) error { return refuseAssumePolicy(name) }
	found.Add("inlinePolicies", fielderr.EachKey(argocd.InlinePolicies, refuseKey))
	found.Add("customerManagedPolicies", fielderr.EachKey(argocd.CustomerManagedPolicies, refuseKey))
	found.Refuse(argocd.ServiceAccounts != nil && len(argocd.ServiceAccounts) == 0, "serviceAccounts",
		"name at least one, or leave the key out for those of Argo CD's own manifests")
	for i, name := range argocd.ServiceAccounts {
		found.Add(fielderr.Path("serviceAccounts").Index(i),
			cmp.Or(kubename.ValidateObject("a service account", name), fielderr.Duplicate(argocd.ServiceAccounts, i)))
	}
	return found.Err()
}

// refuseAssumePolicy keeps the name of the hub role's own policy free.
func refuseAssumePolicy(name string) error {
	if !strings.EqualFold(name, assumePolicy) {
		return nil
	}
	return fmt.Errorf("the hub role's permission to assume the targets' roles has the name %q; choose another", assumePolicy)
}

func (cfg *Config) validateTarget(target ArgoCDTarget) error {
	if created := cfg.Clusters[target.Cluster].Create; created != nil {
		target.AuthenticationMode = created.AuthenticationMode // which is known before the cluster is there
	}
	var found fielderr.List
	found.Add("cluster", cfg.declared(target.Cluster))
	if !target.InCluster {
		found.Add("cluster", cfg.refuseLeaving(target.Cluster, "take the target out, with all access of Argo CD,"))
	}
	found.Add("cluster", cfg.validateTargetPartition(target))
	found.Add("", target.ValidateSettings(cfg.ArgoCD.TestPod != nil))
	if !target.InCluster && cfg.ArgoCD.Managed == nil {
		found.Add("", cfg.validateTargetRole(target))
	}
	return found.Err()
}

// validateLoginName checks what the pods that prove the login to a target are named after.
func (argocd *ArgoCD) validateLoginName(key string, target ArgoCDTarget) error {
	if argocd.TestPod == nil || argocd.Managed != nil || target.Cluster == argocd.Hub || target.Aliases.inPodName(key) != "" {
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
	return fmt.Errorf("%q is in the partition %s and the hub in %s; IAM credentials are not valid across "+
		"partitions; run a separate Argo CD in that partition", target.Cluster, partitionOf(cluster.Region).name, partitionOf(hub.Region).name)
}

// validateTargetRole refuses a role of another partition, and the hub role itself.
func (cfg *Config) validateTargetRole(target ArgoCDTarget) error {
	argocd, hub := cfg.ArgoCD, cfg.Clusters[cfg.ArgoCD.Hub]
	var found fielderr.List
	if target.Role != nil {
		if partition := cfg.Clusters[target.Cluster].partition(); partition != "" {
			found.Add("role", target.Role.ValidatePartition(partition))
		}
		if cfg.inAccount(argocd.Hub) == cfg.inAccount(target.Cluster) {
			found.Add("", argocd.refuseRole("role", target.Role.Name))
		}
	}
	if arn, given := target.roleArn(); given {
		found.Add("roleArn", hub.refusePartition(arn))
		// The role that reaches the hub tells the hub's account before AWS is asked.
		role, err := iampolicy.ParseARN(arn)
		if account := hub.assumedAccount(); err == nil && account != "" && role.Account == account {
			found.Add("", argocd.refuseRole("roleArn", role.RoleName()))
		}
	}
	return found.Err()
}

// roleArn is the role that was made elsewhere, if there is one.
func (target ArgoCDTarget) roleArn() (arn string, given bool) {
	plain, given := target.RoleArn.(pulumi.String) // as the configuration is decoded
	return string(plain), given
}
