package stacks

import (
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	awseks "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/eks"
	"github.com/pulumi/pulumi-eks/sdk/v2/go/eks"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

// requirePrograms looks for the programs that pulumi-eks runs wherever it makes a cluster, in a preview too: its own error
// would come when the first resources are registered.
func (cfg *Config) requirePrograms() error {
	err := fielderr.EachKey(cfg.Clusters, func(_ string, cluster Cluster) error {
		if cluster.Create == nil {
			return nil
		}
		return fielderr.At("create", errors.Join(
			requireProgram("aws", "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"),
			requireProgram("kubectl", "https://kubernetes.io/docs/tasks/tools/")))
	})
	if err != nil {
		return fmt.Errorf("this machine cannot create clusters:\n%w", fielderr.At(inFile.Child("clusters"), err))
	}
	return nil
}

func requireProgram(name, source string) error {
	if _, err := exec.LookPath(name); err != nil {
		return fmt.Errorf("pulumi-eks runs %s, which is not on PATH; install it: %s", name, source)
	}
	return nil
}

// createCluster makes a cluster with pulumi-eks, and nodes for it.
func (p *platform) createCluster(cluster Cluster, facts *resolvedCluster) error {
	spec, name := cluster.Create, cluster.Name
	place, err := p.place(spec, facts)
	if err != nil {
		return err
	}
	image, err := p.imageOf(spec.InstanceType, cluster.Region, facts)
	if err != nil {
		return err
	}
	if err := p.refuseWithoutNodes(cluster, facts); err != nil {
		return err
	}
	options := append(p.takeOverNodeEntry(cluster, facts.key), pulumi.Provider(facts.aws), cluster.Aliases.of(itself))
	created, err := eks.NewCluster(p.ctx, facts.key, p.clusterArgs(cluster, name, place), options...)
	if err != nil {
		return fmt.Errorf("creating EKS cluster %q: %w", name, err)
	}
	nodes, err := p.createNodes(spec, facts, created, place, image)
	if err != nil {
		return fmt.Errorf("creating the nodes of EKS cluster %q: %w", name, err)
	}
	facts.ready = []pulumi.Resource{nodes}
	facts.name, facts.arn = created.EksCluster.Name(), created.EksCluster.Arn()
	if facts.arnWithAgent, err = p.installAgent(facts, cluster.OwnPodIdentityAgent); err != nil {
		return fmt.Errorf("installing the agent of EKS Pod Identity: %w", err)
	}
	facts.endpoint, facts.caData = created.EksCluster.Endpoint(), created.EksCluster.CertificateAuthority().Data().Elem()
	first := pulumi.Int(0)
	facts.newIssuer = created.EksCluster.Identities().Index(first).Oidcs().Index(first).Issuer().Elem()
	facts.mode, facts.vpcID, facts.nodeRoleArn = spec.AuthenticationMode, place.vpc, created.InstanceRoles.Index(pulumi.Int(0)).Arn()
	// pulumi-eks has a kubeconfig too, without the profile and the region that made the cluster. It is there when the API
	// server answers, so it is waited for.
	facts.kubeconfig = pulumi.All(facts.endpoint, facts.caData, created.KubeconfigJson).ApplyT(func(values []any) (string, error) {
		endpoint, _ := values[0].(string)
		caData, _ := values[1].(string)
		return cluster.kubeconfig(name, endpoint, caData)
	}).(pulumi.StringOutput)
	return nil
}

// clusterArgs leave out of pulumi-eks what does not work any more or is made here: its nodes, which are launched with launch
// configurations, from images of Amazon Linux 2; its VPC CNI, which replaces EKS's own with kubectl; and its OIDC provider.
//
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/launch-configurations.html
// https://docs.aws.amazon.com/eks/latest/userguide/eks-ami-deprecation-faqs.html
func (p *platform) clusterArgs(cluster Cluster, name string, place place) *eks.ClusterArgs {
	mode, yes := cluster.Create.AuthenticationMode, true
	args := &eks.ClusterArgs{
		Name: pulumi.String(name), AuthenticationMode: (*eks.AuthenticationMode)(&mode), Tags: pulumi.ToStringMap(p.cfg.Tags),
		SkipDefaultNodeGroup: &yes, UseDefaultVpcCni: &yes, CreateOidcProvider: pulumi.Bool(false),
		// EKS's default, but only where it is said does pulumi-eks wait for the API server to answer.
		EndpointPublicAccess: pulumi.Bool(true),
		// Nodes in private subnets reach the API server without a way out of the VPC.
		EndpointPrivateAccess: pulumi.Bool(true),
		VpcId:                 pulumi.String(place.vpc),
	}
	if cluster.Create.Version != "" {
		args.Version = pulumi.String(cluster.Create.Version)
	}
	for _, subnets := range []struct {
		ids    []string
		target *pulumi.StringArrayInput
	}{{place.public, &args.PublicSubnetIds}, {place.private, &args.PrivateSubnetIds}, {place.defaults, &args.SubnetIds}} {
		if len(subnets.ids) > 0 {
			*subnets.target = pulumi.ToStringArray(subnets.ids)
		}
	}
	// With these pulumi-eks writes aws-auth, in the authentication modes that read it.
	credentials := eks.KubeconfigOptionsArgs{}
	if cluster.Profile != "" {
		credentials.ProfileName = pulumi.String(cluster.Profile)
		args.ProviderCredentialOpts = credentials
	}
	if cluster.AssumeRole != nil {
		credentials.RoleArn = pulumi.String(cluster.AssumeRole.RoleArn)
		args.ProviderCredentialOpts = credentials
	}
	return args
}

// createNodes makes a managed node group. Its role is the one that pulumi-eks makes for nodes and lets into the cluster.
// They wait for all of pulumi-eks's resources, the mapping of that role among them, as they are made from its outputs.
func (p *platform) createNodes(
	spec *ClusterSpec, facts *resolvedCluster, created *eks.Cluster, place place, image string,
) (*awseks.NodeGroup, error) {
	size := spec.sizes()
	const name = "nodes"
	options := []pulumi.ResourceOption{
		pulumi.Provider(facts.aws), p.cfg.Clusters[facts.key].Aliases.of(below(name)),
	}
	if len(place.defaults) > 0 {
		// A zone that AWS adds to the region is no reason to replace the nodes.
		options = append(options, pulumi.IgnoreChanges([]string{"subnetIds"}))
	}
	return awseks.NewNodeGroup(p.ctx, below(name)(facts.key), &awseks.NodeGroupArgs{
		ClusterName: created.EksCluster.Name(),
		// A prefix, so that a group that must be replaced is followed by one before it goes.
		NodeGroupNamePrefix: pulumi.String("nodes-"),
		NodeRoleArn:         created.InstanceRoles.Index(pulumi.Int(0)).Arn(),
		SubnetIds:           pulumi.ToStringArray(place.nodes()),
		// The control plane's, so that the nodes follow when it is upgraded.
		Version:       created.EksCluster.Version(),
		AmiType:       pulumi.String(image),
		InstanceTypes: pulumi.ToStringArray([]string{spec.InstanceType}),
		ScalingConfig: awseks.NodeGroupScalingConfigArgs{
			MinSize: pulumi.Int(size.least), MaxSize: pulumi.Int(size.most), DesiredSize: pulumi.Int(size.desired),
		},
		Tags: pulumi.ToStringMap(p.cfg.Tags),
	}, options...)
}

// installAgent installs the agent of EKS Pod Identity in a new cluster, if a role needs it there, and gives the cluster's ARN for
// what comes after it.
func (p *platform) installAgent(facts *resolvedCluster, own bool) (pulumi.StringInput, error) {
	if own || !p.cfg.needsAgent(facts.key) {
		return facts.arn, nil
	}
	const name = "eks-pod-identity-agent"
	addon, err := awseks.NewAddon(p.ctx, below(name)(facts.key), &awseks.AddonArgs{
		ClusterName: facts.name, AddonName: pulumi.String(name), Tags: pulumi.ToStringMap(p.cfg.Tags),
	}, pulumi.Provider(facts.aws), pulumi.DependsOn(facts.ready), p.cfg.Clusters[facts.key].Aliases.of(below(name)))
	if err != nil {
		return nil, err
	}
	return pulumi.All(facts.arn, addon.Arn).ApplyT(func(arns []any) string { return arns[0].(string) }).(pulumi.StringOutput), nil
}

// needsAgent reports whether pods in the cluster get a role by EKS Pod Identity.
func (cfg *Config) needsAgent(cluster string) bool {
	roles := slices.Collect(maps.Values(cfg.Roles))
	if cfg.ArgoCD != nil && cfg.ArgoCD.Managed == nil {
		roles = append(roles, cfg.ArgoCD.role())
	}
	return slices.ContainsFunc(roles, func(role Role) bool {
		return role.Identity.TrustsPodIdentity() && slices.Contains(role.Clusters, cluster)
	})
}

// imageOf is the EKS image of Amazon Linux 2023 for an instance type. AWS knows how the type is built.
//
// https://docs.aws.amazon.com/eks/latest/APIReference/API_Nodegroup.html
func (p *platform) imageOf(instanceType, region string, facts *resolvedCluster) (string, error) {
	found, err := ec2.GetInstanceType(p.ctx, &ec2.GetInstanceTypeArgs{InstanceType: instanceType}, pulumi.Provider(facts.aws))
	if err != nil {
		return "", fmt.Errorf("looking up the instance type %s in %s: %w", instanceType, region, err)
	}
	nvidia := slices.ContainsFunc(found.Gpuses, func(gpu ec2.GetInstanceTypeGpus) bool { return gpu.Manufacturer == "NVIDIA" })
	switch arm := slices.Contains(found.SupportedArchitectures, "arm64"); {
	case arm && nvidia:
		return "AL2023_ARM_64_NVIDIA", nil
	case arm:
		return "AL2023_ARM_64_STANDARD", nil
	case nvidia:
		return "AL2023_x86_64_NVIDIA", nil
	case len(found.NeuronDevices) > 0:
		return "AL2023_x86_64_NEURON", nil
	default:
		return "AL2023_x86_64_STANDARD", nil
	}
}

// place is where a cluster is.
type place struct {
	vpc             string
	public, private []string
	// defaults are the subnets of the account's default VPC, where the configuration names none.
	defaults []string
}

// nodes are the subnets of the nodes.
func (place place) nodes() []string {
	for _, subnets := range [][]string{place.private, place.public} {
		if len(subnets) > 0 {
			return subnets
		}
	}
	return place.defaults
}

// withoutControlPlanes are the zones in which EKS places no control plane:
// https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html
var withoutControlPlanes = []string{"use1-az3", "usw1-az2", "cac1-az3"}

// place finds the subnets that AWS made in the default VPC, unless the configuration names others.
func (p *platform) place(spec *ClusterSpec, facts *resolvedCluster) (place, error) {
	if spec.VpcID != "" {
		return place{vpc: spec.VpcID, public: spec.PublicSubnetIDs, private: spec.PrivateSubnetIDs}, nil
	}
	provider, isDefault := pulumi.Provider(facts.aws), true
	vpc, err := ec2.LookupVpc(p.ctx, &ec2.LookupVpcArgs{Default: &isDefault}, provider)
	if err != nil {
		return place{}, fmt.Errorf("looking up the default VPC, as create.vpcId names none: %w", err)
	}
	available := "available"
	zones, err := aws.GetAvailabilityZones(p.ctx, &aws.GetAvailabilityZonesArgs{
		State: &available, ExcludeZoneIds: withoutControlPlanes,
		Filters: []aws.GetAvailabilityZonesFilter{{Name: "zone-type", Values: []string{"availability-zone"}}},
	}, provider)
	if err != nil {
		return place{}, fmt.Errorf("looking up the availability zones: %w", err)
	}
	subnets, err := ec2.GetSubnets(p.ctx, &ec2.GetSubnetsArgs{Filters: []ec2.GetSubnetsFilter{
		{Name: "vpc-id", Values: []string{vpc.Id}},
		{Name: "default-for-az", Values: []string{"true"}},
		{Name: "availability-zone-id", Values: zones.ZoneIds},
	}}, provider)
	if err != nil {
		return place{}, fmt.Errorf("looking up the subnets of the default VPC %s: %w", vpc.Id, err)
	}
	if len(subnets.Ids) < 2 {
		return place{}, fmt.Errorf("EKS wants subnets in two availability zones, and the default VPC %s has %q; "+
			"name others in create.vpcId and its subnets", vpc.Id, subnets.Ids)
	}
	return place{vpc: vpc.Id, defaults: slices.Sorted(slices.Values(subnets.Ids))}, nil
}
