package tests

import (
	"strings"
	"testing"

	"github.com/eks-irsa/pulumi-eks-irsa/stacks"
)

// mayNotAssumeItself is why the hub role is refused as the role of a target.
func mayNotAssumeItself(path string) string {
	return "and no role may assume itself unless its trust policy names it; leave " + path + " out, and the cluster lets that role in directly"
}

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
	topKeys  = "argocd, buckets, clusters, owner, roles, tags, testPodDefaults"
	roleKeys = "aliases, clusters, customerManagedPolicies, description, forceDetachPolicies, inlinePolicies, " +
		"managedPolicies, maxSessionDuration, maxTrustPolicySize, name, namePrefix, path, permissionsBoundary, serviceAccounts, tags, testPod"
	argoCDKeys = "customerManagedPolicies, description, forceDetachPolicies, hub, inlinePolicies, managedPolicies, maxSessionDuration, " +
		"maxTrustPolicySize, namespace, path, permissionsBoundary, roleName, roleNamePrefix, serviceAccountMode, serviceAccounts, tags, targets, testPod"
)

func TestConfigRefusesAnotherShape(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, platform, want string }{
		{"an unknown key", "role: {}", "platform.role: unknown key; known are " + topKeys},
		{
			"an unknown key further down", "clusters:\n  hub: {region: eu-west-1, create: {nodes: 3}}",
			"platform.clusters.hub.create.nodes: unknown key; known are authenticationMode, desiredCapacity, instanceType, maxSize, minSize, " +
				"privateSubnetIds, publicSubnetIds, version, vpcId",
		},
		{
			"an unknown key in a list", "roles: {app: {serviceAccounts: [{Namespace: x}]}}",
			"platform.roles.app.serviceAccounts[0].Namespace: unknown key; known are annotations, labels, mode, name, namePattern, namespace, " +
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
	}
	refusedConfigs(t, cases)
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

func TestConfigRefusesClustersAndBuckets(t *testing.T) {
	t.Parallel()
	newCluster := func(create string) string { return "clusters:\n  hub: {region: eu-west-1, create: " + create + "}" }
	cases := []struct{ name, platform, want string }{
		{"a region that is none", "clusters:\n  hub: {region: Ireland}", `platform.clusters.hub.region: "Ireland" is not an AWS region such as eu-west-1`},
		{"no region", "clusters:\n  hub: {}", `platform.clusters.hub.region: "" is not an AWS region such as eu-west-1`},
		{
			"a cluster's name with a dot", "clusters:\n  hub: {region: eu-west-1, name: hub.dev}",
			`platform.clusters.hub.name: "hub.dev" is not the name of an EKS cluster; use up to 100 letters, digits, - and _, and begin with a letter or a digit`,
		},
		{
			"a role to assume that is none", "clusters:\n  hub: {region: eu-west-1, assumeRole: {roleArn: deployer}}",
			`platform.clusters.hub.assumeRole.roleArn: "deployer" ` + notAnArn,
		},
		{
			"no role to assume", "clusters:\n  hub: {region: eu-west-1, assumeRole: {sessionName: pulumi}}",
			`platform.clusters.hub.assumeRole.roleArn: "" ` + notAnArn,
		},
		{
			"an empty namespace", "clusters:\n  hub: {region: eu-west-1, namespaces: ['']}",
			"platform.clusters.hub.namespaces[0]: " + isEmptyInAList,
		},
		{"namespaces twice and Kubernetes's own", "clusters:\n  hub: {region: eu-west-1, namespaces: [apps, apps, kube-system]}", lines(
			`platform.clusters.hub.namespaces[1]: "apps" is there already`,
			`platform.clusters.hub.namespaces[2]: "kube-system" is Kubernetes's own, it exists already`,
		)},
		{
			"one EKS cluster twice", "clusters:\n  a: {name: hub, region: eu-west-1}\n  b: {name: hub, region: eu-west-1}",
			"platform.clusters.b: EKS cluster hub in eu-west-1 is declared already, at platform.clusters.a",
		},
		{
			"one EKS cluster twice, through a role",
			"clusters:\n  a: &a {name: hub, region: eu-west-1, assumeRole: {roleArn: 'arn:aws:iam::111122223333:role/x'}}\n  b: *a",
			"platform.clusters.b: EKS cluster hub in eu-west-1 of account 111122223333 is declared already, at platform.clusters.a",
		},
		{"a new cluster of impossible size", newCluster("{minSize: -1, desiredCapacity: -3, maxSize: 0}"), lines(
			"platform.clusters.hub.create.minSize: -1 is less than 0",
			"platform.clusters.hub.create.maxSize: 0 is less than 1",
			"platform.clusters.hub.create.desiredCapacity: -3 is less than 0",
		)},
		{
			"a new cluster with more nodes at least than at most", newCluster("{minSize: 3, maxSize: 2}"),
			"platform.clusters.hub.create.minSize: 3 is more than maxSize, 2",
		},
		{
			"a new cluster with more nodes than at most", newCluster("{desiredCapacity: 3, maxSize: 2}"),
			"platform.clusters.hub.create.desiredCapacity: 3 is not from minSize to maxSize, 1 to 2",
		},
		{
			"a new cluster with less nodes than at least", newCluster("{desiredCapacity: 1, minSize: 4}"),
			"platform.clusters.hub.create.desiredCapacity: 1 is not from minSize to maxSize, 4 to 4",
		},
		{"a new cluster of no version and no type of instances", newCluster("{version: v1.34, instanceType: t3}"), lines(
			`platform.clusters.hub.create.version: "v1.34" is not a version of Kubernetes such as "1.34"`,
			`platform.clusters.hub.create.instanceType: "t3" is not an EC2 instance type such as m7g.large`,
		)},
		{
			"a new cluster in one subnet", newCluster("{vpcId: vpc-00000001, privateSubnetIds: [subnet-00000001]}"),
			"platform.clusters.hub.create.vpcId: needs publicSubnetIds or privateSubnetIds, two at least and in two availability zones, not 1",
		},
		{
			"a new cluster whose key is no part of a role's name", "clusters:\n  hub.dev: {name: hub, region: eu-west-1, create: {}}",
			`platform.clusters.hub.dev.create: "hub.dev" becomes part of the names of the cluster's IAM roles; ` +
				"choose a key of up to 38 letters, digits, - and _",
		},
		{
			"a new cluster in subnets of no VPC", newCluster("{privateSubnetIds: [subnet-00000001]}"),
			"platform.clusters.hub.create.vpcId: needed with subnets",
		},
		{
			"a new cluster of an unknown mode", newCluster("{authenticationMode: api}"),
			`platform.clusters.hub.create.authenticationMode: "api" is none of API, API_AND_CONFIG_MAP and CONFIG_MAP`,
		},
		{
			"client IDs without that of the pods", "clusters:\n  hub: {region: eu-west-1, oidcProvider: {clientIds: [sigstore]}}",
			`platform.clusters.hub.oidcProvider.clientIds: must contain "sts.amazonaws.com", the audience of the pods' tokens`,
		},
		{
			"a thumbprint that is given and computed",
			"clusters:\n  hub: {region: eu-west-1, oidcProvider: {computeThumbprint: true, thumbprints: [9e99a48a9960b14926bb7f3b02e22da2b0ab7280]}}",
			"platform.clusters.hub.oidcProvider.computeThumbprint: conflicts with thumbprints",
		},
		{
			"a thumbprint of an issuer that does not exist yet", "clusters:\n  hub: {region: eu-west-1, create: {}, oidcProvider: {computeThumbprint: true}}",
			"platform.clusters.hub.oidcProvider.computeThumbprint: not for a cluster that is still to be created",
		},
		{
			"an OIDC provider to import that does not exist yet", "clusters:\n  hub: {region: eu-west-1, create: {}, oidcProvider: {import: true}}",
			"platform.clusters.hub.oidcProvider.import: not for a cluster that is still to be created, which has no provider yet",
		},
		{
			"an owner that no tag can hold", "owner: dev & prod",
			`platform.owner: the value "dev & prod" has a character that no tag can have; use letters, digits, spaces and _ . : / = + - @`,
		},
		{
			"clusters of two partitions with one account's credentials",
			"clusters:\n  hub: {region: eu-west-1}\n  iso: {region: us-isob-east-1, profile: iso}\n  far: {region: cn-north-1, profile: iso}",
			`platform.clusters.iso.region: us-isob-east-1 is in another partition than cn-north-1 of cluster "far", which is reached with ` +
				"the same credentials (profile iso); a partition has accounts of its own",
		},
		{
			"an earlier key that is declared or claimed twice",
			"clusters:\n  a: {region: eu-west-1, aliases: [b, a, old]}\n  b: {region: eu-west-1, aliases: [old]}", lines(
				`platform.clusters.a.aliases[0]: "b" is declared, at platform.clusters.b, so it is not an earlier key`,
				`platform.clusters.a.aliases[1]: "a" is declared, at platform.clusters.a, so it is not an earlier key`,
				`platform.clusters.b.aliases[0]: "old" is claimed already, at platform.clusters.a.aliases[2]`,
			),
		},
		{
			"an earlier key of a bucket that is declared", "buckets: {data: {cluster: hub}, backup: {cluster: hub, aliases: [data]}}", lines(
				`platform.buckets.backup.aliases[0]: "data" is declared, at platform.buckets.data, so it is not an earlier key`,
				"platform.buckets.data: bucket data is declared already, at platform.buckets.backup",
			),
		},
		{
			"a bucket in upper case", "buckets: {Backup: {cluster: hub}}",
			`platform.buckets.Backup.name: "Backup" is not a bucket name (3 to 63 lower-case letters, digits, . and -)`,
		},
		{
			"a bucket beside a cluster that is not declared", "buckets: {backup: {cluster: hubb}}",
			`platform.buckets.backup.cluster: cluster "hubb" is not declared; declared are ["edge" "hub"]`,
		},
		{
			"one bucket twice", "buckets: {a: {name: backup, cluster: hub}, backup: {cluster: edge}}",
			"platform.buckets.backup: bucket backup is declared already, at platform.buckets.a",
		},
	}
	refusedConfigs(t, cases)
}

func TestConfigRefusesRoles(t *testing.T) {
	t.Parallel()
	role := func(rest string) string {
		return "roles:\n  app:\n    clusters: [hub]\n    serviceAccounts: [{namespace: default, name: app}]\n    " + rest
	}
	cases := []struct{ name, platform, want string }{
		{
			"a cluster that is not declared", "roles: {app: {clusters: [hubb], serviceAccounts: [{namespace: default, name: app}]}}",
			`platform.roles.app.clusters[0]: cluster "hubb" is not declared; declared are ["edge" "hub"]`,
		},
		{
			"an earlier key that is claimed twice", role("aliases: [old]") + "\n  other: {aliases: [old], clusters: [hub], serviceAccounts: [{namespace: x, name: y}]}",
			`platform.roles.other.aliases[0]: "old" is claimed already, at platform.roles.app.aliases[0]`,
		},
		{"no cluster", "roles: {app: {serviceAccounts: [{namespace: default, name: app}]}}", "platform.roles.app.clusters: name at least one cluster"},
		{
			"clusters of two accounts, as the roles to assume say", "clusters:\n  hub: {region: eu-west-1, assumeRole: {roleArn: 'arn:aws:iam::111122223333:role/x'}}\n" +
				"  edge: {region: eu-west-1, assumeRole: {roleArn: 'arn:aws:iam::222233334444:role/x'}}\n" +
				"roles: {app: {clusters: [hub, edge], serviceAccounts: [{namespace: default, name: app}]}}",
			`platform.roles.app.clusters[1]: "edge" is in account 222233334444 and "hub" in account 111122223333; a role is in one account, so make one role per account`,
		},
		{
			"no namespace", "roles: {app: {clusters: [hub], serviceAccounts: [{name: app}]}}",
			"platform.roles.app.serviceAccounts[0].namespace: is empty; name the namespace",
		},
		{
			"no service account", "roles: {app: {clusters: [hub]}}",
			"platform.roles.app.serviceAccounts: is empty; at least one service account is needed",
		},
		{
			"a wildcard that is not asked for", "roles: {app: {clusters: [hub], serviceAccounts: [{namespace: default, name: '*'}]}}",
			`platform.roles.app.serviceAccounts[0].name: "*" is a pattern; ask for it with namePattern`,
		},
		{"a policy document that is not JSON", role("inlinePolicies: {x: Allow everything}"), "platform.roles.app.inlinePolicies.x: not JSON: invalid character 'A' looking for beginning of value, at byte 0"},
		{
			"a policy document in YAML with a fault", role("customerManagedPolicies: {x: {Version: '2012-10-17', Statement: [{Effect: allow, Action: 's3:*', Resource: '*'}]}}"),
			`platform.roles.app.customerManagedPolicies.x: Statement[0].Effect: "allow" is neither Allow nor Deny`,
		},
		{
			"an AWS policy twice, by name and by ARN", role("managedPolicies: [ReadOnlyAccess, 'arn:aws:iam::aws:policy/ReadOnlyAccess']"),
			`platform.roles.app.managedPolicies[1]: a policy named "ReadOnlyAccess" is already in the list, at index 0`,
		},
		{
			"two managed policies of one name, one of which would get lost",
			role("managedPolicies: [ReadOnlyAccess, 'arn:aws:iam::111122223333:policy/own/ReadOnlyAccess']"),
			`platform.roles.app.managedPolicies[1]: a policy named "ReadOnlyAccess" is already in the list, at index 0`,
		},
		{
			"two roles with one name", "roles: {a: {name: app, clusters: [hub], serviceAccounts: [{namespace: default, name: a}]}, " +
				"b: {name: app, clusters: [hub], serviceAccounts: [{namespace: default, name: b}]}}",
			"platform.roles.b: role app is declared already, at platform.roles.a",
		},
		{
			"two roles with one name by default", "roles: {a: {clusters: [hub], serviceAccounts: [{namespace: a-b, name: c}]}, " +
				"b: {clusters: [hub], serviceAccounts: [{namespace: a, name: b-c}]}}",
			"platform.roles.b: role eks-a-b-c is declared already, at platform.roles.a",
		},
		{
			"a service account in two roles", "roles: {a: {name: a, clusters: [hub], serviceAccounts: [{namespace: default, name: app}]}, " +
				"b: {name: b, clusters: [hub], serviceAccounts: [{namespace: default, name: app}]}}",
			"platform.roles.b.serviceAccounts[0]: service account default/app of cluster hub is declared already, at platform.roles.a.serviceAccounts[0]",
		},
		{
			"a managed policy in two roles", "roles: {a: {clusters: [edge], serviceAccounts: [{namespace: default, name: a}], customerManagedPolicies: &p {x: '" +
				describeCluster + "'}}, b: {clusters: [edge], serviceAccounts: [{namespace: default, name: b}], customerManagedPolicies: *p}}",
			"platform.roles.b.customerManagedPolicies.x: managed policy x (profile other) is declared already, at platform.roles.a.customerManagedPolicies.x",
		},
	}
	refusedConfigs(t, cases)
}

func TestConfigRefusesArgoCD(t *testing.T) {
	t.Parallel()
	target := func(rest string) string {
		return "argocd:\n  hub: hub\n  roleName: dev-argocd\n  targets:\n    edge:\n      cluster: edge\n      " + strings.ReplaceAll(rest, "\n", "\n      ")
	}
	const (
		access       = "access: {kubernetesGroups: [deployers]}\n"
		oneAccount   = "clusters:\n  hub: {region: eu-west-1}\n  edge: {region: us-east-1}\n  more: {region: us-east-1}\n"
		otherAccount = "clusters:\n  hub: {region: eu-west-1, assumeRole: {roleArn: 'arn:aws:iam::222233334444:role/deployer'}}\n  edge: {region: us-east-1}\n"
		notForTheHub = "not for the hub, which Argo CD reaches from within with its service accounts"
	)
	newCluster := func(mode string) string {
		return "clusters:\n  hub: {region: eu-west-1}\n  edge: {region: eu-west-1, create: {authenticationMode: " + mode + "}}\n"
	}
	cases := []struct{ name, platform, want string }{
		{"no hub", "argocd: {}", `platform.argocd.hub: cluster "" is not declared; declared are ["edge" "hub"]`},
		{
			"access policies for a new cluster that knows aws-auth only",
			newCluster("CONFIG_MAP") + target("access: {policies: [{policy: AmazonEKSViewPolicy}]}"),
			lines(
				"platform.argocd.targets.edge.access.policies: aws-auth knows no access policies; name kubernetesGroups",
				"platform.argocd.targets.edge.access.kubernetesGroups: name at least one group",
			),
		},
		{
			"an access entry for a new cluster that knows aws-auth only",
			newCluster("CONFIG_MAP") + target("access: {via: accessEntry, kubernetesGroups: [deployers]}"),
			"platform.argocd.targets.edge.access.via: authentication mode CONFIG_MAP does not support accessEntry",
		},
		{
			"aws-auth for a new cluster that does not know it",
			newCluster("API") + target("access: {via: aws-auth, kubernetesGroups: [deployers]}"),
			"platform.argocd.targets.edge.access.via: authentication mode API does not support aws-auth",
		},
		{"a hub that is not declared", "argocd: {hub: hubb}", `platform.argocd.hub: cluster "hubb" is not declared; declared are ["edge" "hub"]`},
		{
			"a namespace that is none", "argocd: {hub: hub, namespace: Argo CD}",
			`platform.argocd.namespace: "Argo CD" is not a namespace; use lower case letters, digits and hyphens`,
		},
		{
			"a role name of 65 characters", "argocd: {hub: hub, roleName: " + strings.Repeat("a", 65) + "}",
			`platform.argocd.roleName: role name "` + strings.Repeat("a", 65) + `" has 65 characters; at most 64 are allowed`,
		},
		{
			"a mode that is none", "argocd: {hub: hub, serviceAccountMode: adopt}",
			`platform.argocd.serviceAccountMode: "adopt" is none of "create", "import", "patch" and "trustOnly"`,
		},
		{
			"a test pod without an account to run under", "argocd: {hub: hub, serviceAccountMode: trustOnly, testPod: {}}",
			"platform.argocd.testPod: needs a service account that is created or patched, as a pod gets its identity by the annotation",
		},
		{
			"a default of all test pods that is none, told once", "testPodDefaults: {timeoutSeconds: 1}\nargocd: {hub: hub, testPod: {}}",
			"platform.testPodDefaults.timeoutSeconds: 1 is less than 15",
		},
		{
			"a target that is not declared", "argocd: {hub: hub, targets: {x: {cluster: x, access: {kubernetesGroups: [x]}}}}",
			`platform.argocd.targets.x.cluster: cluster "x" is not declared; declared are ["edge" "hub"]`,
		},
		{
			"an earlier key of a target that is declared",
			target(access+"aliases: [again]") + "\n    again: {cluster: hub}",
			lines(
				`platform.argocd.targets.edge.aliases[0]: "again" is declared, at platform.argocd.targets.again, so it is not an earlier key`,
				`platform.argocd.targets.edge: cluster "again" in Argo CD is declared already, at platform.argocd.targets.again`,
			),
		},
		{
			"Argo CD's own key for an earlier one of a role",
			target(access) + "\nroles: {app: {aliases: [argocd], clusters: [hub], serviceAccounts: [{namespace: x, name: x}]}}",
			`platform.roles.app.aliases[0]: Argo CD's own role has the key "argocd"`,
		},
		{
			"one target twice", target(access) + "\n    again: {cluster: edge, access: {kubernetesGroups: [x]}}",
			"platform.argocd.targets.edge: Argo CD target edge is declared already, at platform.argocd.targets.again",
		},
		{
			"access to nothing", target(""),
			"platform.argocd.targets.edge.access.policies: give policies or kubernetesGroups, an entry without them allows nothing",
		},
		{
			"the group system:masters", target("access: {kubernetesGroups: ['system:masters']}"),
			`platform.argocd.targets.edge.access.kubernetesGroups[0]: EKS refuses "system:masters", as all groups that begin with system:; use an access policy`,
		},
		{"another way in", target("access: {via: magic}"), `platform.argocd.targets.edge.access.via: "magic" is neither accessEntry nor aws-auth`},
		{"policies by aws-auth", target("access: {via: aws-auth, policies: [{policy: AmazonEKSViewPolicy}]}"), lines(
			"platform.argocd.targets.edge.access.policies: aws-auth knows no access policies; name kubernetesGroups",
			"platform.argocd.targets.edge.access.kubernetesGroups: name at least one group",
		)},
		{
			"cluster resources without namespaces", target(access + "clusterResources: true"),
			"platform.argocd.targets.edge.clusterResources: only with namespaces",
		},
		{"a negative shard", target(access + "shard: -1"), "platform.argocd.targets.edge.shard: -1 is negative"},
		{
			"a role of a target, and another one", target(access + "role: {}\nroleArn: 'arn:aws:iam::222233334444:role/argocd'"),
			"platform.argocd.targets.edge.roleArn: give role, to have one made, or roleArn, not both",
		},
		{"a role of a target that is none", target(access + "roleArn: argocd"), `platform.argocd.targets.edge.roleArn: "argocd" ` + notAnArn},
		{
			"a role of a target with impossible settings",
			target(access + "role: {name: a b, path: x, maxSessionDuration: 1, permissionsBoundary: 'arn:aws:iam::aws:role/x'}"), lines(
				`platform.argocd.targets.edge.role.name: role name "a b" has a character that IAM does not allow; use letters, digits or _+=,.@-`,
				`platform.argocd.targets.edge.role.path: role path "x" must begin and end with a slash and have no empty part or white space, like "/teams/payments/"`,
				"platform.argocd.targets.edge.role.maxSessionDuration: session duration of 1 s is out of range; use 3600 to 43200 s (1 to 12 hours)",
				`platform.argocd.targets.edge.role.permissionsBoundary: "arn:aws:iam::aws:role/x" is not the ARN of an IAM policy`,
			),
		},
		{
			"Argo CD's own role for a role to make", oneAccount + target(access+"role: {name: Dev-ArgoCD}"),
			"platform.argocd.targets.edge.role: Dev-ArgoCD is Argo CD's own role, " + mayNotAssumeItself("role"),
		},
		{
			"Argo CD's own role for a role made elsewhere, when the account is known", otherAccount + target(access+"roleArn: 'arn:aws:iam::222233334444:role/x/dev-argocd'"),
			"platform.argocd.targets.edge.roleArn: dev-argocd is Argo CD's own role, " + mayNotAssumeItself("roleArn"),
		},
		{
			"two targets whose roles have one name",
			oneAccount + target(access+"role: {name: x}") + "\n    more: {cluster: more, role: {name: x}, access: {kubernetesGroups: [x]}}",
			"platform.argocd.targets.more.role: role x is declared already, at platform.argocd.targets.edge.role",
		},
		{
			"a target whose role has the name of another role",
			oneAccount + target(access+"role: {}") + "\nroles: {app: {name: dev-argocd-edge, clusters: [hub], serviceAccounts: [{namespace: x, name: x}]}}",
			"platform.argocd.targets.edge.role: role dev-argocd-edge is declared already, at platform.roles.app",
		},
		{
			"two targets with one name in Argo CD, and one secret",
			oneAccount + target(access+"secretName: s") + "\n    more: {cluster: more, displayName: edge, secretName: s, access: {kubernetesGroups: [x]}}", lines(
				`platform.argocd.targets.more: cluster "edge" in Argo CD is declared already, at platform.argocd.targets.edge`,
				"platform.argocd.targets.more.secretName: Argo CD's secret s is declared already, at platform.argocd.targets.edge.secretName",
			),
		},
		{
			"a way into the hub", "argocd: {hub: hub, targets: {hub: {cluster: hub, role: {}, roleArn: '" + argoCDRole +
				"', access: {via: accessEntry}, serverName: x, proxyUrl: 'http://x'}}}", lines(
				"platform.argocd.targets.hub.role: "+notForTheHub, "platform.argocd.targets.hub.roleArn: "+notForTheHub,
				"platform.argocd.targets.hub.access: "+notForTheHub, "platform.argocd.targets.hub.serverName: "+notForTheHub,
				"platform.argocd.targets.hub.proxyUrl: "+notForTheHub,
			),
		},
		{
			"a role with the key of Argo CD's own", target(access) + "\nroles: {argocd: {clusters: [hub], serviceAccounts: [{namespace: x, name: x}]}}",
			"platform.roles.argocd: Argo CD's own role has this key; choose another",
		},
		{
			"an account of Argo CD's in another role", target(access) +
				"\nroles: {server: {clusters: [hub], serviceAccounts: [{namespace: argocd, name: argocd-server}]}}",
			"platform.argocd.serviceAccounts[2]: service account argocd/argocd-server of cluster hub is declared already, at platform.roles.server.serviceAccounts[0]",
		},
		{"several faults, all reported", "buckets: {x: {cluster: hub}}\nroles: {app: {clusters: [x]}}\n" + target("access: {via: x}\nshard: -1"), lines(
			`platform.buckets.x.name: "x" is not a bucket name (3 to 63 lower-case letters, digits, . and -)`,
			`platform.roles.app.clusters[0]: cluster "x" is not declared; declared are ["edge" "hub"]`,
			"platform.roles.app.serviceAccounts: is empty; at least one service account is needed",
			`platform.argocd.targets.edge.access.via: "x" is neither accessEntry nor aws-auth`,
			"platform.argocd.targets.edge.shard: -1 is negative",
		)},
	}
	refusedConfigs(t, cases)
}
