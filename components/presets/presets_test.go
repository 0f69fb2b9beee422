package presets_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/components/kubename"
	"github.com/eks-irsa/pulumi-eks-irsa/components/presets"
)

var update = flag.Bool("update", false, "write the golden policies instead of comparing with them")

const account = "111122223333"

// place is where a sample's role is.
type place struct{ partition, region string }

var ireland = place{"aws", "eu-west-1"}

func (p place) scope() presets.Scope {
	return presets.Scope{Partition: p.partition, AccountID: account, Regions: []string{p.region}}
}

// arn is the ARN of what the account has in the region.
func (p place) arn(service, resource string) string {
	return iampolicy.ARN{Partition: p.partition, Service: service, Region: p.region, Account: account, Resource: resource}.String()
}

func (p place) role(name string) string {
	return iampolicy.RoleARN(p.partition, account, "", name).String()
}

func (p place) key() string { return p.arn("kms", "key/12345678-90ab-cdef-1234-567890abcdef") }

func (p place) queue() string { return p.arn("sqs", "my-queue") }

// samples are presets with all of their arguments, by the names of their golden files: that of the preset, and what is special.
func (p place) samples() map[string]presets.Preset {
	zones := []string{"Z0123456789ABCDEFGHIJ", "arn:" + p.partition + ":route53:::hostedzone/Z1"}
	logs := presets.LogOutputs{
		LogGroups: []string{"/eks/my-cluster", "/eks/my-cluster-*"}, Streams: []string{p.arn("kinesis", "stream/logs")},
		DeliveryStreams: []string{p.arn("firehose", "deliverystream/logs")}, Buckets: []string{"my-logs"},
	}
	secrets := []string{
		p.arn("secretsmanager", "secret:token-AbCdEf"), p.arn("secretsmanager", "secret:db-??????"),
		p.arn("secretsmanager", "secret:dev-*"),
	}
	parameters := []string{p.arn("ssm", "parameter/one"), p.arn("ssm", "parameter/dev/*")}
	roles, keys := []string{p.role("passed")}, []string{p.key()}
	return map[string]presets.Preset{
		"ack-acm":                 presets.ACK{Service: "acm"},
		"ack-cloudwatchlogs":      presets.ACK{Service: "cloudwatchlogs"},
		"ack-eks":                 presets.ACK{Service: "eks", PassRoles: roles},
		"ack-kms":                 presets.ACK{Service: "kms"},
		"ack-lambda":              presets.ACK{Service: "lambda", PassRoles: roles},
		"ack-s3":                  presets.ACK{Service: "s3", PassRoles: roles},
		"ack-sqs":                 presets.ACK{Service: "sqs"},
		"adotContainerLogs":       presets.ADOTContainerLogs{},
		"adotOtlpIngest":          presets.ADOTOTLPIngest{},
		"adotPrometheusMetrics":   presets.ADOTPrometheusMetrics{},
		"argocdImageUpdater":      presets.ArgoCDImageUpdater{},
		"argocdRepoServer":        presets.ArgoCDRepoServer{},
		"awsForFluentBit":         presets.AWSForFluentBit{LogOutputs: logs},
		"certManager":             presets.CertManager{HostedZones: zones},
		"cloudWatchMetrics":       presets.CloudWatchMetrics{},
		"cloudWatchObservability": presets.CloudWatchObservability{},
		"clusterAutoscaler":       presets.ClusterAutoscaler{ClusterNames: []string{"my-cluster", "other"}},
		"ebsCsi":                  presets.EBSCSI{Keys: []string{p.key()}},
		"efsCsi":                  presets.EFSCSI{},
		"efsCsi-fileSystems":      presets.EFSCSI{FileSystems: []string{"fs-0123456789abcdef0"}, S3Files: true},
		"externalDns":             presets.ExternalDNS{HostedZones: zones},
		"externalSecrets":         presets.ExternalSecrets{Secrets: secrets, Parameters: parameters, Keys: keys},
		"externalSecrets-push":    presets.ExternalSecrets{Secrets: secrets, Parameters: parameters, Keys: keys, Push: true},
		"fluentBit":               presets.FluentBit{LogOutputs: logs},
		"fsxLustreCsi":            presets.FSxLustreCSI{Buckets: []string{"my-data"}},
		"fsxOpenZfsCsi":           presets.FSxOpenZFSCSI{},
		"gatewayApiController": presets.GatewayAPIController{
			AccessLogBuckets: []string{"my-logs"}, AccessLogStreams: []string{p.arn("firehose", "deliverystream/logs")},
		},
		"imageBuilder": presets.ImageBuilder{},
		"karpenter":    presets.Karpenter{ClusterName: "my-cluster", NodeRole: p.role("nodes"), InterruptionQueue: p.queue()},
		"keda": presets.KEDA{
			Queues: []string{p.queue()}, Streams: []string{p.arn("kinesis", "stream/orders")},
			Tables: []string{p.arn("dynamodb", "table/orders")}, CloudWatch: true, WorkloadRoles: []string{p.role("orders")},
		},
		"loadBalancerController": presets.LoadBalancerController{GlobalAccelerator: p.partition == "aws"},
		"managedPrometheus":      presets.ManagedPrometheus{Workspaces: []string{"ws-12345678-abcd-1234-abcd-123456789012"}},
		"mountpointS3Csi": presets.MountpointS3CSI{
			Buckets: []string{"my-data"}, DirectoryBuckets: []string{"my-data--euw1-az1--x-s3"}, Keys: []string{p.key()},
		},
		"mountpointS3Csi-readOnly": presets.MountpointS3CSI{Buckets: []string{"my-data"}, Keys: []string{p.key()}, ReadOnly: true},
		"networkFlowMonitor":       presets.NetworkFlowMonitor{},
		"nodeTerminationHandler":   presets.NodeTerminationHandler{Queues: []string{p.queue()}},
		"pganalyze":                presets.Pganalyze{},
		"privateCaIssuer": presets.PrivateCAIssuer{CertificateAuthorities: []string{
			p.arn("acm-pca", "certificate-authority/12345678-90ab-cdef-1234-567890abcdef"),
		}},
		"secretsStoreCsi": presets.SecretsStoreCSI{Secrets: secrets, Parameters: parameters, Keys: []string{p.key()}},
		"targetGroupBindingOnly": presets.TargetGroupBindingOnly{TargetGroups: []string{
			p.arn("elasticloadbalancing", "targetgroup/web/0123456789abcdef"),
		}},
		"velero":      presets.Velero{Buckets: []string{"my-backups"}, VolumeKeys: []string{p.key()}},
		"vpcCni":      presets.VPCCNI{},
		"vpcCni-both": presets.VPCCNI{IPFamily: "both"},
		"vpcCni-ipv6": presets.VPCCNI{IPFamily: "ipv6"},
	}
}

