package tests

import "testing"

// readsFrom is a policy for a bucket of a partition.
func readsFrom(partition string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:` + partition + `:s3:::x"}}`
}

func TestConfigRefusesWhatIsInAnotherPartition(t *testing.T) {
	t.Parallel()
	const role = "roles:\n  app:\n    clusters: [hub]\n    serviceAccounts: [{namespace: x, name: y}]\n    "
	const china = "clusters:\n  hub: {region: cn-north-1}\n"
	refusedConfigs(t, []struct{ name, platform, want string }{
		{
			"a managed policy", china + role + "managedPolicies: ['arn:aws:iam::aws:policy/ReadOnlyAccess']",
			`platform.roles.app.managedPolicies[0]: "arn:aws:iam::aws:policy/ReadOnlyAccess" is in the partition aws, and the role is in aws-cn: ` +
				"write arn:aws-cn:iam::aws:policy/ReadOnlyAccess",
		},
		{
			"a boundary", china + role + "permissionsBoundary: 'arn:aws:iam::111122223333:policy/x'",
			`platform.roles.app.permissionsBoundary: "arn:aws:iam::111122223333:policy/x" is in the partition aws, and the role is in aws-cn: ` +
				"write arn:aws-cn:iam::111122223333:policy/x",
		},
		{
			"a policy that was copied from elsewhere", china + role + "customerManagedPolicies: {lbc: {Version: '2012-10-17', Statement: [{Effect: Allow, " +
				"Action: ['elasticloadbalancing:AddTags'], Resource: 'arn:aws:elasticloadbalancing:*:*:targetgroup/*/*'}]}}",
			`platform.roles.app.customerManagedPolicies.lbc: Statement[0].Resource[0]: "arn:aws:elasticloadbalancing:*:*:targetgroup/*/*" is in the ` +
				"partition aws, and the role is in aws-cn: write arn:aws-cn:elasticloadbalancing:*:*:targetgroup/*/*",
		},
		{
			"a policy in JSON for GovCloud, beside a policy by name and one that is right", "clusters:\n  hub: {region: us-gov-east-1}\n" + role +
				"managedPolicies: [ReadOnlyAccess]\n    inlinePolicies:\n      far: '" + readsFrom("aws") + "'\n      near: '" + readsFrom("aws-us-gov") +
				"'\n      any: '" + readsFrom("aws*") + "'",
			`platform.roles.app.inlinePolicies.far: Statement[0].Resource[0]: "arn:aws:s3:::x" is in the partition aws, and the role is in aws-us-gov: ` +
				"write arn:aws-us-gov:s3:::x",
		},
		{
			"the policies of Argo CD's role, and another fault of it", china + "argocd:\n  hub: hub\n  path: x\n  inlinePolicies: {sops: '" + readsFrom("aws") +
				"'}\n  customerManagedPolicies: {read: '" + readsFrom("aws-us-gov") + "'}", lines(
				`platform.argocd.path: role path "x" must begin and end with a slash and have no empty part or white space, like "/teams/payments/"`,
				`platform.argocd.inlinePolicies.sops: Statement[0].Resource[0]: "arn:aws:s3:::x" is in the partition aws, and the role is in aws-cn: `+
					"write arn:aws-cn:s3:::x",
				`platform.argocd.customerManagedPolicies.read: Statement[0].Resource[0]: "arn:aws-us-gov:s3:::x" is in the partition aws-us-gov, and the `+
					"role is in aws-cn: write arn:aws-cn:s3:::x",
			),
		},
		{
			"a condition", china + role + "inlinePolicies: {p: {Version: '2012-10-17', Statement: {Effect: Allow, Action: 'iam:PassRole', Resource: '*', " +
				"Condition: {ArnLike: {'iam:AssociatedResourceArn': 'arn:aws:eks:*:*:cluster/*'}}}}}",
			`platform.roles.app.inlinePolicies.p: Statement[0].Condition.ArnLike["iam:AssociatedResourceArn"][0]: "arn:aws:eks:*:*:cluster/*" is in the ` +
				"partition aws, and the role is in aws-cn: write arn:aws-cn:eks:*:*:cluster/*",
		},
		{
			"a cluster of one role", china + "  far: {region: eu-west-1, profile: other}\n" +
				"roles: {app: {clusters: [hub, far], serviceAccounts: [{namespace: x, name: y}]}}",
			`platform.roles.app.clusters[1]: "far" is in the partition aws and "hub" in aws-cn; a role is in one account, so make one role per partition`,
		},
		{
			"nothing, as far as a region that is none tells", "clusters:\n  hub: {region: China}\n" + role + "inlinePolicies: {p: '" + readsFrom("aws-cn") + "'}",
			`platform.clusters.hub.region: "China" is not an AWS region such as eu-west-1`,
		},
		{
			"a role on the way", "clusters:\n  hub: {region: us-gov-west-1, assumeRole: {roleArn: 'arn:aws:iam::111122223333:role/x'}}",
			"platform.clusters.hub.assumeRole.roleArn: arn:aws:iam::111122223333:role/x is in the partition aws, and us-gov-west-1 in aws-us-gov",
		},
		{
			"a target", "clusters:\n  hub: {region: eu-west-1}\n  far: {region: eusc-de-east-1, profile: other}\n" +
				"argocd: {hub: hub, targets: {far: {cluster: far, access: {kubernetesGroups: [x]}}}}",
			`platform.argocd.targets.far.cluster: "far" is in the partition aws-eusc and the hub in aws; IAM credentials are not valid ` +
				"across partitions; run a separate Argo CD in that partition",
		},
		{
			"the role of a target",
			"argocd: {hub: hub, targets: {edge: {cluster: edge, roleArn: 'arn:aws-cn:iam::222233334444:role/argocd', access: {kubernetesGroups: [x]}}}}",
			"platform.argocd.targets.edge.roleArn: arn:aws-cn:iam::222233334444:role/argocd is in the partition aws-cn, and eu-west-1 in aws",
		},
		{
			"the boundary of a target's role",
			"argocd: {hub: hub, targets: {edge: {cluster: edge, access: {kubernetesGroups: [x]}, role: {permissionsBoundary: 'arn:aws-cn:iam::aws:policy/x'}}}}",
			`platform.argocd.targets.edge.role.permissionsBoundary: "arn:aws-cn:iam::aws:policy/x" is in the partition aws-cn, and the role is in aws: ` +
				"write arn:aws:iam::aws:policy/x",
		},
	})
}
