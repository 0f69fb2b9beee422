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
)

// assumePolicy is the name of the hub role's permission to assume the targets' roles.
const assumePolicy = "assume-target-roles"

// hubPolicies are the hub role's permissions in AWS.
func (p *platform) hubPolicies() (map[string]Document, error) {
	arns := slices.Collect(maps.Values(p.targetRoleArns()))
	if len(arns) == 0 {
		return nil, nil
	}
	document, err := iampolicy.AssumeRoles(arns)
	if err != nil {
		return nil, fmt.Errorf("policy %q of Argo CD's role: %w", assumePolicy, err)
	}
	text, err := document.JSON()
	return map[string]Document{assumePolicy: Document(text)}, err
}

// checkTargets finds what only the accounts' answers can tell.
func (p *platform) checkTargets() error {
	argocd := p.cfg.ArgoCD
	if argocd == nil {
		return nil
	}
	hub, roleArns := p.accountOf(argocd.Hub), p.targetRoleArns()
	var faults []error
	for _, key := range slices.Sorted(maps.Keys(argocd.Targets)) {
		faults = append(faults, fault.Under("targets."+key, p.checkTarget(hub, argocd.Targets[key], roleArns[key])))
	}
	faults = append(faults, p.checkTargetRoles())
	if err := fault.Under(ConfigKey+".argocd", errors.Join(faults...)); err != nil {
		return fmt.Errorf("invalid configuration:\n%w", err)
	}
	return nil
}

// checkTarget checks one target against the hub; roleArn is the role to assume, if any.
func (p *platform) checkTarget(hub *account, target ArgoCDTarget, roleArn string) error {
	if account := p.accountOf(target.Cluster); account.partition != hub.partition {
		return fmt.Errorf("cluster: %q is in the partition %s and the hub in %s; credentials of one are worth nothing in the other, "+
			"so the cluster needs an Argo CD of its own", target.Cluster, account.partition, hub.partition)
	}
	if roleArn == "" {
		return nil
	}
	role, err := iampolicy.ParseArn(roleArn)
	if err != nil {
		return err
	}
	if role.Partition != hub.partition {
		return fmt.Errorf("roleArn: %s is in the partition %s and the hub in %s", roleArn, role.Partition, hub.partition)
	}
	path := "roleArn"
	if target.Role != nil {
		path = "role"
	}
	if role.Account == hub.id {
		return p.cfg.refuseHubRole(path, role.RoleName())
	}
	return nil
}

// checkTargetRoles finds two roles to make with one name: different credentials may be those of one account, and names that
// differ by case alone are the same.
func (p *platform) checkTargetRoles() error {
	made := map[string]string{}
	var faults []error
	for _, key := range slices.Sorted(maps.Keys(p.cfg.ArgoCD.Targets)) {
		target, path := p.cfg.ArgoCD.Targets[key], "targets."+key+".role"
		if target.Role == nil {
			continue
		}
		name, account := p.cfg.targetRoleName(key, target), p.accountOf(target.Cluster).id
		folded := strings.ToLower(name) + " of account " + account
		if first, taken := made[folded]; taken {
			faults = append(faults, fmt.Errorf("%s: role %s of account %s is declared already, at %s.argocd.%s",
				path, name, account, ConfigKey, first))
		}
		made[folded] = path
	}
	return errors.Join(faults...)
}

// targetRoleArns are the roles that the hub role assumes, by the targets' keys. What AWS will call those that are still to
// be made is known, so the permission need not wait for them, and they can wait for the hub role, which they trust.
func (p *platform) targetRoleArns() map[string]string {
	arns := map[string]string{}
	for key, target := range p.cfg.ArgoCD.Targets {
		switch account := p.accountOf(target.Cluster); {
		case target.RoleArn != "":
			arns[key] = target.RoleArn
		case target.Role != nil:
			name := p.cfg.targetRoleName(key, target)
			arns[key] = iampolicy.RoleArn(account.partition, account.id, target.Role.Path, name).String()
		}
	}
	return arns
}

func (cfg *Config) targetRoleName(key string, target ArgoCDTarget) string {
	return orKey(target.Role.Name, iampolicy.DerivedRoleName(cfg.hubRoleName(), target.Aliases.first(key)))
}

// targetRoleArgs are the component's arguments for the role of a target.
func (cfg *Config) targetRoleArgs(
	key string, target ArgoCDTarget, hub components.Principal, partition string,
) *components.AssumableRoleArgs {
	role := target.Role
	args := &components.AssumableRoleArgs{
		Principals: []components.Principal{hub}, Name: cfg.targetRoleName(key, target), Path: role.Path,
		Description:        orKey(role.Description, "Argo CD's identity in the cluster "+target.Aliases.first(key)),
		MaxSessionDuration: role.MaxSessionDuration, Tags: cfg.tags(role.Tags),
	}
	if role.PermissionsBoundary != "" {
		args.PermissionsBoundary = pulumi.String(managedPolicyArn(role.PermissionsBoundary, partition))
	}
	return args
}

// The models of a target, in DESIGN's and the README's words.
const (
	modelDirect    = "direct"
	modelRole      = "role"
	modelInCluster = "inCluster"
)

// login is who Argo CD is in a target.
type login struct {
	model string
	// Principal is the role that the cluster lets in.
	components.Principal
	// roleArn is that role where Argo CD has to assume it, and nil where it is the hub's own.
	roleArn pulumi.StringInput
	// ready is what Argo CD needs to get the role.
	ready []pulumi.Resource
}

// login makes the role of a target, if it is to have one.
func (p *platform) login(hub *components.IrsaRole, key string, target ArgoCDTarget) (login, error) {
	self := components.Principal{Arn: hub.Arn, UniqueId: hub.UniqueId}
	switch {
	case target.RoleArn != "":
		arn := pulumi.String(target.RoleArn)
		return login{modelRole, components.Principal{Arn: arn}, arn, hub.Policies()}, nil
	case target.Role == nil:
		return login{model: modelDirect, Principal: self}, nil
	}
	facts := p.clusters[target.Cluster]
	role, err := components.NewAssumableRole(p.ctx, inArgoCD(key),
		p.cfg.targetRoleArgs(key, target, self, facts.account.partition), pulumi.Provider(facts.account.iam), target.Aliases.of(inArgoCD))
	if err != nil {
		return login{}, err
	}
	return login{modelRole, components.Principal{Arn: role.Arn, UniqueId: role.UniqueId}, role.Arn, hub.Policies()}, nil
}