func policies(t *testing.T, preset presets.Preset, in presets.Scope) presets.Policies {
	t.Helper()
	require.NoError(t, presets.Validate(preset))
	found, err := presets.PoliciesOf(preset, in)
	require.NoError(t, err)
	return found
}

// pretty is what a golden file holds.
func pretty(t *testing.T, policies presets.Policies) string {
	t.Helper()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	require.NoError(t, encoder.Encode(policies))
	return text.String()
}

func assertGolden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name+".json")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	golden, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(golden), text)
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	for name, preset := range ireland.samples() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assertGolden(t, name, pretty(t, policies(t, preset, ireland.scope())))
		})
	}
}

// Elsewhere a policy is the same but for its ARNs, unless there is a golden file of its own.
func TestPoliciesOfOtherPartitions(t *testing.T) {
	t.Parallel()
	isolated := place{"aws-iso", "us-iso-east-1"}
	places := []place{{"aws-cn", "cn-north-1"}, {"aws-us-gov", "us-gov-west-1"}, {"aws-eusc", "eusc-de-east-1"}, isolated}
	for _, there := range places {
		for name, preset := range there.samples() {
			t.Run(there.partition+"/"+name, func(t *testing.T) {
				t.Parallel()
				text := pretty(t, policies(t, preset, there.scope()))
				assert.NotContains(t, text, "arn:aws:")
				if there == isolated && name == "loadBalancerController" {
					assertGolden(t, name+".aws-iso", text)
					return
				}
				same := ireland.samples()[name]
				if name == "loadBalancerController" {
					same = presets.LoadBalancerController{}
				}
				here := strings.NewReplacer("arn:"+there.partition+":", "arn:aws:", there.region, ireland.region).Replace(text)
				assert.Equal(t, pretty(t, policies(t, same, ireland.scope())), here)
			})
		}
	}
}

