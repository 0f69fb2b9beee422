package tests

import (
	"strings"
	"testing"
)

// mayNotAssumeItself is why the hub role is refused as the role of a target.
func mayNotAssumeItself(path string) string {
	return "and no role may assume itself unless its trust policy names it; leave " + path + " out, and the cluster lets that role in directly"
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
		notForTheHub = "not for the cluster that Argo CD runs in, which it reaches with its service accounts"
	)
	newCluster := func(mode string) string {
		return "clusters:\n  hub: {region: eu-west-1}\n  edge: {region: eu-west-1, create: {authenticationMode: " + mode + "}}\n"
	}
	refusedConfigs(t, []struct{ name, platform, want string }{
		{"no hub", "argocd: {}", `platform.argocd.hub: cluster "" is not declared; declared are ["edge" "hub"]`},
		{
			"access policies for a new cluster that knows aws-auth only",
			newCluster("CONFIG_MAP") + target("access: {policies: [{policy: AmazonEKSViewPolicy}]}"),
			lines(
				"platform.argocd.targets.edge.access.via: is aws-auth, as the cluster's authentication mode CONFIG_MAP allows nothing else",
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
		{
			"a hub that is leaving", "clusters:\n  hub: {region: eu-west-1, leaving: true}\nargocd: {hub: hub}",
			`platform.argocd.hub: "hub" is leaving; move Argo CD to another hub first`,
		},
		{
			"a target that is leaving", "clusters:\n  hub: {region: eu-west-1}\n  edge: {region: us-east-1, leaving: true}\n" + target(access),
			`platform.argocd.targets.edge.cluster: "edge" is leaving; take the target out, with all access of Argo CD, first`,
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
			"platform.argocd.targets.edge.access.policies: give policies, kubernetesGroups or a username, an entry without them allows nothing",
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
				"platform.argocd.targets.hub.role: "+notForTheHub, "platform.argocd.targets.hub.access: "+notForTheHub,
				"platform.argocd.targets.hub.roleArn: "+notForTheHub, "platform.argocd.targets.hub.serverName: "+notForTheHub,
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
	})
}

func TestConfigRefusesTheHubRole(t *testing.T) {
	t.Parallel()
	const allow = "{Version: '2012-10-17', Statement: [{Effect: Allow, Action: 's3:*', Resource: '*'}]}"
	long := strings.Repeat("a", 65)
	for _, test := range []struct{ name, argocd, want string }{
		{"a name of 65 characters", "roleName: " + long, `roleName: role name "` + long + `" has 65 characters; at most 64 are allowed`},
		{
			"a prefix with a space", "roleNamePrefix: dev argocd",
			`roleNamePrefix: role name prefix "dev argocd" has a character that IAM does not allow; use letters, digits or _+=,.@-`,
		},
		{"a name and a prefix", "roleName: argocd\nroleNamePrefix: argocd-", "roleNamePrefix: give roleName or a prefix, not both"},
		{
			"a path without a slash", "path: platform",
			`path: role path "platform" must begin and end with a slash and have no empty part or white space, like "/teams/payments/"`,
		},
		{
			"a session of 13 hours", "maxSessionDuration: 46800",
			"maxSessionDuration: session duration of 46800 s is out of range; use 3600 to 43200 s (1 to 12 hours)",
		},
		{"a description of 1,001 characters", "description: " + strings.Repeat("x", 1001), "description: has 1001 characters, IAM allows 1000"},
		{
			"a boundary that is a role", "permissionsBoundary: 'arn:aws:iam::111122223333:role/boundary'",
			`permissionsBoundary: "arn:aws:iam::111122223333:role/boundary" is not the ARN of an IAM policy`,
		},
		{
			"a boundary of another partition", "permissionsBoundary: 'arn:aws-cn:iam::111122223333:policy/boundary'",
			`permissionsBoundary: "arn:aws-cn:iam::111122223333:policy/boundary" is in the partition aws-cn, and the role is in aws: ` +
				"write arn:aws:iam::111122223333:policy/boundary",
		},
		{
			"a managed policy that is neither a name nor an ARN", "managedPolicies: [Read Only Access]",
			`managedPolicies[0]: "Read Only Access" is neither the name of one of AWS's own policies, such as ReadOnlyAccess or ` +
				"service-role/AmazonEBSCSIDriverPolicy, nor an ARN",
		},
		{
			"managed policies whose names differ by case only", "managedPolicies: [ReadOnlyAccess, 'arn:aws:iam::111122223333:policy/readonlyaccess']",
			`managedPolicies[1]: a policy named "ReadOnlyAccess" is already in the list, at index 0`,
		},
		{
			"a policy of one's own with the name of the platform's", "inlinePolicies: {assume-target-roles: " + allow + "}",
			`inlinePolicies.assume-target-roles: the hub role's permission to assume the targets' roles has the name "assume-target-roles"; choose another`,
		},
		{
			"the same with other kinds of policies, in another case",
			"customerManagedPolicies: {Assume-Target-Roles: " + allow + "}\nmanagedPolicies: ['arn:aws:iam::111122223333:policy/x/assume-target-ROLES']", lines(
				`managedPolicies[0]: the hub role's permission to assume the targets' roles has the name "assume-target-roles"; choose another`,
				`customerManagedPolicies.Assume-Target-Roles: the hub role's permission to assume the targets' roles has the name "assume-target-roles"; choose another`,
				"customerManagedPolicies.Assume-Target-Roles: another policy of the role has this name, assume-target-ROLES",
			),
		},
		{
			"a policy that IAM refuses", "inlinePolicies: {sops: {Statement: [{Effect: allow, Action: 'kms:*', Resource: '*'}]}}",
			`inlinePolicies.sops: Statement[0].Effect: "allow" is neither Allow nor Deny`,
		},
		{"tags that are one to IAM", "tags: {Team: a, team: b}", "tags.team: is the same key as Team to IAM, which knows no case in keys of tags"},
		{"no service account", "serviceAccounts: []", "serviceAccounts: name at least one, or leave the key out for those of Argo CD's own manifests"},
		{
			"service accounts that are none, or there twice", "serviceAccounts: [argocd-server, ArgoCD, 'argocd-*', argocd-server]", lines(
				`serviceAccounts[1]: "ArgoCD" is not a service account; use lower case letters, digits, hyphens and dots`,
				`serviceAccounts[2]: "argocd-*" is not a service account; use lower case letters, digits, hyphens and dots`,
				`serviceAccounts[3]: "argocd-server" is already in the list, at index 0`,
			),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			want := "platform.argocd." + strings.ReplaceAll(test.want, "\n", "\nplatform.argocd.")
			refusedConfig(t, "argocd:\n  hub: hub\n  "+strings.ReplaceAll(test.argocd, "\n", "\n  "), want)
		})
	}
}

func TestConfigRefusesToTakeWhatTheWayInDoesNotTake(t *testing.T) {
	t.Parallel()
	const path = "platform.argocd.targets.edge.access."
	for name, test := range map[string]struct{ access, want string }{
		"to overwrite an access entry": {
			"{via: accessEntry, kubernetesGroups: [a], overwrite: true}",
			path + "overwrite: needs via: aws-auth; an access entry that exists is taken over with import",
		},
		"to overwrite whatever the cluster's mode brings": {
			"{kubernetesGroups: [a], overwrite: true}",
			path + "overwrite: needs via: aws-auth; an access entry that exists is taken over with import",
		},
		"to import a line of aws-auth": {
			"{via: aws-auth, kubernetesGroups: [a], import: true}",
			path + "import: not with aws-auth; a line that maps the role already is replaced with overwrite",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refusedConfig(t, "argocd: {hub: hub, targets: {edge: {cluster: edge, access: "+test.access+"}}}", test.want)
		})
	}
}
