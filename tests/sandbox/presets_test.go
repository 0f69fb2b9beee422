package sandbox_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/eks-irsa/pulumi-eks-irsa/components/presets"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox"
)

// judgedPreset is a preset as the configuration has it, with something that its role may do and something that it may not.
type judgedPreset struct {
	name, arguments string
	may, mayNot     request
}

// request is an action on a resource, with keys of the request in the form key=value.
type request struct {
	action, resource string
	keys             []string
}

const (
	inHub   = "eu-west-1:" + sandbox.Account + ":"
	keyArn  = "arn:aws:kms:" + inHub + "key/12345678-90ab-cdef-1234-567890abcdef"
	queue   = "arn:aws:sqs:" + inHub + "my-queue"
	secret  = "arn:aws:secretsmanager:" + inHub + "secret:"
	anyOne  = "*"
	zone    = "arn:aws:route53:::hostedzone/"
	logs    = "arn:aws:logs:" + inHub + "log-group:"
	groupOf = "arn:aws:elasticloadbalancing:" + inHub + "targetgroup/"
	caArn   = "arn:aws:acm-pca:" + inHub + "certificate-authority/12345678-90ab-cdef-1234-567890abcde"
)

func do(action, resource string, keys ...string) request { return request{action, resource, keys} }

var judgedPresets = []judgedPreset{
	{"ack", "{service: s3}", do("s3:CreateBucket", "arn:aws:s3:::new"), do("iam:PassRole", "arn:aws:iam::"+sandbox.Account+":role/x", "iam:PassedToService=s3.amazonaws.com")},
	{"adotContainerLogs", "{}", do("logs:PutLogEvents", logs+"x"), do("logs:DeleteLogGroup", logs+"x")},
	{"adotOtlpIngest", "{}", do("xray:PutTraceSegments", anyOne), do("xray:GetTraceSummaries", anyOne)},
	{"adotPrometheusMetrics", "{}", do("aps:RemoteWrite", anyOne), do("aps:DeleteWorkspace", anyOne)},
	{"argocdImageUpdater", "{}", do("ecr:DescribeImages", anyOne), do("ecr:PutImage", anyOne)},
	{"argocdRepoServer", "{}", do("ecr:GetAuthorizationToken", anyOne), do("ecr:PutImage", anyOne)},
	{"awsForFluentBit", "{logGroups: [/eks/my-cluster]}", do("logs:CreateLogStream", logs+"/eks/my-cluster"), do("logs:CreateLogStream", logs+"/eks/other")},
	{
		"certManager", "{hostedZones: [Z0123456789ABCDEFGHIJ]}",
		do("route53:ChangeResourceRecordSets", zone+"Z0123456789ABCDEFGHIJ", "route53:ChangeResourceRecordSetsRecordTypes=TXT"),
		do("route53:ChangeResourceRecordSets", zone+"Z0123456789ABCDEFGHIJ", "route53:ChangeResourceRecordSetsRecordTypes=A"),
	},
	{"cloudWatchMetrics", "{}", do("cloudwatch:PutMetricData", anyOne), do("cloudwatch:DeleteAlarms", anyOne)},
	{"cloudWatchObservability", "{}", do("xray:PutTelemetryRecords", anyOne), do("cloudwatch:DeleteAlarms", anyOne)},
	{
		"clusterAutoscaler", "{clusterNames: [dev-hub]}",
		do("autoscaling:SetDesiredCapacity", "arn:aws:autoscaling:"+inHub+"autoScalingGroup:1:autoScalingGroupName/a", "aws:ResourceTag/k8s.io/cluster-autoscaler/dev-hub=owned"),
		do("autoscaling:SetDesiredCapacity", "arn:aws:autoscaling:"+inHub+"autoScalingGroup:1:autoScalingGroupName/a", "aws:ResourceTag/k8s.io/cluster-autoscaler/other=owned"),
	},
	{"ebsCsi", "{keys: ['" + keyArn + "']}", do("kms:Decrypt", keyArn), do("kms:Decrypt", keyArn+"0")},
	{"efsCsi", "{}", do("elasticfilesystem:DescribeFileSystems", anyOne), do("elasticfilesystem:DeleteFileSystem", anyOne)},
	{
		"externalDns", "{hostedZones: [Z0123456789ABCDEFGHIJ]}",
		do("route53:ChangeResourceRecordSets", zone+"Z0123456789ABCDEFGHIJ"), do("route53:ChangeResourceRecordSets", zone+"ZOTHER"),
	},
	{"externalSecrets", "{secrets: ['" + secret + "dev-*']}", do("secretsmanager:GetSecretValue", secret+"dev-db-AbCdEf"), do("secretsmanager:GetSecretValue", secret+"prod-db-AbCdEf")},
	{"fluentBit", "{logGroups: [/eks/my-cluster]}", do("logs:PutLogEvents", logs+"/eks/my-cluster:log-stream:x"), do("logs:PutLogEvents", logs+"/eks/other:log-stream:x")},
	{"fsxLustreCsi", "{buckets: [my-data]}", do("s3:ListBucket", "arn:aws:s3:::my-data"), do("s3:ListBucket", "arn:aws:s3:::other")},
	{
		"fsxOpenZfsCsi", "{}", do("iam:CreateServiceLinkedRole", anyOne, "iam:AWSServiceName=fsx.amazonaws.com"),
		do("iam:CreateServiceLinkedRole", anyOne, "iam:AWSServiceName=ec2.amazonaws.com"),
	},
	{"gatewayApiController", "{accessLogBuckets: [my-logs]}", do("s3:GetBucketPolicy", "arn:aws:s3:::my-logs"), do("s3:GetBucketPolicy", "arn:aws:s3:::other")},
	{"imageBuilder", "{}", do("ecr:PutImage", anyOne), do("ecr:DeleteRepository", anyOne)},
	{
		"karpenter", "{clusterName: dev-hub, nodeRole: 'arn:aws:iam::" + sandbox.Account + ":role/nodes', interruptionQueue: '" + queue + "'}",
		do("iam:PassRole", "arn:aws:iam::"+sandbox.Account+":role/nodes", "iam:PassedToService=ec2.amazonaws.com"),
		do("iam:PassRole", "arn:aws:iam::"+sandbox.Account+":role/admin", "iam:PassedToService=ec2.amazonaws.com"),
	},
	{"keda", "{queues: ['" + queue + "']}", do("sqs:GetQueueAttributes", queue), do("sqs:GetQueueAttributes", queue+"-2")},
	{
		"loadBalancerController", "{}", do("ec2:CreateTags", "arn:aws:ec2:"+inHub+"security-group/sg-1", "ec2:CreateAction=CreateSecurityGroup", "aws:RequestTag/elbv2.k8s.aws/cluster=dev-hub"),
		do("ec2:CreateTags", "arn:aws:ec2:"+inHub+"security-group/sg-1", "ec2:CreateAction=RunInstances"),
	},
	{"managedPrometheus", "{workspaces: [ws-1]}", do("aps:RemoteWrite", "arn:aws:aps:"+inHub+"workspace/ws-1"), do("aps:RemoteWrite", "arn:aws:aps:"+inHub+"workspace/ws-2")},
	{"mountpointS3Csi", "{buckets: [my-data]}", do("s3:PutObject", "arn:aws:s3:::my-data/a"), do("s3:PutObject", "arn:aws:s3:::other/a")},
	{"networkFlowMonitor", "{}", do("networkflowmonitor:Publish", anyOne), do("networkflowmonitor:DeleteMonitor", anyOne)},
	{"nodeTerminationHandler", "{queues: ['" + queue + "']}", do("sqs:DeleteMessage", queue), do("sqs:SendMessage", queue)},
	{"pganalyze", "{}", do("cloudwatch:GetMetricStatistics", anyOne), do("rds:DeleteDBInstance", "arn:aws:rds:"+inHub+"db:x")},
	{"privateCaIssuer", "{certificateAuthorities: ['" + caArn + "f']}", do("acm-pca:IssueCertificate", caArn+"f"), do("acm-pca:IssueCertificate", caArn+"0")},
	{"secretsStoreCsi", "{secrets: ['" + secret + "token-AbCdEf']}", do("secretsmanager:GetSecretValue", secret+"token-AbCdEf"), do("secretsmanager:GetSecretValue", secret+"token-GhIjKl")},
	{
		"targetGroupBindingOnly", "{targetGroups: ['" + groupOf + "web/0123456789abcdef']}",
		do("elasticloadbalancing:RegisterTargets", groupOf+"web/0123456789abcdef"), do("elasticloadbalancing:RegisterTargets", groupOf+"db/0123456789abcdef"),
	},
	{"velero", "{buckets: [my-backups]}", do("s3:PutObject", "arn:aws:s3:::my-backups/a"), do("s3:PutObject", "arn:aws:s3:::other/a")},
	{"vpcCni", "{}", do("ec2:AssignPrivateIpAddresses", anyOne), do("ec2:RunInstances", anyOne)},
}

