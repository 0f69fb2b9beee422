package tests

import (
	"encoding/base64"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/stacks"
)

const quoteWhatTheFileHas = "; put what the file has there in quotes"

// yamlTraps are what the Pulumi CLI makes JSON of without a trace of quotes, and is refused with the way to write it.
var yamlTraps = func() []struct{ name, platform, want string } {
	app := func(rest string) string {
		return "roles:\n  app:\n    clusters: [hub]\n    serviceAccounts: [{namespace: default, name: app}]\n    " + rest
	}
	target := func(rest string) string {
		return "argocd: {hub: hub, targets: {edge: {cluster: edge, " + rest + "}}}"
	}
	newCluster := func(create string) string { return "clusters:\n  hub: {region: eu-west-1, create: {" + create + "}}" }
	return []struct{ name, platform, want string }{
		// Numbers.
		{
			"Kubernetes 1.30, which is 1.3 to YAML", newCluster("version: 1.30"),
			"platform.clusters.hub.create.version: must be a string, not the number 1.3" + quoteWhatTheFileHas,
		},
		{
			"an account that begins with 0, which is an octal number to YAML", "tags: {account: 012345670123}",
			"platform.tags.account: must be a string, not the number 1402433619" + quoteWhatTheFileHas +
				" (without them YAML reads 012345670123, for one, as an octal number)",
		},
		{
			"an account that begins with 0 and has a 9, which loses the 0", "tags: {account: 099999999999}",
			"platform.tags.account: must be a string, not the number 99999999999" + quoteWhatTheFileHas +
				" (without them YAML reads 099999999999, for one, as a number and drops the 0)",
		},
		{"an octal number that is no account", "owner: 0123", "platform.owner: must be a string, not the number 83" + quoteWhatTheFileHas},
		{"an octal number as YAML 1.2 writes it", "owner: 0o17", "platform.owner: must be a string, not the number 15" + quoteWhatTheFileHas},
		{"a hexadecimal number", app("name: 0xBEEF"), "platform.roles.app.name: must be a string, not the number 48879" + quoteWhatTheFileHas},
		{"a number with _ in it", app("description: 1_000"), "platform.roles.app.description: must be a string, not the number 1000" + quoteWhatTheFileHas},
		{"a number with an exponent", "tags: {build: 1e3}", "platform.tags.build: must be a string, not the number 1000" + quoteWhatTheFileHas},
		{
			"a commit that reads as a number", "tags: {commit: 1234567e12}",
			"platform.tags.commit: must be a string, not the number 1234567000000000000" + quoteWhatTheFileHas,
		},
		{
			"a thumbprint of digits only", "clusters:\n  hub: {region: eu-west-1, oidcProvider: {thumbprints: [1234567890123456789012345678901234567890]}}",
			"platform.clusters.hub.oidcProvider.thumbprints[0]: must be a string, not the number 1.2345678901234568e+39" + quoteWhatTheFileHas,
		},
		{
			"a number in a label of Argo CD's", target("access: {kubernetesGroups: [x]}, labels: {tier: 1}"),
			"platform.argocd.targets.edge.labels.tier: must be a string, not the number 1" + quoteWhatTheFileHas,
		},
		{
			"a cluster's key that is a number", app("") + "\n  b: {clusters: [012], serviceAccounts: [{namespace: x, name: y}]}",
			"platform.roles.b.clusters[0]: must be a string, not the number 10" + quoteWhatTheFileHas,
		},
		{
			"a fraction of a second", app("maxSessionDuration: 3600.5"),
			"platform.roles.app.maxSessionDuration: must be a whole number, not the number 3600.5",
		},
		{
			"a number that no computer counts to", app("maxSessionDuration: 36000000000000000000"),
			"platform.roles.app.maxSessionDuration: must be a whole number, not the number 36000000000000000000",
		},
		{
			"a larger one", app("maxSessionDuration: 1e300"),
			"platform.roles.app.maxSessionDuration: must be a whole number, not the number 1e+300",
		},
		{"a number in quotes", newCluster(`minSize: "3"`), `platform.clusters.hub.create.minSize: must be a whole number, not "3"; take the quotes off`},
		{"two numbers in quotes", newCluster(`minSize: "3 4"`), `platform.clusters.hub.create.minSize: must be a whole number, not "3 4"`},
		{"a number in words", newCluster("minSize: three"), `platform.clusters.hub.create.minSize: must be a whole number, not "three"`},

		// Booleans.
		{"a boolean for a text", "tags: {backup: true}", "platform.tags.backup: must be a string, not true" + quoteWhatTheFileHas},
		{
			"a boolean in an annotation", app("") + "\n  b: {clusters: [hub], serviceAccounts: [{namespace: x, name: y, annotations: {a/b: False}}]}",
			"platform.roles.b.serviceAccounts[0].annotations.a/b: must be a string, not false" + quoteWhatTheFileHas,
		},
		{"yes, which is a text to YAML 1.2", "buckets: {data: {cluster: hub, forceDestroy: yes}}", `platform.buckets.data.forceDestroy: must be true or false, not "yes"`},
		{"on", app("forceDetachPolicies: on"), `platform.roles.app.forceDetachPolicies: must be true or false, not "on"`},
		{"a boolean in quotes", app(`forceDetachPolicies: "true"`), `platform.roles.app.forceDetachPolicies: must be true or false, not "true"; take the quotes off`},
		{"a number for a boolean", app("forceDetachPolicies: 1"), "platform.roles.app.forceDetachPolicies: must be true or false, not the number 1"},
		{
			"true for the defaults of a part", app("testPod: true"),
			"platform.roles.app.testPod: must be a map, not true; write {} if all is to be default; known keys are annotations, check, image, " +
				"imagePullSecrets, keepRunning, labels, negativeTest, nodeSelector, proveAlways, timeoutSeconds, tolerations",
		},
		{
			"false for no part", target("access: {kubernetesGroups: [x]}, role: false"),
			"platform.argocd.targets.edge.role: must be a map, not false; leave the key out if there is to be none; known keys are description, " +
				"maxSessionDuration, name, path, permissionsBoundary, tags",
		},

		// Dates.
		{"a date", "tags: {until: 2026-12-31}", `platform.tags.until: "2026-12-31 00:00:00 +0000 UTC" is a date that YAML read; put it in quotes: "2026-12-31"`},
		{
			"a time", app("description: 2026-12-31T23:59:59+02:00"),
			`platform.roles.app.description: "2026-12-31 23:59:59 +0200 +0200" is a date that YAML read; put it in quotes: "2026-12-31T23:59:59+02:00"`,
		},
		{
			"a date in an object", "buckets: {data: {cluster: hub, objects: {since: 2026-12-31}}}",
			`platform.buckets.data.objects.since: "2026-12-31 00:00:00 +0000 UTC" is a date that YAML read; put it in quotes: "2026-12-31"`,
		},
		{
			"a date in a list", "clusters:\n  hub: {region: eu-west-1, namespaces: [2026-12-31]}",
			`platform.clusters.hub.namespaces[0]: "2026-12-31 00:00:00 +0000 UTC" is a date that YAML read; put it in quotes: "2026-12-31"`,
		},

		// Keys.
		{
			"a key that is null to YAML", "tags: {Null: x}",
			"platform.tags.<nil>: is a key that YAML takes for no value at all, null or ~; put it in quotes",
		},
		{
			"a policy that is called ~", app("inlinePolicies: {~: '{}'}"),
			"platform.roles.app.inlinePolicies.<nil>: is a key that YAML takes for no value at all, null or ~; put it in quotes",
		},
		{
			"an object that is called by a date", "buckets: {data: {cluster: hub, objects: {2026-12-31: x}}}",
			`platform.buckets.data.objects.2026-12-31 00:00:00 +0000 UTC: is a key that YAML takes for a date; put it in quotes: "2026-12-31"`,
		},
		{"a key that is a number to YAML where keys are known", app("404: x"), "platform.roles.app.404: unknown key; known are " + roleKeys},

		{"a key of nothing, where keys are known", app("'': x"), `platform.roles.app."": unknown key; known are ` + roleKeys},
		{
			"a key of two lines", "tags: {\"a\\nb\": 1}", lines(
				`platform.tags."a\nb": is a key with characters that cannot be seen, such as line breaks`,
				`platform.tags."a\nb": must be a string, not the number 1`+quoteWhatTheFileHas,
			),
		},

		// No values.
		{
			"a key without a value, where a text is wanted", app("name:"),
			"platform.roles.app.name: has no value; give one, in quotes if it is to be null or ~, or leave the key out",
		},
		{
			"null where a text is wanted", "tags: {team: null}",
			"platform.tags.team: has no value; give one, in quotes if it is to be null or ~, or leave the key out",
		},
		{"~ where a list is wanted", app("managedPolicies: ~"), "platform.roles.app.managedPolicies: has no value; give one, or leave the key out"},
		{"a policy without a document", app("inlinePolicies: {p: }"), "platform.roles.app.inlinePolicies.p: has no value; give one, or leave the key out"},
		{
			"a cluster without anything", "clusters:\n  hub:",
			"platform.clusters.hub: has no value; give one ({} if all is to be default), or leave the key out",
		},
		{
			"a dash without a value", "clusters:\n  hub:\n    region: eu-west-1\n    namespaces:\n      - apps\n      -",
			"platform.clusters.hub.namespaces[1]: has no value; give one, in quotes if it is to be null or ~, or take it off the list",
		},

		// Empty texts, as templates leave them where a variable is not set.
		{"an empty text", app(`name: ""`), "platform.roles.app.name: " + isEmpty},
		{"an empty region", "clusters:\n  hub: {region: ''}", "platform.clusters.hub.region: " + isEmpty},
		{"an empty profile", "clusters:\n  hub: {region: eu-west-1, profile: ''}", "platform.clusters.hub.profile: " + isEmpty},
		{"an empty boundary", app("permissionsBoundary: ''"), "platform.roles.app.permissionsBoundary: " + isEmpty},
		{"an empty mode", "argocd: {hub: hub, serviceAccountMode: ''}", "platform.argocd.serviceAccountMode: " + isEmpty},
		{"an empty check of a pod", app("testPod: {check: ''}"), "platform.roles.app.testPod.check: " + isEmpty},
		{"an empty line", app("description: |\n\n"), "platform.roles.app.description: " + isEmpty},
		{"an empty policy in a list", app("managedPolicies: [ReadOnlyAccess, '']"), "platform.roles.app.managedPolicies[1]: " + isEmptyInAList},
		{
			"white space around a text", "clusters:\n  hub: {region: ' eu-west-1', profile: \"prod\\t\"}", lines(
				`platform.clusters.hub.profile: "prod\t" begins or ends with white space; take that off`,
				`platform.clusters.hub.region: " eu-west-1" begins or ends with white space; take that off`,
			),
		},

		// Lists, maps and texts in each other's place.
		{"a text for a list", app("managedPolicies: ReadOnlyAccess"), `platform.roles.app.managedPolicies: must be a list, not "ReadOnlyAccess"; write it as a list: ["ReadOnlyAccess"]`},
		{
			"a text with commas for a list", "clusters:\n  hub: {region: eu-west-1, namespaces: 'apps, test'}",
			`platform.clusters.hub.namespaces: must be a list, not "apps, test"; write it as a list: ["apps", "test"]`,
		},
		{
			"a list in quotes", "clusters:\n  hub: {region: eu-west-1, namespaces: '[\"apps\"]'}",
			`platform.clusters.hub.namespaces: must be a list, not "[\"apps\"]"; take the quotes off`,
		},
		{
			"a number for a list", "roles: {app: {clusters: 012}}",
			"platform.roles.app.clusters: must be a list, not the number 10; write a list, with what the file has there in quotes",
		},
		{
			"a map for a list", "roles: {app: {serviceAccounts: {namespace: default, name: app}}}",
			`platform.roles.app.serviceAccounts: must be a list, not {"name":"app","namespace":"default"}; put a dash before it, or [ ] around it`,
		},
		{
			"a list for a text", app("name: [app]"),
			`platform.roles.app.name: must be a string, not ["app"]; write it without a dash or [ ]`,
		},
		{"a map for a text", app("name: {of: app}"), `platform.roles.app.name: must be a string, not {"of":"app"}`},
		{
			"a list for a map", "tags: [environment: dev]",
			`platform.tags: must be a map, not [{"environment":"dev"}]; write "key: value", without dashes or [ ]`,
		},
		{
			"a long list for a map", "tags:\n  - {Key: environment, Value: development}\n  - {Key: team, Value: payments}\n  - {Key: cost-center, Value: unknown}",
			`platform.tags: must be a map, not a list; write "key: value", without dashes or [ ]`,
		},
		{
			"a name where a map is wanted", target("access: {policies: [AmazonEKSViewPolicy]}"),
			`platform.argocd.targets.edge.access.policies[0]: must be a map, not "AmazonEKSViewPolicy"; known keys are namespaces, policy`,
		},
		{
			"a long text where a map is wanted", "clusters:\n  hub: {region: eu-west-1, assumeRole: 'arn:aws:iam::111122223333:role/" +
				"platform/teams/payments/deployer-of-the-development-environment'}",
			`platform.clusters.hub.assumeRole: must be a map, not "arn:aws:iam::111122223333:role/platform/teams/payments/deployer-of-the-developm…"; ` +
				"known keys are roleArn, sessionName",
		},
		{"a map in quotes", `tags: '{"a": "b"}'`, `platform.tags: must be a map, not "{\"a\": \"b\"}"; take the quotes off`},
		{
			"what is secret only in part to Pulumi", app("name: {secure: 5}"),
			`platform.roles.app.name: must be a string, not {"secure":5}`,
		},
	}
}()

