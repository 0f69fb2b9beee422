package presets_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eks-irsa/pulumi-eks-irsa/components/presets"
)

const (
	zoneForm   = `its ID, such as Z0123456789ABCDEFGHIJ, or its ARN`
	bucketForm = `its name, such as my-bucket, or its ARN, arn:aws:s3:::my-bucket`
	keyForm    = `its ARN with its ID, arn:aws:kms:<region>:<account>:key/<id>, as IAM matches no aliases`
	secretForm = `its ARN with the six characters that Secrets Manager puts behind the name, or -?????? for them, or the ` +
		`beginning of names with * behind it: arn:aws:secretsmanager:<region>:<account>:secret:<name>-??????`
	parameterForm = `its ARN, or the beginning of names with * behind it: arn:aws:ssm:<region>:<account>:parameter/<name>`
	queueForm     = `its ARN, arn:aws:sqs:<region>:<account>:<name>`
	tableForm     = `its ARN, arn:aws:dynamodb:<region>:<account>:table/<name>`
	streamForm    = `its ARN, arn:aws:kinesis:<region>:<account>:stream/<name>`
	deliveryForm  = `its ARN, arn:aws:firehose:<region>:<account>:deliverystream/<name>`
	groupForm     = `its name, such as /eks/my-cluster, or its ARN, or the beginning of names with * behind it`
	systemForm    = `its ID, such as fs-0123456789abcdef0, or its ARN`
	clusterForm   = `its name, up to 100 letters, digits, - and _, beginning with a letter or a digit`
	roleForm      = `its ARN, arn:aws:iam::<account>:role/<name>`
	spaceForm     = `its ID, such as ws-12345678-abcd-1234-abcd-123456789012, or its ARN`
	targetForm    = `its ARN, arn:aws:elasticloadbalancing:<region>:<account>:targetgroup/<name>/<id>`
	authorityForm = `its ARN, arn:aws:acm-pca:<region>:<account>:certificate-authority/<id>`
	expressForm   = `its name, such as my-bucket--euw1-az1--x-s3, or its ARN`
	ackServices   = `acm, apigatewayv2, cloudwatchlogs, dynamodb, ec2, ecr, efs, eks, elasticache, eventbridge, kms, lambda, ` +
		`memorydb, rds, route53, s3, secretsmanager, sfn, sns, sqs`
)

