package stacks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

// claims are names that there can be only one of, each with the path of what has it.
type claims struct {
	fielderr.List
	taken map[string]claim
}

type claim struct {
	name string
	path fielderr.Path
}

// claim takes a name; where ends what is said of it, with its account for example.
func (c *claims) claim(what, name, where string, path fielderr.Path) {
	c.claimAs(name, what, name, where, path)
}

// claimInIAM takes a name in IAM, which knows no case: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
func (c *claims) claimInIAM(what, name, where string, path fielderr.Path) {
	c.claimAs(strings.ToLower(name), what, name, where, path)
}

func (c *claims) claimAs(folded, what, name, where string, path fielderr.Path) {
	key := what + " " + folded + where
	other, taken := c.taken[key]
	switch {
	case !taken:
		c.taken[key] = claim{name, path}
	case other.name != name:
		c.Addf(path, "%s %s%s is declared already, at %s, as %s; IAM knows no case in names",
			what, name, where, inFile.Join(other.path), other.name)
	default:
		c.Addf(path, "%s %s%s is declared already, at %s", what, name, where, inFile.Join(other.path))
	}
}

// validateUnique finds names that would collide in AWS, in Kubernetes or in Argo CD. inAccount tells the account of a cluster
// from others.
func (cfg *Config) validateUnique(inAccount func(cluster string) string) error {
	found := &claims{taken: map[string]claim{}}
	for _, key := range slices.Sorted(maps.Keys(cfg.Clusters)) {
		cluster := cfg.Clusters[key]
		at := fielderr.Path("clusters").Child(key)
		found.claim("EKS cluster", cluster.Name, " in "+cluster.Region+inAccount(key), at)
		for _, name := range slices.Sorted(maps.Keys(cluster.Access)) {
			found.claimInIAM("the access entry of", cluster.Access[name].PrincipalArn, " in cluster "+key, at.Child("access").Child(name).Child("principalArn"))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(cfg.Buckets)) {
		found.claim("bucket", cfg.Buckets[key].Name, "", fielderr.Path("buckets").Child(key))
	}
	for _, key := range slices.Sorted(maps.Keys(cfg.Roles)) {
		cfg.claimRole(cfg.Roles[key], fielderr.Path("roles").Child(key), found, inAccount)
	}
	if cfg.ArgoCD == nil {
		return found.Err()
	}
	_, taken := cfg.Roles[argoCDKey]
	found.Refuse(taken, fielderr.Path("roles").Child(argoCDKey), "Argo CD's own role has this key; choose another")
	if managed := cfg.ArgoCD.Managed; managed == nil {
		cfg.claimRole(cfg.ArgoCD.role(), "argocd", found, inAccount)
	} else if managed.Role != nil {
		found.claimInIAM("role", managed.Role.Name, inAccount(cfg.ArgoCD.Hub), "argocd.managed.role")
	}
	for _, key := range slices.Sorted(maps.Keys(cfg.ArgoCD.Targets)) {
		cfg.claimTarget(fielderr.Path("argocd.targets").Child(key), cfg.ArgoCD.Targets[key], found, inAccount)
	}
	return found.Err()
}

// claimTarget claims what a target can have only once.
func (cfg *Config) claimTarget(path fielderr.Path, target ArgoCDTarget, found *claims, inAccount func(string) string) {
	found.claim("Argo CD target", target.Cluster, "", path)
	found.claim("cluster", fmt.Sprintf("%q", target.DisplayName), " in Argo CD", path)
	if target.SecretName != "" {
		found.claim("Argo CD's secret", target.SecretName, "", path.Child("secretName"))
	}
	if arn, given := target.roleArn(); given && target.Access.Via != components.ViaAwsAuth {
		found.claimInIAM("the access entry of", arn, " in cluster "+target.Cluster, path.Child("roleArn"))
	}
	if target.Role == nil || target.Hub.Managed { // which has no such role, and is refused
		return
	}
	name, account := target.Role.Name, inAccount(target.Cluster)
	if account != inAccount(cfg.ArgoCD.Hub) || cfg.ArgoCD.refuseRole("role", name) == nil { // else reported already
		found.claimInIAM("role", name, account, path.Child("role"))
	}
}

// claimRole claims what a role and its clusters can have only once.
func (cfg *Config) claimRole(role Role, path fielderr.Path, found *claims, inAccount func(string) string) {
	if len(role.Clusters) == 0 || len(role.ServiceAccounts) == 0 {
		return // reported already
	}
	account := inAccount(role.Clusters[0])
	if name := role.RoleName(); name != "" {
		found.claimInIAM("role", name, account, path)
	}
	for _, name := range slices.Sorted(maps.Keys(role.CustomerManagedPolicies)) {
		found.claimInIAM("managed policy", name, account, path.Child("customerManagedPolicies").Child(name))
	}
	for i, serviceAccount := range role.ServiceAccounts {
		twice := slices.ContainsFunc(role.ServiceAccounts[:i], func(other components.ServiceAccountArgs) bool {
			return other.Namespace == serviceAccount.Namespace && other.Name == serviceAccount.Name
		})
		if twice { // which is reported already
			continue
		}
		clusters := role.Clusters
		if len(serviceAccount.Clusters) > 0 {
			clusters = serviceAccount.Clusters
		}
		name, at := serviceAccount.Namespace+"/"+serviceAccount.Name, path.Child("serviceAccounts").Index(i)
		for _, cluster := range clusters {
			before := found.Len()
			if role.Identity.Associates() {
				found.claim("the association (EKS Pod Identity) of service account", name, " of cluster "+cluster, at)
			}
			if serviceAccount.Mode != components.TrustOnly && found.Len() == before { // one error says it
				found.claim("service account", name, " of cluster "+cluster, at)
			}
		}
	}
}
