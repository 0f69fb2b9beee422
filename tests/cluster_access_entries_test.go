package tests

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

const (
	getAccessEntry = "aws:eks/getAccessEntry:getAccessEntry"
	nodesRole      = "arn:aws:iam::" + account + ":role/nodes"
)

// entriesOf is a platform with access entries in the cluster hub.
func entriesOf(entries string) string {
	return "clusters:\n  hub:\n    region: eu-west-1\n    access:\n      " + strings.ReplaceAll(strings.TrimSpace(entries), "\n", "\n      ") + "\n"
}

func TestPlatformMakesTheAccessEntriesOfACluster(t *testing.T) {
	t.Parallel()
	r := clusters("hub")
	outputs := deployed(t, r, platformConfig(t, "tags: {environment: dev}\n"+entriesOf(`
admins: {principalArn: 'arn:aws:iam::111122223333:role/teams/admins', username: 'admin:{{SessionName}}', kubernetesGroups: [b, a], policies: [{policy: AmazonEKSClusterAdminPolicy}]}
alice: {principalArn: 'arn:aws:iam::444455556666:user/alice', policies: [{policy: AmazonEKSViewPolicy, namespaces: [apps]}]}
bob: {principalArn: 'arn:aws:iam::111122223333:user/bob', username: bob, import: true}
nodes: {principalArn: '`+nodesRole+`', type: EC2_LINUX}`)))

	for name, want := range map[string]string{
		"hub/access/admins": `{"principalArn": "arn:aws:iam::111122223333:role/teams/admins", "type": "STANDARD", "userName": "admin:{{SessionName}}",
			"kubernetesGroups": ["b", "a"], "clusterName": "hub", "tags": {"environment": "dev"}}`,
		"hub/access/alice": `{"principalArn": "arn:aws:iam::444455556666:user/alice", "type": "STANDARD", "kubernetesGroups": [], "clusterName": "hub",
			"tags": {"environment": "dev"}}`,
		"hub/access/bob": `{"principalArn": "arn:aws:iam::111122223333:user/bob", "type": "STANDARD", "userName": "bob", "kubernetesGroups": [],
			"clusterName": "hub", "tags": {"environment": "dev"}}`,
		"hub/access/nodes": `{"principalArn": "` + nodesRole + `", "type": "EC2_LINUX", "clusterName": "hub", "tags": {"environment": "dev"}}`,
	} {
		assert.JSONEq(t, want, r.one(t, accessEntryType, name).json(t), name)
	}
	assert.Equal(t, "hub:arn:aws:iam::111122223333:user/bob", r.one(t, accessEntryType, "hub/access/bob").RegisterRPC.GetImportId())
	assert.Empty(t, r.one(t, accessEntryType, "hub/access/nodes").RegisterRPC.GetImportId())
	assert.Len(t, r.ofType(associationType), 2)
	r.one(t, associationType, "hub/access/admins/AmazonEKSClusterAdminPolicy")
	r.one(t, associationType, "hub/access/alice/AmazonEKSViewPolicy")
	access, _ := outputs["access"].(map[string]any)["hub"].(map[string]any)
	assert.Len(t, access, 4)
	nodes, _ := access["nodes"].(map[string]any)
	assert.Equal(t, nodesRole, nodes["principalArn"])
	assert.Contains(t, nodes["accessEntryArn"], ":access-entry/hub/role/")
}

func TestPlatformSaysWhichAccessEntryWasRefused(t *testing.T) {
	t.Parallel()
	refusedParts(t, func() *recorder { return clusters("hub") }, platformConfig(t, entriesOf("nodes: {principalArn: '"+nodesRole+"', type: EC2_LINUX}")),
		[]struct{ typ, name, want string }{{accessEntryType, "hub/access/nodes", `ClusterAccess "hub/access/nodes": creating the access entry: `}})
}