func TestPoliciesInSeveralRegions(t *testing.T) {
	t.Parallel()
	scope := presets.Scope{Partition: "aws", AccountID: account, Regions: []string{"eu-west-1", "us-east-1"}}
	karpenter := policies(t, presets.Karpenter{ClusterName: "my-cluster", NodeRole: ireland.role("nodes")}, scope)
	assert.NotContains(t, karpenter.Inline, "karpenter-interruption", "no queue, no policy of it")
	assert.Equal(t, iampolicy.Strings{
		"arn:aws:eks:eu-west-1:111122223333:cluster/my-cluster", "arn:aws:eks:us-east-1:111122223333:cluster/my-cluster",
	}, karpenter.Inline["karpenter-eks-integration"].Statements[0].Resources)
	scope.Regions = nil
	prometheus := policies(t, presets.ManagedPrometheus{Workspaces: []string{"ws-1"}}, scope)
	assert.Equal(t, iampolicy.Strings{"arn:aws:aps:*:111122223333:workspace/ws-1"},
		prometheus.Inline["managed-prometheus"].Statements[0].Resources, "no region is known")
}

func TestPoliciesThatDoNotFitTheScope(t *testing.T) {
	t.Parallel()
	china := place{"aws-cn", "cn-north-1"}
	zones := make([]string, 200)
	for i := range zones {
		zones[i] = "Z0123456789ABCDEFGHIJ" + string(rune('A'+i/26)) + string(rune('A'+i%26))
	}
	cases := []struct {
		name   string
		preset presets.Preset
		scope  presets.Scope
		want   string
	}{
		{
			"an ARN of another partition",
			presets.NodeTerminationHandler{Queues: []string{ireland.queue()}},
			china.scope(),
			`queues[0]: "arn:aws:sqs:eu-west-1:111122223333:my-queue" is in the partition aws, and the role is in aws-cn: ` +
				`write arn:aws-cn:sqs:eu-west-1:111122223333:my-queue`,
		},
		{
			"Global Accelerator in China",
			presets.LoadBalancerController{GlobalAccelerator: true},
			china.scope(),
			`globalAccelerator: upstream documents its policy for the partition aws only, and the role is in aws-cn; leave it out`,
		},
		{
			"no region",
			presets.Karpenter{ClusterName: "a", NodeRole: ireland.role("nodes")},
			presets.Scope{Partition: "aws", AccountID: account},
			`the policy is limited to the clusters' regions, and their issuers tell none; write it as an inline policy instead`,
		},
		{
			"more text than a role can hold",
			presets.ExternalDNS{HostedZones: zones},
			ireland.scope(),
			`11249 characters in all, without white space, and IAM allows a role 10240; make managed policies of some`,
		},
		{
			"arguments that are wrong",
			presets.ExternalDNS{},
			ireland.scope(),
			`hostedZones: name at least one hosted zone: its ID, such as Z0123456789ABCDEFGHIJ, or its ARN`,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := presets.PoliciesOf(c.preset, c.scope)
			assert.EqualError(t, err, c.want)
		})
	}
}

// Every preset of the registry has a sample, a source and a service account, or a reason to have none.
func TestEveryPreset(t *testing.T) {
	t.Parallel()
	sampled := map[string]bool{}
	for name, preset := range ireland.samples() {
		key, _, _ := strings.Cut(name, "-")
		assert.Equal(t, key, presets.NameOf(preset), "%s is a sample of the preset in its name", name)
		sampled[key] = true
		source := presets.SourceOf(preset)
		assert.Regexp(t, `^https://[a-z]\S+$`, source.Address, name)
		assert.Regexp(t, `^(v?\d+\.\d+(\.\d+)?|20\d\d-\d\d-\d\d)$`, source.Version, name)
		if release := strings.TrimPrefix(source.Version, "v"); strings.Contains(source.Address, "github.com") {
			assert.True(t, strings.Contains(source.Address, release) || strings.Contains(source.Address, "-docs/"),
				"%s names its release in %s", name, source.Address)
		}
		accounts := presets.ServiceAccountsOf(preset)
		assert.Equal(t, key == "imageBuilder" || key == "secretsStoreCsi", len(accounts) == 0, "service accounts of %s", name)
		for _, account := range accounts {
			assert.NoError(t, kubename.ValidateNamespace(account.Namespace))
			assert.NoError(t, kubename.ValidateObject("a service account", account.Name))
		}
	}
	assert.Equal(t, slices.Sorted(maps.Keys(presets.ByName)), slices.Sorted(maps.Keys(sampled)))
	assert.GreaterOrEqual(t, len(sampled), 28)
}
