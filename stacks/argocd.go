package stacks

import (
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

// createArgoCD makes the hub role, or that of the capability, and the targets that Argo CD reaches with it.
func (p *platform) createArgoCD() error {
	argocd := p.cfg.ArgoCD
	if argocd == nil {
		return nil
	}
	create := p.createHub
	if argocd.Managed != nil {
		create = p.createManagedHub
	}
	hub, err := create()
	if err != nil {
		return err
	}
	if namespace := p.clusters[argocd.Hub].namespaces[argocd.Namespace]; namespace != nil {
		hub.Dependencies = append(hub.Dependencies, namespace)
	}
	for _, key := range slices.Sorted(maps.Keys(argocd.Targets)) {
		if err := p.createTarget(hub, key, argocd.Targets[key]); err != nil {
			return err
		}
	}
	return nil
}

// createHub makes the role of Argo CD's service accounts.
func (p *platform) createHub() (components.ArgoCDHub, error) {
	argocd := p.cfg.ArgoCD
	role, err := p.hubRole()
	if err != nil {
		return components.ArgoCDHub{}, err
	}
	made := p.roleToMake(argoCDKey, role)
	if err := p.createRole(made); err != nil {
		return components.ArgoCDHub{}, err
	}
	p.outputRole(made)
	created := made.component
	hub := components.ArgoCDHub{
		Role: components.TrustedRole{
			Arn: created.Arn, UniqueId: created.UniqueId, SessionTags: argocd.Identity.TrustsPodIdentity(),
		},
		Dependencies: created.Dependencies(), ServiceAccounts: argocd.ServiceAccounts,
	}
	if argocd.TestPod != nil {
		hub.TestPod = &argocd.TestPod.PodSettings
	}
	return hub, nil
}

func (p *platform) createTarget(hub components.ArgoCDHub, key string, target ArgoCDTarget) error {
	facts, args := p.clusters[target.Cluster], target.ArgoCDTargetArgs
	args.Hub, args.Namespace, args.Cluster = hub, p.cfg.ArgoCD.Namespace, facts.kubernetes
	switch {
	case hub.Managed:
		args.Arn, args.Kubernetes, args.AuthenticationMode = facts.arn, facts.kubernetes, facts.mode
		if args.InCluster {
			granted, err := p.hasCapability(key, target)
			if err != nil {
				return err
			}
			args.WithoutAccess = !granted
		}
	case !args.InCluster:
		args.ClusterName, args.Server, args.CertificateAuthorityData = facts.name, facts.endpoint, facts.caData
		args.AuthenticationMode, args.Kubeconfig = facts.mode, facts.kubeconfig
		args.RoleProvider, args.LoginTestName = facts.account.iam, target.Aliases.inPodName(key)
	}
	if args.Role != nil {
		role := *args.Role
		role.RoleSettings = p.withBoundary(role.RoleSettings, target.Cluster)
		args.Role = &role
	}
	if target.Bridge {
		args.Annotations = p.bridge(target)
	}
	component, err := components.NewArgoCDTarget(p.ctx, inArgoCD(key), &args,
		pulumi.Providers(facts.aws, p.clusters[p.cfg.ArgoCD.Hub].kubernetes), target.Aliases.of(inArgoCD))
	if err != nil {
		return err
	}
	secret := component.Secret
	outputs := pulumi.Map{
		"cluster": facts.name, "model": pulumi.String(args.Model()), "server": secret.Server,
		"secret": pulumi.Sprintf("%s/%s", secret.Namespace, secret.SecretName),
	}
	if component.Access != nil {
		outputs["via"], outputs["principalArn"] = component.Access.Via, component.PrincipalArn
		p.outputTarget(key, args.Granted(), component)
	}
	if args.Model() == components.ArgoCDAssumedRole {
		outputs["roleArn"] = component.PrincipalArn
	}
	p.output("argocdTargets", key, outputs)
	return nil
}
