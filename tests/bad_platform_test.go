package tests

import (
	"errors"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/stacks"
)

func TestConfigRefusesTheHubRole(t *testing.T) {
	t.Parallel()
	const allow = "{Version: '2012-10-17', Statement: [{Effect: Allow, Action: 's3:*', Resource: '*'}]}"
	long := strings.Repeat("a", 65)
	cases := []struct{ name, argocd, want string }{
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
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			want := "platform.argocd." + strings.ReplaceAll(test.want, "\n", "\nplatform.argocd.")
			refusedConfig(t, "argocd:\n  hub: hub\n  "+strings.ReplaceAll(test.argocd, "\n", "\n  "), want)
		})
	}
}

func TestConfigRefusesNamesThatAreOneToIAM(t *testing.T) {
	t.Parallel()
	role := func(key, name, more string) string {
		return key + ": {name: " + name + ", clusters: [hub], serviceAccounts: [{namespace: payments, name: " + key + "}]" + more + "}"
	}
	const allow = "{Version: '2012-10-17', Statement: [{Effect: Allow, Action: 's3:*', Resource: '*'}]}"
	cases := []struct{ name, platform, want string }{
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
	}
	refusedConfigs(t, cases)
}

func TestConfigRefusesKeysThatNoNameCanBeMadeOf(t *testing.T) {
	t.Parallel()
	badKey := func(key string) string {
		return `the key "` + key + `" becomes part of names; use letters, digits, ., _ and -, and begin with a letter, a digit or _`
	}
	cases := []struct{ name, platform, want string }{
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
	}
	refusedConfigs(t, cases)
}

// readsFrom is a policy for a bucket of a partition.
func readsFrom(partition string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:` + partition + `:s3:::x"}}`
}

func TestConfigRefusesWhatIsInAnotherPartition(t *testing.T) {
	t.Parallel()
	const role = "roles:\n  app:\n    clusters: [hub]\n    serviceAccounts: [{namespace: x, name: y}]\n    "
	const china = "clusters:\n  hub: {region: cn-north-1}\n"
	cases := []struct{ name, platform, want string }{
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
	}
	refusedConfigs(t, cases)
}

func TestConfigTakesEveryFormOfARegion(t *testing.T) {
	t.Parallel()
	for _, region := range []string{
		"eu-west-1", "us-gov-west-1", "ap-southeast-7", "us-iso-east-1", "us-isob-east-1", "us-isof-south-1", "eu-isoe-west-1",
		"eusc-de-east-1", "cn-northwest-1", "mx-central-1", "us-east-12",
	} {
		_, err := stacks.ParseConfig(`{"clusters": {"hub": {"region": "` + region + `"}}}`)
		require.NoError(t, err, region)
	}
	for _, region := range []string{"eu-west", "EU-WEST-1", "eu_west_1", "eu-west-1a", "eu-west-123", "euwest1"} {
		_, err := stacks.ParseConfig(`{"clusters": {"hub": {"region": "` + region + `"}}}`)
		require.ErrorContains(t, err, "is not an AWS region such as eu-west-1", region)
	}
}

// twoProfiles are clusters of one account, each reached with a profile of its own.
const twoProfiles = "clusters:\n  green: {region: eu-west-1, profile: prod-admin}\n  blue: {region: eu-west-1, profile: prod-deploy}\n"

func twoProfilesAccount() *recorder { return clusters("green", "blue") }

// refusedOnceAsked checks the whole message about a configuration that only the accounts' answers can refuse, and that nothing
// is registered but what asks them.
func refusedOnceAsked(t *testing.T, r *recorder, platform, want string) {
	t.Helper()
	var err error
	require.NoError(t, r.run(func(ctx *pulumi.Context) error {
		err = stacks.Platform(ctx)
		return nil
	}, withConfig(platformConfig(t, platform))))
	require.EqualError(t, err, "invalid configuration:\n"+want)
	for _, added := range r.registrations {
		assert.Equal(t, awsProviderType, added.TypeToken, "nothing but what asks the accounts is registered")
	}
}

