package tests

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/presets"
)

const testZone = "Z0123456789ABCDEFGHIJ"

var presetNames = strings.Join(slices.Sorted(maps.Keys(presets.ByName)), ", ")

// inlineDocuments are the documents of the role's inline policies, by their names.
func inlineDocuments(r *recorder) map[string]string {
	documents := map[string]string{}
	for _, policy := range r.ofType(inlinePolicyType) {
		documents[policy.Inputs["name"].StringValue()] = policy.Inputs["policy"].StringValue()
	}
	return documents
}

func TestIrsaRoleWithAPreset(t *testing.T) {
	t.Parallel()
	withExternalDNS := func(args *components.IrsaRoleArgs) {
		args.Preset, args.ServiceAccounts = presets.ExternalDNS{HostedZones: []string{testZone}}, nil
	}
	const records = `{"Effect":"Allow","Action":["route53:ChangeResourceRecordSets","route53:ListResourceRecordSets",` +
		`"route53:ListTagsForResources"],"Resource":"arn:aws:route53:::hostedzone/` + testZone + `"}`
	const document = `{"Version":"2012-10-17","Statement":[` + records +
		`,{"Effect":"Allow","Action":"route53:ListHostedZones","Resource":"*"}]}`
	t.Run("has the preset's service accounts, name and policy", func(t *testing.T) {
		t.Parallel()
		r, role := irsaRole.made(t, withExternalDNS)
		assert.Equal(t, map[string]string{"external-dns": document}, inlineDocuments(r))
		assert.Equal(t, "eks-external-dns-external-dns", awaitString(t, role.Name))
		assert.Equal(t, []string{"hub/external-dns/external-dns"}, await[[]string](t, role.ServiceAccounts))
		assert.Contains(t, awaitString(t, role.TrustPolicy), `"system:serviceaccount:external-dns:external-dns"`)
	})
	t.Run("has service accounts and policies of its own", func(t *testing.T) {
		t.Parallel()
		r, role := irsaRole.made(t, func(args *components.IrsaRoleArgs) {
			withExternalDNS(args)
			args.ServiceAccounts = []components.ServiceAccountArgs{{Namespace: "dns", Name: "writer"}}
			args.InlinePolicies = map[string]components.PolicyDocument{"describe": pulumi.String(describeCluster)}
		})
		assert.Equal(t, map[string]string{"external-dns": document, "describe": describeCluster}, inlineDocuments(r))
		assert.Equal(t, []string{"hub/dns/writer"}, await[[]string](t, role.ServiceAccounts))
	})
	t.Run("has AWS's own policies", func(t *testing.T) {
		t.Parallel()
		r, _ := irsaRole.made(t, func(args *components.IrsaRoleArgs) {
			args.Preset = &presets.EBSCSI{Keys: []string{"arn:aws:kms:eu-west-1:" + account + ":key/12345678-90ab-cdef-1234-567890abcdef"}}
		})
		assert.Equal(t, "arn:aws:iam::aws:policy/AmazonEBSCSIDriverPolicyV2",
			r.one(t, attachmentType, "app/AmazonEBSCSIDriverPolicyV2").Inputs["policyArn"].StringValue())
		assert.Equal(t, []string{"ebs-csi-keys"}, slices.Collect(maps.Keys(inlineDocuments(r))))
	})
	t.Run("is for the clusters' regions and account", func(t *testing.T) {
		t.Parallel()
		r, _ := irsaRole.made(t, func(args *components.IrsaRoleArgs) {
			args.Clusters = append(args.Clusters, components.IrsaCluster{
				Name: "edge", OidcProviderArn: pulumi.String(edgeProviderArn), Kubernetes: args.Clusters[0].Kubernetes,
			})
			args.Preset = presets.ManagedPrometheus{Workspaces: []string{"ws-1"}}
		})
		assert.Contains(t, inlineDocuments(r)["managed-prometheus"],
			`["arn:aws:aps:eu-west-1:111122223333:workspace/ws-1","arn:aws:aps:us-east-1:111122223333:workspace/ws-1"]`)
	})
}

func TestIrsaRoleRefusesPresets(t *testing.T) {
	t.Parallel()
	type args = components.IrsaRoleArgs
	preset := func(preset presets.Preset) func(*args) {
		return func(a *args) { a.Preset, a.ServiceAccounts = preset, nil }
	}
	irsaRole.refuses(t, []refusal[args]{
		{
			"arguments that are wrong", `preset.externalDns.hostedZones[0]: "*" is a pattern; name each hosted zone: its ID, such as ` +
				testZone + `, or its ARN`, preset(presets.ExternalDNS{HostedZones: []string{"*"}}),
		},
		{
			"a preset without service accounts", "serviceAccounts: is empty; at least one service account is needed",
			preset(presets.ImageBuilder{}),
		},
		{
			"a policy of the preset's name", "preset.externalDns: another policy of the role has this name, External-DNS", func(a *args) {
				a.Preset = presets.ExternalDNS{HostedZones: []string{testZone}}
				a.InlinePolicies = map[string]components.PolicyDocument{"External-DNS": pulumi.String(describeCluster)}
			},
		},
		{
			"a managed policy that the preset has", "preset.ebsCsi: another policy of the role has this name, AmazonEBSCSIDriverPolicyV2",
			func(a *args) {
				a.Preset, a.ManagedPolicies = presets.EBSCSI{}, []string{"AmazonEBSCSIDriverPolicyV2"}
			},
		},
		{
			"a cluster without a region", "preset.karpenter: the policy is limited to the clusters' regions, and their issuers tell none; " +
				"write it as an inline policy instead", func(a *args) {
				a.Clusters[0].OidcProviderArn = pulumi.String("arn:aws:iam::" + account + ":oidc-provider/oidc.example.com/hub")
				a.Preset = presets.Karpenter{ClusterName: "hub", NodeRole: "arn:aws:iam::" + account + ":role/nodes"}
			},
		},
		{
			"an ARN of another partition", `preset.nodeTerminationHandler.queues[0]: "arn:aws-cn:sqs:cn-north-1:111122223333:q" is in the ` +
				`partition aws-cn, and the role is in aws: write arn:aws:sqs:cn-north-1:111122223333:q`,
			preset(presets.NodeTerminationHandler{Queues: []string{"arn:aws-cn:sqs:cn-north-1:111122223333:q"}}),
		},
	})
}