func TestConfigRefusesWhatYAMLMakesOfTexts(t *testing.T) {
	t.Parallel()
	refusedConfigs(t, yamlTraps)
}

// A value that is encrypted makes all of the platform secret to Pulumi, and comes to the program as plain text.
func TestConfigRefusesASecretAsItWouldNotStayOne(t *testing.T) {
	t.Parallel()
	values := platformConfig(t, "clusters: {hub: {region: eu-west-1, profile: {secure: cHJvZA==}}}")
	require.Contains(t, values["eks-irsa:platform"], `"profile":"prod"`)
	refusedInput(t, "invalid configuration:\nplatform: a value in it is encrypted (secure:), and all that is made of it stands in plain text in the "+
		"stack's state, but for a proxyUrl with a password; write the value as it is, or keep what is secret elsewhere",
		stacks.Platform, withConfig(values), encrypted)
}

func encrypted(info *pulumi.RunInfo) { info.ConfigSecretKeys = []string{"eks-irsa:platform"} }

func TestConfigHasTheEncryptedPasswordOfAProxyForArgoCDsSecretOnly(t *testing.T) {
	t.Parallel()
	const password = "hush-hush"
	r := twoAccounts()
	values := platformConfig(t, targets("near: {cluster: near, access: {kubernetesGroups: [x]}, proxyUrl: {secure: "+
		base64.StdEncoding.EncodeToString([]byte("http://me:"+password+"@proxy.example.com"))+"}}"))
	require.NoError(t, r.run(stacks.Platform, withConfig(values), encrypted))
	require.Contains(t, secretConfig(t, r, "near")["proxyUrl"], password)
	for _, added := range r.registrations {
		if added.TypeToken == secretType {
			require.True(t, added.Inputs["data"].IsSecret(), added.Name)
			continue
		}
		require.NotContains(t, added.json(t), password)
	}
}

