package presets_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// withoutScope are actions for which AWS knows no resources, so that a policy allows them on "*" or not at all:
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
var withoutScope = regexp.MustCompile(`^(` + strings.Join([]string{
	`autoscaling:Describe\w+`, `ec2:Describe\w+`, `ec2:GetCoipPoolUsage`, `ec2:GetSecurityGroupsForVpc`,
	`ec2:GetInstanceTypesFromInstanceRequirements`, `elasticloadbalancing:Describe\w+`, `elasticloadbalancing:SetRulePriorities`,
	`route53:ListHostedZones(ByName)?`, `secretsmanager:(ListSecrets|BatchGetSecretValue)`, `cloudwatch:GetMetric(Data|Statistics)`,
	`pricing:GetProducts`, `iam:ListInstanceProfiles`, `iam:ListServerCertificates`, `acm:ListCertificates`,
	`iam:List(Groups|Roles|Users)`, `kms:CreateKey`, `kms:GenerateRandom`, `shield:GetSubscriptionState`,
	`globalaccelerator:ListAccelerators`, `tag:(GetResources|TagResources|UntagResources)`,
	`logs:(Create|Get|Update|Delete)LogDelivery`, `logs:ListLogDeliveries`, `logs:(Put|Describe)ResourcePolic(y|ies)`,
	`elasticfilesystem:Describe\w+`,
}, "|") + `)$`)

