package iampolicy_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// fieldDocument is a document as people write it, and what is said of it, whole; nothing if it is right.
type fieldDocument struct{ name, document, want string }

// Permission documents as IAM takes them: in the style of well-known controllers, and of IAM's own examples.
var rightPermissions = []fieldDocument{
	{"the load balancer controller", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["elasticloadbalancing:AddTags","elasticloadbalancing:RemoveTags"],"Resource":["arn:aws:elasticloadbalancing:*:*:targetgroup/*/*","arn:aws:elasticloadbalancing:*:*:loadbalancer/net/*/*"],"Condition":{"Null":{"aws:RequestTag/elbv2.k8s.aws/cluster":"true","aws:ResourceTag/elbv2.k8s.aws/cluster":"false"}}},{"Effect":"Allow","Action":"iam:CreateServiceLinkedRole","Resource":"*","Condition":{"StringEquals":{"iam:AWSServiceName":"elasticloadbalancing.amazonaws.com"}}}]}`, ""},
	{"Karpenter", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Sid":"AllowScopedEC2InstanceActionsWithTags","Action":"ec2:RunInstances","Resource":["arn:aws:ec2:eu-west-1::image/*","arn:aws:ec2:eu-west-1:*:instance/*"],"Condition":{"StringEquals":{"aws:RequestTag/kubernetes.io/cluster/dev":"owned","aws:RequestTag/eks:eks-cluster-name":"dev"},"StringLike":{"aws:RequestTag/karpenter.sh/nodepool":"*"}}},{"Effect":"Allow","Action":"ssm:GetParameter","Resource":"arn:aws:ssm:eu-west-1::parameter/aws/service/*"}]}`, ""},
	{"the EBS CSI driver", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:CreateTags","Resource":["arn:aws:ec2:*:*:volume/*","arn:aws:ec2:*:*:snapshot/*"],"Condition":{"StringEquals":{"ec2:CreateAction":["CreateVolume","CreateSnapshot"]}}},{"Effect":"Allow","Action":"ec2:DeleteVolume","Resource":"arn:aws:ec2:*:*:volume/*","Condition":{"StringLike":{"ec2:ResourceTag/CSIVolumeName":"*"}}}]}`, ""},
	{"ExternalDNS", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"route53:ChangeResourceRecordSets","Resource":"arn:aws:route53:::hostedzone/Z0123456789ABCDEFGHIJ"},{"Effect":"Allow","Action":["route53:ListHostedZones","route53:ListResourceRecordSets"],"Resource":"*"}]}`, ""},
	{"cert-manager", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"route53:GetChange","Resource":"arn:aws:route53:::change/*"},{"Effect":"Allow","Action":"route53:ChangeResourceRecordSets","Resource":"arn:aws:route53:::hostedzone/*","Condition":{"ForAllValues:StringEquals":{"route53:ChangeResourceRecordSetsRecordTypes":["TXT"]}}}]}`, ""},
	{"External Secrets", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["secretsmanager:GetSecretValue","secretsmanager:DescribeSecret"],"Resource":"arn:aws:secretsmanager:eu-west-1:111122223333:secret:payments/db-??????"},{"Effect":"Allow","Action":"kms:Decrypt","Resource":"arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"}]}`, ""},
	{"the cluster autoscaler", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["autoscaling:SetDesiredCapacity","autoscaling:TerminateInstanceInAutoScalingGroup"],"Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/k8s.io/cluster-autoscaler/enabled":"true","aws:ResourceTag/k8s.io/cluster-autoscaler/dev":"owned"}}}]}`, ""},
	{"Velero", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject","s3:AbortMultipartUpload"],"Resource":"arn:aws:s3:::dev-backups/*"},{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::dev-backups"}]}`, ""},
	{"a home directory for each user", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::dev-home","Condition":{"StringLike":{"s3:prefix":["","home/","home/${aws:username}/*"]}}},{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::dev-home/home/${aws:username}/*"}]}`, ""},
	{"a tag with a default", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::dev-${aws:PrincipalTag/team, 'shared'}/*"}]}`, ""},
	{"a tag that must be the same", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:StartInstances","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}}}]}`, ""},
	{"no request without TLS", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":false}}}}`, ""},
	{"a recent MFA, its age as a number", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:TerminateInstances","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"},"NumericLessThan":{"aws:MultiFactorAuthAge":3600}}}]}`, ""},
	{"a window of time", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::dev-trial/*","Condition":{"DateGreaterThan":{"aws:CurrentTime":"2026-01-01T00:00:00Z"},"DateLessThan":{"aws:CurrentTime":"2026-06-30T23:59:59.5+02:00","aws:EpochTime":"1782863999"},"DateNotEquals":{"aws:CurrentTime":["2026","2026-02","2026-02-28","2026-02-28T12:30Z"]}}}]}`, ""},
	{"only from our networks", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":["192.0.2.0/24","203.0.113.7","2001:db8::/32"]},"Bool":{"aws:ViaAWSService":"false"}}}]}`, ""},
	{"a grant for a service", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:CreateGrant","Resource":"arn:aws:kms:eu-west-1:111122223333:key/*","Condition":{"Bool":{"kms:GrantIsForAWSResource":true},"StringLike":{"kms:ViaService":"ec2.*.amazonaws.com"}}}]}`, ""},
	{"every partition", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:*:s3:::dev-artifacts/*"}]}`, ""},
	{"China", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws-cn:s3:::dev-artifacts/*"}]}`, ""},
	{"the VPC CNI with IPv6", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:AssignIpv6Addresses","ec2:DescribeInstances"],"Resource":"*"},{"Effect":"Allow","Action":"ec2:CreateTags","Resource":"arn:aws:ec2:*:*:network-interface/*"}]}`, ""},
	{"a version of a function", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"lambda:InvokeFunction","Resource":["arn:aws:lambda:eu-west-1:111122223333:function:resize:$LATEST","arn:aws:lambda:eu-west-1:111122223333:function:resize:*"]}]}`, ""},
	{"the default stage of an API", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"execute-api:Invoke","Resource":"arn:aws:execute-api:eu-west-1:111122223333:a1b2c3/$default/GET/*"}]}`, ""},
	{"no version and no variable", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, ""},
	{"the old version", `{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"arn:aws:sqs:eu-west-1:111122223333:jobs"}]}`, ""},
	{"everything but IAM", `{"Version":"2012-10-17","Id":"8f1f4d2c-0000-4000-8000-000000000000","Statement":{"Sid":"","Effect":"Allow","NotAction":["iam:*","organizations:*"],"NotResource":"arn:aws:s3:::dev-secrets/*"}}`, ""},
	{"a star that is meant", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::dev-odd/${*}.txt"}]}`, ""},
	{"a user's own rows", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"dynamodb:Query","Resource":"arn:aws:dynamodb:eu-west-1:111122223333:table/games","Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["${www.amazon.com:user_id}"]}}}]}`, ""},
	{"a cluster's own objects", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::dev/${oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1:sub}/*"}]}`, ""},
	{"a role to pass, by ARN", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::111122223333:role/karpenter/KarpenterNodeRole-dev","Condition":{"StringEquals":{"iam:PassedToService":"ec2.amazonaws.com"},"ArnLike":{"iam:AssociatedResourceArn":"arn:aws:ec2:*:111122223333:instance/*"}}}]}`, ""},
	{"an encryption context in base64", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*","Condition":{"BinaryEquals":{"kms:RecipientAttestation:PCR0":"QmluYXJ5VmFsdWVJbkJhc2U2NA=="}}}]}`, ""},
	{"actions by pattern", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["*:*","s3:Get*","ec2:Describe?ags"],"Resource":"*"}]}`, ""},
}

// Trust policies as IAM takes them.
var rightTrust = []fieldDocument{
	{"IRSA", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1:aud":"sts.amazonaws.com","oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1:sub":"system:serviceaccount:payments:app"}}}]}`, ""},
	{"IRSA for a namespace", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1:aud":"sts.amazonaws.com"},"StringLike":{"oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1:sub":"system:serviceaccount:payments:*"}}}]}`, ""},
	{"Pod Identity", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"],"Condition":{"StringEquals":{"aws:RequestTag/kubernetes-namespace":"payments"}}}]}`, ""},
	{"a capability of EKS", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"capabilities.eks.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}]}`, ""},
	{"nodes, in China too", `{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["ec2.amazonaws.com","ec2.amazonaws.com.cn"]},"Action":"sts:AssumeRole"}]}`, ""},
	{"a service of an isolated partition", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.c2s.ic.gov"},"Action":"sts:AssumeRole"}]}`, ""},
	{"another account, with an external ID", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"7f3c"}}}]}`, ""},
	{"principals of every kind", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::444455556666:root","arn:aws:iam::444455556666:user/ops/jane","arn:aws:sts::444455556666:assumed-role/ci/build","AROAEXAMPLEEXAMPLE123"],"Federated":"arn:aws:iam::111122223333:saml-provider/corp"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"SAML:aud":"https://signin.aws.amazon.com/saml"}}}]}`, ""},
	{"a branch on GitHub", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"token.actions.githubusercontent.com:aud":"sts.amazonaws.com","token.actions.githubusercontent.com:sub":"repo:octo-org/octo-repo:ref:refs/heads/main"}}}]}`, ""},
	{"an organization on GitHub", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:octo-org/*"}}}]}`, ""},
	{"a workflow on GitHub", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringLike":{"token.actions.githubusercontent.com:job_workflow_ref":"octo-org/*/.github/workflows/deploy.yml@refs/heads/main"}}}]}`, ""},
	{"a project on GitLab", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/gitlab.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringLike":{"gitlab.com:sub":"project_path:acme/app:ref_type:branch:ref:*"}}}]}`, ""},
	{"a workspace of HCP Terraform", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/app.terraform.io"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"app.terraform.io:aud":"aws.workload.identity"},"StringLike":{"app.terraform.io:sub":"organization:acme:project:*:workspace:*:run_phase:*"}}}]}`, ""},
	{"an organization of Pulumi Cloud, which is the audience", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/api.pulumi.com/oidc"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"api.pulumi.com/oidc:aud":"aws:acme"}}}]}`, ""},
	{"groups of an issuer with a slash at its end", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/acme.eu.auth0.com/"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"acme.eu.auth0.com/:aud":"x"},"StringLike":{"acme.eu.auth0.com/:email":"*@example.com"}}}]}`, ""},
	{"everybody of an organization", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-exampleorgid"},"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/deployer"}}}]}`, ""},
	{"everybody of the role's own organization", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"aws:PrincipalOrgID":"${aws:ResourceOrgID}"}}}]}`, ""},
	{"an identity pool of Cognito", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"cognito-identity.amazonaws.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"cognito-identity.amazonaws.com:aud":"eu-west-1:12345678-abcd-abcd-abcd-123456790ab"},"ForAnyValue:StringLike":{"cognito-identity.amazonaws.com:amr":"authenticated"}}}]}`, ""},
	{"a guard-rail of the company", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/ci"},"Action":"sts:AssumeRole"},{"Effect":"Deny","Principal":"*","Action":"sts:*","Condition":{"StringNotEquals":{"aws:PrincipalOrgID":"o-exampleorgid"},"Bool":{"aws:PrincipalIsAWSService":"false"}}}]}`, ""},
}

func TestPermissionDocumentsOfTheFieldAreJudgedAsIAMDoes(t *testing.T) {
	t.Parallel()
	judge(t, slices.Concat(rightPermissions, wrongPermissions), iampolicy.ValidateInlinePolicy)
}

func TestTrustPoliciesOfTheFieldAreJudgedAsIAMDoes(t *testing.T) {
	t.Parallel()
	judge(t, slices.Concat(rightTrust, wrongTrust), func(text string) error {
		document, err := iampolicy.Parse(text)
		if err != nil {
			return err
		}
		return document.ValidateTrust()
	})
}

func judge(t *testing.T, documents []fieldDocument, validate func(text string) error) {
	t.Helper()
	assert.GreaterOrEqual(t, len(documents), 40)
	for _, test := range documents {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := validate(test.document)
			if test.want != "" {
				require.EqualError(t, err, test.want)
				return
			}
			require.NoError(t, err)
		})
	}
}
