package stacks

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	awseks "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/eks"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// ofBothKinds are the fields of [ArgoCD] that managed Argo CD has as well.
var ofBothKinds = []string{"Hub", "Namespace", "Managed", "Targets"}

// validateManaged checks managed Argo CD, and refuses what only Argo CD in pods of one's own has.
func (cfg *Config) validateManaged() error {
	argocd := cfg.ArgoCD
	managed, hub := argocd.Managed, cfg.Clusters[argocd.Hub]
	var found fielderr.List
	for _, field := range reflect.VisibleFields(reflect.TypeFor[ArgoCD]()) {
		if field.Anonymous || slices.Contains(ofBothKinds, field.Name) || reflect.ValueOf(argocd).Elem().FieldByIndex(field.Index).IsZero() {
			continue
		}
		if name := field.Tag.Get("json"); name != "-" {
			found.Addf(fielderr.Path(name), "is for Argo CD in pods of yours, and managed Argo CD has none; what its role can have is in managed.role")
		}
	}
	if hub.Create != nil {
		found.Add("hub", refuseConfigMap(hub.Create.AuthenticationMode))
	}
	found.Refuse(managed.Role != nil && managed.RoleArn != "", "managed.roleArn", "give role, to have one made, or roleArn, not both")
	if managed.Role != nil {
		found.Add("managed.role", managed.Role.Validate())
		if partition := hub.partition(); partition != "" {
			found.Add("managed.role", managed.Role.ValidatePartition(partition))
		}
	}
	if managed.RoleArn != "" {
		found.Add("managed.roleArn", components.ValidateCapabilityRole(managed.RoleArn))
		found.Add("managed.roleArn", hub.refusePartition(managed.RoleArn))
		found.Add("managed", managed.refuseAccount(hub.assumedAccount()))
	}
	return found.Err()
}

// refuseConfigMap refuses a hub that has no access entries, and so no capabilities.
//
// https://docs.aws.amazon.com/eks/latest/userguide/capabilities.html
func refuseConfigMap(mode components.AuthenticationMode) error {
	if mode != components.AuthenticationModeConfigMap {
		return nil
	}
	return fmt.Errorf("the cluster's authentication mode %s knows no access entries, without which it can have no capability; change the "+
		"mode to %s", mode, components.AuthenticationModeAPIAndConfigMap)
}

// refuseAccount refuses a role of another account than the hub's, "" where that is not known yet.
func (managed *ManagedArgoCD) refuseAccount(account string) error {
	role, err := iampolicy.ParseARN(managed.RoleArn)
	if managed.RoleArn == "" || err != nil || account == "" || role.Account == account {
		return nil // reported already
	}
	return fielderr.At("roleArn", fmt.Errorf("%s is in account %s, and EKS takes the role of a capability in the account of its cluster, "+
		"%s", managed.RoleArn, role.Account, account))
}

// checkManaged checks what only the answer of the hub's account tells.
func (p *platform) checkManaged() error {
	return p.cfg.ArgoCD.Managed.refuseAccount(p.accountOf(p.cfg.ArgoCD.Hub).id)
}

// capabilityRoleArn is the ARN of the capability role, worked out where the role is made here, as an access entry has to be looked
// for before the role is there.
func (p *platform) capabilityRoleArn() string {
	managed, account := p.cfg.ArgoCD.Managed, p.accountOf(p.cfg.ArgoCD.Hub)
	if managed.Role == nil {
		return managed.RoleArn
	}
	return iampolicy.RoleARN(account.partition, account.id, managed.Role.Path, managed.Role.Name).String()
}

// createManagedHub makes the capability role, unless that exists, and says how the capability is made.
func (p *platform) createManagedHub() (components.ArgoCDHub, error) {
	argocd, facts := p.cfg.ArgoCD, p.clusters[p.cfg.ArgoCD.Hub]
	hub := components.ArgoCDHub{Managed: true}
	if err := fielderr.At("argocd.hub", refuseConfigMap(facts.mode)); err != nil {
		return hub, invalidConfiguration(err)
	}
	if argocd.Managed.Role == nil {
		hub.Role.Arn = pulumi.String(argocd.Managed.RoleArn)
	} else {
		args := *argocd.Managed.Role
		args.RoleSettings = p.withBoundary(args.RoleSettings, argocd.Hub)
		args.ManagedPolicies = slices.Clone(args.ManagedPolicies)
		for i, policy := range args.ManagedPolicies {
			args.ManagedPolicies[i] = p.policyArn(policy, argocd.Hub)
		}
		role, err := components.NewCapabilityRole(p.ctx, argoCDKey, &args, pulumi.Provider(facts.account.iam))
		if err != nil {
			return hub, err
		}
		hub.Role = components.TrustedRole{Arn: role.Arn, UniqueId: role.UniqueId}
	}
	p.output("argocdCapability", argocd.Hub, pulumi.Map{
		"roleArn": hub.Role.Arn, "createCommand": pulumi.String(p.createCapability()),
	})
	return hub, nil
}

// createCapability is the command that makes the capability. Who may use Argo CD is in its rbacRoleMappings, which it can be given
// later as well.
//
// https://docs.aws.amazon.com/eks/latest/userguide/argocd-create-cli.html
func (p *platform) createCapability() string {
	cluster := p.cfg.Clusters[p.cfg.ArgoCD.Hub]
	words := []string{"aws eks create-capability --capability-name argocd --type ARGOCD --delete-propagation-policy RETAIN"}
	if cluster.Profile != "" {
		words = append(words, "--profile", cluster.Profile)
	}
	words = append(words, "--region", cluster.Region, "--cluster-name", cluster.Name, "--role-arn", p.capabilityRoleArn(),
		fmt.Sprintf(`--configuration '{"argoCd":{"namespace":%q,"awsIdc":{"idcInstanceArn":"<ARN of the IAM Identity Center instance>"}}}'`,
			p.cfg.ArgoCD.Namespace))
	return strings.Join(words, " ")
}

// hasCapability reports whether EKS has let the capability role into the hub, as it does when the capability is made: only then are
// there policies to associate. Once that was so, it is taken to be so, and where it is not any more, EKS says so itself.
func (p *platform) hasCapability(key string, target ArgoCDTarget) (bool, error) {
	if p.before.hasAccess(append(slices.Clone(target.Aliases), key)...) {
		return true, nil
	}
	hub, facts := p.cfg.Clusters[p.cfg.ArgoCD.Hub], p.clusters[p.cfg.ArgoCD.Hub]
	_, err := awseks.LookupAccessEntry(p.ctx, &awseks.LookupAccessEntryArgs{
		ClusterName: hub.Name, PrincipalArn: p.capabilityRoleArn(),
	}, pulumi.Provider(facts.aws))
	if err == nil {
		return true, nil
	}
	warning := fmt.Sprintf("argocd.targets.%s: the capability role has no access entry in the hub, as EKS makes one with the capability, so "+
		"it gets no access there yet. When the role is there, make the capability, and run pulumi up again: %s (%v)", key, p.createCapability(), err)
	return false, p.ctx.Log.Warn(warning, &pulumi.LogArgs{})
}
