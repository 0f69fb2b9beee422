package presets

import (
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// ManagedPrometheus is a Prometheus server that writes to Amazon Managed Service for Prometheus. AWS's own policy
// AmazonPrometheusRemoteWriteAccess is for every workspace, like the documented one; here they are named.
type ManagedPrometheus struct {
	// Workspaces are the IDs or ARNs of the workspaces, one or more.
	Workspaces []string `json:"workspaces"`
}

func (p ManagedPrometheus) definition(in Scope) definition {
	return definition{
		source: Source{
			"https://docs.aws.amazon.com/prometheus/latest/userguide/set-up-irsa.html#set-up-irsa-ingest", "2026-11-26",
		},
		accounts:  []Account{{"prometheus", "amp-iamproxy-ingest-service-account"}},
		arguments: []argument{requiredList("workspaces", workspaces, p.Workspaces)},
		inline: statements{"managed-prometheus": {
			allow(in.arns(workspaces, p.Workspaces...), "aps:RemoteWrite", "aps:GetSeries", "aps:GetLabels", "aps:GetMetricMetadata"),
		}},
	}
}

// CloudWatchObservability is the EKS add-on amazon-cloudwatch-observability, with AWS's own policies.
type CloudWatchObservability struct{}

func (CloudWatchObservability) definition(Scope) definition {
	return definition{
		source: Source{
			"https://docs.aws.amazon.com/eks/latest/userguide/workloads-add-ons-available-eks.html#amazon-cloudwatch-observability",
			"2026-11-26",
		},
		accounts: []Account{{"amazon-cloudwatch", "cloudwatch-agent"}},
		managed:  []string{"CloudWatchAgentServerPolicy", "AWSXrayWriteOnlyAccess"},
	}
}

// CloudWatchMetrics is the CloudWatch agent of the chart aws-cloudwatch-metrics, with AWS's own policy for agents.
type CloudWatchMetrics struct{}

func (CloudWatchMetrics) definition(Scope) definition {
	return definition{
		source: Source{
			"https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-prerequisites.html", "2026-11-26",
		},
		accounts: []Account{{"amazon-cloudwatch", "aws-cloudwatch-metrics"}},
		managed:  []string{"CloudWatchAgentServerPolicy"},
	}
}

// LogOutputs are where Fluent Bit sends logs; one kind is needed. Fluent Bit's own documents allow its outputs all resources.
type LogOutputs struct {
	// LogGroups are names or ARNs of log groups of CloudWatch Logs, or the beginning of names with * behind it. Fluent Bit may make
	// them and set how long they keep logs. Default: none.
	LogGroups []string `json:"logGroups"`
	// Streams are the ARNs of data streams of Kinesis. Default: none.
	Streams []string `json:"streams"`
	// DeliveryStreams are the ARNs of Firehose streams. Default: none.
	DeliveryStreams []string `json:"deliveryStreams"`
	// Buckets are the names or ARNs of buckets. Default: none.
	Buckets []string `json:"buckets"`
}

// The permissions of Fluent Bit's outputs, of which this is the one for CloudWatch Logs; those of kinesis, firehose and s3 are
// beside it.
var fluentBitOutputs = Source{
	"https://github.com/fluent/fluent-bit-docs/blob/f92ae080/pipeline/outputs/cloudwatch.md#permissions", "2026-08-20",
}

func (p LogOutputs) arguments() []argument {
	return []argument{
		list("logGroups", logGroups, p.LogGroups), list("streams", streams, p.Streams),
		list("deliveryStreams", deliveryStreams, p.DeliveryStreams), list("buckets", buckets, p.Buckets),
	}
}

func (p LogOutputs) validate() error {
	return atLeastOne("logGroups", "logGroups, streams, deliveryStreams or buckets",
		p.LogGroups, p.Streams, p.DeliveryStreams, p.Buckets)
}

func (p LogOutputs) policy(in Scope) []iampolicy.Statement {
	var groups []string // with their log streams, whose ARNs go on behind a colon
	for _, arn := range in.arns(logGroups, p.LogGroups...) {
		groups = append(groups, arn)
		if !strings.HasSuffix(arn, "*") {
			groups = append(groups, arn+":*")
		}
	}
	return []iampolicy.Statement{
		allow(groups, "logs:CreateLogStream", "logs:CreateLogGroup", "logs:PutLogEvents", "logs:PutRetentionPolicy"),
		allow(in.arns(streams, p.Streams...), "kinesis:PutRecords"),
		allow(in.arns(deliveryStreams, p.DeliveryStreams...), "firehose:PutRecordBatch"),
		allow(below(in.arns(buckets, p.Buckets...), "/*"), "s3:PutObject"),
	}
}

// AWSForFluentBit is the chart aws-for-fluent-bit.
type AWSForFluentBit struct{ LogOutputs }

func (p AWSForFluentBit) definition(in Scope) definition {
	return definition{
		source: fluentBitOutputs, accounts: []Account{{"kube-system", "aws-for-fluent-bit"}},
		arguments: p.arguments(), err: p.validate(), inline: statements{"aws-for-fluent-bit": p.policy(in)},
	}
}

// FluentBit is the EKS community add-on fluent-bit.
type FluentBit struct{ LogOutputs }

func (p FluentBit) definition(in Scope) definition {
	return definition{
		source: fluentBitOutputs, accounts: []Account{{"fluent-bit", "fluent-bit"}},
		arguments: p.arguments(), err: p.validate(), inline: statements{"fluent-bit": p.policy(in)},
	}
}

// adot is a collector of the EKS add-on adot, with AWS's own policies.
func adot(page, account string, managed ...string) definition {
	return definition{
		source:   Source{"https://aws-otel.github.io/docs/getting-started/adot-eks-add-on/" + page, "2026-07-22"},
		accounts: []Account{{"opentelemetry-operator-system", account}},
		managed:  managed,
	}
}

// ADOTPrometheusMetrics is the collector for Prometheus metrics of the EKS add-on for AWS Distro for OpenTelemetry.
type ADOTPrometheusMetrics struct{}

func (ADOTPrometheusMetrics) definition(Scope) definition {
	return adot("config-prometheus-metrics", "adot-col-prom-metrics",
		"AmazonPrometheusRemoteWriteAccess", "CloudWatchAgentServerPolicy")
}

// ADOTOTLPIngest is the collector for traces by OTLP of the EKS add-on for AWS Distro for OpenTelemetry.
type ADOTOTLPIngest struct{}

func (ADOTOTLPIngest) definition(Scope) definition {
	return adot("config-otlp-ingest", "adot-col-otlp-ingest", "AWSXrayWriteOnlyAccess")
}

// ADOTContainerLogs is the collector for container logs of the EKS add-on for AWS Distro for OpenTelemetry.
type ADOTContainerLogs struct{}

func (ADOTContainerLogs) definition(Scope) definition {
	return adot("config-container-logs", "adot-col-container-logs", "CloudWatchAgentServerPolicy")
}

// NetworkFlowMonitor is the EKS add-on aws-network-flow-monitoring-agent, with AWS's own policy.
type NetworkFlowMonitor struct{}

func (NetworkFlowMonitor) definition(Scope) definition {
	return definition{
		source: Source{
			"https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-NetworkFlowMonitor-agents-kubernetes-eks.html",
			"2026-11-26",
		},
		accounts: []Account{{"amazon-network-flow-monitor", "aws-network-flow-monitor-agent-service-account"}},
		managed:  []string{"CloudWatchNetworkFlowMonitorAgentPublishPolicy"},
	}
}

// Pganalyze is the pganalyze collector for databases of Amazon RDS and Aurora, in the role's account and the clusters' regions.
type Pganalyze struct{}

func (Pganalyze) definition(in Scope) definition {
	return definition{
		source:   Source{"https://pganalyze.com/docs/install/amazon-rds/03-install-collector-eks", "2026-11-26"},
		accounts: []Account{{"default", "pganalyze-service-account"}},
		inline: statements{"pganalyze": {
			allow(everything, "cloudwatch:GetMetricStatistics"),
			allow(in.regional("logs", "log-group:RDSOSMetrics:log-stream:*"), "logs:GetLogEvents"),
			allow(in.regional("rds", "pg:*"), "rds:DescribeDBParameters"),
			allow(in.regional("rds", "db:*"), "rds:DescribeDBInstances", "rds:DownloadDBLogFilePortion", "rds:DescribeDBLogFiles"),
			allow(in.regional("rds", "cluster:*"), "rds:DescribeDBClusters"),
		}},
	}
}
