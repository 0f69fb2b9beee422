package stacks

import (
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/fault"
)

// argoCDKey names the hub role's resources and its entry among the stack's outputs.
const argoCDKey = "argocd"

// createArgoCD makes the hub role, lets it or a role that it assumes into every target, and registers the targets with
// Argo CD.
func (p *platform) createArgoCD() error {
	argocd := p.cfg.ArgoCD
	if argocd == nil {
		return nil
	}
	role, err := p.hubRole()
	if err != nil {
		return err
	}
	hub, err := p.createRole(argoCDKey, role)
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(argocd.Targets)) {
		if err := p.createTarget(hub, key, argocd.Targets[key]); err != nil {
			return fmt.Errorf("Argo CD target %q: %w", key, err) //nolint:staticcheck // a proper name
		}
	}
	return nil
}

// role is the hub role, without its permission to assume the targets' roles. It needs no other in AWS: what it may do in a
// cluster is the cluster's business.
func (argocd *ArgoCD) role() Role {
	role := Role{
		Clusters: []string{argocd.Hub}, Name: argocd.RoleName, NamePrefix: argocd.RoleNamePrefix, TestPod: argocd.TestPod,
		PodRoleSettings: argocd.PodRoleSettings,
	}
	role.Description = orKey(role.Description, "Argo CD's identity in the clusters that it manages")
	for _, name := range argocd.serviceAccounts() {
		role.ServiceAccounts = append(role.ServiceAccounts, ServiceAccount{
			Namespace: argocd.namespace(), Name: name, Mode: argocd.ServiceAccountMode,
		})
	}
	return role
}

func (argocd *ArgoCD) serviceAccounts() []string {
	if len(argocd.ServiceAccounts) == 0 {
		return argoCDServiceAccounts
	}
	return argocd.ServiceAccounts
}

func (argocd *ArgoCD) namespace() string {
	return orKey(argocd.Namespace, components.DefaultArgoCDNamespace)
}

// hubRoleName is empty when a prefix leaves the name to the AWS provider.
func (cfg *Config) hubRoleName() string { return cfg.roleName(cfg.ArgoCD.role()) }

func (p *platform) createTarget(hub *components.IrsaRole, key string, target ArgoCDTarget) error {
	facts := p.clusters[target.Cluster]
	if target.Cluster == p.cfg.ArgoCD.Hub {
		return p.registerTarget(key, target, login{model: modelInCluster}, pulumi.Map{})
	}
	login, err := p.login(hub, key, target)
	if err != nil {
		return err
	}
	args, err := target.Access.args(p.cfg.Tags, login.Principal, facts)
	if err != nil {
		return err
	}
	access, err := components.NewClusterAccess(p.ctx, inArgoCD(key), args, pulumi.Provider(facts.aws), target.Aliases.of(inArgoCD))
	if err != nil {
		return err
	}
	login.ready = append(login.ready, access.Grants()...)
	if err := p.proveLogin(hub, key, target, login); err != nil {
		return err
	}
	outputs := pulumi.Map{"via": access.Via, "principalArn": access.PrincipalArn}
	if login.roleArn != nil {
		outputs["roleArn"] = login.roleArn
	}
	return p.registerTarget(key, target, login, outputs)
}

// registerTarget makes the secret, when everything that Argo CD needs to log in is there: it connects as soon as it sees
// the secret. outputs are what is to be said of the target besides.
func (p *platform) registerTarget(key string, target ArgoCDTarget, login login, outputs pulumi.Map) error {
	facts, hub := p.clusters[target.Cluster], p.clusters[p.cfg.ArgoCD.Hub]
	ready := login.ready
	if namespace := hub.namespaces[p.cfg.ArgoCD.namespace()]; namespace != nil {
		ready = append(ready, namespace)
	}
	secret, err := components.NewArgoCDCluster(p.ctx, inArgoCD(key), p.cfg.secretArgs(key, target, facts, login.roleArn),
		pulumi.Provider(hub.kubernetes), pulumi.DependsOn(ready), target.Aliases.of(inArgoCD))
	if err != nil {
		return err
	}
	outputs["cluster"], outputs["model"], outputs["server"] = facts.name, pulumi.String(login.model), secret.Server
	outputs["secret"] = pulumi.Sprintf("%s/%s", secret.Namespace, secret.SecretName)
	p.output("argocdTargets", key, outputs)
	return nil
}

// args choose the way into a cluster by its authentication mode where the configuration does not.
func (access ArgoCDAccess) args(
	tags map[string]string, principal components.Principal, facts *clusterFacts,
) (*components.ClusterAccessArgs, error) {
	args := &components.ClusterAccessArgs{
		ClusterName: facts.name, PrincipalArn: principal.Arn, PrincipalUniqueId: principal.UniqueId, AuthenticationMode: facts.mode,
	}
	if access.Via == ViaAwsAuth || access.Via == "" && !facts.mode.AllowsAccessEntries() {
		if err := access.validateAwsAuth(); err != nil {
			return nil, fmt.Errorf("the cluster's authentication mode %s allows aws-auth only:\n%w", facts.mode, fault.Under("access", err))
		}
		args.AwsAuth = &components.AwsAuthArgs{
			Kubeconfig: facts.kubeconfig, Username: access.Username, Groups: access.KubernetesGroups, Overwrite: access.Overwrite,
		}
		return args, nil
	}
	args.AccessEntry = access.entry()
	args.AccessEntry.Tags = pulumi.ToStringMap(tags)
	return args, nil
}

func (access ArgoCDAccess) entry() *components.AccessEntryArgs {
	entry := &components.AccessEntryArgs{
		KubernetesGroups: access.KubernetesGroups, Username: access.Username, Import: access.Import,
	}
	for _, policy := range access.Policies {
		entry.Policies = append(entry.Policies, components.AccessPolicyArgs{Policy: policy.Policy, Namespaces: policy.Namespaces})
	}
	return entry
}

// secretArgs are the component's arguments for the secret of a target; roleArn is the role to assume, if any.
func (cfg *Config) secretArgs(
	key string, target ArgoCDTarget, facts *clusterFacts, roleArn pulumi.StringInput,
) *components.ArgoCDClusterArgs {
	args := &components.ArgoCDClusterArgs{
		DisplayName: pulumi.String(target.displayName(key)), InCluster: target.Cluster == cfg.ArgoCD.Hub,
		Project: target.Project, Namespaces: target.Namespaces, ClusterResources: target.ClusterResources, Shard: target.Shard,
		SecretName: target.SecretName, Namespace: cfg.ArgoCD.Namespace, Labels: target.Labels, Annotations: target.Annotations,
	}
	if !args.InCluster {
		args.ClusterName, args.Server, args.CertificateAuthorityData = facts.name, facts.endpoint, facts.caData
		args.RoleArn, args.ServerName, args.ProxyURL = roleArn, target.ServerName, target.ProxyURL
	}
	return args
}