func TestPlatformMakesRolesOfPresets(t *testing.T) {
	t.Parallel()
	r := clusters("hub")
	deployed(t, r, platformConfig(t, `
clusters:
  hub: {region: eu-west-1}
roles:
  dns:
    clusters: [hub]
    preset: {externalDns: {hostedZones: [`+testZone+`]}}
  ebs:
    clusters: [hub]
    preset: {ebsCsi: {}}
`))
	assert.Equal(t, "eks-external-dns-external-dns", r.one(t, roleType, "dns").Inputs["name"].StringValue())
	assert.Equal(t, "eks-kube-system-ebs-csi-controller-sa", r.one(t, roleType, "ebs").Inputs["name"].StringValue())
	assert.Equal(t, []string{"external-dns"}, slices.Collect(maps.Keys(inlineDocuments(r))))
	assert.Equal(t, "arn:aws:iam::aws:policy/AmazonEBSCSIDriverPolicyV2",
		r.one(t, attachmentType, "ebs/AmazonEBSCSIDriverPolicyV2").Inputs["policyArn"].StringValue())
}

func TestConfigRefusesPresets(t *testing.T) {
	t.Parallel()
	role := func(preset string) string { return "roles: {app: {clusters: [hub], preset: " + preset + "}}" }
	refusedConfigs(t, []struct{ name, platform, want string }{
		{"an unknown preset", role("{externalDNS: {}}"), "platform.roles.app.preset.externalDNS: unknown preset; known are " + presetNames},
		{
			"two presets", role("{externalDns: {}, certManager: {}}"),
			"platform.roles.app.preset: must have one preset, and has 2; make a role for each controller",
		},
		{"no preset", role("{}"), "platform.roles.app.preset: must have one preset, and has 0; make a role for each controller"},
		{
			"a text", role("ebsCsi"),
			`platform.roles.app.preset: must be a map of a preset and its arguments, not "ebsCsi"; the presets are ` + presetNames,
		},
		{
			"a preset without a value", role("{ebsCsi: ~}"),
			"platform.roles.app.preset.ebsCsi: has no value; give one ({} if all is to be default), or leave the key out",
		},
		{
			"an unknown argument", role("{externalDns: {zones: [" + testZone + "]}}"),
			"platform.roles.app.preset.externalDns.zones: unknown key; known are hostedZones",
		},
		{
			"an argument where there are none", role("{pganalyze: {databases: [x]}}"),
			"platform.roles.app.preset.pganalyze.databases: unknown key; there are none, so write {} in their place",
		},
		{
			"no argument where one is needed", role("{externalDns: {}}"),
			"platform.roles.app.preset.externalDns.hostedZones: name at least one hosted zone: its ID, such as " + testZone + ", or its ARN",
		},
		{
			"arguments of embedded structs", role("{fluentBit: {logGroups: ['*']}}"),
			`platform.roles.app.preset.fluentBit.logGroups[0]: "*" is a pattern; name each log group: its name, such as /eks/my-cluster, ` +
				`or its ARN, or the beginning of names with * behind it`,
		},
		{
			"an ARN of another partition", "clusters:\n  hub: {region: cn-north-1}\n" +
				role("{nodeTerminationHandler: {queues: ['arn:aws:sqs:cn-north-1:111122223333:q']}}"),
			`platform.roles.app.preset.nodeTerminationHandler.queues[0]: "arn:aws:sqs:cn-north-1:111122223333:q" is in the partition aws, and ` +
				`the role is in aws-cn: write arn:aws-cn:sqs:cn-north-1:111122223333:q`,
		},
		{
			"the same preset in two roles",
			"roles: {a: {clusters: [hub], preset: {ebsCsi: {}}}, b: {clusters: [hub], preset: {ebsCsi: {}}}}",
			"platform.roles.b: role eks-kube-system-ebs-csi-controller-sa is declared already, at platform.roles.a\n" +
				"platform.roles.b.serviceAccounts[0]: service account kube-system/ebs-csi-controller-sa of cluster hub is declared " +
				"already, at platform.roles.a.serviceAccounts[0]",
		},
	})
}
