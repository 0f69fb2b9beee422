package stacks

import (
	"fmt"
	"maps"
	"slices"

	awseks "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/eks"
	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

// resolveClusters looks the clusters up, or creates them, and makes what each has one of: Kubernetes provider, OIDC
// provider, namespaces.
func (p *platform) resolveClusters() error {
	keys := slices.Sorted(maps.Keys(p.cfg.Clusters))
	for _, key := range keys {
		p.clusters[key] = &resolvedCluster{key: key}
	}
	err := parallel(slices.Collect(maps.Values(p.clusters)), p.resolveCluster)
	for _, key := range keys {
		if !p.gone[key] {
			p.output("clusters", key, p.clusters[key].outputs)
		}
	}
	return err
}

func (p *platform) resolveCluster(facts *resolvedCluster) error {
	key := facts.key
	cluster := p.cfg.Clusters[key]
	facts.aws = p.providers[providerKey{credentials: cluster.credentials(), region: cluster.Region}]
	facts.account, facts.namespaces = p.accountOf(key), map[string]pulumi.Resource{}
	if p.gone[key] {
		return nil
	}
	resolve := p.lookUpCluster
	if cluster.Create != nil {
		resolve = p.createCluster
	}
	if err := resolve(cluster, facts); err != nil {
		return fmt.Errorf("cluster %q: %w", key, err)
	}
	args := &kubernetes.ProviderArgs{
		Kubeconfig: facts.kubeconfig, EnableServerSideApply: pulumi.Bool(true),
		// A Secret whose data changes would otherwise be replaced. Argo CD would forget the cluster in between,
		// and an ApplicationSet that goes by clusters would delete the cluster's Applications.
		EnableSecretMutable: pulumi.Bool(true),
		// What tells a cluster from another of its name. Without it the address would: everything in the cluster would be made
		// again, beside itself, when the address changes.
		ClusterIdentifier: facts.identifier(),
	}
	if cluster.Leaving {
		args.DeleteUnreachable = pulumi.Bool(true) // when it is gone, what is taken out was taken away with it
	}
	var err error
	facts.kubernetes, err = kubernetes.NewProvider(p.ctx, kubernetesProvider(key), args,
		pulumi.DependsOn(facts.ready), cluster.Aliases.of(kubernetesProvider)) // so pods find nodes, and namespaces are emptied while there are some
	if err != nil {
		return fmt.Errorf("cluster %q: configuring the Kubernetes provider: %w", key, err)
	}
	if err := p.createOidcProvider(cluster, facts); err != nil {
		return fmt.Errorf("cluster %q: %w", key, err)
	}
	if err := p.createNamespaces(cluster, facts); err != nil {
		return fmt.Errorf("cluster %q: %w", key, err)
	}
	facts.outputs = pulumi.Map{
		"name": facts.name, "arn": facts.arn, "region": pulumi.String(cluster.Region), "account": pulumi.String(facts.account.id),
		"endpoint": facts.endpoint, "issuer": facts.oidcProvider.Url,
		"oidcProviderArn": facts.oidcProvider.Arn, "oidcProviderAdopted": pulumi.Bool(facts.oidcProvider.Adopted),
	}
	if facts.nodeRoleArn != nil {
		facts.outputs["authenticationMode"], facts.outputs["nodeRoleArn"] = pulumi.String(facts.mode), facts.nodeRoleArn
	}
	return nil
}

// lookUpCluster describes an existing cluster, once.
func (p *platform) lookUpCluster(cluster Cluster, facts *resolvedCluster) error {
	name := cluster.Name
	found, err := awseks.LookupCluster(p.ctx, &awseks.LookupClusterArgs{Name: name}, pulumi.Provider(facts.aws))
	if err != nil {
		return fmt.Errorf("looking up EKS cluster %q in %s: %w", name, cluster.Region, err)
	}
	if len(found.Identities) == 0 || len(found.Identities[0].Oidcs) == 0 || len(found.CertificateAuthorities) == 0 {
		return fmt.Errorf("EKS cluster %q is %s and has no OIDC issuer or certificate authority yet", name, found.Status)
	}
	caData := found.CertificateAuthorities[0].Data
	facts.name, facts.arn = pulumi.String(name), pulumi.String(found.Arn)
	facts.arnWithAgent = facts.arn
	if p.cfg.needsAgent(facts.key) && !cluster.OwnPodIdentityAgent && !cluster.Leaving && !isAutoMode(found) {
		if err := components.FindPodIdentityAgent(p.ctx, name, pulumi.Provider(facts.aws)); err != nil {
			return err
		}
	}
	facts.endpoint, facts.caData = pulumi.String(found.Endpoint), pulumi.String(caData)
	facts.issuer, facts.vpcID = found.Identities[0].Oidcs[0].Issuer, found.VpcConfig.VpcId
	if err := p.refuseReplaced(facts, found.Arn); err != nil {
		return err
	}
	// Clusters older than access entries have no access configuration.
	facts.mode = components.AuthenticationModeConfigMap
	if len(found.AccessConfigs) > 0 {
		facts.mode = components.AuthenticationMode(found.AccessConfigs[0].AuthenticationMode)
	}
	if err := facts.refuseOldMode(name, cluster); err != nil {
		return err
	}
	kubeconfig, err := cluster.kubeconfig(name, found.Endpoint, caData)
	facts.kubeconfig = pulumi.String(kubeconfig)
	return err
}

// isAutoMode reports whether EKS Auto Mode runs the cluster's nodes, which have the agent of EKS Pod Identity built in.
//
// https://docs.aws.amazon.com/eks/latest/userguide/pod-id-agent-setup.html
func isAutoMode(cluster *awseks.LookupClusterResult) bool {
	return len(cluster.ComputeConfigs) > 0 && cluster.ComputeConfigs[0].Enabled
}

func (p *platform) createOidcProvider(cluster Cluster, facts *resolvedCluster) error {
	args := cluster.OidcProvider.OidcProviderArgs
	args.Issuer, args.IssuerOfNewCluster = facts.issuer, facts.newIssuer
	if cluster.OidcProvider.ComputeThumbprint {
		thumbprint, err := components.Thumbprint(p.ctx.Context(), facts.issuer, nil)
		if err != nil {
			return err
		}
		args.Thumbprints = []string{thumbprint}
	}
	var err error
	facts.oidcProvider, err = components.NewOidcProvider(p.ctx, facts.key, &args, pulumi.Provider(facts.account.iam), cluster.Aliases.of(itself))
	return err
}

func (p *platform) createNamespaces(cluster Cluster, facts *resolvedCluster) error {
	for _, name := range cluster.Namespaces {
		namespace, err := corev1.NewNamespace(p.ctx, facts.key+"/"+name, &corev1.NamespaceArgs{
			Metadata: &metav1.ObjectMetaArgs{Name: pulumi.String(name)},
		}, pulumi.Provider(facts.kubernetes), cluster.Aliases.of(below(name)))
		if err != nil {
			return fmt.Errorf("namespace %q: %w", name, err)
		}
		facts.namespaces[name] = namespace
	}
	return nil
}
