package presets

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

// ACK is a controller of AWS Controllers for Kubernetes, with the policies that the service's controller recommends. They are
// broad, as a controller makes whatever its custom resources ask for; only the roles that it may pass on are named here, where
// the controller's policy would pass all.
type ACK struct {
	// Service is the controller's service: acm, apigatewayv2, cloudwatchlogs, dynamodb, ec2, ecr, efs, eks, elasticache,
	// eventbridge, kms, lambda, memorydb, rds, route53, s3, secretsmanager, sfn, sns or sqs.
	Service string `json:"service"`
	// PassRoles are the ARNs of roles that the controller may give to what it makes: needed for eks (roles of clusters and nodes)
	// and lambda (of functions), of use for s3 (of replications), refused for other services. Default: none.
	PassRoles []string `json:"passRoles"`
}

// ackController is one of the controllers: its release, AWS's own policies, and the actions and conditions of its inline policy.
type ackController struct {
	version string
	managed []string
	actions []string
	// passedTo is the service in the condition on iam:PassRole; roleActions are those on the passed roles.
	passedTo    string
	roleActions []string
	needsRoles  bool
}

var ackControllers = map[string]ackController{
	"acm": {version: "v1.3.4", actions: []string{
		"acm:DescribeCertificate", "acm:ImportCertificate", "acm:RequestCertificate", "acm:UpdateCertificateOptions",
		"acm:DeleteCertificate", "acm:AddTagsToCertificate", "acm:RemoveTagsFromCertificate", "acm:ListTagsForCertificate",
		"acm:ExportCertificate", "acm-pca:IssueCertificate", "acm-pca:GetCertificate", "acm-pca:ListPermissions",
	}},
	"apigatewayv2": {version: "v1.4.1", managed: []string{"AmazonAPIGatewayAdministrator", "AmazonAPIGatewayInvokeFullAccess"}},
	"cloudwatchlogs": {version: "v1.4.1", actions: []string{
		"logs:TagLogGroup", "logs:DescribeLogGroups", "logs:UntagLogGroup", "logs:DeleteLogGroup", "logs:UntagResource",
		"logs:TagResource", "logs:CreateLogGroup", "logs:ListTagsForResource", "logs:DescribeSubscriptionFilters",
		"logs:DeleteRetentionPolicy", "logs:PutRetentionPolicy",
	}},
	"dynamodb": {version: "v1.9.2", managed: []string{"AmazonDynamoDBFullAccess"}},
	"ec2":      {version: "v1.20.0", managed: []string{"AmazonEC2FullAccess"}},
	"ecr":      {version: "v1.8.1", managed: []string{"AmazonEC2ContainerRegistryFullAccess"}},
	"efs":      {version: "v1.4.1", managed: []string{"AmazonElasticFileSystemFullAccess"}},
	"eks": {
		version: "v1.20.0", actions: []string{"eks:*", "ec2:DescribeSubnets"},
		roleActions: []string{"iam:GetRole", "iam:PassRole", "iam:ListAttachedRolePolicies"}, needsRoles: true,
	},
	"elasticache": {version: "v1.8.0", managed: []string{"AmazonElastiCacheFullAccess"}},
	"eventbridge": {version: "v1.5.1", managed: []string{"AmazonEventBridgeFullAccess"}},
	"kms": {version: "v1.4.1", actions: []string{
		"kms:CreateAlias", "kms:CreateKey", "kms:DeleteAlias", "kms:Describe*", "kms:GenerateRandom", "kms:Get*", "kms:List*",
		"kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:EnableKeyRotation", "kms:PutKeyPolicy",
		"iam:ListGroups", "iam:ListRoles", "iam:ListUsers", "iam:CreateServiceLinkedRole",
	}},
	"lambda": {
		version: "v1.14.1", actions: []string{
			"lambda:*", "s3:Get*", "ecr:Get*", "ecr:BatchGet*", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs",
		},
		roleActions: []string{"iam:PassRole"}, passedTo: "lambda.amazonaws.com", needsRoles: true,
	},
	"memorydb": {version: "v1.6.0", managed: []string{"AmazonMemoryDBFullAccess"}},
	"rds":      {version: "v1.11.1", managed: []string{"AmazonRDSFullAccess"}},
	"route53":  {version: "v1.5.2", managed: []string{"AmazonRoute53FullAccess"}},
	"s3": {
		version: "v1.10.0", managed: []string{"AmazonS3FullAccess"}, actions: []string{"s3:*", "s3-object-lambda:*", "s3express:*"},
		roleActions: []string{"iam:PassRole"}, passedTo: "s3.amazonaws.com",
	},
	"secretsmanager": {version: "v1.4.1", managed: []string{"SecretsManagerReadWrite"}},
	"sfn":            {version: "v1.4.2", managed: []string{"AWSStepFunctionsFullAccess"}},
	"sns":            {version: "v1.6.0", managed: []string{"AmazonSNSFullAccess"}},
	"sqs":            {version: "v1.6.1", managed: []string{"AmazonSQSFullAccess"}},
}

func (p ACK) definition(in Scope) definition {
	controller, isKnown := ackControllers[p.Service]
	if !isKnown {
		services := strings.Join(slices.Sorted(maps.Keys(ackControllers)), ", ")
		err := fmt.Errorf("%q is not a service that has a preset; use one of %s", p.Service, services)
		if p.Service == "" {
			err = fmt.Errorf("is missing; give the controller's service: one of %s", services)
		}
		return definition{
			source: Source{"https://github.com/aws-controllers-k8s", "each service's own"}, err: fielderr.At("service", err),
		}
	}
	var found fielderr.List
	passed := list("passRoles", roles, p.PassRoles)
	passed.isRequired = controller.needsRoles
	found.Refuse(len(p.PassRoles) > 0 && controller.roleActions == nil, "passRoles",
		"the controller of %s passes no roles on; leave it out", p.Service)
	var passing when
	if controller.passedTo != "" {
		passing = when{"StringEquals": {"iam:PassedToService": {controller.passedTo}}}
	}
	return definition{
		source: Source{
			"https://github.com/aws-controllers-k8s/" + p.Service + "-controller/tree/" + controller.version + "/config/iam",
			controller.version,
		},
		accounts:  []Account{{"ack-system", "ack-" + p.Service + "-controller"}},
		arguments: []argument{passed},
		err:       found.Err(),
		managed:   controller.managed,
		inline: statements{"ack-" + p.Service: {
			only(len(controller.actions) > 0, allow(everything, controller.actions...)),
			allowWhen(passing, in.arns(roles, p.PassRoles...), controller.roleActions...),
		}},
	}
}
