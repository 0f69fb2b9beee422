package stacks

import (
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

// trustOutput is the output that says who may become what, and what of it is proven. Package trustmap reads it beside the others,
// and it says nothing that they say: it stays small, as the engine stores it with every update.
const trustOutput = "trust"

// outputTrust says who may become a role, and when that was proven: by <cluster>/<namespace>/<service account>, with an empty time
// where nothing is proven.
func (p *platform) outputTrust(key string, role Role, component *components.IrsaRole) {
	var trusted []string
	for _, account := range role.ServiceAccounts {
		for _, cluster := range role.Clusters {
			if len(account.Clusters) == 0 || slices.Contains(account.Clusters, cluster) {
				trusted = append(trusted, cluster+"/"+account.Namespace+"/"+account.Name+account.NamePattern) // one of the two is empty
			}
		}
	}
	entry := pulumi.Map{
		"serviceAccounts": component.ProvenAt.ApplyT(func(times map[string]string) map[string]string {
			proven := map[string]string{}
			for _, account := range trusted {
				proven[account] = times[account]
			}
			return proven
		}).(pulumi.StringMapOutput),
	}
	if role.Identity != "" && role.Identity != components.IdentityIRSA {
		entry["identity"] = pulumi.String(role.Identity)
	}
	if policies := component.PolicyNames(); len(policies) > 0 {
		entry["policies"] = pulumi.ToStringArray(policies)
	}
	if role.TestPod != nil && role.TestPod.NegativeTest {
		entry["refused"] = component.RefusedAt
	}
	if keys := conditionKeys(role); len(keys) > 0 {
		entry["conditions"] = pulumi.ToStringArray(keys)
	}
	p.outputOfTrust("roles", key, entry)
}

// conditionKeys are the keys of the further conditions under which a role is had, sorted.
func conditionKeys(role Role) []string {
	keys := map[string]bool{}
	for _, values := range role.TrustConditions {
		for key := range values {
			keys[key] = true
		}
	}
	return slices.Sorted(maps.Keys(keys))
}

// outputTarget says what Argo CD may do in a target, and when its login was proven.
func (p *platform) outputTarget(key string, access components.AccessEntryArgs, component *components.ArgoCDTarget) {
	var may []string
	for _, policy := range access.Policies {
		text := policy.Name()
		if len(policy.Namespaces) > 0 {
			text += " in " + strings.Join(policy.Namespaces, ", ")
		}
		may = append(may, text)
	}
	for _, group := range access.KubernetesGroups {
		may = append(may, "group "+group)
	}
	entry := pulumi.Map{"access": pulumi.ToStringArray(may)}
	if component.Login != nil {
		entry["proven"] = component.Login.ProvenAt
	}
	p.outputOfTrust("targets", key, entry)
}

func (p *platform) outputOfTrust(kind, key string, entry pulumi.Map) {
	of, _ := p.outputs[trustOutput][kind].(pulumi.Map)
	if of == nil {
		of = pulumi.Map{}
		p.output(trustOutput, kind, of)
	}
	of[key] = entry
}
