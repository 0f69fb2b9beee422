package tests

import "testing"

func TestConfigRefusesRoles(t *testing.T) {
	t.Parallel()
	role := func(rest string) string {
		return "roles:\n  app:\n    clusters: [hub]\n    serviceAccounts: [{namespace: default, name: app}]\n    " + rest
	}
	refusedConfigs(t, []struct{ name, platform, want string }{
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
			"an account with two associations", "roles: {a: {name: a, clusters: [hub], identity: podIdentity, serviceAccounts: [{namespace: default, name: app}]}, " +
				"b: {name: b, clusters: [hub], identity: both, serviceAccounts: [{namespace: default, name: app, mode: trustOnly}]}}",
			"platform.roles.b.serviceAccounts[0]: the association (EKS Pod Identity) of service account default/app of cluster hub is declared already, " +
				"at platform.roles.a.serviceAccounts[0]",
		},
		{
			"a managed policy in two roles", "roles: {a: {clusters: [edge], serviceAccounts: [{namespace: default, name: a}], customerManagedPolicies: &p {x: '" +
				describeCluster + "'}}, b: {clusters: [edge], serviceAccounts: [{namespace: default, name: b}], customerManagedPolicies: *p}}",
			"platform.roles.b.customerManagedPolicies.x: managed policy x (profile other) is declared already, at platform.roles.a.customerManagedPolicies.x",
		},
	})
}

func TestConfigRefusesNamesThatAreOneToIAM(t *testing.T) {
	t.Parallel()
	role := func(key, name, more string) string {
		return key + ": {name: " + name + ", clusters: [hub], serviceAccounts: [{namespace: payments, name: " + key + "}]" + more + "}"
	}
	const allow = "{Version: '2012-10-17', Statement: [{Effect: Allow, Action: 's3:*', Resource: '*'}]}"
	refusedConfigs(t, []struct{ name, platform, want string }{
		{
			"roles", "roles:\n  " + role("one", "Backup", "") + "\n  " + role("two", "backup", ""),
			"platform.roles.two: role backup is declared already, at platform.roles.one, as Backup; IAM knows no case in names",
		},
		{
			"a role and the hub role", "roles:\n  " + role("one", "ArgoCD", "") + "\nargocd: {hub: hub, roleName: argocd}",
			"platform.argocd: role argocd is declared already, at platform.roles.one, as ArgoCD; IAM knows no case in names",
		},
		{
			"a role and that of a target, by default",
			"clusters:\n  hub: {region: eu-west-1}\n  edge: {region: us-east-1}\nroles:\n  " + role("one", "ArgoCD-Edge", "") +
				"\nargocd: {hub: hub, roleName: argocd, targets: {edge: {cluster: edge, role: {}, access: {kubernetesGroups: [x]}}}}",
			"platform.argocd.targets.edge.role: role argocd-edge is declared already, at platform.roles.one, as ArgoCD-Edge; IAM knows no case in names",
		},
		{
			"managed policies", "roles:\n  " + role("one", "one", ", customerManagedPolicies: {Read: "+allow+"}") + "\n  " +
				role("two", "two", ", customerManagedPolicies: {read: "+allow+"}"),
			"platform.roles.two.customerManagedPolicies.read: managed policy read is declared already, at " +
				"platform.roles.one.customerManagedPolicies.Read, as Read; IAM knows no case in names",
		},
		{
			"policies of one role", "roles:\n  " + role("one", "one", ", inlinePolicies: {Read: "+allow+", read: "+allow+"}"),
			"platform.roles.one.inlinePolicies.read: another policy of the role has this name, Read",
		},
		{
			"tags of a role", "roles:\n  " + role("one", "one", ", tags: {Team: a, TEAM: b}"),
			"platform.roles.one.tags.Team: is the same key as TEAM to IAM, which knows no case in keys of tags",
		},
		{
			"a tag of all and one of a role", "tags: {Team: all}\nroles:\n  " + role("one", "one", ", tags: {team: b}"),
			"platform.roles.one.tags.team: is the same key as Team to IAM, which knows no case in keys of tags",
		},
		{
			"tags of all, told once", "tags: {Team: a, team: b}\nroles:\n  " + role("one", "one", ""),
			"platform.tags.team: is the same key as Team to IAM, which knows no case in keys of tags",
		},
	})
}

// Each annotation of EKS's webhook is refused with its own reason: an audience of one's own would keep the pods from the role.
func TestConfigRefusesEachAnnotationOfEKSsWebhookWithItsReason(t *testing.T) {
	t.Parallel()
	for key, reason := range map[string]string{
		"role-arn": "is set by the role itself",
		"audience": "would keep the pods from the role, which trusts tokens for sts.amazonaws.com only; that is EKS's own audience in " +
			"every partition, so leave the annotation out",
		"sts-regional-endpoints": "is set by regionalSts",
		"token-expiration":       "is set by tokenExpirationSeconds",
		"skip-containers":        "is an annotation of pods; EKS does not read it from a service account",
	} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			refusedConfig(t, "roles: {app: {clusters: [hub], serviceAccounts: [{namespace: payments, name: app, annotations: "+
				"{eks.amazonaws.com/"+key+": sts.amazonaws.com.cn}}]}}",
				`platform.roles.app.serviceAccounts[0].annotations: "eks.amazonaws.com/`+key+`" `+reason)
		})
	}
}
