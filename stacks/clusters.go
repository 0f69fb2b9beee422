package stacks

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	awseks "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/eks"
	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

// clusterFacts are what the rest of the platform needs to know of a cluster, adopted or created.
type clusterFacts struct {
	key string

	name, arn, endpoint, caData pulumi.StringInput
	// issuer is empty for a cluster that is still to be created; newIssuer is then its issuer.
	issuer    string
	newIssuer pulumi.StringInput
	mode      components.AuthenticationMode

	account      *account
	aws          *aws.Provider
	kubeconfig   pulumi.StringInput
	kubernetes   *kubernetes.Provider
	oidcProvider *components.OidcProvider
	namespaces   map[string]pulumi.Resource
	// ready is what a new cluster needs before anything is made in it, its nodes for example.
	ready []pulumi.Resource
	// outputs are the cluster's entry among the stack's outputs.
	outputs pulumi.Map
}

// openClusters looks the clusters up, or creates them, and makes what each has one of: Kubernetes provider, OIDC
// provider, namespaces.
func (p *platform) openClusters() error {
	keys := slices.Sorted(maps.Keys(p.cfg.Clusters))
	for _, key := range keys {
		p.clusters[key] = &clusterFacts{key: key}
	}
	err := atOnce(slices.Collect(maps.Values(p.clusters)), p.openCluster)
	for _, key := range keys {
		p.output("clusters", key, p.clusters[key].outputs)
	}
	return err
}

// atOnce does something for all items at the same time, and reports every error, in a stable order.
func atOnce[T any](items []T, do func(T) error) error {
	faults := make([]error, len(items))
	var all sync.WaitGroup
	for i, item := range items {
		all.Go(func() { faults[i] = do(item) })
	}
	all.Wait()
	faults = slices.DeleteFunc(faults, func(err error) bool { return err == nil })
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(faults...)
}

func (p *platform) openCluster(facts *clusterFacts) error {
	key := facts.key
	cluster := p.cfg.Clusters[key]
	facts.aws = p.providers[providerKey{credentials: cluster.credentials(), region: cluster.Region}]
	facts.account, facts.namespaces = p.accountOf(key), map[string]pulumi.Resource{}
	open := p.lookUpCluster
	if cluster.Create != nil {
		open = p.createCluster
	}
	if err := open(cluster, facts); err != nil {
		return fmt.Errorf("cluster %q: %w", key, err)
	}
	var err error
	facts.kubernetes, err = kubernetes.NewProvider(p.ctx, kubernetesProvider(key), &kubernetes.ProviderArgs{
		Kubeconfig: facts.kubeconfig, EnableServerSideApply: pulumi.Bool(true),
		// A Secret whose data changes would otherwise be deleted and made anew. Argo CD would forget the cluster in between,
		// and an ApplicationSet that goes by clusters would delete the cluster's Applications.
		EnableSecretMutable: pulumi.Bool(true),
	}, pulumi.DependsOn(facts.ready), cluster.Aliases.of(kubernetesProvider)) // so pods find nodes, and namespaces are emptied while there are some
	if err != nil {
		return fmt.Errorf("cluster %q: configuring the Kubernetes provider: %w", key, err)
	}
	if err := p.openOidcProvider(cluster, facts); err != nil {
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
	return nil
}

func kubernetesProvider(key string) string { return "kubernetes-" + key }

// lookUpCluster describes an existing cluster, once.
func (p *platform) lookUpCluster(cluster Cluster, facts *clusterFacts) error {
	name := cluster.name(facts.key)
	found, err := awseks.LookupCluster(p.ctx, &awseks.LookupClusterArgs{Name: name}, pulumi.Provider(facts.aws))
	if err != nil {
		return fmt.Errorf("looking up EKS cluster %q in %s: %w", name, cluster.Region, err)
	}
	if len(found.Identities) == 0 || len(found.Identities[0].Oidcs) == 0 || len(found.CertificateAuthorities) == 0 {
		return fmt.Errorf("EKS cluster %q is %s and has no OIDC issuer or certificate authority yet", name, found.Status)
	}
	caData := found.CertificateAuthorities[0].Data
	facts.name, facts.arn = pulumi.String(name), pulumi.String(found.Arn)
	facts.endpoint, facts.caData = pulumi.String(found.Endpoint), pulumi.String(caData)
	facts.issuer = found.Identities[0].Oidcs[0].Issuer
	// Clusters older than access entries have no access configuration.
	facts.mode = components.AuthenticationModeConfigMap
	if len(found.AccessConfigs) > 0 {
		facts.mode = components.AuthenticationMode(found.AccessConfigs[0].AuthenticationMode)
	}
	kubeconfig, err := cluster.kubeconfig(name, found.Endpoint, caData)
	facts.kubeconfig = pulumi.String(kubeconfig)
	return err
}

func (p *platform) openOidcProvider(cluster Cluster, facts *clusterFacts) error {
	declared := cluster.OidcProvider
	thumbprints := declared.Thumbprints
	if declared.ComputeThumbprint {
		thumbprint, err := components.Thumbprint(p.ctx.Context(), facts.issuer, nil)
		if err != nil {
			return err
		}
		thumbprints = []string{thumbprint}
	}
	var err error
	facts.oidcProvider, err = components.NewOidcProvider(p.ctx, facts.key, &components.OidcProviderArgs{
		Issuer: facts.issuer, NewClusterIssuer: facts.newIssuer,
		ClientIDs: declared.ClientIDs, Thumbprints: thumbprints, Tags: pulumi.ToStringMap(p.cfg.Tags),
		Owner: p.cfg.Owner, Import: declared.Import, RetainOnDelete: declared.RetainOnDelete,
	}, pulumi.Provider(facts.account.iam), cluster.Aliases.of(itself))
	return err
}

// kubeconfig logs in by the AWS CLI's token plugin, with the same credentials as the AWS provider. It holds no secret.
//
// https://docs.aws.amazon.com/eks/latest/userguide/create-kubeconfig.html
func (cluster Cluster) kubeconfig(name, endpoint, caData string) (string, error) {
	type named map[string]any
	args := []string{"--region", cluster.Region, "eks", "get-token", "--cluster-name", name, "--output", "json"}
	if cluster.Profile != "" {
		// The provider's profile wins over keys in the environment; the AWS CLI's does only as an argument.
		args = append([]string{"--profile", cluster.Profile}, args...)
	}
	if cluster.AssumeRole != nil {
		args = append(args, "--role-arn", cluster.AssumeRole.RoleArn)
	}
	exec := named{
		"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "aws", "args": args, "interactiveMode": "Never",
	}
	text, err := json.Marshal(named{
		"apiVersion": "v1", "kind": "Config", "current-context": name,
		"clusters": []named{{"name": name, "cluster": named{"server": endpoint, "certificate-authority-data": caData}}},
		"users":    []named{{"name": name, "user": named{"exec": exec}}},
		"contexts": []named{{"name": name, "context": named{"cluster": name, "user": name}}},
	})
	if err != nil {
		return "", fmt.Errorf("writing the kubeconfig: %w", err)
	}
	return string(text), nil
}
