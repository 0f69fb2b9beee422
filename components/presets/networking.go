package presets

import (
	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// LoadBalancerController is the AWS Load Balancer Controller, which makes load balancers for Services, Ingresses and Gateways.
//
// Upstream's policies are used as they are: the tag elbv2.k8s.aws/cluster, of which a policy sees whether there is one, guards
// what the controller did not make. With Global Accelerator they have about 7,700 of the 10,240 characters that the inline
// policies of a role can have.
type LoadBalancerController struct {
	// GlobalAccelerator adds what the controller needs to make accelerators of AWS Global Accelerator, which upstream documents for
	// the partition aws only. Default: false.
	GlobalAccelerator bool `json:"globalAccelerator"`
}

func (p LoadBalancerController) definition(in Scope) definition {
	policies, partitions := statements{"load-balancer-controller": balancing(in)}, map[fielderr.Path]string{}
	if p.GlobalAccelerator {
		policies["global-accelerator"], partitions["globalAccelerator"] = accelerating(in), "aws"
	}
	return definition{
		source: Source{
			"https://github.com/kubernetes-sigs/aws-load-balancer-controller/blob/v3.5.0/docs/install/iam_policy.json", "v3.5.0",
		},
		accounts: []Account{{"kube-system", "aws-load-balancer-controller"}},
		inline:   policies,
		only:     partitions,
	}
}

// The tags by which the controller knows what it has made.
const (
	elbRequestTag  = "aws:RequestTag/elbv2.k8s.aws/cluster"
	elbResourceTag = "aws:ResourceTag/elbv2.k8s.aws/cluster"
)

// balancing are the statements for load balancers.
func balancing(in Scope) []iampolicy.Statement {
	var (
		requested  = when{"Null": {elbRequestTag: {"false"}}}
		owned      = when{"Null": {elbResourceTag: {"false"}}}
		retagged   = when{"Null": {elbRequestTag: {"true"}, elbResourceTag: {"false"}}}
		created    = when{"StringEquals": {"ec2:CreateAction": {"CreateSecurityGroup"}}, "Null": {elbRequestTag: {"false"}}}
		createdNow = when{
			"StringEquals": {"elasticloadbalancing:CreateAction": {"CreateTargetGroup", "CreateLoadBalancer"}},
			"Null":         {elbRequestTag: {"false"}},
		}
		securityGroups = []string{in.everywhere("ec2", "security-group/*")}
		targetGroups   = []string{in.everywhere("elasticloadbalancing", "targetgroup/*/*")}
		balancers      = []string{
			in.everywhere("elasticloadbalancing", "targetgroup/*/*"),
			in.everywhere("elasticloadbalancing", "loadbalancer/net/*/*"),
			in.everywhere("elasticloadbalancing", "loadbalancer/app/*/*"),
		}
		listeners = []string{
			in.everywhere("elasticloadbalancing", "listener/net/*/*/*"),
			in.everywhere("elasticloadbalancing", "listener/app/*/*/*"),
			in.everywhere("elasticloadbalancing", "listener-rule/net/*/*/*"),
			in.everywhere("elasticloadbalancing", "listener-rule/app/*/*/*"),
		}
	)
	return []iampolicy.Statement{
		allowWhen(when{"StringEquals": {"iam:AWSServiceName": {"elasticloadbalancing.amazonaws.com"}}}, everything,
			"iam:CreateServiceLinkedRole"),
		allow(everything, described(in)...),
		allow(everything,
			"cognito-idp:DescribeUserPoolClient", "acm:ListCertificates", "acm:DescribeCertificate",
			"iam:ListServerCertificates", "iam:GetServerCertificate", "waf-regional:GetWebACL",
			"waf-regional:GetWebACLForResource", "waf-regional:AssociateWebACL", "waf-regional:DisassociateWebACL",
			"wafv2:GetWebACL", "wafv2:GetWebACLForResource", "wafv2:AssociateWebACL", "wafv2:DisassociateWebACL",
			"shield:GetSubscriptionState", "shield:DescribeProtection", "shield:CreateProtection", "shield:DeleteProtection"),
		allow(everything, "ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"),
		allow(everything, "ec2:CreateSecurityGroup"),
		allowWhen(created, securityGroups, "ec2:CreateTags"),
		allowWhen(retagged, securityGroups, "ec2:CreateTags", "ec2:DeleteTags"),
		allowWhen(owned, everything,
			"ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress", "ec2:DeleteSecurityGroup"),
		allowWhen(requested, everything, "elasticloadbalancing:CreateLoadBalancer", "elasticloadbalancing:CreateTargetGroup"),
		allow(everything,
			"elasticloadbalancing:CreateListener", "elasticloadbalancing:DeleteListener",
			"elasticloadbalancing:CreateRule", "elasticloadbalancing:DeleteRule"),
		allowWhen(retagged, balancers, "elasticloadbalancing:AddTags", "elasticloadbalancing:RemoveTags"),
		allow(listeners, "elasticloadbalancing:AddTags", "elasticloadbalancing:RemoveTags"),
		allowWhen(owned, everything, changed(in)...),
		allowWhen(createdNow, balancers, "elasticloadbalancing:AddTags"),
		allow(targetGroups, "elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"),
		allow(everything,
			"elasticloadbalancing:SetWebAcl", "elasticloadbalancing:ModifyListener",
			"elasticloadbalancing:AddListenerCertificates", "elasticloadbalancing:RemoveListenerCertificates",
			"elasticloadbalancing:ModifyRule", "elasticloadbalancing:SetRulePriorities"),
	}
}

// described is what the controller looks at.
func described(in Scope) []string {
	actions := []string{
		"ec2:DescribeAccountAttributes", "ec2:DescribeAddresses", "ec2:DescribeAvailabilityZones", "ec2:DescribeInternetGateways",
		"ec2:DescribeVpcs", "ec2:DescribeVpcPeeringConnections", "ec2:DescribeSubnets", "ec2:DescribeSecurityGroups",
		"ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces", "ec2:DescribeTags", "ec2:GetCoipPoolUsage",
		"ec2:DescribeCoipPools", "ec2:GetSecurityGroupsForVpc", "ec2:DescribeIpamPools", "ec2:DescribeRouteTables",
		"elasticloadbalancing:DescribeLoadBalancers", "elasticloadbalancing:DescribeLoadBalancerAttributes",
		"elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeListenerCertificates",
		"elasticloadbalancing:DescribeSSLPolicies", "elasticloadbalancing:DescribeRules",
		"elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetGroupAttributes",
		"elasticloadbalancing:DescribeTargetHealth", "elasticloadbalancing:DescribeTags",
	}
	if !in.isIsolated() { // upstream's iam_policy_iso.json, _isob, _isoe and _isof have none of these
		actions = append(actions, "elasticloadbalancing:DescribeTrustStores",
			"elasticloadbalancing:DescribeListenerAttributes", "elasticloadbalancing:DescribeCapacityReservation")
	}
	return actions
}

// changed is what the controller does to its own load balancers and target groups.
func changed(in Scope) []string {
	actions := []string{
		"elasticloadbalancing:ModifyLoadBalancerAttributes", "elasticloadbalancing:SetIpAddressType",
		"elasticloadbalancing:SetSecurityGroups", "elasticloadbalancing:SetSubnets", "elasticloadbalancing:DeleteLoadBalancer",
		"elasticloadbalancing:ModifyTargetGroup", "elasticloadbalancing:ModifyTargetGroupAttributes",
		"elasticloadbalancing:DeleteTargetGroup", "elasticloadbalancing:ModifyIpPools",
	}
	if !in.isIsolated() {
		actions = append(actions, "elasticloadbalancing:ModifyListenerAttributes", "elasticloadbalancing:ModifyCapacityReservation")
	}
	return actions
}

// accelerating are the statements for Global Accelerator: docs/install/aga_controller_iam_policy.json beside the source.
func accelerating(in Scope) []iampolicy.Statement {
	var (
		isOurs    = keys{"aws:ResourceTag/aga.k8s.aws/resource": {"GlobalAccelerator"}}
		isAsked   = keys{"aws:RequestTag/aga.k8s.aws/resource": {"GlobalAccelerator"}}
		ours      = when{"Null": {elbResourceTag: {"false"}}, "StringEquals": isOurs}
		asked     = when{"Null": {elbRequestTag: {"false"}}, "StringEquals": isAsked}
		oursAsked = when{"Null": {elbRequestTag: {"true"}, elbResourceTag: {"false"}}, "StringEquals": isOurs}

		accelerators = []string{in.arn("globalaccelerator", "*", "accelerator/*")}
		parts        = append(accelerators,
			in.arn("globalaccelerator", "*", "accelerator/*/listener/*"),
			in.arn("globalaccelerator", "*", "accelerator/*/listener/*/endpoint-group/*"))
	)
	return []iampolicy.Statement{
		allowWhen(when{"StringEquals": {"iam:AWSServiceName": {"globalaccelerator.amazonaws.com"}}}, everything,
			"iam:CreateServiceLinkedRole"),
		allow(everything,
			"globalaccelerator:ListAccelerators", "globalaccelerator:ListEndpointGroups", "globalaccelerator:ListListeners",
			"globalaccelerator:ListTagsForResource", "ec2:DescribeRegions", "tag:GetResources"),
		allowWhen(ours, parts,
			"globalaccelerator:DescribeAccelerator", "globalaccelerator:DescribeEndpointGroup", "globalaccelerator:DescribeListener"),
		allowWhen(asked, everything, "globalaccelerator:CreateAccelerator"),
		allowWhen(ours, parts,
			"globalaccelerator:UpdateAccelerator", "globalaccelerator:DeleteAccelerator", "globalaccelerator:CreateListener",
			"globalaccelerator:UpdateListener", "globalaccelerator:DeleteListener", "globalaccelerator:CreateEndpointGroup",
			"globalaccelerator:UpdateEndpointGroup", "globalaccelerator:DeleteEndpointGroup", "globalaccelerator:AddEndpoints",
			"globalaccelerator:RemoveEndpoints"),
		allowWhen(oursAsked, accelerators, "globalaccelerator:TagResource", "globalaccelerator:UntagResource"),
		allowWhen(asked, accelerators, "globalaccelerator:TagResource"),
	}
}

// TargetGroupBindingOnly is the AWS Load Balancer Controller where it only adds pods to target groups that exist, and leaves
// security groups alone.
type TargetGroupBindingOnly struct {
	// TargetGroups are the ARNs of the target groups, one or more.
	TargetGroups []string `json:"targetGroups"`
}

func (p TargetGroupBindingOnly) definition(in Scope) definition {
	return definition{
		source: Source{
			"https://github.com/kubernetes-sigs/aws-load-balancer-controller/blob/v3.5.0/docs/deploy/installation.md", "v3.5.0",
		},
		accounts:  []Account{{"kube-system", "aws-load-balancer-controller"}},
		arguments: []argument{requiredList("targetGroups", targetGroups, p.TargetGroups)},
		inline: statements{"target-group-binding": {
			allow(everything,
				"ec2:DescribeVpcs", "ec2:DescribeSecurityGroups", "ec2:DescribeInstances",
				"elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth"),
			allow(in.arns(targetGroups, p.TargetGroups...),
				"elasticloadbalancing:ModifyTargetGroup", "elasticloadbalancing:ModifyTargetGroupAttributes",
				"elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"),
		}},
	}
}

// VPCCNI is the Amazon VPC CNI plugin, which gives pods their IP addresses. For IPv4 AWS has a policy of its own; for IPv6
// upstream documents one.
type VPCCNI struct {
	// IPFamily is "ipv4", "ipv6", or "both" where clusters of both families share the role. Default: ipv4.
	IPFamily string `json:"ipFamily"`
}

func (p VPCCNI) definition(in Scope) definition {
	var managed []string
	var found fielderr.List
	switch p.IPFamily {
	case "", "ipv4", "both":
		managed = []string{"AmazonEKS_CNI_Policy"}
	case "ipv6":
	default:
		found.Addf("ipFamily", "%q is not an IP family of a cluster; use ipv4, ipv6 or both", p.IPFamily)
	}
	isIPv6 := p.IPFamily == "ipv6" || p.IPFamily == "both"
	return definition{
		source:   Source{"https://github.com/aws/amazon-vpc-cni-k8s/blob/v1.23.0/docs/iam-policy.md", "v1.23.0"},
		accounts: []Account{{"kube-system", "aws-node"}},
		err:      found.Err(),
		managed:  managed,
		inline: statements{"vpc-cni-ipv6": {
			only(isIPv6, allow(everything,
				"ec2:AssignIpv6Addresses", "ec2:DescribeInstances", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets",
				"ec2:DescribeTags", "ec2:DescribeNetworkInterfaces", "ec2:DescribeInstanceTypes")),
			only(isIPv6, allow([]string{in.everywhere("ec2", "network-interface/*")}, "ec2:CreateTags")),
		}},
	}
}

// GatewayAPIController is the AWS Gateway API Controller for Amazon VPC Lattice.
//
// Upstream lets the controller change the policy of every bucket and tag every Firehose stream, for access logs; here it may do
// so with those that are named.
type GatewayAPIController struct {
	// AccessLogBuckets are the names or ARNs of buckets that access logs go to. Default: none.
	AccessLogBuckets []string `json:"accessLogBuckets"`
	// AccessLogStreams are the ARNs of Firehose streams that access logs go to. Default: none.
	AccessLogStreams []string `json:"accessLogStreams"`
}

func (p GatewayAPIController) definition(in Scope) definition {
	linked := func(service, role string) (when, []string) {
		condition := when{"StringLike": {"iam:AWSServiceName": {service}}}
		return condition, []string{in.arn("iam", in.account(), "role/aws-service-role/"+service+"/"+role)}
	}
	lattice, latticeRole := linked("vpc-lattice.amazonaws.com", "AWSServiceRoleForVpcLattice")
	logs, logsRole := linked("delivery.logs.amazonaws.com", "AWSServiceRoleForLogDelivery")
	return definition{
		source: Source{
			"https://github.com/aws/aws-application-networking-k8s/blob/v2.1.3/files/controller-installation/" +
				"recommended-inline-policy.json", "v2.1.3",
		},
		accounts: []Account{{"aws-application-networking-system", "gateway-api-controller"}},
		arguments: []argument{
			list("accessLogBuckets", buckets, p.AccessLogBuckets),
			list("accessLogStreams", deliveryStreams, p.AccessLogStreams),
		},
		inline: statements{"gateway-api-controller": {
			allow(everything,
				"vpc-lattice:*", "ec2:DescribeVpcs", "ec2:DescribeSubnets", "ec2:DescribeTags", "ec2:DescribeSecurityGroups",
				"logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:DescribeLogGroups", "logs:PutResourcePolicy",
				"logs:DescribeResourcePolicies", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery", "logs:ListLogDeliveries",
				"tag:GetResources", "tag:TagResources", "tag:UntagResources", "acm:ListCertificates"),
			allow(in.arns(buckets, p.AccessLogBuckets...), "s3:GetBucketPolicy", "s3:PutBucketPolicy"),
			allow(in.arns(deliveryStreams, p.AccessLogStreams...), "firehose:TagDeliveryStream"),
			allowWhen(lattice, latticeRole, "iam:CreateServiceLinkedRole"),
			allowWhen(logs, logsRole, "iam:CreateServiceLinkedRole"),
		}},
	}
}
