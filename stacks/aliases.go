package stacks

import (
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/kubename"
)

// argoCDKey names the hub role's resources and its entry among the stack's outputs.
const argoCDKey = "argocd"

// Aliases are the keys that an entry of the configuration had before, the oldest first. What was made under an earlier key is
// kept, and what is named after a key by default keeps the name that the oldest one gave it.
type Aliases []string

// first is the key that an entry had first.
func (aliases Aliases) first(key string) string {
	return slices.Concat(aliases, []string{key})[0]
}

// inPodName is the first of an entry's keys that can be part of a pod's name, or "" without one.
func (aliases Aliases) inPodName(key string) string {
	for _, name := range append(slices.Clone(aliases), key) {
		if kubename.ValidateLabel(name) == nil {
			return name
		}
	}
	return ""
}

// of are the aliases of a resource whose name is made from the key.
func (aliases Aliases) of(name func(key string) string) pulumi.ResourceOption {
	var all []pulumi.Alias
	for _, alias := range aliases {
		all = append(all, pulumi.Alias{Name: pulumi.String(name(alias))})
	}
	return pulumi.Aliases(all)
}

// aliasesOf are the aliases of the entries of a section, by their keys.
func aliasesOf[T any](entries map[string]T, of func(T) Aliases) map[string]Aliases {
	all := map[string]Aliases{}
	for key, entry := range entries {
		all[key] = of(entry)
	}
	return all
}

// itself is the name of a resource that is called as its key.
func itself(key string) string { return key }

// below makes the names of resources that stand below a key.
func below(name string) func(key string) string {
	return func(key string) string { return key + "/" + name }
}

// inArgoCD is the name of the resources of a target.
func inArgoCD(key string) string { return argoCDKey + "/" + key }

// kubernetesProvider is the name of the Kubernetes provider of a cluster.
func kubernetesProvider(key string) string { return "kubernetes-" + key }
