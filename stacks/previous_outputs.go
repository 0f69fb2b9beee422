package stacks

import (
	"fmt"
	"maps"
	"slices"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// stackOutputs are by name and key what [platform.output] put there.
type stackOutputs map[string]any

// identities are made of the fields of each entry of an output.
func (outputs stackOutputs) identities(name string, identity func(field func(string) string) string) map[string]string {
	identities := map[string]string{}
	entries, _ := outputs[name].(map[string]any)
	for key, entry := range entries {
		fields, _ := entry.(map[string]any)
		identities[key] = identity(func(field string) string {
			text, _ := fields[field].(string)
			return text
		})
	}
	return identities
}

func (outputs stackOutputs) clusters() map[string]string {
	return outputs.identities("clusters", func(field func(string) string) string {
		return clusterIdentity(field("name"), field("region"), field("account"))
	})
}

func (outputs stackOutputs) buckets() map[string]string {
	return outputs.identities("buckets", func(field func(string) string) string { return bucketIdentity(field("name")) })
}

func (outputs stackOutputs) roles() map[string]string {
	return outputs.identities("roles", func(field func(string) string) string {
		arn, err := iampolicy.ParseARN(field("arn"))
		if err != nil {
			return ""
		}
		return roleIdentity(arn.RoleName(), arn.Account)
	})
}

// roleProviders are the names of the AWS providers that the roles were made with.
func (outputs stackOutputs) roleProviders() map[string]string {
	return outputs.identities("roles", func(field func(string) string) string { return field("iamProvider") })
}

func (outputs stackOutputs) targets() map[string]string {
	return outputs.identities("argocdTargets", func(field func(string) string) string { return targetIdentity(field("server")) })
}

// ofClusters are the values of a field of the clusters: their endpoints, for example.
func (outputs stackOutputs) ofClusters(name string) map[string]string {
	return outputs.identities("clusters", func(field func(string) string) string { return field(name) })
}

// hasAccess reports whether Argo CD had access to a target, under any of its keys.
func (outputs stackOutputs) hasAccess(keys ...string) bool {
	via := outputs.identities("argocdTargets", func(field func(string) string) string { return field("via") })
	return slices.ContainsFunc(keys, func(key string) bool { return via[key] != "" })
}

// fieldOfCluster is a field of a cluster at the last update, under the first of its keys that it is found by, or "".
func (outputs stackOutputs) fieldOfCluster(keys []string, name string) string {
	fields := outputs.ofClusters(name)
	for _, key := range keys {
		if fields[key] != "" {
			return fields[key]
		}
	}
	return ""
}

// accessOf are the access entries of a cluster, under its keys.
func (outputs stackOutputs) accessOf(keys []string) map[string]string {
	entries, all := map[string]string{}, outputs["access"]
	clusters, _ := all.(map[string]any)
	for _, cluster := range keys {
		found, _ := clusters[cluster].(map[string]any)
		maps.Copy(entries, stackOutputs{"": found}.identities("", func(field func(string) string) string {
			return accessIdentity(field("principalArn"))
		}))
	}
	return entries
}

func accessIdentity(principal string) string { return "the access entry of " + principal }

func clusterIdentity(name, region, account string) string {
	return fmt.Sprintf("what belongs to EKS cluster %s in %s of account %s", name, region, account)
}

func bucketIdentity(name string) string { return "bucket " + name }

func roleIdentity(name, account string) string {
	return fmt.Sprintf("role %s of account %s", name, account)
}

func targetIdentity(server string) string { return "what lets Argo CD into " + server }
