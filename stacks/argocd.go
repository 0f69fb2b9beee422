package stacks

import (
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/fault"
)

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

func (p *platform) createTarget(hub *components.IrsaRole, key string, target ArgoCDTarget) error {
	facts := p.clusters[target.Cluster]
	if target.Cluster == p.cfg.ArgoCD.Hub {
		return p.registerTarget(key, target, targetLogin{model: modelInCluster}, pulumi.Map{})
	}
	login, err := p.loginOf(hub, key, target)
	if err != nil {
		return err
	}
	args, err := target.Access.args(login.TrustedRole, facts)
	if err != nil {
		return err
	}
	access, err := components.NewClusterAccess(p.ctx, inArgoCD(key), args, pulumi.Provider(facts.aws), target.Aliases.of(inArgoCD))
	if err != nil {
		return err
	}
	login.ready = append(login.ready, access.Dependencies()...)
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
// the secret. outputs are added to the target's stack outputs.
func (p *platform) registerTarget(key string, target ArgoCDTarget, login targetLogin, outputs pulumi.Map) error {
	facts, hub := p.clusters[target.Cluster], p.clusters[p.cfg.ArgoCD.Hub]
	ready := login.ready
	if namespace := hub.namespaces[p.cfg.ArgoCD.Namespace]; namespace != nil {
		ready = append(ready, namespace)
	}
	secret, err := components.NewArgoCDCluster(p.ctx, inArgoCD(key), target.secretArgs(p.cfg.ArgoCD.Namespace, facts, login.roleArn),
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
	principal components.TrustedRole, facts *resolvedCluster,
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
	args.AccessEntry = &access.AccessEntryArgs
	return args, nil
}

// secretArgs are the component's arguments for the secret of a target; roleArn is the role to assume, if any.
func (target ArgoCDTarget) secretArgs(namespace string, facts *resolvedCluster, roleArn pulumi.StringInput) *components.ArgoCDClusterArgs {
	args := target.ArgoCDClusterArgs
	args.Namespace = namespace
	if !args.InCluster {
		args.ClusterName, args.Server, args.CertificateAuthorityData, args.RoleArn = facts.name, facts.endpoint, facts.caData, roleArn
	}
	return &args
}
