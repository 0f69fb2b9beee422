package presets

import "github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"

// ClusterAutoscaler is the Kubernetes Cluster Autoscaler with auto-discovery. It may change the Auto Scaling groups that have the
// tag k8s.io/cluster-autoscaler/<cluster>, by which it discovers them.
type ClusterAutoscaler struct {
	// ClusterNames are the names of the clusters, one or more.
	ClusterNames []string `json:"clusterNames"`
}

func (p ClusterAutoscaler) definition(in Scope) definition {
	groups := in.regional("autoscaling", "autoScalingGroup:*:autoScalingGroupName/*")
	policy := []iampolicy.Statement{allow(everything,
		"autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingInstances",
		"autoscaling:DescribeLaunchConfigurations", "autoscaling:DescribeScalingActivities", "ec2:DescribeImages",
		"ec2:DescribeInstanceTypes", "ec2:DescribeLaunchTemplateVersions", "ec2:GetInstanceTypesFromInstanceRequirements")}
	for _, cluster := range p.ClusterNames {
		discovered := when{"Null": {"aws:ResourceTag/k8s.io/cluster-autoscaler/" + cluster: {"false"}}}
		policy = append(policy,
			allow(in.regional("eks", "nodegroup/"+cluster+"/*/*"), "eks:DescribeNodegroup"),
			allowWhen(discovered, groups, "autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"))
	}
	return definition{
		source: Source{
			"https://github.com/kubernetes/autoscaler/blob/cluster-autoscaler-1.36.1/cluster-autoscaler/cloudprovider/aws/README.md",
			"1.36.1",
		},
		accounts:  []Account{{"kube-system", "cluster-autoscaler"}},
		arguments: []argument{requiredList("clusterNames", clusters, p.ClusterNames)},
		inline:    statements{"cluster-autoscaler": policy},
	}
}

// Karpenter is the controller of Karpenter, which launches nodes. Its six policies are upstream's; for one region they have about
// 6,200 of the 10,240 characters that the inline policies of a role can have.
// They are limited to the regions of the role's clusters.
type Karpenter struct {
	// ClusterName is the name of the cluster.
	ClusterName string `json:"clusterName"`
	// NodeRole is the ARN of the role that the nodes get.
	NodeRole string `json:"nodeRole"`
	// InterruptionQueue is the ARN of the queue of settings.interruptionQueue. Default: none, and the policy of the queue is left
	// out.
	InterruptionQueue string `json:"interruptionQueue"`
}

func (p Karpenter) definition(in Scope) definition {
	cluster := in.regional("eks", "cluster/"+p.ClusterName)
	return definition{
		source: Source{
			"https://github.com/aws/karpenter-provider-aws/blob/v1.14.1/website/content/en/preview/getting-started/" +
				"getting-started-with-karpenter/cloudformation.yaml", "v1.14.1",
		},
		accounts: []Account{{"kube-system", "karpenter"}},
		arguments: []argument{
			requiredOne("clusterName", clusters, p.ClusterName), requiredOne("nodeRole", roles, p.NodeRole),
			one("interruptionQueue", queues, p.InterruptionQueue),
		},
		regions: true,
		inline: statements{
			"karpenter-node-lifecycle":  p.launching(in),
			"karpenter-iam-integration": p.profiles(in),
			"karpenter-eks-integration": {
				named("AllowAPIServerEndpointDiscovery", allow(cluster, "eks:DescribeCluster")),
			},
			"karpenter-interruption": {
				named("AllowInterruptionQueueActions", only(p.InterruptionQueue != "", allow(in.arns(queues, p.InterruptionQueue),
					"sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"))),
			},
			"karpenter-zonal-shift": {
				named("AllowZonalShiftStatusReadOnly", allowWhen(
					when{"StringEquals": {"arc-zonal-shift:ResourceIdentifier": cluster}}, everything, "arc-zonal-shift:GetManagedResource")),
			},
			"karpenter-resource-discovery": discovering(in),
		},
	}
}

// The tags of what Karpenter makes.
const (
	requestedPool, ownedPool   = "aws:RequestTag/karpenter.sh/nodepool", "aws:ResourceTag/karpenter.sh/nodepool"
	requestedClass, ownedClass = "aws:RequestTag/karpenter.k8s.aws/ec2nodeclass", "aws:ResourceTag/karpenter.k8s.aws/ec2nodeclass"
	requestedRegion            = "aws:RequestTag/topology.kubernetes.io/region"
	ownedRegion                = "aws:ResourceTag/topology.kubernetes.io/region"
	requestedName              = "aws:RequestTag/eks:eks-cluster-name"
)