func TestConfigRefusesAccessEntries(t *testing.T) {
	t.Parallel()
	at := "platform.clusters.hub.access.x"
	x := func(entry string) string { return entriesOf("x: " + entry) }
	const (
		anyRole = "principalArn: 'arn:aws:iam::111122223333:role/x'"
		sso     = "arn:aws:iam::111122223333:role/AWSReservedSSO_Admins_0123456789abcdef"
	)
	refusedConfigs(t, []struct{ name, platform, want string }{
		{"without a principal", x("{policies: [{policy: AmazonEKSViewPolicy}]}"), at + `.principalArn: "" ` + notAnArn},
		{
			"of a session", x("{principalArn: 'arn:aws:sts::111122223333:assumed-role/x/y', username: x}"),
			at + `.principalArn: "arn:aws:sts::111122223333:assumed-role/x/y" is a session, which ends; give the ARN of the role or the user`,
		},
		{
			"of the root user", x("{principalArn: 'arn:aws:iam::111122223333:root', username: x}"),
			at + `.principalArn: "arn:aws:iam::111122223333:root" is neither the ARN of an IAM role nor that of a user`,
		},
		{
			"of a service-linked role", x("{principalArn: 'arn:aws:iam::111122223333:role/aws-service-role/a.amazonaws.com/X', username: x}"),
			at + `.principalArn: "arn:aws:iam::111122223333:role/aws-service-role/a.amazonaws.com/X" is a service-linked role, for which EKS makes no access entries`,
		},
		{
			"of a role of IAM Identity Center without its path", x("{principalArn: '" + sso + "', username: x}"),
			at + `.principalArn: "` + sso + `" lacks the path of a role of IAM Identity Center; look it up: aws iam get-role --role-name ` +
				"AWSReservedSSO_Admins_0123456789abcdef --query Role.Arn",
		},
		{
			"of a user for nodes", x("{principalArn: 'arn:aws:iam::111122223333:user/x', type: EC2_LINUX}"),
			at + `.principalArn: "arn:aws:iam::111122223333:user/x" is a user, and nodes (type EC2_LINUX) have roles`,
		},
		{
			"of another partition", x("{principalArn: 'arn:aws-cn:iam::111122223333:role/x', username: x}"),
			at + ".principalArn: arn:aws-cn:iam::111122223333:role/x is in the partition aws-cn, and eu-west-1 in aws",
		},
		{
			"of nodes in another account",
			strings.Replace(x("{principalArn: 'arn:aws:iam::444455556666:role/x', type: HYBRID_LINUX}"), "    access:", "    assumeRole: {roleArn: 'arn:aws:iam::111122223333:role/d'}\n    access:", 1),
			at + ".principalArn: is in account 444455556666 and the cluster in 111122223333; the role of nodes (type HYBRID_LINUX) must be in the cluster's account",
		},
		{
			"of an unknown type", x("{" + anyRole + ", type: LINUX}"),
			at + `.type: "LINUX" is none of the types of access entries ["STANDARD" "EC2_LINUX" "EC2_WINDOWS" "FARGATE_LINUX" "HYBRID_LINUX" "EC2" "HYPERPOD_LINUX"]`,
		},
		{
			"that allow nothing", x("{" + anyRole + "}"),
			at + ".policies: give policies, kubernetesGroups or a username, an entry without them allows nothing",
		},
		{
			"of nodes that give more than EKS gives",
			x("{" + anyRole + ", type: EC2_WINDOWS, username: x, kubernetesGroups: [a], policies: [{policy: AmazonEKSViewPolicy}]}"), lines(
				at+".policies: not with type EC2_WINDOWS, whose nodes may do what nodes do",
				at+".kubernetesGroups: not with type EC2_WINDOWS, to which EKS gives groups of its own",
				at+".username: not with type EC2_WINDOWS, to which EKS gives a name of its own",
			),
		},
		{
			"in a group of Kubernetes's own", x("{" + anyRole + ", kubernetesGroups: ['system:masters']}"),
			at + `.kubernetesGroups[0]: EKS refuses "system:masters", as all groups that begin with system:; use an access policy`,
		},
		{
			"with an IAM policy", x("{" + anyRole + ", policies: [{policy: AdministratorAccess}]}"),
			at + `.policies[0].policy: "AdministratorAccess"` + anIAMPolicy + "probably AmazonEKSClusterAdminPolicy",
		},
		{
			"twice for one principal", entriesOf("x: {" + anyRole + ", username: x}\ny: {principalArn: 'arn:aws:iam::111122223333:role/X', username: y}"),
			"platform.clusters.hub.access.y.principalArn: the access entry of arn:aws:iam::111122223333:role/X in cluster hub is declared already, at " +
				at + ".principalArn, as arn:aws:iam::111122223333:role/x; IAM knows no case in names",
		},
		{
			"for the role of a target", entriesOf("x: {"+anyRole+", username: x}") + "  other: {region: eu-west-1}\n" +
				"argocd: {hub: other, targets: {t: {cluster: hub, roleArn: 'arn:aws:iam::111122223333:role/x', access: {kubernetesGroups: [a]}}}}",
			"platform.argocd.targets.t.roleArn: the access entry of arn:aws:iam::111122223333:role/x in cluster hub is declared already, at " + at + ".principalArn",
		},
		{
			"under a key that is no part of a name", entriesOf("a/b: {" + anyRole + ", username: x}"),
			"platform.clusters.hub.access.a/b: the key \"a/b\"" + badKeyIn,
		},
		{
			"with an earlier key that is declared", entriesOf("x: {" + anyRole + ", username: x, aliases: [y]}\ny: {principalArn: '" + nodesRole + "', username: y}"),
			at + `.aliases[0]: "y" is declared, at platform.clusters.hub.access.y, so it is not an earlier key`,
		},
		{
			"in a new cluster that knows none", "clusters:\n  hub: {region: eu-west-1, create: {authenticationMode: CONFIG_MAP}, access: {x: {" + anyRole + ", username: x}}}",
			"platform.clusters.hub.access: the authentication mode CONFIG_MAP knows no access entries; set create.authenticationMode to API_AND_CONFIG_MAP first",
		},
	})
}

