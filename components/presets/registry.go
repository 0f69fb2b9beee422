package presets

import "reflect"

// ByName are the presets by the names that a configuration has for them, each as a pointer to decode its arguments into.
var ByName = map[string]func() Preset{
	"ack":                     func() Preset { return &ACK{} },
	"adotContainerLogs":       func() Preset { return &ADOTContainerLogs{} },
	"adotOtlpIngest":          func() Preset { return &ADOTOTLPIngest{} },
	"adotPrometheusMetrics":   func() Preset { return &ADOTPrometheusMetrics{} },
	"argocdImageUpdater":      func() Preset { return &ArgoCDImageUpdater{} },
	"argocdRepoServer":        func() Preset { return &ArgoCDRepoServer{} },
	"awsForFluentBit":         func() Preset { return &AWSForFluentBit{} },
	"certManager":             func() Preset { return &CertManager{} },
	"cloudWatchMetrics":       func() Preset { return &CloudWatchMetrics{} },
	"cloudWatchObservability": func() Preset { return &CloudWatchObservability{} },
	"clusterAutoscaler":       func() Preset { return &ClusterAutoscaler{} },
	"ebsCsi":                  func() Preset { return &EBSCSI{} },
	"efsCsi":                  func() Preset { return &EFSCSI{} },
	"externalDns":             func() Preset { return &ExternalDNS{} },
	"externalSecrets":         func() Preset { return &ExternalSecrets{} },
	"fluentBit":               func() Preset { return &FluentBit{} },
	"fsxLustreCsi":            func() Preset { return &FSxLustreCSI{} },
	"fsxOpenZfsCsi":           func() Preset { return &FSxOpenZFSCSI{} },
	"gatewayApiController":    func() Preset { return &GatewayAPIController{} },
	"imageBuilder":            func() Preset { return &ImageBuilder{} },
	"karpenter":               func() Preset { return &Karpenter{} },
	"keda":                    func() Preset { return &KEDA{} },
	"loadBalancerController":  func() Preset { return &LoadBalancerController{} },
	"managedPrometheus":       func() Preset { return &ManagedPrometheus{} },
	"mountpointS3Csi":         func() Preset { return &MountpointS3CSI{} },
	"networkFlowMonitor":      func() Preset { return &NetworkFlowMonitor{} },
	"nodeTerminationHandler":  func() Preset { return &NodeTerminationHandler{} },
	"pganalyze":               func() Preset { return &Pganalyze{} },
	"privateCaIssuer":         func() Preset { return &PrivateCAIssuer{} },
	"secretsStoreCsi":         func() Preset { return &SecretsStoreCSI{} },
	"targetGroupBindingOnly":  func() Preset { return &TargetGroupBindingOnly{} },
	"velero":                  func() Preset { return &Velero{} },
	"vpcCni":                  func() Preset { return &VPCCNI{} },
}

// NameOf is the name of a preset in [ByName].
func NameOf(preset Preset) string {
	kind := reflect.Indirect(reflect.ValueOf(preset)).Type()
	for name, empty := range ByName {
		if reflect.TypeOf(empty()).Elem() == kind {
			return name
		}
	}
	return ""
}