// `pulumi config set platform "$(cat platform.json)"` makes a text of it, which the CLI passes on as it is.
func TestConfigMayBeATextOfJSON(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, platform, want string }{
		{
			"a key twice", `{"clusters":{"hub":{"region":"eu-west-1","region":"us-east-1"}}}`,
			"platform.clusters.hub.region: occurs twice; leave one of the two",
		},
		{
			"a condition twice, and a wrong type further down",
			`{"clusters":{"hub":{"region":"eu-west-1"}},"roles":{"app":{"clusters":["hub"],"maxSessionDuration":3.6e-3,"inlinePolicies":{"p":{"Statement":[` +
				`{"Effect":"Allow","Condition":{"Bool":{"a:b":"true"},"Bool":{"a:b":"false"}}}]}}}}}`,
			lines("platform.roles.app.inlinePolicies.p.Statement[0].Condition.Bool: occurs twice; leave one of the two",
				"platform.roles.app.maxSessionDuration: must be a whole number, not the number 3.6e-3"),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			refusedInput(t, "invalid configuration:\n"+test.want, stacks.Platform, withConfig(map[string]string{"eks-irsa:platform": test.platform}))
		})
	}
	for _, duration := range []string{"3600", "3600.0", "3.6e3", "36E2"} {
		cfg, err := stacks.ParseConfig(`{"clusters":{"hub":{"region":"eu-west-1"}},"roles":{"app":{"clusters":["hub"],"maxSessionDuration":`+duration+
			`,"serviceAccounts":[{"namespace":"x","name":"y"}]}}}`, "")
		require.NoError(t, err)
		assert.Equal(t, 3600, cfg.Roles["app"].MaxSessionDuration)
	}
}

