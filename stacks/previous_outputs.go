package stacks

import (
	"fmt"

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

// issuerOf is the issuer that a cluster of that ARN had, "" where there was none.
func (outputs stackOutputs) issuerOf(arn string) string {
	arns := outputs.identities("clusters", func(field func(string) string) string { return field("arn") })
	issuers := outputs.identities("clusters", func(field func(string) string) string { return field("issuer") })
	for key, of := range arns {
		if of == arn {
			return issuers[key]
		}
	}
	return ""
}

// endpoints are the API servers of the clusters.
func (outputs stackOutputs) endpoints() map[string]string {
	return outputs.identities("clusters", func(field func(string) string) string { return field("endpoint") })
}

func clusterIdentity(name, region, account string) string {
	return fmt.Sprintf("what belongs to EKS cluster %s in %s of account %s", name, region, account)
}

func bucketIdentity(name string) string { return "bucket " + name }

func roleIdentity(name, account string) string {
	return fmt.Sprintf("role %s of account %s", name, account)
}

func targetIdentity(server string) string { return "what lets Argo CD into " + server }