func TestPlatformRefusesWhatTheAccountsAnswersRule(t *testing.T) {
	t.Parallel()
	role := func(key, rest string) string {
		return "  " + key + ": {serviceAccounts: [{namespace: payments, name: " + key + "}], " + rest + "}\n"
	}
	const allow = "{Version: '2012-10-17', Statement: [{Effect: Allow, Action: 's3:*', Resource: '*'}]}"
	cases := []struct {
		name, platform, want string
		prepare              func(*recorder)
	}{
		{
			"a role over two accounts", twoProfiles + "roles:\n" + role("app", "clusters: [green, blue]"),
			`platform.roles.app.clusters[1]: "blue" is in account 222233334444 and "green" in account 111122223333; a role is in one account, ` +
				"so make one role per account",
			func(r *recorder) { r.accounts["aws-iam-prod-deploy"] = otherAccount },
		},
		{
			"one EKS cluster through two profiles",
			"clusters:\n  green: {name: x, region: eu-west-1, profile: prod-admin}\n  blue: {name: x, region: eu-west-1, profile: prod-deploy}",
			"platform.clusters.green: EKS cluster x in eu-west-1 of account 111122223333 is declared already, at platform.clusters.blue", nil,
		},
		{
			"two roles of one name through two profiles", twoProfiles + "roles:\n" +
				role("a", "name: App, clusters: [green]") + role("b", "name: app, clusters: [blue]"),
			"platform.roles.b: role app of account 111122223333 is declared already, at platform.roles.a, as App; IAM knows no case in names", nil,
		},
		{
			"two managed policies of one name through two profiles", twoProfiles + "roles:\n" +
				role("a", "clusters: [green], customerManagedPolicies: {p: "+allow+"}") + role("b", "clusters: [blue], customerManagedPolicies: {p: "+allow+"}"),
			"platform.roles.b.customerManagedPolicies.p: managed policy p of account 111122223333 is declared already, at " +
				"platform.roles.a.customerManagedPolicies.p", nil,
		},
		{
			"a target whose role has the name of another role, through another profile", twoProfiles + "roles:\n" + role("a", "name: hub-blue, clusters: [green]") +
				"argocd: {hub: green, roleName: hub, targets: {blue: {cluster: blue, role: {}, access: {kubernetesGroups: [x]}}}}",
			"platform.argocd.targets.blue.role: role hub-blue of account 111122223333 is declared already, at platform.roles.a", nil,
		},
		{
			"policies that AWS does not have, all told", twoProfiles + "roles:\n" +
				role("a", "clusters: [green], managedPolicies: [ReadOnlyAcces, service-role/ReadOnlyAccess], permissionsBoundary: boundary") +
				"argocd: {hub: green, managedPolicies: [Nope], targets: {blue: {cluster: blue, role: {permissionsBoundary: None}, access: {kubernetesGroups: [x]}}}}",
			lines(
				"platform.roles.a.permissionsBoundary: AWS has no policy of its own that is called boundary and can be given to a role; one of "+
					"your own needs its ARN, arn:aws:iam::111122223333:policy/boundary for example",
				"platform.roles.a.managedPolicies[0]: AWS has no policy of its own that is called ReadOnlyAcces and can be given to a role; one of "+
					"your own needs its ARN, arn:aws:iam::111122223333:policy/ReadOnlyAcces for example",
				"platform.roles.a.managedPolicies[1]: AWS has no policy of its own that is called service-role/ReadOnlyAccess and can be given to a "+
					"role; one of your own needs its ARN, arn:aws:iam::111122223333:policy/ReadOnlyAccess for example",
				"platform.argocd.managedPolicies[0]: AWS has no policy of its own that is called Nope and can be given to a role; one of your own "+
					"needs its ARN, arn:aws:iam::111122223333:policy/Nope for example",
				"platform.argocd.targets.blue.role.permissionsBoundary: AWS has no policy of its own that is called None and can be given to a role; "+
					"one of your own needs its ARN, arn:aws:iam::111122223333:policy/None for example",
			), nil,
		},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := twoProfilesAccount()
			if test.prepare != nil {
				test.prepare(r)
			}
			refusedOnceAsked(t, r, test.platform, test.want)
		})
	}
}