func TestConfigTakesAccessEntries(t *testing.T) {
	t.Parallel()
	r := clusters("hub")
	deployed(t, r, platformConfig(t, entriesOf(`
sso: {principalArn: 'arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admins_0123456789abcdef', username: x}
auto: {principalArn: 'arn:aws:iam::111122223333:role/auto', type: EC2, policies: [{policy: AmazonEKSAutoNodePolicy}]}
pod: {principalArn: 'arn:aws:iam::111122223333:role/hyperpod', type: HYPERPOD_LINUX}`)))
	assert.Len(t, r.ofType(accessEntryType), 3)
}

func TestArgoCDTargetRefusesAnAccessEntryOfNodes(t *testing.T) {
	t.Parallel()
	argoCDTarget.refusesThis(t, "by the component", "access.type: EC2 is for nodes, and Argo CD's access entry is STANDARD",
		func(args *components.ArgoCDTargetArgs) { args.Access.Type = components.EntryEC2 })
}

// What only the answers of AWS tell is refused before anything is made in the clusters.
func TestPlatformRefusesAccessEntriesThatTheClusterCannotHave(t *testing.T) {
	t.Parallel()
	t.Run("as its mode knows none", func(t *testing.T) {
		t.Parallel()
		r := newRecorder()
		r.hasCluster("hub", "https://"+hubIssuer, "CONFIG_MAP")
		_, err := runPlatform(t, r, platformConfig(t, entriesOf("nodes: {principalArn: '"+nodesRole+"', type: EC2_LINUX}")))
		require.ErrorContains(t, err, `cluster "hub": its authentication mode CONFIG_MAP knows no access entries (access); change the mode first, which has `+
			"no way back and leaves aws-auth as it is: aws eks update-cluster-config --name hub --access-config authenticationMode=API_AND_CONFIG_MAP")
		assert.Empty(t, r.ofType(accessEntryType))
	})
	t.Run("as its nodes are in another account", func(t *testing.T) {
		t.Parallel()
		r := clusters("hub")
		_, err := runPlatform(t, r, platformConfig(t, entriesOf("nodes: {principalArn: 'arn:aws:iam::444455556666:role/nodes', type: EC2_LINUX}")))
		require.ErrorContains(t, err, "platform.clusters.hub.access.nodes.principalArn: is in account 444455556666 and the cluster in 111122223333; "+
			"the role of nodes (type EC2_LINUX) must be in the cluster's account")
		assert.Empty(t, r.called(getCluster))
	})
}