// clusterTags are the tag of the cluster in a request and on a resource.
func (p Karpenter) clusterTags() (requested, owned string) {
	return "aws:RequestTag/kubernetes.io/cluster/" + p.ClusterName, "aws:ResourceTag/kubernetes.io/cluster/" + p.ClusterName
}

// launching are the statements for nodes.
func (p Karpenter) launching(in Scope) []iampolicy.Statement {
	ec2 := func(resources ...string) []string { return in.inRegions("ec2", "*", resources...) }
	launched := ec2("fleet/*", "instance/*", "volume/*", "network-interface/*", "launch-template/*", "spot-instances-request/*")
	shared := append(in.inRegions("ec2", "", "image/*", "snapshot/*"),
		ec2("security-group/*", "subnet/*", "capacity-reservation/*", "placement-group/*")...)
	requested, owned := p.clusterTags()
	name := iampolicy.Strings{p.ClusterName}
	isOwned := when{"StringEquals": {owned: {"owned"}}, "StringLike": {ownedPool: {"*"}}}
	return []iampolicy.Statement{
		named("AllowScopedEC2InstanceAccessActions", allow(shared, "ec2:RunInstances", "ec2:CreateFleet")),
		named("AllowScopedEC2LaunchTemplateAccessActions",
			allowWhen(isOwned, ec2("launch-template/*"), "ec2:RunInstances", "ec2:CreateFleet")),
		named("AllowScopedEC2InstanceActionsWithTags", allowWhen(when{
			"StringEquals": {requested: {"owned"}, requestedName: name}, "StringLike": {requestedPool: {"*"}},
		}, launched, "ec2:RunInstances", "ec2:CreateFleet", "ec2:CreateLaunchTemplate")),
		named("AllowScopedResourceCreationTagging", allowWhen(when{
			"StringEquals": {
				requested: {"owned"}, requestedName: name,
				"ec2:CreateAction": {"RunInstances", "CreateFleet", "CreateLaunchTemplate"},
			}, "StringLike": {requestedPool: {"*"}},
		}, launched, "ec2:CreateTags")),
		named("AllowScopedResourceTagging", allowWhen(when{
			"StringEquals": {owned: {"owned"}}, "StringLike": {ownedPool: {"*"}},
			"StringEqualsIfExists":      {requestedName: name},
			"ForAllValues:StringEquals": {"aws:TagKeys": {"eks:eks-cluster-name", "karpenter.sh/nodeclaim", "Name"}},
		}, ec2("instance/*"), "ec2:CreateTags")),
		named("AllowScopedDeletion",
			allowWhen(isOwned, ec2("instance/*", "launch-template/*"), "ec2:TerminateInstances", "ec2:DeleteLaunchTemplate")),
	}
}

// profiles are the statements for instance profiles and the nodes' role.
func (p Karpenter) profiles(in Scope) []iampolicy.Statement {
	profiles := []string{in.arn("iam", in.account(), "instance-profile/*")}
	requested, owned := p.clusterTags()
	name := iampolicy.Strings{p.ClusterName}
	return []iampolicy.Statement{
		named("AllowPassingInstanceRole", allowWhen(when{
			"StringEquals": {"iam:PassedToService": {"ec2.amazonaws.com", "ec2.amazonaws.com.cn"}},
		}, in.arns(roles, p.NodeRole), "iam:PassRole")),
		named("AllowScopedInstanceProfileCreationActions", allowWhen(when{
			"StringEquals": {requested: {"owned"}, requestedName: name, requestedRegion: in.regions()},
			"StringLike":   {requestedClass: {"*"}},
		}, profiles, "iam:CreateInstanceProfile")),
		named("AllowScopedInstanceProfileTagActions", allowWhen(when{
			"StringEquals": {
				owned: {"owned"}, ownedRegion: in.regions(),
				requested: {"owned"}, requestedName: name, requestedRegion: in.regions(),
			},
			"StringLike": {ownedClass: {"*"}, requestedClass: {"*"}},
		}, profiles, "iam:TagInstanceProfile")),
		named("AllowScopedInstanceProfileActions", allowWhen(when{
			"StringEquals": {owned: {"owned"}, ownedRegion: in.regions()}, "StringLike": {ownedClass: {"*"}},
		}, profiles, "iam:AddRoleToInstanceProfile", "iam:RemoveRoleFromInstanceProfile", "iam:DeleteInstanceProfile")),
	}
}

