package stacks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/presets"
)

// eachNamedPolicy visits the managed policies of all roles that are given by name, boundaries among them, each with its path and
// a cluster in the account of the role.
func (cfg *Config) eachNamedPolicy(visit func(path fielderr.Path, name, cluster string)) {
	policy := func(path fielderr.Path, policy, cluster string) {
		if !strings.HasPrefix(policy, "arn:") {
			visit(path, policy, cluster)
		}
	}
	boundary := func(path fielderr.Path, settings components.RoleSettings, cluster string) {
		if given, is := settings.PermissionsBoundary.(pulumi.String); is {
			policy(path.Child("permissionsBoundary"), string(given), cluster)
		}
	}
	role := func(path fielderr.Path, role Role) {
		boundary(path, role.RoleSettings, role.Clusters[0])
		for i, given := range role.ManagedPolicies {
			policy(path.Child("managedPolicies").Index(i), given, role.Clusters[0])
		}
		if role.Preset == nil {
			return
		}
		managed, _ := presets.PolicyNamesOf(role.Preset)
		for _, name := range managed {
			policy(path.Join(components.PresetPath(role.Preset)), name, role.Clusters[0])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(cfg.Roles)) {
		role(fielderr.Path("roles").Child(key), cfg.Roles[key])
	}
	if cfg.ArgoCD == nil {
		return
	}
	if managed := cfg.ArgoCD.Managed; managed == nil {
		role("argocd", cfg.ArgoCD.role())
	} else if managed.Role != nil {
		path := fielderr.Path("argocd.managed.role")
		boundary(path, managed.Role.RoleSettings, cfg.ArgoCD.Hub)
		for i, given := range managed.Role.ManagedPolicies {
			policy(path.Child("managedPolicies").Index(i), given, cfg.ArgoCD.Hub)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(cfg.ArgoCD.Targets)) {
		if target := cfg.ArgoCD.Targets[key]; target.Role != nil {
			boundary(fielderr.Path("argocd.targets").Child(key).Child("role"), target.Role.RoleSettings, target.Cluster)
		}
	}
}

// findPolicies asks AWS for its own policies that the configuration names: the ARN has a path, which the name need not tell.
// Each is asked for once in an account. A name that AWS does not have is no error yet.
func (p *platform) findPolicies() error {
	type question struct{ policy, cluster, arn string }
	questions := map[namedPolicy]*question{}
	p.cfg.eachNamedPolicy(func(_ fielderr.Path, policy, cluster string) {
		questions[namedPolicy{p.accountOf(cluster).id, policy}] = &question{policy: policy, cluster: cluster}
	})
	err := parallel(slices.Collect(maps.Values(questions)), func(q *question) (err error) {
		account := p.accountOf(q.cluster)
		if q.arn, err = components.FindManagedPolicy(p.ctx, q.policy, account.partition, pulumi.Provider(account.iam)); err != nil {
			return fmt.Errorf("%w%s", err, account.credentials)
		}
		return nil
	})
	for policy, q := range questions {
		p.policies[policy] = q.arn
	}
	return err
}

// checkPolicies refuses names that AWS does not have.
func (p *platform) checkPolicies() error {
	var found fielderr.List
	p.cfg.eachNamedPolicy(func(path fielderr.Path, policy, cluster string) {
		found.Refuse(p.policyArn(policy, cluster) == "", path,
			"AWS has no policy of its own that is called %s and can be given to a role; one of your own needs its ARN, "+
				"arn:%s:iam::%s:policy/%s for example",
			policy, p.accountOf(cluster).partition, p.accountOf(cluster).id, components.ManagedPolicyName(policy))
	})
	return found.Err()
}

// policyArn is the ARN of a managed policy in the account of a cluster, "" for a name that AWS does not have.
func (p *platform) policyArn(policy, cluster string) string {
	if arn, isName := p.policies[namedPolicy{p.accountOf(cluster).id, policy}]; isName {
		return arn
	}
	return policy // an ARN
}

// withBoundary are the settings of a role in the account of a cluster, with the boundary's ARN in place of its name.
func (p *platform) withBoundary(settings components.RoleSettings, cluster string) components.RoleSettings {
	if policy, given := settings.PermissionsBoundary.(pulumi.String); given {
		settings.PermissionsBoundary = pulumi.String(p.policyArn(string(policy), cluster))
	}
	return settings
}

// withPolicyArns are a role's policies, those of its preset among them, with ARNs in place of names.
func (p *platform) withPolicyArns(role Role) components.RolePolicies {
	policies, cluster := role.RolePolicies, role.Clusters[0]
	policies.ManagedPolicies = slices.Clone(policies.ManagedPolicies)
	for i, policy := range policies.ManagedPolicies {
		policies.ManagedPolicies[i] = p.policyArn(policy, cluster)
	}
	if role.Preset == nil {
		return policies
	}
	policies.PolicyAttachments = map[string]pulumi.StringInput{}
	managed, _ := presets.PolicyNamesOf(role.Preset)
	for _, name := range managed {
		policies.PolicyAttachments[name] = pulumi.String(p.policyArn(name, cluster))
	}
	return policies
}