func TestFaultsOfArguments(t *testing.T) {
	t.Parallel()
	secret := func(name string) string { return ireland.arn("secretsmanager", "secret:"+name) }
	parameter := func(name string) string { return ireland.arn("ssm", "parameter/"+name) }
	one := func(text string) []string { return []string{text} }
	cases := map[string]struct {
		preset presets.Preset
		want   []string
	}{
		"no zone":          {presets.ExternalDNS{}, one(`hostedZones: name at least one hosted zone: ` + zoneForm)},
		"no zone, by name": {presets.CertManager{}, one(`hostedZones: name at least one hosted zone: ` + zoneForm)},
		"every fault of it": {presets.ExternalDNS{HostedZones: []string{
			"*", "z1", "Z1", "Z1", "arn:aws:route53:::hostedzone/*", "example.com", "",
		}}, []string{
			`hostedZones[0]: "*" is a pattern; name each hosted zone: ` + zoneForm,
			`hostedZones[1]: "z1" is not a hosted zone; give ` + zoneForm,
			`hostedZones[3]: "Z1" is already in the list, at index 2`,
			`hostedZones[4]: "arn:aws:route53:::hostedzone/*" is a pattern; name each hosted zone: ` + zoneForm,
			`hostedZones[5]: "example.com" is not a hosted zone; give ` + zoneForm,
			`hostedZones[6]: "" is not a hosted zone; give ` + zoneForm,
		}},
		"an ARN with too much": {presets.ExternalDNS{HostedZones: one("arn:aws:route53::111122223333:hostedzone/Z1")}, one(
			`hostedZones[0]: "arn:aws:route53::111122223333:hostedzone/Z1" is not a hosted zone; give ` + zoneForm)},
		"buckets": {presets.Velero{Buckets: []string{
			"My_Bucket", "a..b", "arn:aws:s3:::b/*", "arn:aws:s3:eu-west-1::bucket", "my-bucket",
		}}, []string{
			`buckets[0]: "My_Bucket" is not a bucket; give ` + bucketForm,
			`buckets[1]: "a..b" is not a bucket; give ` + bucketForm,
			`buckets[2]: "arn:aws:s3:::b/*" is a pattern; name each bucket: ` + bucketForm,
			`buckets[3]: "arn:aws:s3:eu-west-1::bucket" is not a bucket; give ` + bucketForm,
		}},
		"no bucket": {presets.Velero{}, one(`buckets: name at least one bucket: ` + bucketForm)},
		"keys": {presets.EBSCSI{Keys: []string{
			"alias/my-key", ireland.arn("kms", "alias/my-key"), ireland.arn("kms", "key/*"),
		}}, []string{
			`keys[0]: "alias/my-key" is not a KMS key; give ` + keyForm,
			`keys[1]: "arn:aws:kms:eu-west-1:111122223333:alias/my-key" is not a KMS key; give ` + keyForm,
			`keys[2]: "arn:aws:kms:eu-west-1:111122223333:key/*" is a pattern; name each KMS key: ` + keyForm,
		}},
		"keys of volumes": {presets.Velero{Buckets: one("my-bucket"), VolumeKeys: one("*")}, one(
			`volumeKeys[0]: "*" is a pattern; name each KMS key: ` + keyForm)},
		"no secret": {presets.ExternalSecrets{}, one(
			`secrets: is missing; the role would allow nothing without secrets or parameters`)},
		"secrets": {presets.ExternalSecrets{Secrets: []string{"db", secret("db"), secret("*"), "*", secret("d*b-AbCdEf"), secret("/*")}}, []string{
			`secrets[0]: "db" is not a secret; give ` + secretForm,
			`secrets[1]: "` + secret("db") + `" is not a secret; give ` + secretForm,
			`secrets[2]: "` + secret("*") + `" is a pattern; name each secret: ` + secretForm,
			`secrets[3]: "*" is a pattern; name each secret: ` + secretForm,
			`secrets[4]: "` + secret("d*b-AbCdEf") + `" is a pattern; name each secret: ` + secretForm,
			`secrets[5]: "` + secret("/*") + `" is a pattern; name each secret: ` + secretForm,
		}},
		"parameters": {presets.SecretsStoreCSI{Parameters: []string{"/dev/db", parameter("*"), parameter("a*b"), parameter("/*")}}, []string{
			`parameters[0]: "/dev/db" is not a parameter; give ` + parameterForm,
			`parameters[1]: "` + parameter("*") + `" is a pattern; name each parameter: ` + parameterForm,
			`parameters[2]: "` + parameter("a*b") + `" is a pattern; name each parameter: ` + parameterForm,
			`parameters[3]: "` + parameter("/*") + `" is a pattern; name each parameter: ` + parameterForm,
		}},
		"a mount without anything": {presets.SecretsStoreCSI{}, one(
			`secrets: is missing; the role would allow nothing without secrets or parameters`)},
		"no cluster": {presets.ClusterAutoscaler{}, one(`clusterNames: name at least one cluster: ` + clusterForm)},
		"clusters": {presets.ClusterAutoscaler{ClusterNames: []string{"*", ireland.arn("eks", "cluster/a")}}, []string{
			`clusterNames[0]: "*" is not a cluster; give ` + clusterForm,
			`clusterNames[1]: "arn:aws:eks:eu-west-1:111122223333:cluster/a" is not a cluster; give ` + clusterForm,
		}},
		"Karpenter without anything": {presets.Karpenter{}, []string{
			`clusterName: is missing; give the cluster: ` + clusterForm,
			`nodeRole: is missing; give the role: ` + roleForm,
		}},
		"Karpenter": {presets.Karpenter{ClusterName: "a b", NodeRole: "nodes", InterruptionQueue: "my-queue"}, []string{
			`clusterName: "a b" is not a cluster; give ` + clusterForm,
			`nodeRole: "nodes" is not a role; give ` + roleForm,
			`interruptionQueue: "my-queue" is not a queue; give ` + queueForm,
		}},
		"no queue": {presets.NodeTerminationHandler{}, one(`queues: name at least one queue: ` + queueForm)},
		"queues": {presets.NodeTerminationHandler{Queues: []string{
			"https://sqs.eu-west-1.amazonaws.com/1/q", ireland.arn("sqs", "*"),
		}}, []string{
			`queues[0]: "https://sqs.eu-west-1.amazonaws.com/1/q" is not a queue; give ` + queueForm,
			`queues[1]: "arn:aws:sqs:eu-west-1:111122223333:*" is a pattern; name each queue: ` + queueForm,
		}},
		"KEDA without anything": {presets.KEDA{}, one(
			`queues: is missing; the role would allow nothing without queues, streams, tables, cloudWatch or workloadRoles`)},
		"KEDA": {presets.KEDA{Queues: one("q"), Streams: one("s"), Tables: one("t"), WorkloadRoles: one("r")}, []string{
			`queues[0]: "q" is not a queue; give ` + queueForm, `streams[0]: "s" is not a data stream; give ` + streamForm,
			`tables[0]: "t" is not a table; give ` + tableForm, `workloadRoles[0]: "r" is not a role; give ` + roleForm,
		}},
		"file systems": {presets.EFSCSI{FileSystems: one("fs-*")}, one(
			`fileSystems[0]: "fs-*" is a pattern; name each file system: ` + systemForm)},
		"data repositories": {presets.FSxLustreCSI{Buckets: one("*")}, one(
			`buckets[0]: "*" is a pattern; name each bucket: ` + bucketForm)},
		"nothing to mount": {presets.MountpointS3CSI{}, one(
			`buckets: is missing; the role would allow nothing without buckets or directoryBuckets`)},
		"mounts": {presets.MountpointS3CSI{Buckets: one("B"), DirectoryBuckets: one("my-bucket"), Keys: one("k")}, []string{
			`buckets[0]: "B" is not a bucket; give ` + bucketForm,
			`directoryBuckets[0]: "my-bucket" is not a directory bucket; give ` + expressForm,
			`keys[0]: "k" is not a KMS key; give ` + keyForm,
		}},
		"access logs": {presets.GatewayAPIController{AccessLogBuckets: one("*"), AccessLogStreams: one("logs")}, []string{
			`accessLogBuckets[0]: "*" is a pattern; name each bucket: ` + bucketForm,
			`accessLogStreams[0]: "logs" is not a Firehose stream; give ` + deliveryForm,
		}},
		"IP families": {presets.VPCCNI{IPFamily: "IPv6"}, one(
			`ipFamily: "IPv6" is not an IP family of a cluster; use ipv4, ipv6 or both`)},
		"no workspace": {presets.ManagedPrometheus{}, one(`workspaces: name at least one workspace: ` + spaceForm)},
		"workspaces": {presets.ManagedPrometheus{Workspaces: one("my-workspace")}, one(
			`workspaces[0]: "my-workspace" is not a workspace; give ` + spaceForm)},
		"no output": {presets.FluentBit{}, one(
			`logGroups: is missing; the role would allow nothing without logGroups, streams, deliveryStreams or buckets`)},
		"no output of the chart": {presets.AWSForFluentBit{}, one(
			`logGroups: is missing; the role would allow nothing without logGroups, streams, deliveryStreams or buckets`)},
		"outputs": {presets.FluentBit{LogOutputs: presets.LogOutputs{
			LogGroups: []string{"*", "/*", "a:b", ireland.arn("logs", "log-group:/eks/a:*")},
			Streams:   one("s"), DeliveryStreams: one("d"), Buckets: one("B"),
		}}, []string{
			`logGroups[0]: "*" is a pattern; name each log group: ` + groupForm,
			`logGroups[1]: "/*" is a pattern; name each log group: ` + groupForm,
			`logGroups[2]: "a:b" is not a log group; give ` + groupForm,
			`logGroups[3]: "arn:aws:logs:eu-west-1:111122223333:log-group:/eks/a:*" is a pattern; name each log group: ` + groupForm,
			`streams[0]: "s" is not a data stream; give ` + streamForm,
			`deliveryStreams[0]: "d" is not a Firehose stream; give ` + deliveryForm,
			`buckets[0]: "B" is not a bucket; give ` + bucketForm,
		}},
		"no target group": {presets.TargetGroupBindingOnly{}, one(`targetGroups: name at least one target group: ` + targetForm)},
		"target groups": {presets.TargetGroupBindingOnly{TargetGroups: one("web")}, one(
			`targetGroups[0]: "web" is not a target group; give ` + targetForm)},
		"no private CA": {presets.PrivateCAIssuer{}, one(`certificateAuthorities: name at least one private CA: ` + authorityForm)},
		"private CAs": {presets.PrivateCAIssuer{CertificateAuthorities: one(ireland.arn("acm-pca", "certificate-authority/*"))}, one(
			`certificateAuthorities[0]: "arn:aws:acm-pca:eu-west-1:111122223333:certificate-authority/*" is a pattern; name each ` +
				`private CA: ` + authorityForm)},
		"no service": {presets.ACK{}, one(`service: is missing; give the controller's service: one of ` + ackServices)},
		"another service": {presets.ACK{Service: "iam"}, one(
			`service: "iam" is not a service that has a preset; use one of ` + ackServices)},
		"no roles for EKS": {presets.ACK{Service: "eks"}, one(
			`passRoles: name at least one role: ` + roleForm)},
		"roles for SQS": {presets.ACK{Service: "sqs", PassRoles: one(ireland.role("a"))}, one(
			`passRoles: the controller of sqs passes no roles on; leave it out`)},
		"every role": {presets.ACK{Service: "s3", PassRoles: one("*")}, one(
			`passRoles[0]: "*" is a pattern; name each role: ` + roleForm)},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.EqualError(t, presets.Validate(c.preset), strings.Join(c.want, "\n"))
		})
	}
}
