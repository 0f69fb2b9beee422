package stacks

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	awseks "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/eks"
	"github.com/pulumi/pulumi-eks/sdk/v2/go/eks"
	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// clusterFacts are what the rest of the platform needs to know of a cluster, adopted or created.
type clusterFacts struct {
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
}

// openClusters looks the clusters up, or creates them, and makes what each has one of: providers, OIDC provider,
// namespaces.
func (p *platform) openClusters() error {
	for _, key := range slices.Sorted(maps.Keys(p.cfg.Clusters)) {
		facts, err := p.openCluster(key, p.cfg.Clusters[key])
		if err != nil {
			return fmt.Errorf("cluster %q: %w", key, err)
		}
		p.clusters[key] = facts
	}
	return nil
}

func (p *platform) openCluster(key string, cluster Cluster) (clusterFacts, error) {
	provider, err := p.awsProvider(cluster)
	if err != nil {
		return clusterFacts{}, err
	}
	account, err := p.account(cluster.account(), provider)
	if err != nil {
		return clusterFacts{}, err
	}
	var facts clusterFacts
	if cluster.Create != nil {
		facts, err = p.createCluster(key, cluster, provider)
	} else {
		facts, err = p.lookUpCluster(key, cluster, provider)
	}
	if err != nil {
		return clusterFacts{}, err
	}
	facts.aws, facts.account, facts.namespaces = provider, account, map[string]pulumi.Resource{}
	facts.kubernetes, err = kubernetes.NewProvider(p.ctx, "kubernetes-"+key, &kubernetes.ProviderArgs{
		Kubeconfig: facts.kubeconfig, EnableServerSideApply: pulumi.Bool(true),
	})
	if err != nil {
		return clusterFacts{}, fmt.Errorf("configuring the Kubernetes provider: %w", err)
	}
	if facts.oidcProvider, err = p.openOidcProvider(key, cluster, facts); err != nil {
		return clusterFacts{}, err
	}
	if err := p.createNamespaces(facts, key); err != nil {
		return clusterFacts{}, err
	}
	p.output("clusters", key, pulumi.Map{
		"name": facts.name, "arn": facts.arn, "region": pulumi.String(cluster.Region), "account": pulumi.String(account.id),
		"endpoint": facts.endpoint, "issuer": facts.oidcProvider.Url,
		"oidcProviderArn": facts.oidcProvider.Arn, "oidcProviderAdopted": pulumi.Bool(facts.oidcProvider.Adopted),
	})
	return facts, nil
}

// lookUpCluster describes an existing cluster, once.
func (p *platform) lookUpCluster(key string, cluster Cluster, provider *aws.Provider) (clusterFacts, error) {
	name := orKey(cluster.Name, key)
	found, err := awseks.LookupCluster(p.ctx, &awseks.LookupClusterArgs{Name: name}, pulumi.Provider(provider))
	if err != nil {
		return clusterFacts{}, fmt.Errorf("looking up EKS cluster %q in %s: %w", name, cluster.Region, err)
	}
	if len(found.Identities) == 0 || len(found.Identities[0].Oidcs) == 0 || len(found.CertificateAuthorities) == 0 {
		return clusterFacts{}, fmt.Errorf("EKS cluster %q is %s and has no OIDC issuer or certificate authority yet", name, found.Status)
	}
	facts := clusterFacts{
		name: pulumi.String(name), arn: pulumi.String(found.Arn), endpoint: pulumi.String(found.Endpoint),
		caData: pulumi.String(found.CertificateAuthorities[0].Data),
		issuer: found.Identities[0].Oidcs[0].Issuer,
		// Clusters older than access entries have no access configuration.
		mode: components.AuthenticationModeConfigMap,
	}
	if len(found.AccessConfigs) > 0 {
		facts.mode = components.AuthenticationMode(found.AccessConfigs[0].AuthenticationMode)
	}
	kubeconfig, err := cluster.kubeconfig(name, found.Endpoint, found.CertificateAuthorities[0].Data)
	facts.kubeconfig = pulumi.String(kubeconfig)
	return facts, err
}