// asUpstream are the actions that a preset allows on everything although AWS knows resources for them, and upstream's reason.
var asUpstream = map[string]struct {
	reason  string
	actions []string
}{
	"loadBalancerController": {
		"the controller makes balancers and rules and finds certificates, web ACLs and security groups by annotations; tags guard " +
			"what can be deleted", []string{
			"acm:DescribeCertificate", "cognito-idp:DescribeUserPoolClient", "ec2:AuthorizeSecurityGroupIngress",
			"ec2:CreateSecurityGroup",
			"ec2:DeleteSecurityGroup", "ec2:RevokeSecurityGroupIngress", "elasticloadbalancing:AddListenerCertificates",
			"elasticloadbalancing:CreateListener", "elasticloadbalancing:CreateLoadBalancer", "elasticloadbalancing:CreateRule",
			"elasticloadbalancing:CreateTargetGroup", "elasticloadbalancing:DeleteListener", "elasticloadbalancing:DeleteLoadBalancer",
			"elasticloadbalancing:DeleteRule", "elasticloadbalancing:DeleteTargetGroup", "elasticloadbalancing:ModifyCapacityReservation",
			"elasticloadbalancing:ModifyIpPools", "elasticloadbalancing:ModifyListener", "elasticloadbalancing:ModifyListenerAttributes",
			"elasticloadbalancing:ModifyLoadBalancerAttributes", "elasticloadbalancing:ModifyRule",
			"elasticloadbalancing:ModifyTargetGroup",
			"elasticloadbalancing:ModifyTargetGroupAttributes", "elasticloadbalancing:RemoveListenerCertificates",
			"elasticloadbalancing:SetIpAddressType", "elasticloadbalancing:SetSecurityGroups", "elasticloadbalancing:SetSubnets",
			"elasticloadbalancing:SetWebAcl", "globalaccelerator:CreateAccelerator", "globalaccelerator:ListEndpointGroups",
			"globalaccelerator:ListListeners", "globalaccelerator:ListTagsForResource", "iam:CreateServiceLinkedRole",
			"iam:GetServerCertificate", "shield:CreateProtection", "shield:DeleteProtection", "shield:DescribeProtection",
			"waf-regional:AssociateWebACL", "waf-regional:DisassociateWebACL", "waf-regional:GetWebACL",
			"waf-regional:GetWebACLForResource",
			"wafv2:AssociateWebACL", "wafv2:DisassociateWebACL", "wafv2:GetWebACL", "wafv2:GetWebACLForResource",
		},
	},
	"gatewayApiController": {
		"the controller makes the services, listeners and target groups of VPC Lattice", []string{
			"logs:DescribeLogGroups", "vpc-lattice:*",
		},
	},
	"vpcCni": {"the plugin of a node gives addresses to the node's own interfaces, whose IDs nothing knows before", []string{
		"ec2:AssignIpv6Addresses",
	}},
	"karpenter": {"a condition names the cluster instead", []string{"arc-zonal-shift:GetManagedResource"}},
	"velero": {"backups are of volumes and snapshots of any ID", []string{
		"ec2:CreateSnapshot", "ec2:CreateTags", "ec2:CreateVolume", "ec2:DeleteSnapshot",
	}},
	"fsxLustreCsi": {"the driver makes file systems, whose IDs nothing knows before", []string{
		"fsx:CreateFileSystem", "fsx:DeleteFileSystem", "fsx:DescribeFileSystems", "fsx:TagResource", "fsx:UpdateFileSystem",
		"iam:CreateServiceLinkedRole",
	}},
	"fsxOpenZfsCsi": {"the driver makes file systems, volumes and snapshots, whose IDs nothing knows before", []string{
		"fsx:CreateFileSystem", "fsx:CreateSnapshot", "fsx:CreateVolume", "fsx:DeleteFileSystem", "fsx:DeleteSnapshot",
		"fsx:DeleteVolume",
		"fsx:DescribeFileSystems", "fsx:DescribeSnapshots", "fsx:DescribeVolumes", "fsx:ListTagsForResource", "fsx:TagResource",
		"fsx:UpdateFileSystem", "iam:CreateServiceLinkedRole",
	}},
	"ack": {"a controller makes whatever its custom resources ask for", []string{
		"acm-pca:GetCertificate", "acm-pca:IssueCertificate", "acm-pca:ListPermissions", "acm:AddTagsToCertificate",
		"acm:DeleteCertificate", "acm:DescribeCertificate", "acm:ExportCertificate", "acm:ImportCertificate",
		"acm:ListTagsForCertificate", "acm:RemoveTagsFromCertificate", "acm:RequestCertificate", "acm:UpdateCertificateOptions",
		"ecr:BatchGet*", "ecr:Get*", "eks:*", "iam:CreateServiceLinkedRole",
		"kms:CreateAlias", "kms:DeleteAlias", "kms:Describe*", "kms:EnableKeyRotation", "kms:Get*", "kms:List*", "kms:PutKeyPolicy",
		"kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "lambda:*",
		"logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:DeleteRetentionPolicy", "logs:DescribeLogGroups",
		"logs:DescribeSubscriptionFilters", "logs:ListTagsForResource", "logs:PutRetentionPolicy", "logs:TagLogGroup",
		"logs:TagResource", "logs:UntagLogGroup", "logs:UntagResource",
		"s3-object-lambda:*", "s3:*", "s3:Get*", "s3express:*",
	}},
}

// What a preset allows on everything has no other resources, or stands in the list above, which has nothing else.
func TestNothingIsAllowedOnEverythingWithoutReason(t *testing.T) {
	t.Parallel()
	found := map[string]map[string]bool{}
	for name, preset := range ireland.samples() {
		key, _, _ := strings.Cut(name, "-")
		for _, document := range policies(t, preset, ireland.scope()).Inline {
			for _, statement := range document.Statements {
				if statement.Effect != iampolicy.Allow || !slices.Contains(statement.Resources, "*") {
					continue
				}
				for _, action := range statement.Actions {
					if withoutScope.MatchString(action) {
						continue
					}
					if found[key] == nil {
						found[key] = map[string]bool{}
					}
					found[key][action] = true
				}
			}
		}
	}
	for key, actions := range found {
		assert.Equal(t, asUpstream[key].actions, slices.Sorted(maps.Keys(actions)), key)
	}
	for key, listed := range asUpstream {
		assert.Contains(t, found, key)
		assert.NotEmpty(t, listed.reason)
	}
}
