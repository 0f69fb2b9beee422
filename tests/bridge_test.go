package tests

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bridged is a hub and a cluster of another account, with roles of presets and of one's own.
const bridged = `
clusters:
  hub: {region: eu-west-1}
  edge: {name: prod-edge, region: us-east-1, profile: other}
roles:
  dns: {clusters: [edge], preset: {externalDns: {hostedZones: [Z0123456789ABCDEFGHIJ]}}}
  lbc: {clusters: [edge], preset: {loadBalancerController: {}}, path: /addons/}
  efs: {clusters: [edge], preset: {efsCsi: {}}}
  buckets: {clusters: [edge], preset: {ack: {service: s3}}}
  s3-backup: {clusters: [edge], serviceAccounts: [{namespace: payments, name: s3-backup}]}
  runners: {name: runners, clusters: [edge], serviceAccounts: [{namespace: ci, namePattern: 'run-*', mode: trustOnly}]}
  several: {clusters: [edge], serviceAccounts: [{namespace: apps, name: one}, {namespace: apps, name: two}]}
  scattered: {clusters: [edge], serviceAccounts: [{namespace: apps, name: three}, {namespace: web, name: three}]}
  of-the-hub: {clusters: [hub], serviceAccounts: [{namespace: apps, name: app}]}
argocd:
  hub: hub
  targets:
    hub: {cluster: hub, bridge: true}
    edge:
      cluster: edge
      bridge: true
      access: {policies: [{policy: AmazonEKSAdminPolicy}]}
      labels: {environment: prod, enable_external_dns: "true", enable_aws_load_balancer_controller: "true"}
      annotations: {addons_repo_url: "https://git.example.com/addons", aws_vpc_id: vpc-0123456789abcdef0}
`

func bridgedAccounts() *recorder {
	r := twoAccounts()
	r.hasCluster("prod-edge", "https://"+euIssuer, "API")
	r.clusters["hub"]["vpcConfig"] = resource.NewPropertyValue(map[string]any{"vpcId": "vpc-0a1b2c3d"})
	r.clusters["prod-edge"]["vpcConfig"] = resource.NewPropertyValue(map[string]any{"vpcId": "vpc-99999999"})
	return r
}

func TestBridgeHandsOnWhatTheStackKnows(t *testing.T) {
	t.Parallel()
	r := bridgedAccounts()
	deployed(t, r, platformConfig(t, bridged))
	annotations := func(target string) map[string]any {
		return r.one(t, secretType, "argocd/"+target).Inputs["metadata"].ObjectValue()["annotations"].Mappable().(map[string]any)
	}
	const edge = "arn:aws:iam::" + otherAccount + ":role/"
	assert.Equal(t, map[string]any{
		"addons_repo_url":  "https://git.example.com/addons",
		"aws_cluster_name": "prod-edge", "aws_region": "us-east-1", "aws_account_id": otherAccount,
		"aws_vpc_id": "vpc-0123456789abcdef0", // the target's own word

		"external_dns_iam_role_arn": edge + "eks-external-dns-external-dns", "external_dns_namespace": "external-dns", "external_dns_service_account": "external-dns",
		"aws_load_balancer_controller_iam_role_arn":    edge + "addons/eks-kube-system-aws-load-balancer-controller",
		"aws_load_balancer_controller_namespace":       "kube-system",
		"aws_load_balancer_controller_service_account": "aws-load-balancer-controller",

		"aws_efs_csi_driver_iam_role_arn": edge + "eks-kube-system-efs-csi-controller-sa", "aws_efs_csi_driver_namespace": "kube-system",
		"aws_efs_csi_driver_controller_service_account": "efs-csi-controller-sa", "aws_efs_csi_driver_node_service_account": "efs-csi-node-sa",

		"ack_s3_iam_role_arn": edge + "eks-ack-system-ack-s3-controller", "ack_s3_namespace": "ack-system", "ack_s3_service_account": "ack-s3-controller",
		"s3_backup_iam_role_arn": edge + "eks-payments-s3-backup", "s3_backup_namespace": "payments", "s3_backup_service_account": "s3-backup",
		"runners_iam_role_arn": edge + "runners", "runners_namespace": "ci", // a pattern is no name
		"several_iam_role_arn": edge + "eks-apps-one", "several_namespace": "apps",
		"scattered_iam_role_arn": edge + "eks-apps-three",
	}, annotations("edge"))
	assert.Equal(t, map[string]any{
		"aws_cluster_name": "hub", "aws_region": "eu-west-1", "aws_account_id": account, "aws_vpc_id": "vpc-0a1b2c3d",
		"of_the_hub_iam_role_arn": "arn:aws:iam::" + account + ":role/eks-apps-app", "of_the_hub_namespace": "apps", "of_the_hub_service_account": "app",
		"argocd_iam_role_arn": "arn:aws:iam::" + account + ":role/eks-argocd-argocd-application-controller", "argocd_namespace": "argocd",
	}, annotations("hub"))
	assert.Contains(t, r.one(t, secretType, "argocd/edge").dependencies(), "Role/dns")
}