// createCluster makes a cluster with pulumi-eks. Its own OIDC provider is left out, as OidcProvider makes one.
func (p *platform) createCluster(key string, cluster Cluster, provider *aws.Provider) (clusterFacts, error) {
	spec, name := cluster.Create, orKey(cluster.Name, key)
	mode := spec.authenticationMode()
	args := &eks.ClusterArgs{
		Name: pulumi.String(name), AuthenticationMode: (*eks.AuthenticationMode)(&mode),
		CreateOidcProvider: pulumi.Bool(false), Tags: pulumi.ToStringMap(p.cfg.Tags),
	}
	credentials := eks.KubeconfigOptionsArgs{}
	if cluster.Profile != "" {
		credentials.ProfileName = pulumi.String(cluster.Profile)
		args.ProviderCredentialOpts = credentials
	}
	if cluster.AssumeRole != nil {
		credentials.RoleArn = pulumi.String(cluster.AssumeRole.RoleArn)
		args.ProviderCredentialOpts = credentials
	}
	for _, text := range []struct {
		value  string
		target *pulumi.StringPtrInput
	}{{spec.Version, &args.Version}, {spec.InstanceType, &args.InstanceType}, {spec.VpcID, &args.VpcId}} {
		if text.value != "" {
			*text.target = pulumi.String(text.value)
		}
	}
	for _, size := range []struct {
		value  int
		target *pulumi.IntPtrInput
	}{{spec.MinSize, &args.MinSize}, {spec.MaxSize, &args.MaxSize}, {spec.DesiredCapacity, &args.DesiredCapacity}} {
		if size.value != 0 {
			*size.target = pulumi.Int(size.value)
		}
	}
	for _, subnets := range []struct {
		ids    []string
		target *pulumi.StringArrayInput
	}{{spec.PublicSubnetIDs, &args.PublicSubnetIds}, {spec.PrivateSubnetIDs, &args.PrivateSubnetIds}} {
		if len(subnets.ids) > 0 {
			*subnets.target = pulumi.ToStringArray(subnets.ids)
		}
	}
	created, err := eks.NewCluster(p.ctx, key, args, pulumi.Provider(provider))
	if err != nil {
		return clusterFacts{}, fmt.Errorf("creating EKS cluster %q: %w", name, err)
	}
	return clusterFacts{
		name: created.EksCluster.Name(), arn: created.EksCluster.Arn(), endpoint: created.EksCluster.Endpoint(),
		caData: created.EksCluster.CertificateAuthority().Data().Elem(),
		newIssuer: created.EksCluster.Identities().Index(pulumi.Int(0)).Oidcs().
			Index(pulumi.Int(0)).Issuer().Elem(),
		mode: mode, kubeconfig: created.KubeconfigJson,
	}, nil
}

func (p *platform) openOidcProvider(key string, cluster Cluster, facts clusterFacts) (*components.OidcProvider, error) {
	declared := cluster.OidcProvider
	thumbprints := declared.Thumbprints
	if declared.ComputeThumbprint {
		thumbprint, err := components.Thumbprint(p.ctx.Context(), facts.issuer, &tls.Config{MinVersion: tls.VersionTLS12})
		if err != nil {
			return nil, err
		}
		thumbprints = []string{thumbprint}
	}
	return components.NewOidcProvider(p.ctx, key, &components.OidcProviderArgs{
		Issuer: facts.issuer, NewClusterIssuer: facts.newIssuer,
		ClientIDs: declared.ClientIDs, Thumbprints: thumbprints, Tags: pulumi.ToStringMap(p.cfg.Tags),
	}, pulumi.Provider(facts.aws))
}

// kubeconfig logs in by the AWS CLI's token plugin, with the same credentials as the AWS provider. It holds no secret.
//
// https://docs.aws.amazon.com/eks/latest/userguide/create-kubeconfig.html
func (cluster Cluster) kubeconfig(name, endpoint, caData string) (string, error) {
	type named map[string]any
	args := []string{"--region", cluster.Region, "eks", "get-token", "--cluster-name", name, "--output", "json"}
	if cluster.AssumeRole != nil {
		args = append(args, "--role-arn", cluster.AssumeRole.RoleArn)
	}
	exec := named{
		"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "aws", "args": args, "interactiveMode": "Never",
	}
	if cluster.Profile != "" {
		exec["env"] = []named{{"name": "AWS_PROFILE", "value": cluster.Profile}}
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

// partitionOf is the partition of an ARN: aws, aws-cn or aws-us-gov.
func partitionOf(arn string) (string, error) {
	parsed, err := iampolicy.ParseArn(arn)
	if err != nil {
		return "", errors.Join(errors.New("the caller's identity has no ARN"), err)
	}
	return parsed.Partition, nil
}
