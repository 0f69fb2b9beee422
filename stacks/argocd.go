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

// createArgoCD makes the hub role, lets it into every target, and registers the targets with Argo CD.
func (p *platform) createArgoCD() error {
	argocd := p.cfg.ArgoCD
	if argocd == nil {
		return nil
	}
	hub, err := p.createRole(argoCDKey, argocd.role())
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

// role is the hub role. It needs no permissions in AWS: what it may do in a cluster is the cluster's business.
func (argocd *ArgoCD) role() Role {
	role := Role{
		Clusters: []string{argocd.Hub}, Name: argocd.RoleName, TestPod: argocd.TestPod,
		Description: "Argo CD's identity in the clusters that it manages",
	}
	for _, name := range argoCDServiceAccounts {
		role.ServiceAccounts = append(role.ServiceAccounts, ServiceAccount{
			Namespace: orKey(argocd.Namespace, components.DefaultArgoCDNamespace), Name: name, Mode: argocd.ServiceAccountMode,
		})
	}
	return role
}

func (p *platform) createTarget(hub *components.IrsaRole, key string, target ArgoCDTarget) error {
	facts, hubFacts := p.clusters[target.Cluster], p.clusters[p.cfg.ArgoCD.Hub]
	args, err := target.Access.args(p.cfg.Tags, hub.Arn, facts)
	if err != nil {
		return err
	}
	access, err := components.NewClusterAccess(p.ctx, argoCDKey+"/"+key, args, pulumi.Provider(facts.aws))
	if err != nil {
		return err
	}
	// Argo CD connects as soon as it sees the secret, so the way in must be there.
	ready := access.Grants()
	if namespace := hubFacts.namespaces[orKey(p.cfg.ArgoCD.Namespace, components.DefaultArgoCDNamespace)]; namespace != nil {
		ready = append(ready, namespace)
	}
	secret, err := components.NewArgoCDCluster(p.ctx, argoCDKey+"/"+key, p.cfg.secretArgs(key, target, facts),
		pulumi.Provider(hubFacts.kubernetes), pulumi.DependsOn(ready))
	if err != nil {
		return err
	}
	p.output("argocdTargets", key, pulumi.Map{
		"cluster": facts.name, "server": secret.Server, "via": access.Via, "principalArn": access.PrincipalArn,
		"secret": pulumi.Sprintf("%s/%s", secret.Namespace, secret.SecretName),
	})
	return nil
}

// args choose the way into a cluster by its authentication mode where the configuration does not.
func (access ArgoCDAccess) args(
	tags map[string]string, principal pulumi.StringInput, facts *clusterFacts,
) (*components.ClusterAccessArgs, error) {
	args := &components.ClusterAccessArgs{
		ClusterName: facts.name, PrincipalArn: principal, AuthenticationMode: facts.mode,
	}
	if access.Via == ViaAwsAuth || access.Via == "" && !facts.mode.AllowsAccessEntries() {
		if err := access.validateAwsAuth(); err != nil {
			return nil, fmt.Errorf("the cluster's authentication mode %s allows aws-auth only:\n%w", facts.mode, fault.Under("access", err))
		}
		args.AwsAuth = &components.AwsAuthArgs{
			Kubeconfig: facts.kubeconfig, Username: access.Username, Groups: access.KubernetesGroups,
		}
		return args, nil
	}
	args.AccessEntry = access.entry()
	args.AccessEntry.Tags = pulumi.ToStringMap(tags)
	return args, nil
}

func (access ArgoCDAccess) entry() *components.AccessEntryArgs {
	entry := &components.AccessEntryArgs{KubernetesGroups: access.KubernetesGroups, Username: access.Username}
	for _, policy := range access.Policies {
		entry.Policies = append(entry.Policies, components.AccessPolicyArgs{Policy: policy.Policy, Namespaces: policy.Namespaces})
	}
	return entry
}

// secretArgs are the component's arguments for the secret of a target.
func (cfg *Config) secretArgs(key string, target ArgoCDTarget, facts *clusterFacts) *components.ArgoCDClusterArgs {
	return &components.ArgoCDClusterArgs{
		DisplayName: pulumi.String(orKey(target.DisplayName, key)),
		ClusterName: facts.name, Server: facts.endpoint, CertificateAuthorityData: facts.caData,
		Project: target.Project, Namespaces: target.Namespaces, ClusterResources: target.ClusterResources, Shard: target.Shard,
		ServerName: target.ServerName, ProxyURL: target.ProxyURL, SecretName: target.SecretName,
		Namespace: cfg.ArgoCD.Namespace, Labels: target.Labels, Annotations: target.Annotations,
	}
}
