package stacks

import (
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/kubename"
	"github.com/eks-irsa/pulumi-eks-irsa/components/presets"
)

// The bridge hands what this stack knows of a cluster on to the charts that Argo CD installs there: ApplicationSets read it from
// annotations of the cluster secret. The keys are those of gitops-bridge.
//
// https://github.com/gitops-bridge-dev/gitops-bridge-argocd-control-plane-template
// https://github.com/aws-ia/terraform-aws-eks-blueprints-addons/blob/main/outputs.tf (gitops_metadata)

// addonNames are what gitops-bridge calls the controllers of presets. The others have the names of the presets, as external_dns has.
var addonNames = map[string]string{
	"awsForFluentBit":        "aws_for_fluentbit",
	"cloudWatchMetrics":      "aws_cloudwatch_metrics",
	"ebsCsi":                 "aws_ebs_csi_driver",
	"efsCsi":                 "aws_efs_csi_driver",
	"fsxLustreCsi":           "aws_fsx_csi_driver",
	"gatewayApiController":   "aws_gateway_api_controller",
	"loadBalancerController": "aws_load_balancer_controller",
	"nodeTerminationHandler": "aws_node_termination_handler",
	"privateCaIssuer":        "aws_privateca_issuer",
}

// The ends of the keys of a role.
const (
	roleArnKey        = "_iam_role_arn"
	namespaceKey      = "_namespace"
	serviceAccountKey = "_service_account"
)

// maxAnnotation is the length of the name of an annotation:
// https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/#syntax-and-character-set
const maxAnnotation = 63

// addonOf is what the keys of a role begin with: the name of its preset's controller, or its own key.
func addonOf(key string, role Role) string {
	if role.Preset == nil {
		return strings.NewReplacer("-", "_", ".", "_").Replace(key)
	}
	if ack, is := role.Preset.(*presets.ACK); is {
		return "ack_" + ack.Service
	}
	name := presets.NameOf(role.Preset)
	if addon, known := addonNames[name]; known {
		return addon
	}
	var snake strings.Builder
	for _, letter := range name {
		if letter >= 'A' && letter <= 'Z' {
			snake.WriteByte('_')
		}
		snake.WriteString(strings.ToLower(string(letter)))
	}
	return snake.String()
}

// bridged are the roles of a cluster, by what their keys begin with, and the keys of roles that would be another's.
func (cfg *Config) bridged(cluster string) (roles map[string]string, twice map[string][]string) {
	roles, twice = map[string]string{}, map[string][]string{}
	for _, key := range slices.Sorted(maps.Keys(cfg.Roles)) {
		role := cfg.Roles[key]
		if !slices.Contains(role.Clusters, cluster) {
			continue
		}
		addon := addonOf(key, role)
		if first, taken := roles[addon]; !taken {
			roles[addon] = key
		} else if twice[addon] == nil {
			twice[addon] = []string{first, key}
		} else {
			twice[addon] = append(twice[addon], key)
		}
	}
	return roles, twice
}

// validateBridge refuses roles that would have one key, unless the target's own annotation says which it is, and keys that no
// annotation can have.
func (cfg *Config) validateBridge(target ArgoCDTarget) error {
	if !target.Bridge {
		return nil
	}
	own, _ := target.Annotations.(pulumi.StringMap)
	roles, twice := cfg.bridged(target.Cluster)
	var found fielderr.List
	for _, addon := range slices.Sorted(maps.Keys(twice)) {
		_, said := own[addon+roleArnKey]
		found.Refuse(!said, "bridge", "the roles %s would all be %s; say which it is under that key in annotations",
			strings.Join(twice[addon], ", "), addon+roleArnKey)
	}
	for _, addon := range slices.Sorted(maps.Keys(roles)) {
		key := addon + serviceAccountKey
		found.Refuse(kubename.ValidateAnnotations(map[string]string{key: ""}) != nil, "bridge",
			"the role %s would be %s, which no annotation can be; choose a key of the role of up to %d letters, digits, - and _, which begins "+
				"with a letter or a digit", roles[addon], key, maxAnnotation-len(serviceAccountKey))
	}
	return found.Err()
}

// bridge are the annotations of a target: what this stack knows, and the target's own, which win.
func (p *platform) bridge(target ArgoCDTarget) pulumi.StringMap {
	cluster, facts := p.cfg.Clusters[target.Cluster], p.clusters[target.Cluster]
	annotations := pulumi.StringMap{
		"aws_cluster_name": facts.name, "aws_region": pulumi.String(cluster.Region), "aws_account_id": pulumi.String(facts.account.id),
	}
	if facts.vpcID != "" {
		annotations["aws_vpc_id"] = pulumi.String(facts.vpcID)
	}
	roles, _ := p.cfg.bridged(target.Cluster)
	for addon, key := range roles {
		annotations[addon+roleArnKey] = p.roles[key].Arn
		for suffix, text := range p.cfg.Roles[key].bridgedAccounts(addon, target.Cluster) {
			annotations[addon+suffix] = pulumi.String(text)
		}
	}
	if hub := p.roles[argoCDKey]; hub != nil && target.InCluster {
		annotations["argocd"+roleArnKey], annotations["argocd"+namespaceKey] = hub.Arn, pulumi.String(p.cfg.ArgoCD.Namespace)
	}
	own, _ := target.Annotations.(pulumi.StringMap) // as the configuration is decoded
	maps.Copy(annotations, own)
	return annotations
}

// bridgedAccounts are the namespace of a role's service accounts in a cluster, if they have one, and the name of the account, if
// there is one and it is no pattern. Drivers of storage have two, for their controller and for their nodes.
func (role Role) bridgedAccounts(addon, cluster string) map[string]string {
	var accounts []components.ServiceAccountArgs
	for _, account := range role.ServiceAccounts {
		if len(account.Clusters) == 0 || slices.Contains(account.Clusters, cluster) {
			accounts = append(accounts, account)
		}
	}
	texts := map[string]string{}
	one := func(account components.ServiceAccountArgs) bool { return account.Namespace != accounts[0].Namespace }
	if len(accounts) == 0 || slices.ContainsFunc(accounts, one) {
		return texts
	}
	texts[namespaceKey] = accounts[0].Namespace
	suffixes := []string{serviceAccountKey}
	if addon == "aws_efs_csi_driver" || addon == "aws_fsx_csi_driver" {
		suffixes = []string{"_controller" + serviceAccountKey, "_node" + serviceAccountKey}
	}
	if len(accounts) > len(suffixes) {
		return texts
	}
	for i, account := range accounts {
		if account.Name != "" {
			texts[suffixes[i]] = account.Name
		}
	}
	return texts
}
