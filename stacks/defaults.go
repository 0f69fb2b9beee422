package stacks

import (
	"cmp"
	"maps"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// setDefaults fills in what the configuration leaves out, once, so that no code after it asks what empty means.
func (cfg *Config) setDefaults() {
	for key, cluster := range cfg.Clusters {
		cluster.Name = cmp.Or(cluster.Name, cluster.Aliases.first(key))
		if cluster.Create != nil {
			cluster.Create.InstanceType = cmp.Or(cluster.Create.InstanceType, DefaultInstanceType)
			cluster.Create.AuthenticationMode = cmp.Or(cluster.Create.AuthenticationMode, components.AuthenticationModeAPI)
		}
		for name, entry := range cluster.Access {
			entry.AccessEntryArgs.Type = entry.Type
			cluster.Access[name] = entry
		}
		cfg.Clusters[key] = cluster
	}
	for key, bucket := range cfg.Buckets {
		bucket.Name = cmp.Or(bucket.Name, bucket.Aliases.first(key))
		cfg.Buckets[key] = bucket
	}
	for key, role := range cfg.Roles {
		if role.Preset != nil && len(role.ServiceAccounts) == 0 {
			role.ServiceAccounts = components.PresetServiceAccounts(role.Preset)
			cfg.Roles[key] = role
		}
	}
	if cfg.ReadQuotas {
		cfg.setQuotas(func(string) *components.RoleQuotas { return &components.RoleQuotas{} }) // not known yet
	}
	if cfg.ArgoCD == nil {
		return
	}
	cfg.ArgoCD.Namespace = cmp.Or(cfg.ArgoCD.Namespace, components.DefaultArgoCDNamespace)
	if cfg.ArgoCD.Managed != nil {
		cfg.ArgoCD.Managed.setDefaults(cmp.Or(cfg.Clusters[cfg.ArgoCD.Hub].Name, cfg.ArgoCD.Hub))
	} else {
		cfg.ArgoCD.setDefaults()
	}
	cfg.ArgoCD.setTargetDefaults()
}

func (managed *ManagedArgoCD) setDefaults(hub string) {
	if managed.Role == nil && managed.RoleArn == "" {
		managed.Role = &components.CapabilityRoleArgs{}
	}
	if managed.Role != nil {
		managed.Role.Name = cmp.Or(managed.Role.Name, iampolicy.DerivedRoleName(hub, "argocd-capability"))
		managed.Role.Description = cmp.Or(managed.Role.Description, "Managed Argo CD's identity in the clusters that it manages")
	}
}

func (argocd *ArgoCD) setDefaults() {
	argocd.Description = cmp.Or(argocd.Description, "Argo CD's identity in the clusters that it manages")
	if argocd.ServiceAccounts == nil {
		argocd.ServiceAccounts = components.ArgoCDServiceAccounts()
	}
}

func (argocd *ArgoCD) setTargetDefaults() {
	hub := cmp.Or(argocd.roleName(), strings.TrimRight(argocd.RoleNamePrefix, "-"))
	for key, target := range argocd.Targets {
		first := target.Aliases.first(key)
		if target.DisplayName == nil {
			target.DisplayName = pulumi.String(first)
		}
		if target.Role != nil {
			target.Role.Name = cmp.Or(target.Role.Name, iampolicy.DerivedRoleName(hub, first))
			target.Role.Description = cmp.Or(target.Role.Description, "Argo CD's identity in the cluster "+first)
		}
		target.InCluster = target.Cluster == argocd.Hub
		target.Hub.Managed = argocd.Managed != nil
		argocd.Targets[key] = target
	}
}

// inherit gives what is declared the environment's tags and the settings of test pods, beside its own, which win.
func (cfg *Config) inherit() {
	for key, cluster := range cfg.Clusters {
		cluster.OidcProvider.Owner, cluster.OidcProvider.Tags = cfg.Owner, pulumi.ToStringMap(cfg.Tags)
		for name, entry := range cluster.Access {
			entry.Tags = pulumi.ToStringMap(cfg.Tags)
			cluster.Access[name] = entry
		}
		cfg.Clusters[key] = cluster
	}
	for key, role := range cfg.Roles {
		role.Tags, role.TestPod = cfg.withTags(role.Tags), cfg.withPodSettings(role.TestPod)
		cfg.Roles[key] = role
	}
	if cfg.ArgoCD == nil {
		return
	}
	if managed := cfg.ArgoCD.Managed; managed == nil {
		cfg.ArgoCD.Tags, cfg.ArgoCD.TestPod = cfg.withTags(cfg.ArgoCD.Tags), cfg.withPodSettings(cfg.ArgoCD.TestPod)
	} else if managed.Role != nil {
		managed.Role.Tags = cfg.withTags(managed.Role.Tags)
	}
	for key, target := range cfg.ArgoCD.Targets {
		if !target.InCluster { // what reaches the hub from within has no access
			target.Access.Tags = pulumi.ToStringMap(cfg.Tags)
		}
		if target.Role != nil {
			target.Role.Tags = cfg.withTags(target.Role.Tags)
		}
		cfg.ArgoCD.Targets[key] = target
	}
}

// withTags are the environment's tags and those of one role.
func (cfg *Config) withTags(own pulumi.StringMapInput) pulumi.StringMapInput {
	tags := pulumi.ToStringMap(cfg.Tags)
	plain, _ := own.(pulumi.StringMap) // as the configuration is decoded
	maps.Copy(tags, plain)
	return tags
}

// withPodSettings is a testPod with the environment's settings where it gives none of its own.
func (cfg *Config) withPodSettings(declared *components.TestPodArgs) *components.TestPodArgs {
	if declared == nil {
		return nil
	}
	pod := *declared
	pod.PodSettings = pod.WithDefaults(cfg.TestPodDefaults)
	return &pod
}