func TestPlatformTakesTwoProfilesOfOneAccountForOneAccount(t *testing.T) {
	t.Parallel()
	const app = "roles:\n  app:\n    clusters: [green, blue]\n    serviceAccounts: [{namespace: payments, name: app}]\n"
	r := twoProfilesAccount()
	outputs := deployed(t, r, platformConfig(t, twoProfiles+app))
	role := r.one(t, roleType, "app")
	assert.Equal(t, "aws-iam-prod-admin", providerName(role.Provider), "a role is made with the credentials of its first cluster")
	assert.Contains(t, role.Inputs["assumeRolePolicy"].StringValue(), hubIssuer)
	assert.Contains(t, role.Inputs["assumeRolePolicy"].StringValue(), euIssuer)
	assert.Equal(t, "aws-iam-prod-admin", providerName(r.one(t, iamProviderType, "green").Provider))
	assert.Equal(t, "aws-iam-prod-deploy", providerName(r.one(t, iamProviderType, "blue").Provider))

	t.Run("and the role stays when its first cluster leaves", func(t *testing.T) {
		t.Parallel()
		after := twoProfilesAccount()
		after.previously(outputs)
		deployed(t, after, platformConfig(t, twoProfiles+strings.Replace(app, "[green, blue]", "[blue]", 1)))
		assert.Equal(t, role.Provider, after.one(t, roleType, "app").Provider, "with another AWS provider Pulumi would replace it")
	})
	t.Run("under another key, too", func(t *testing.T) {
		t.Parallel()
		after := twoProfilesAccount()
		after.previously(outputs)
		deployed(t, after, platformConfig(t, twoProfiles+strings.NewReplacer("[green, blue]", "[blue, green]",
			"  app:\n", "  new:\n    aliases: [app]\n").Replace(app)))
		assert.Equal(t, role.Provider, after.one(t, roleType, "new").Provider)
	})
}

func TestPlatformFindsAPolicyOfAWSWhereverItIs(t *testing.T) {
	t.Parallel()
	const platform = `
clusters:
  hub: {region: eu-west-1}
roles:
  ebs-csi:
    clusters: [hub]
    serviceAccounts: [{namespace: kube-system, name: ebs-csi-controller-sa}]
    permissionsBoundary: ViewOnlyAccess
    managedPolicies: [AmazonEBSCSIDriverPolicy, job-function/ViewOnlyAccess, ReadOnlyAccess]
  other:
    clusters: [hub]
    serviceAccounts: [{namespace: kube-system, name: other}]
    managedPolicies: [AmazonEBSCSIDriverPolicy, ReadOnlyAccess]
`
	attached := func(r *recorder) map[string]string {
		arns := map[string]string{}
		for _, attachment := range r.ofType(attachmentType) {
			arns[attachment.Name] = attachment.Inputs["policyArn"].StringValue()
		}
		return arns
	}
	t.Run("as it is asked for once", func(t *testing.T) {
		t.Parallel()
		r := clusters("hub")
		deployed(t, r, platformConfig(t, platform))
		assert.Equal(t, map[string]string{
			"ebs-csi/AmazonEBSCSIDriverPolicy": "arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy",
			"ebs-csi/ViewOnlyAccess":           "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess",
			"ebs-csi/ReadOnlyAccess":           "arn:aws:iam::aws:policy/ReadOnlyAccess",
			"other/AmazonEBSCSIDriverPolicy":   "arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy",
			"other/ReadOnlyAccess":             "arn:aws:iam::aws:policy/ReadOnlyAccess",
		}, attached(r))
		assert.Equal(t, "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess", r.one(t, roleType, "ebs-csi").Inputs["permissionsBoundary"].StringValue())
		assert.Len(t, r.called(getPolicy), 2+3+1+1, "two paths for the driver's, three for ViewOnlyAccess, one for each of the others")
	})
	t.Run("or taken as it is named where nobody may ask", func(t *testing.T) {
		t.Parallel()
		r := clusters("hub")
		r.invokeErrors[getPolicy] = errors.New("reading IAM Policy: operation error IAM: GetPolicy, StatusCode: 403, api error AccessDenied: no")
		deployed(t, r, platformConfig(t, platform))
		assert.Equal(t, "arn:aws:iam::aws:policy/AmazonEBSCSIDriverPolicy", attached(r)["other/AmazonEBSCSIDriverPolicy"])
		assert.Equal(t, "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess", attached(r)["ebs-csi/ViewOnlyAccess"])
	})
	t.Run("but not where AWS does not answer", func(t *testing.T) {
		t.Parallel()
		r := newRecorder()
		r.invokeErrors[getPolicy] = errors.New("no such host")
		_, err := runPlatform(t, r, platformConfig(t, platform))
		require.ErrorContains(t, err, "asking IAM for the policy arn:aws:iam::aws:policy/ReadOnlyAccess: no such host")
	})
}