// Every preset is deployed, and IAM is asked what its role may do.
func TestPresetsAllowWhatTheyAreForAndNoMore(t *testing.T) {
	t.Parallel()
	e := newSmallEnvironment(t)
	roles := map[string]any{}
	e.settings.Platform["roles"] = roles
	judged := map[string]bool{}
	for _, preset := range judgedPresets {
		roles[preset.name] = map[string]any{
			"clusters": []any{"hub"}, "name": preset.name, "preset": map[string]any{preset.name: yamlOf(t, preset.arguments)},
			"serviceAccounts": []any{map[string]any{"namespace": "default", "name": strings.ToLower(preset.name), "mode": "trustOnly"}},
		}
		judged[preset.name] = true
	}
	for name := range presets.ByName {
		assert.True(t, judged[name], "preset %s is judged", name)
	}
	require.NoError(t, e.stack.Write(e.settings))
	e.up(t)
	for _, preset := range judgedPresets {
		assert.Equal(t, "allowed", e.decision(t, preset.name, preset.may), "%s may %s", preset.name, preset.may.action)
		assert.NotEqual(t, "allowed", e.decision(t, preset.name, preset.mayNot), "%s may not %s", preset.name, preset.mayNot.action)
	}
	fmt.Printf("presets: %d deployed and judged\n", len(judgedPresets))
	require.NoError(t, e.stack.Destroy(t.Context()))
}

// decision is IAM's on a request of a role.
func (e *environment) decision(t *testing.T, role string, asked request) string {
	t.Helper()
	input := &iam.SimulatePrincipalPolicyInput{
		PolicySourceArn: aws.String("arn:aws:iam::" + sandbox.Account + ":role/" + role),
		ActionNames:     []string{asked.action}, ResourceArns: []string{asked.resource},
	}
	for _, key := range asked.keys {
		name, value, _ := strings.Cut(key, "=")
		input.ContextEntries = append(input.ContextEntries, types.ContextEntry{
			ContextKeyName: &name, ContextKeyValues: []string{value}, ContextKeyType: types.ContextKeyTypeEnumString,
		})
	}
	answer, err := e.AWS().IAM.SimulatePrincipalPolicy(t.Context(), input)
	require.NoError(t, err, "%s: %s", role, asked.action)
	require.Len(t, answer.EvaluationResults, 1)
	return string(answer.EvaluationResults[0].EvalDecision)
}

func yamlOf(t *testing.T, text string) any {
	t.Helper()
	var value any
	require.NoError(t, yaml.Unmarshal([]byte(text), &value))
	return value
}
