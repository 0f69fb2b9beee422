package tests

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/stacks"
)

func TestConfigRefusesClustersAndBuckets(t *testing.T) {
	t.Parallel()
	newCluster := func(create string) string { return "clusters:\n  hub: {region: eu-west-1, create: " + create + "}" }
	refusedConfigs(t, []struct{ name, platform, want string }{
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
	})
}

func TestConfigTakesEveryFormOfARegion(t *testing.T) {
	t.Parallel()
	for _, region := range []string{
		"eu-west-1", "us-gov-west-1", "ap-southeast-7", "us-iso-east-1", "us-isob-east-1", "us-isof-south-1", "eu-isoe-west-1",
		"eusc-de-east-1", "cn-northwest-1", "mx-central-1", "us-east-12",
	} {
		_, err := stacks.ParseConfig(`{"clusters": {"hub": {"region": "`+region+`"}}}`, "")
		require.NoError(t, err, region)
	}
	for _, region := range []string{"eu-west", "EU-WEST-1", "eu_west_1", "eu-west-1a", "eu-west-123", "euwest1"} {
		_, err := stacks.ParseConfig(`{"clusters": {"hub": {"region": "`+region+`"}}}`, "")
		require.ErrorContains(t, err, "is not an AWS region such as eu-west-1", region)
	}
}