// discovering are the statements for what Karpenter looks at.
func discovering(in Scope) []iampolicy.Statement {
	return []iampolicy.Statement{
		named("AllowRegionalReadActions", allowWhen(when{"StringEquals": {"aws:RequestedRegion": in.regions()}}, everything,
			"ec2:DescribeCapacityReservations", "ec2:DescribeImages", "ec2:DescribeInstances", "ec2:DescribeInstanceStatus",
			"ec2:DescribeInstanceTypeOfferings", "ec2:DescribeInstanceTypes", "ec2:DescribeLaunchTemplates",
			"ec2:DescribePlacementGroups", "ec2:DescribeSecurityGroups", "ec2:DescribeSpotPriceHistory", "ec2:DescribeSubnets")),
		named("AllowSSMReadActions", allow(in.inRegions("ssm", "", "parameter/aws/service/*"), "ssm:GetParameter")),
		named("AllowPricingReadActions", allow(everything, "pricing:GetProducts")),
		named("AllowUnscopedInstanceProfileListAction", allow(everything, "iam:ListInstanceProfiles")),
		named("AllowInstanceProfileReadActions", allow([]string{in.arn("iam", in.account(), "instance-profile/*")}, "iam:GetInstanceProfile")),
	}
}

// NodeTerminationHandler is the AWS Node Termination Handler in queue mode.
type NodeTerminationHandler struct {
	// Queues are the ARNs of the queues that it reads, one or more.
	Queues []string `json:"queues"`
}

func (p NodeTerminationHandler) definition(in Scope) definition {
	return definition{
		source: Source{
			"https://github.com/aws/aws-node-termination-handler/blob/v1.25.6/README.md#5-create-an-iam-role-for-the-pods", "v1.25.6",
		},
		accounts:  []Account{{"kube-system", "aws-node-termination-handler"}},
		arguments: []argument{requiredList("queues", queues, p.Queues)},
		inline: statements{"node-termination-handler": {
			allow(in.regional("autoscaling", "autoScalingGroup:*:autoScalingGroupName/*"), "autoscaling:CompleteLifecycleAction"),
			allow(everything, "autoscaling:DescribeAutoScalingInstances", "autoscaling:DescribeTags", "ec2:DescribeInstances"),
			allow(in.arns(queues, p.Queues...), "sqs:DeleteMessage", "sqs:ReceiveMessage"),
		}},
	}
}

// KEDA is the operator of KEDA with its own identity: what its AWS scalers read, or the roles of the workloads that it assumes.
// One of the arguments is needed.
type KEDA struct {
	// Queues are the ARNs of queues of SQS. Default: none.
	Queues []string `json:"queues"`
	// Streams are the ARNs of data streams of Kinesis. Default: none.
	Streams []string `json:"streams"`
	// Tables are the ARNs of tables of DynamoDB that a scaler queries, with their indexes. KEDA's documents do not name the action;
	// its scaler calls Query and nothing else. Default: none.
	Tables []string `json:"tables"`
	// CloudWatch lets it read metrics, of which AWS knows no ARNs. Default: false.
	CloudWatch bool `json:"cloudWatch"`
	// WorkloadRoles are the ARNs of roles that it assumes, for TriggerAuthentications with a roleArn or the workload's identity.
	// Default: none.
	WorkloadRoles []string `json:"workloadRoles"`
}

func (p KEDA) definition(in Scope) definition {
	tableArns := in.arns(tables, p.Tables...)
	var err error
	if !p.CloudWatch {
		err = atLeastOne("queues", "queues, streams, tables, cloudWatch or workloadRoles",
			p.Queues, p.Streams, p.Tables, p.WorkloadRoles)
	}
	return definition{
		source: Source{
			"https://github.com/kedacore/keda-docs/blob/a55c5d34/content/docs/2.20/authentication-providers/aws.md", "2.20",
		},
		accounts: []Account{{"keda", "keda-operator"}},
		arguments: []argument{
			list("queues", queues, p.Queues), list("streams", streams, p.Streams), list("tables", tables, p.Tables),
			list("workloadRoles", roles, p.WorkloadRoles),
		},
		err: err,
		inline: statements{"keda": {
			allow(in.arns(queues, p.Queues...), "sqs:GetQueueAttributes"),
			allow(in.arns(streams, p.Streams...), "kinesis:DescribeStreamSummary"),
			// https://github.com/kedacore/keda/blob/v2.20.2/pkg/scalers/aws_dynamodb_scaler.go
			allow(append(tableArns, below(tableArns, "/index/*")...), "dynamodb:Query"),
			only(p.CloudWatch, allow(everything, "cloudwatch:GetMetricData")),
			allow(in.arns(roles, p.WorkloadRoles...), "sts:AssumeRole"),
		}},
	}
}