func TestPlatformGivesTheHubRoleWhatEveryRoleTakes(t *testing.T) {
	t.Parallel()
	r := twoAccounts()
	deployed(t, r, platformConfig(t, `
tags: {environment: dev}
clusters:
  hub: {region: eu-west-1}
  near: {region: us-east-1}
argocd:
  hub: hub
  namespace: openshift-gitops
  roleNamePrefix: dev-argocd-
  serviceAccounts: [openshift-gitops-argocd-application-controller, openshift-gitops-argocd-server]
  serviceAccountMode: patch
  permissionsBoundary: arn:aws:iam::111122223333:policy/boundary
  path: /platform/
  description: What it is for
  maxSessionDuration: 7200
  tags: {team: platform}
  forceDetachPolicies: false
  maxTrustPolicySize: 4096
  managedPolicies: [ReadOnlyAccess]
  inlinePolicies:
    sops: {Version: "2012-10-17", Statement: {Effect: Allow, Action: "kms:Decrypt", Resource: "*"}}
  customerManagedPolicies:
    buckets: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "s3:ListAllMyBuckets", Resource: "*"}]}
  testPod: {}
  targets:
    near: {cluster: near, role: {}, access: {kubernetesGroups: [x]}}
`))
	hub := r.one(t, roleType, "argocd")
	for _, account := range []string{"openshift-gitops-argocd-application-controller", "openshift-gitops-argocd-server"} {
		assert.Contains(t, hub.Inputs["assumeRolePolicy"].StringValue(), "system:serviceaccount:openshift-gitops:"+account)
		r.one(t, accountPatchType, "argocd/hub/openshift-gitops/"+account)
	}
	assert.NotContains(t, hub.Inputs["assumeRolePolicy"].StringValue(), "applicationset")
	delete(hub.Inputs, "assumeRolePolicy")
	assert.JSONEq(t, `{
		"namePrefix": "dev-argocd-", "path": "/platform/", "description": "What it is for", "maxSessionDuration": 7200,
		"permissionsBoundary": "arn:aws:iam::111122223333:policy/boundary", "forceDetachPolicies": false,
		"tags": {"environment": "dev", "team": "platform"}
	}`, hub.json(t))
	assert.Equal(t, "dev-argocd-near", r.one(t, roleType, "argocd/near").Inputs["name"].StringValue())
	for _, policy := range []string{"argocd/sops", "argocd/assume-target-roles"} {
		r.one(t, inlinePolicyType, policy)
	}
	for _, policy := range []string{"argocd/ReadOnlyAccess", "argocd/buckets"} {
		r.one(t, attachmentType, policy)
	}
	var logins []string
	for _, job := range r.ofType(jobType) {
		logins = append(logins, job.Name)
	}
	assert.Equal(t, []string{
		"argocd/hub/openshift-gitops/openshift-gitops-argocd-application-controller-irsa-test",
		"argocd/hub/openshift-gitops/openshift-gitops-argocd-server-irsa-test",
		"argocd/near/openshift-gitops/openshift-gitops-argocd-application-controller-login-near",
		"argocd/near/openshift-gitops/openshift-gitops-argocd-server-login-near",
	}, logins)
}

func TestPlatformProvesATargetUnderTheKeyThatAPodCanHave(t *testing.T) {
	t.Parallel()
	r := twoAccounts()
	deployed(t, r, platformConfig(t, `
clusters:
  hub: {region: eu-west-1}
  near: {region: us-east-1}
argocd:
  hub: hub
  testPod: {}
  targets:
    prod-eu: {aliases: [Prod_EU], cluster: near, access: {kubernetesGroups: [x]}}
`))
	r.one(t, jobType, "argocd/prod-eu/argocd/argocd-server-login-prod-eu")
}
