package stacks

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

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
	rest.Namespace, rest.ServiceAccounts, rest.RoleName, rest.RoleNamePrefix = components.DefaultArgoCDNamespace, argoCDServiceAccounts, "", ""
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
	faults := []error{cfg.declared("cluster", target.Cluster), cfg.validateTargetPartition(target)}
	if target.Cluster == cfg.ArgoCD.Hub {
		faults = append(faults, target.validateHub())
	} else {
		faults = append(faults, cfg.validateTargetRole(target), cfg.validateAccess(target))
	}
	secret := target.ValidateSettings()
	if secret == nil && cfg.ArgoCD.TestPod != nil && target.ProxyURL != "" && target.Cluster != cfg.ArgoCD.Hub {
		secret = fault.At("proxyUrl", components.ValidateLoginProxy(target.ProxyURL)) // the proof goes the same way
	}
	return errors.Join(append(faults, secret)...)
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

// validateHub refuses for the hub what says how to reach a cluster.
func (target ArgoCDTarget) validateHub() error {
	var faults []error
	for _, refused := range []struct {
		path  string
		given bool
	}{
		{"role", target.Role != nil},
		{"roleArn", target.RoleArn != ""},
		{"access", !reflect.ValueOf(target.Access).IsZero()},
		{"serverName", target.ServerName != ""},
		{"proxyUrl", target.ProxyURL != ""},
	} {
		if refused.given {
			faults = append(faults, fmt.Errorf("%s: not for the hub, which Argo CD reaches from within with its service accounts", refused.path))
		}
	}
	return errors.Join(faults...)
}

func (cfg *Config) validateTargetRole(target ArgoCDTarget) error {
	hub := cfg.Clusters[cfg.ArgoCD.Hub]
	var faults []error
	if role := target.Role; role != nil {
		err := role.ValidateSettings()
		if partition := cfg.Clusters[target.Cluster].partition(); partition != "" {
			err = errors.Join(err, role.ValidatePartition(partition))
		}
		faults = append(faults, fault.Under("role", err))
		if cfg.inAccount(cfg.ArgoCD.Hub) == cfg.inAccount(target.Cluster) {
			faults = append(faults, cfg.ArgoCD.refuseRole("role", role.Name))
		}
	}
	if target.RoleArn == "" {
		return errors.Join(faults...)
	}
	if target.Role != nil {
		faults = append(faults, errors.New("roleArn: give role, to have one made, or roleArn, not both"))
	}
	faults = append(faults, fault.At("roleArn", errors.Join(iampolicy.ValidateRoleARN(target.RoleArn), hub.refusePartition(target.RoleArn))))
	if arn, err := iampolicy.ParseARN(target.RoleArn); err == nil && arn.IsServiceLinkedRole() {
		faults = append(faults, fmt.Errorf("roleArn: %q is a service-linked role, which only its AWS service may assume", target.RoleArn))
	}
	if account := hub.assumedAccount(); account != "" && errors.Join(faults...) == nil {
		// The role that reaches the hub tells the hub's account before AWS is asked.
		if role, _ := iampolicy.ParseARN(target.RoleArn); role.Account == account {
			faults = append(faults, cfg.ArgoCD.refuseRole("roleArn", role.RoleName()))
		}
	}
	return errors.Join(faults...)
}