// The secret as the API server has it, from which Argo CD's own code renders an ApplicationSet: see
// tests/sandbox/argocdlogin/applicationset_test.go.
func TestBridgedSecretIsTheGoldenOne(t *testing.T) {
	t.Parallel()
	r := bridgedAccounts()
	deployed(t, r, platformConfig(t, bridged))
	secret := fromJSON(t, r.one(t, secretType, "argocd/edge").json(t))
	secret["data"] = secret["data"].(map[string]any)["secret"]
	text, err := json.MarshalIndent(secret, "", "  ")
	require.NoError(t, err)
	assert.Equal(t, golden(t, "bridged-secret.json", string(text)+"\n"), string(text)+"\n")
	name, err := base64.StdEncoding.DecodeString(secret["data"].(map[string]any)["name"].(string))
	require.NoError(t, err)
	assert.Equal(t, "edge", string(name))
}

func TestBridgeIsLeftOutByDefault(t *testing.T) {
	t.Parallel()
	r := bridgedAccounts()
	deployed(t, r, platformConfig(t, strings.ReplaceAll(bridged, "bridge: true", "bridge: false")))
	assert.NotContains(t, r.one(t, secretType, "argocd/hub").Inputs["metadata"].ObjectValue(), "annotations")
}

func TestBridgeOfManagedArgoCDAndOfAClusterWhoseVPCIsNotKnown(t *testing.T) {
	t.Parallel()
	r := withCapability()
	deployed(t, r, platformConfig(t, managed("{}", strings.Replace(hubLeast, "}", ", bridge: true}", 1))))
	metadata := r.one(t, secretType, "argocd/hub").Inputs["metadata"].ObjectValue()
	assert.Equal(t, map[string]any{"aws_cluster_name": "hub", "aws_region": "eu-west-1", "aws_account_id": account},
		metadata["annotations"].Mappable())
}

func TestConfigRefusesABridge(t *testing.T) {
	t.Parallel()
	platform := func(roles, target string) string {
		return "roles:\n  " + roles + "\nargocd: {hub: hub, targets: {hub: {cluster: hub, bridge: true" + target + "}}}"
	}
	account := func(key string) string {
		return key + ": {clusters: [hub], serviceAccounts: [{namespace: x, name: " + strings.Trim(strings.ToLower(key), "_") + "}]}"
	}
	zones := func(key, name string) string {
		return key + ": {name: " + key + ", clusters: [hub], preset: {externalDns: {hostedZones: [Z0123456789ABCDEFGHIJ]}}, serviceAccounts: [{namespace: x, name: " + name + "}]}"
	}
	long := strings.Repeat("a", 48)
	refusedConfigs(t, []struct{ name, platform, want string }{
		{
			"two roles of one preset", platform(zones("public", "a")+"\n  "+zones("private", "b"), ""),
			"platform.argocd.targets.hub.bridge: the roles private, public would all be external_dns_iam_role_arn; say which it is under that key in annotations",
		},
		{
			"roles whose keys become one", platform(account("a-b")+"\n  a_b: {clusters: [hub], serviceAccounts: [{namespace: y, name: x}]}\n  a.b: {clusters: [hub], serviceAccounts: [{namespace: z, name: x}]}", ""),
			"platform.argocd.targets.hub.bridge: the roles a-b, a.b, a_b would all be a_b_iam_role_arn; say which it is under that key in annotations",
		},
		{
			"a key that is too long", platform(account(long), ""),
			"platform.argocd.targets.hub.bridge: the role " + long + " would be " + long + "_service_account, which no annotation can be; choose a key of the role of " +
				"up to 47 letters, digits, - and _, which begins with a letter or a digit",
		},
		{
			"a key that begins with _", platform(account("_app"), ""),
			"platform.argocd.targets.hub.bridge: the role _app would be _app_service_account, which no annotation can be; choose a key of the role of " +
				"up to 47 letters, digits, - and _, which begins with a letter or a digit",
		},
	})
	r := clusters("hub")
	deployed(t, r, platformConfig(t, "clusters:\n  hub: {region: eu-west-1}\n"+
		platform(zones("public", "a")+"\n  "+zones("private", "b"), ", annotations: {external_dns_iam_role_arn: chosen}")))
	assert.Equal(t, "chosen", r.one(t, secretType, "argocd/hub").Inputs["metadata"].ObjectValue()["annotations"].ObjectValue()["external_dns_iam_role_arn"].StringValue())
}