func TestPlatformKeepsAccessEntriesOfRenamedKeys(t *testing.T) {
	t.Parallel()
	before := "clusters:\n  hub: {region: eu-west-1, access: {x: {principalArn: '" + nodesRole + "', type: EC2_LINUX}}}\n"
	outputs := deployed(t, clusters("hub"), platformConfig(t, before))
	renamed := strings.NewReplacer("hub: {", "main: {name: hub, aliases: [hub], ", "x: {", "y: {%s").Replace(before)

	r := clusters("hub")
	r.previously(outputs)
	deployed(t, r, platformConfig(t, strings.ReplaceAll(renamed, "%s", "aliases: [x], ")))
	names := r.one(t, accessEntryType, "main/access/y").earlierNames()
	slices.Sort(names)
	assert.Equal(t, []string{"hub/access/x", "hub/access/y", "main/access/x"}, names)

	r = clusters("hub")
	r.previously(outputs)
	_, err := runPlatform(t, r, platformConfig(t, strings.ReplaceAll(renamed, "%s", "")))
	require.ErrorContains(t, err, "platform.clusters.main.access.y: this stack made the access entry of "+nodesRole+` under the key "x", which is gone`)
}

// modeBefore is an account with a cluster "new" that the stack created in that mode.
func modeBefore(mode string) *recorder {
	r := emptyAccount()
	r.answers["pulumi:pulumi:readStackOutputs"] = resource.NewPropertyMapFromMap(map[string]any{"outputs": map[string]any{
		"clusters": map[string]any{"new": map[string]any{
			"name": "new-one", "region": "eu-west-1", "account": account, "authenticationMode": mode, "nodeRoleArn": nodeRoleArn,
		}},
	}})
	return r
}

func TestPlatformTakesTheAuthenticationModeOneStepAtATime(t *testing.T) {
	t.Parallel()
	const at = "platform.clusters.new.create.authenticationMode: "
	oneStep := at + "the cluster has CONFIG_MAP, and EKS takes one step at a time: API_AND_CONFIG_MAP with one update, so that nodes get their access " +
		"entries, and API with the next"
	noWay := func(from, to string) string {
		return at + "the cluster has " + from + ", and EKS has no way back to " + to
	}
	for _, test := range []struct{ from, to, want string }{
		{"", "API", ""},
		{"CONFIG_MAP", "CONFIG_MAP", ""},
		{"CONFIG_MAP", "API_AND_CONFIG_MAP", ""},
		{"CONFIG_MAP", "API", oneStep},
		{"API_AND_CONFIG_MAP", "CONFIG_MAP", noWay("API_AND_CONFIG_MAP", "CONFIG_MAP")},
		{"API_AND_CONFIG_MAP", "API_AND_CONFIG_MAP", ""},
		{"API_AND_CONFIG_MAP", "API", ""},
		{"API", "CONFIG_MAP", noWay("API", "CONFIG_MAP")},
		{"API", "API_AND_CONFIG_MAP", noWay("API", "API_AND_CONFIG_MAP")},
		{"API", "API", ""},
	} {
		t.Run(test.from+" to "+test.to, func(t *testing.T) {
			t.Parallel()
			r := modeBefore(test.from)
			r.answers[getAccessEntry] = resource.NewPropertyMapFromMap(map[string]any{"type": "EC2_LINUX"})
			_, err := runPlatform(t, r, createdCluster(t, "create: {authenticationMode: "+test.to+"}"), registerCreatedCluster("new-one"))
			if test.want == "" {
				require.NoError(t, err)
				assert.Equal(t, test.from == "API_AND_CONFIG_MAP" && test.to == "API", len(r.called(getAccessEntry)) == 1, "the nodes' entry is looked for")
				takesOver := len(r.one(t, createdClusterType, "new").RegisterRPC.GetTransforms()) == 1
				assert.Equal(t, test.from == "CONFIG_MAP" && test.to == "API_AND_CONFIG_MAP", takesOver, "the nodes' entry that EKS makes is taken over")
				return
			}
			require.ErrorContains(t, err, test.want)
			assert.Empty(t, r.ofType(createdClusterType))
		})
	}
}

func TestPlatformKeepsAwsAuthWhileTheNodesHaveNoAccessEntry(t *testing.T) {
	t.Parallel()
	r := modeBefore("API_AND_CONFIG_MAP")
	r.invokeErrors[getAccessEntry] = errors.New("empty result")
	_, err := runPlatform(t, r, createdCluster(t, "create: {authenticationMode: API}"), registerCreatedCluster("new-one"))
	require.ErrorContains(t, err, `cluster "new": create.authenticationMode: `+nodeRoleArn+", the role of the nodes, has no access entry that can be found, "+
		"and in the mode API nothing else gives nodes access; bring it back with `pulumi up --refresh` in the mode API_AND_CONFIG_MAP first: ")
	require.ErrorContains(t, err, "empty result")
	assert.Empty(t, r.ofType(createdClusterType))
}
