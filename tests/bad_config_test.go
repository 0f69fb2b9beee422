package tests

import (
	"strings"
	"testing"

	"github.com/eks-irsa/pulumi-eks-irsa/stacks"
)

// refusedConfig checks the message about a stack file whose clusters are hub and edge, unless it declares others.
func refusedConfig(t *testing.T, platform, want string) {
	t.Helper()
	refusedInput(t, "invalid configuration:\n"+want, stacks.Platform, withConfig(platformConfig(t, withClusters(platform))))
}

// withClusters declares hub and edge where no clusters are declared.
func withClusters(platform string) string {
	if strings.Contains(platform, "clusters:\n") {
		return platform
	}
	return "clusters:\n  hub: {region: eu-west-1}\n  edge: {region: us-east-1, profile: other}\n" + platform
}

func refusedConfigs(t *testing.T, cases []struct{ name, platform, want string }) {
	t.Helper()
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			refusedConfig(t, test.platform, test.want)
		})
	}
}

const (
	isEmpty        = "is empty; give it a value, or leave the key out"
	isEmptyInAList = "is empty; give it a value, or take it off the list"

	// Keys that the configuration knows.
	topKeys  = "argocd, buckets, clusters, include, owner, readQuotas, roles, tags, testPodDefaults"
	roleKeys = "acknowledge, aliases, clusters, customerManagedPolicies, description, exclusivePolicies, forceDetachPolicies, identity, import, inlinePolicies, " +
		"managedPolicies, maxSessionDuration, maxTrustPolicySize, name, namePrefix, path, permissionsBoundary, preset, serviceAccounts, tags, testPod, " +
		"trustConditions"
	argoCDKeys = "acknowledge, customerManagedPolicies, description, exclusivePolicies, forceDetachPolicies, hub, identity, inlinePolicies, managed, managedPolicies, " +
		"maxSessionDuration, " +
		"maxTrustPolicySize, namespace, path, permissionsBoundary, roleName, roleNamePrefix, serviceAccountMode, serviceAccounts, tags, targets, testPod"
)

func TestConfigRefusesAnotherShape(t *testing.T) {
	t.Parallel()
	refusedConfigs(t, []struct{ name, platform, want string }{
		{"an unknown key", "role: {}", "platform.role: unknown key; known are " + topKeys},
		{
			"an unknown key further down", "clusters:\n  hub: {region: eu-west-1, create: {nodes: 3}}",
			"platform.clusters.hub.create.nodes: unknown key; known are authenticationMode, desiredCapacity, instanceType, maxSize, minSize, " +
				"privateSubnetIds, publicSubnetIds, version, vpcId",
		},
		{
			"an unknown key in a list", "roles: {app: {serviceAccounts: [{Namespace: x}]}}",
			"platform.roles.app.serviceAccounts[0].Namespace: unknown key; known are annotations, clusters, labels, mode, name, namePattern, namespace, " +
				"regionalSts, tokenExpirationSeconds",
		},
		{
			"a number where a string is wanted", "clusters:\n  hub: {region: eu-west-1, create: {version: 1.34}}",
			"platform.clusters.hub.create.version: must be a string, not the number 1.34; put what the file has there in quotes",
		},
		{
			"a string where a number is wanted", `roles: {app: {maxSessionDuration: "3600"}}`,
			`platform.roles.app.maxSessionDuration: must be a whole number, not "3600"; take the quotes off`,
		},
		{
			"a fraction where a whole number is wanted", "roles: {app: {maxSessionDuration: 3600.5}}",
			"platform.roles.app.maxSessionDuration: must be a whole number, not the number 3600.5",
		},
		{"a string where a truth is wanted", `buckets: {b: {forceDestroy: "yes"}}`, `platform.buckets.b.forceDestroy: must be true or false, not "yes"`},
		{"a string where a list is wanted", "roles: {app: {clusters: hub}}", `platform.roles.app.clusters: must be a list, not "hub"; write it as a list: ["hub"]`},
		{"a list where a map is wanted", "roles: [app]", `platform.roles: must be a map, not ["app"]; write "key: value", without dashes or [ ]`},
		{"a string where a map with known keys is wanted", "argocd: hub", `platform.argocd: must be a map, not "hub"; known keys are ` + argoCDKeys},
		{
			"a key without a value", "roles: {app: {testPod: }}",
			"platform.roles.app.testPod: has no value; give one ({} if all is to be default), or leave the key out",
		},
		{"several faults, all reported", "role: {}\nroles: {app: {clusters: [1], Name: x}}\ntags: {a: 1}", lines(
			"platform.role: unknown key; known are "+topKeys,
			"platform.roles.app.Name: unknown key; known are "+roleKeys,
			"platform.roles.app.clusters[0]: must be a string, not the number 1; put what the file has there in quotes",
			"platform.tags.a: must be a string, not the number 1; put what the file has there in quotes",
		)},
	})
}

func TestConfigRefusesWhatIsNone(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, value, want string }{
		{"not set", "", "eks-irsa:platform is not set: declare the platform in Pulumi.dev.yaml"},
		{"empty", "{}", "invalid configuration:\nplatform.clusters: declare at least one cluster"},
		{"null", "null", "invalid configuration:\nplatform: has no value; give one ({} if all is to be default), or leave the key out"},
		{"a word", "dev", "invalid configuration:\nplatform: must be a map: invalid character 'd' looking for beginning of value"},
		{"a number", "5", "invalid configuration:\nplatform: must be a map, not the number 5; known keys are " + topKeys},
		{"a list", `["dev"]`, "invalid configuration:\nplatform: must be a map, not [\"dev\"]; write \"key: value\", without dashes or [ ]; known keys are " + topKeys},
		{"two values", `{}{}`, "invalid configuration:\nplatform: something follows the value"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			refusedInput(t, test.want, stacks.Platform, withConfig(map[string]string{"eks-irsa:platform": test.value}))
		})
	}
}

func TestConfigRefusesKeysThatNoNameCanBeMadeOf(t *testing.T) {
	t.Parallel()
	badKey := func(key string) string {
		return `the key "` + key + `" becomes part of names; use letters, digits, ., _ and -, and begin with a letter, a digit or _`
	}
	refusedConfigs(t, []struct{ name, platform, want string }{
		{
			"a target whose proofs could not be named after it",
			"argocd: {hub: hub, testPod: {negativeTest: true}, targets: {Prod_EU: {cluster: edge, access: {kubernetesGroups: [x]}}}}",
			"platform.argocd.targets.Prod_EU: the pods that log in to the target, as testPod asks for, are named after its key, and " +
				`"Prod_EU" cannot be part of a pod's name; use lower-case letters, digits and -`,
		},
		{
			"slashes, which stand between the parts of names",
			"clusters:\n  a: {region: eu-west-1}\n  a/b: {region: eu-west-1, name: b}\nbuckets: {c/d: {cluster: a, name: cdcd}}", lines(
				"platform.clusters.a/b: "+badKey("a/b"), "platform.buckets.c/d: "+badKey("c/d"),
			),
		},
		{
			"no key", "roles: {'': {clusters: [hub], serviceAccounts: [{namespace: x, name: y}]}}",
			`platform.roles."": is an empty key; give it a name`,
		},
		{
			"a key that begins with a hyphen, and one with a percent sign",
			"argocd: {hub: hub, targets: {-x: {cluster: hub}, 100%d: {cluster: edge, access: {kubernetesGroups: [x]}}}}", lines(
				"platform.argocd.targets.-x: "+badKey("-x"), "platform.argocd.targets.100%d: "+badKey("100%d"),
			),
		},
	})
}