// oneMeaning is what looks like a trap of YAML, and is none.
const oneMeaning = `
tags: &tags {empty: "", "null": "null", yes: no, on: off, "2026-12-31": '0123', time: 12:30:45, version: 1.2.3, 404: y}
clusters:
  hub: &hub
    region: |
      eu-west-1
    profile: >
      prod
    namespaces:
      - |
        apps
  edge: {<<: *hub, region: us-east-1}
buckets:
  data: {cluster: hub, forceDestroy: True, objects: {empty: "", lines: " a\n\n", <: x}}
roles:
  app:
    clusters: [hub]
    serviceAccounts:
      - namespace: default
        name: app
        annotations: {empty: "", example.com/lines: "a\nb\n"}
    tags: *tags
    maxSessionDuration: 3.6e3
    maxTrustPolicySize: 4_096
    testPod:
      check: |
        aws s3 ls &&
        echo there
      timeoutSeconds: 60.0
      tolerations: [{key: "", operator: Exists, value: "", effect: ""}]
    inlinePolicies:
      p: {Version: "2012-10-17", Statement: {Effect: Allow, Action: "s3:GetObject", Resource: "arn:aws:s3:::a&c>b"}}
`

func TestConfigTakesWhatHasOneMeaningToYAML(t *testing.T) {
	t.Parallel()
	values := platformConfig(t, oneMeaning)
	cfg, err := stacks.ParseConfig(values["eks-irsa:platform"], "")
	require.NoError(t, err)
	assert.Equal(t, map[string]string{
		"empty": "", "null": "null", "yes": "no", "on": "off", "2026-12-31": "0123", "time": "12:30:45", "version": "1.2.3", "404": "y",
	}, cfg.Tags)
	assert.Equal(t, pulumi.ToStringMap(cfg.Tags), cfg.Roles["app"].Tags)
	for key, region := range map[string]string{"hub": "eu-west-1", "edge": "us-east-1"} {
		cluster := cfg.Clusters[key]
		cluster.OidcProvider = stacks.OidcProvider{}
		assert.Equal(t, stacks.Cluster{Name: key, Region: region, Profile: "prod", Namespaces: []string{"apps"}}, cluster)
	}
	assert.Equal(t, stacks.Bucket{Name: "data", Cluster: "hub", ForceDestroy: true, Objects: map[string]string{"empty": "", "lines": " a\n\n", "<": "x"}}, cfg.Buckets["data"])
	app := cfg.Roles["app"]
	assert.Equal(t, map[string]string{"empty": "", "example.com/lines": "a\nb\n"}, app.ServiceAccounts[0].Annotations)
	assert.Equal(t, []int{3600, 4096, 60}, []int{app.MaxSessionDuration, app.MaxTrustPolicySize, app.TestPod.TimeoutSeconds})
	assert.Equal(t, "aws s3 ls &&\necho there", app.TestPod.Check)
	assert.Len(t, app.TestPod.Tolerations, 1)
	assert.Contains(t, app.InlinePolicies["p"], `"arn:aws:s3:::a&c>b"`, "IAM counts characters, of which \\u003e would be six")
}
