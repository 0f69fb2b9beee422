package tests

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/stacks/trust"
)

// managed are the clusters of targets with managed Argo CD in place of one that runs in pods.
func managed(hub string, declared ...string) string {
	return strings.Replace(targets(declared...), "roleName: dev-argocd", "managed: "+hub, 1)
}

const (
	hubCapabilityRole = "arn:aws:iam::" + account + ":role/hub-argocd-capability"

	nearLeast = "near: {cluster: near, namespaces: [apps]}"
	farLeast  = "far: {cluster: far, namespaces: [apps], project: far}"
	hubLeast  = "hub: {cluster: hub, namespaces: [apps]}"
)

// withCapability is the account in which EKS has made the capability, and with it the role's access entry in the hub.
func withCapability() *recorder {
	r := twoAccounts()
	r.answers = map[string]resource.PropertyMap{getAccessEntry: resource.NewPropertyMapFromMap(map[string]any{"type": "STANDARD"})}
	return r
}

func TestManagedArgoCDReachesTheSameTargets(t *testing.T) {
	t.Parallel()
	for kind, platform := range map[string]string{
		"self-managed": targets(hubItself, nearDirect, farDirect), "managed": managed("{}", "hub: {cluster: hub, access: {policies: [{policy: AmazonEKSViewPolicy}]}}", nearDirect, farDirect),
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			r := withCapability()
			outputs := deployed(t, r, platformConfig(t, platform))
			principal := map[string]string{"self-managed": hubRole, "managed": hubCapabilityRole}[kind]
			for target, provider := range map[string]string{"near": "aws-us-east-1", "far": "aws-us-east-1-other"} {
				entry := r.one(t, accessEntryType, "argocd/"+target)
				assert.Equal(t, principal, entry.Inputs["principalArn"].StringValue())
				assert.Equal(t, provider, providerName(entry.Provider), "access is the business of the cluster's account")
			}
			assert.Len(t, r.ofType(accessEntryType), 2, "the entry in the hub is not Pulumi's")
			var keys []string
			for key := range outputs["argocdTargets"].(map[string]any) {
				keys = append(keys, key)
			}
			assert.ElementsMatch(t, []string{"far", "hub", "near"}, keys)
		})
	}
}

func TestManagedArgoCDKnowsEveryClusterByItsARN(t *testing.T) {
	t.Parallel()
	r := withCapability()
	outputs := deployed(t, r, platformConfig(t, managed("{}", hubLeast, nearLeast, farLeast)))
	for target, project := range map[string]string{"hub": "default", "near": "default", "far": "far"} {
		secret := r.one(t, secretType, "argocd/"+target)
		assert.Equal(t, map[string]any{"name": target, "server": eksCluster + target, "project": project, "namespaces": "apps"},
			fromJSON(t, decoded(t, secret))["data"])
		assert.Equal(t, "kubernetes-hub", providerName(secret.Provider))
		assert.Contains(t, secret.dependencies(), "Namespace/hub/argocd")
		output := outputs["argocdTargets"].(map[string]any)[target].(map[string]any)
		assert.Equal(t, "managed", output["model"])
		assert.Equal(t, eksCluster+target, output["server"])
		assert.Equal(t, "accessEntry", output["via"])
		assert.Equal(t, hubCapabilityRole, output["principalArn"])
	}
	for target, provider := range map[string]string{"near": "kubernetes-near", "far": "kubernetes-far"} {
		assert.Equal(t, provider, providerName(r.one(t, clusterRoleType, "argocd/"+target+"/argocd-read-all").Provider))
		entry := r.one(t, accessEntryType, "argocd/"+target)
		assert.Equal(t, []any{"argocd-read-all"}, entry.Inputs["kubernetesGroups"].Mappable())
		assert.Equal(t, []string{provider}, entry.replacedWith(), "it is made again in a cluster that takes the name")
	}
	assert.Empty(t, r.ofType(serviceAccountType), "there are no pods of ours")
	assert.Empty(t, r.ofType(jobType))
	assert.NotContains(t, outputs, "roles")

	m, err := trust.Read([]byte(jsonOf(t, outputs)))
	require.NoError(t, err)
	least := "not proven: AmazonEKSEditPolicy in apps; "
	assert.Equal(t, []string{
		"account 111122223333", "  hub-argocd-capability", "    <- EKS Capability of hub  capability",
		"    -> far                    accessEntry  " + least + "group argocd-read-all",
		"    -> hub                    accessEntry  " + least + "AmazonEKSAdminViewPolicy",
		"    -> near                   accessEntry  " + least + "group argocd-read-all", "",
	}, strings.Split(m.Text(), "\n"), "the map says who may become what")
}

func TestManagedArgoCDHasACapabilityRoleAndTheCommandThatMakesTheCapability(t *testing.T) {
	t.Parallel()
	const command = "aws eks create-capability --capability-name argocd --type ARGOCD --delete-propagation-policy RETAIN --region eu-west-1 " +
		"--cluster-name hub --role-arn "
	configuration := func(namespace string) string {
		return ` --configuration '{"argoCd":{"namespace":"` + namespace + `","awsIdc":{"idcInstanceArn":"<ARN of the IAM Identity Center instance>"}}}'`
	}
	t.Run("that is made", func(t *testing.T) {
		t.Parallel()
		r := twoAccounts()
		outputs := deployed(t, r, platformConfig(t, managed("{}", nearLeast)))
		role := r.one(t, roleType, "argocd")
		assert.JSONEq(t, trustsCapabilities(""), role.Inputs["assumeRolePolicy"].StringValue())
		delete(role.Inputs, "assumeRolePolicy")
		assert.JSONEq(t, `{
			"name": "hub-argocd-capability", "description": "Managed Argo CD's identity in the clusters that it manages",
			"tags": {"environment": "dev"}, "forceDetachPolicies": true
		}`, role.json(t))
		assert.Equal(t, "aws-iam", providerName(role.Provider))
		assert.Equal(t, map[string]any{"hub": map[string]any{
			"roleArn": hubCapabilityRole, "createCommand": command + hubCapabilityRole + configuration("argocd"),
		}}, outputs["argocdCapability"])
	})
	t.Run("that is as asked", func(t *testing.T) {
		t.Parallel()
		r := twoAccounts()
		platform := managed(`{role: {name: cd, path: /argocd/, permissionsBoundary: PowerUserAccess, tags: {team: a},
    managedPolicies: [AmazonS3ReadOnlyAccess], trustConditions: {StringEquals: {"aws:SourceAccount": "111122223333"}}}}`, nearLeast)
		outputs := deployed(t, r, platformConfig(t, strings.Replace(platform, "hub: hub\n", "hub: hub\n  namespace: gitops\n", 1)))
		role := r.one(t, roleType, "argocd")
		assert.Contains(t, role.Inputs["assumeRolePolicy"].StringValue(), `"aws:SourceAccount":"111122223333"`)
		assert.Equal(t, map[string]any{"environment": "dev", "team": "a"}, role.Inputs["tags"].Mappable())
		assert.Equal(t, "arn:aws:iam::aws:policy/PowerUserAccess", role.Inputs["permissionsBoundary"].StringValue())
		r.one(t, attachmentType, "argocd/AmazonS3ReadOnlyAccess")
		assert.Equal(t, command+"arn:aws:iam::"+account+":role/argocd/cd"+configuration("gitops"),
			outputs["argocdCapability"].(map[string]any)["hub"].(map[string]any)["createCommand"])
	})
	t.Run("that exists, in an account with a profile", func(t *testing.T) {
		t.Parallel()
		r := withCapability()
		platform := strings.Replace(managed("{roleArn: 'arn:aws:iam::"+account+":role/given'}", nearLeast), "hub: {region: eu-west-1,", "hub: {region: eu-west-1, profile: cd,", 1)
		outputs := deployed(t, r, platformConfig(t, platform))
		assert.Empty(t, r.ofType(roleType))
		assert.Equal(t, "arn:aws:iam::"+account+":role/given", r.one(t, accessEntryType, "argocd/near").Inputs["principalArn"].StringValue())
		assert.Contains(t, outputs["argocdCapability"].(map[string]any)["hub"].(map[string]any)["createCommand"], " --profile cd --region ")
	})
}

// EKS makes the role's access entry in the hub with the capability. Before that there is nothing to associate policies with.
func TestManagedArgoCDGetsAccessToTheHubOnceTheCapabilityIsThere(t *testing.T) {
	t.Parallel()
	run := func(r *recorder) (outputs map[string]any, warned []string) {
		log := &warnings{}
		outputs = deployed(t, r, platformConfig(t, managed("{}", "hub: {aliases: [itself], cluster: hub, namespaces: [apps]}")), func(ctx *pulumi.Context) error {
			log.Log, ctx.Log = ctx.Log, log
			return nil
		})
		return outputs, log.texts
	}
	before := twoAccounts()
	before.invokeErrors[getAccessEntry] = errors.New("couldn't find resource")
	outputs, warned := run(before)
	require.Len(t, warned, 1)
	assert.Contains(t, warned[0], "argocd.targets.hub: the capability role has no access entry in the hub, as EKS makes one with the capability")
	assert.Contains(t, warned[0], "aws eks create-capability --capability-name argocd")
	assert.Contains(t, warned[0], "couldn't find resource")
	assert.Empty(t, before.ofType(associationType))
	before.one(t, secretType, "argocd/hub")
	assert.NotContains(t, outputs["argocdTargets"].(map[string]any)["hub"], "via")
	looked := before.called(getAccessEntry)
	require.Len(t, looked, 1)
	assert.Equal(t, "hub", looked[0].Args["clusterName"].StringValue())
	assert.Equal(t, hubCapabilityRole, looked[0].Args["principalArn"].StringValue())

	after := withCapability()
	outputs, warned = run(after)
	assert.Empty(t, warned)
	assert.Len(t, after.ofType(associationType), 2)

	for _, key := range []string{"hub", "itself"} {
		once := twoAccounts()
		once.previously(map[string]any{"argocdTargets": map[string]any{key: outputs["argocdTargets"].(map[string]any)["hub"]}})
		_, warned = run(once)
		assert.Empty(t, warned, "what was granted stays, whatever a question says")
		assert.Len(t, once.ofType(associationType), 2)
		assert.Empty(t, once.called(getAccessEntry))
	}
}

func TestManagedArgoCDKnowsItsTargetsByTheirARNsWhenAKeyIsRenamed(t *testing.T) {
	t.Parallel()
	outputs := deployed(t, withCapability(), platformConfig(t, managed("{}", hubLeast, nearLeast)))
	for declared, want := range map[string]string{
		strings.Replace(nearLeast, "near: ", "close: ", 1): "close: this stack made what lets Argo CD into " + eksCluster + "near",
		strings.Replace(hubLeast, "hub: ", "itself: ", 1):  "itself: this stack made what lets Argo CD into " + eksCluster + "hub",
	} {
		r := withCapability()
		r.previously(outputs)
		kept := slices.DeleteFunc([]string{hubLeast, nearLeast}, func(other string) bool { return other[10:] == declared[len(declared)-len(other)+10:] })
		_, err := runPlatform(t, r, platformConfig(t, managed("{}", append(kept, declared)...)))
		require.ErrorContains(t, err, "platform.argocd.targets."+want)
	}
}

func TestManagedArgoCDNeedsAccessEntries(t *testing.T) {
	t.Parallel()
	const noEntries = "the cluster's authentication mode CONFIG_MAP knows no access entries, "
	for cluster, want := range map[string]string{
		"near": "invalid arguments of ArgoCDTarget \"argocd/near\":\naccess: " + noEntries + "and managed Argo CD has no other way in; change the mode: " +
			"aws eks update-cluster-config --name <cluster> --access-config authenticationMode=API_AND_CONFIG_MAP",
		"hub": "invalid configuration:\nplatform.argocd.hub: " + noEntries + "without which it can have no capability; change the mode to API_AND_CONFIG_MAP",
	} {
		r := withCapability()
		r.hasCluster(cluster, "https://"+map[string]string{"near": euIssuer, "hub": hubIssuer}[cluster], "CONFIG_MAP")
		_, err := runPlatform(t, r, platformConfig(t, managed("{}", nearLeast)))
		require.ErrorContains(t, err, want)
	}
}

func TestManagedArgoCDTakesARoleOfTheHubsAccount(t *testing.T) {
	t.Parallel()
	r := withCapability()
	_, err := runPlatform(t, r, platformConfig(t, managed("{roleArn: 'arn:aws:iam::"+otherAccount+":role/given'}", nearLeast)))
	require.ErrorContains(t, err, "platform.argocd.managed.roleArn: arn:aws:iam::"+otherAccount+":role/given is in account "+otherAccount+
		", and EKS takes the role of a capability in the account of its cluster, "+account)
}

func TestConfigRefusesManagedArgoCD(t *testing.T) {
	t.Parallel()
	const ofPods = ": is for Argo CD in pods of yours, and managed Argo CD has none; what its role can have is in managed.role"
	argoCD := func(rest string) string { return "argocd:\n  hub: hub\n  " + strings.ReplaceAll(rest, "\n", "\n  ") }
	target := func(rest string) string { return argoCD("managed: {}\ntargets: {edge: {cluster: edge, " + rest + "}}") }
	const edge = "platform.argocd.targets.edge."
	refusedConfigs(t, []struct{ name, platform, want string }{
		{
			"what Argo CD in pods has", argoCD("managed: {}\nroleName: x\nidentity: podIdentity\nserviceAccountMode: patch\ntestPod: {}\n" +
				"serviceAccounts: [x]\npath: /x/\nmanagedPolicies: [ReadOnlyAccess]"), lines(
				"platform.argocd.roleName"+ofPods, "platform.argocd.identity"+ofPods, "platform.argocd.path"+ofPods, "platform.argocd.managedPolicies"+ofPods,
				"platform.argocd.serviceAccounts"+ofPods, "platform.argocd.serviceAccountMode"+ofPods, "platform.argocd.testPod"+ofPods,
			),
		},
		{"a role and another", argoCD("managed: {role: {}, roleArn: 'arn:aws:iam::111122223333:role/x'}"), "platform.argocd.managed.roleArn: give role, to have one made, or roleArn, not both"},
		{"a role that is none", argoCD("managed: {roleArn: x}"), `platform.argocd.managed.roleArn: "x" ` + notAnArn},
		{
			"a service-linked role", argoCD("managed: {roleArn: 'arn:aws:iam::111122223333:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS'}"),
			`platform.argocd.managed.roleArn: "arn:aws:iam::111122223333:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS" is a ` +
				"service-linked role, which only its AWS service may assume",
		},
		{
			"a role of another account, where that is known",
			"clusters:\n  hub: {region: eu-west-1, assumeRole: {roleArn: 'arn:aws:iam::222233334444:role/deployer'}}\n" + argoCD("managed: {roleArn: 'arn:aws:iam::111122223333:role/x'}"),
			"platform.argocd.managed.roleArn: arn:aws:iam::111122223333:role/x is in account 111122223333, and EKS takes the role of a capability in " +
				"the account of its cluster, 222233334444",
		},
		{
			"what the role cannot have", argoCD("managed: {role: {name: a b, path: x, description: –, maxSessionDuration: 1, permissionsBoundary: a b, tags: {a: x;y},\n" +
				"managedPolicies: ['arn:aws-cn:iam::111122223333:policy/x'], trustConditions: {Equals: {a:b: c}}}}"), lines(
				`platform.argocd.managed.role.name: role name "a b"`+iamForbids,
				`platform.argocd.managed.role.path: role path "x" must begin and end with a slash and have no empty part or white space, like "/teams/payments/"`,
				"platform.argocd.managed.role.description: has the character '–', which IAM does not allow there; use letters, digits, marks and accents of Western European languages (Latin-1)",
				"platform.argocd.managed.role.maxSessionDuration: session duration of 1 s is out of range; use 3600 to 43200 s (1 to 12 hours)",
				`platform.argocd.managed.role.permissionsBoundary: `+notAPolicy("a b"),
				`platform.argocd.managed.role.tags.a: the value "x;y"`+noTagHas,
				"platform.argocd.managed.role.trustConditions.Equals: is not a condition operator",
				`platform.argocd.managed.role.managedPolicies[0]: "arn:aws-cn:iam::111122223333:policy/x" is in the partition aws-cn, and the role is in aws: `+
					"write arn:aws:iam::111122223333:policy/x",
			),
		},
		{
			"a hub that is made without access entries", "clusters:\n  hub: {region: eu-west-1, create: {authenticationMode: CONFIG_MAP}}\n" + argoCD("managed: {}"),
			"platform.argocd.hub: the cluster's authentication mode CONFIG_MAP knows no access entries, without which it can have no capability; change " +
				"the mode to API_AND_CONFIG_MAP",
		},
		{
			"a target that is made without access entries",
			"clusters:\n  hub: {region: eu-west-1}\n  edge: {region: eu-west-1, create: {authenticationMode: CONFIG_MAP}}\n" + target("namespaces: [apps]"),
			edge + "access: the cluster's authentication mode CONFIG_MAP knows no access entries, and managed Argo CD has no other way in; change the mode: " +
				"aws eks update-cluster-config --name <cluster> --access-config authenticationMode=API_AND_CONFIG_MAP",
		},
		{"a role of a target", target("namespaces: [apps], role: {}"), edge + "role: " + noSecondRole},
		{"a role of a target that exists", target("namespaces: [apps], roleArn: 'arn:aws:iam::222233334444:role/spoke'"), edge + "roleArn: " + noSecondRole},
		{
			"how to reach a target", target("namespaces: [apps], proxyUrl: 'http://proxy', serverName: x, shard: 1"), lines(
				edge+"serverName: "+connectedByAWS, edge+"proxyUrl: "+connectedByAWS, edge+"shard: AWS runs the controllers of managed Argo CD; leave it out",
			),
		},
		{
			"aws-auth", target("access: {via: aws-auth, kubernetesGroups: [x]}"),
			edge + `access.via: "aws-auth" is not a way of managed Argo CD, which comes by an access entry; leave it out`,
		},
		{
			"a role that has the name of another", argoCD("managed: {role: {name: App}}") + "\nroles: {app: {name: app, clusters: [hub], serviceAccounts: [{namespace: x, name: x}]}}",
			"platform.argocd.managed.role: role App is declared already, at platform.roles.app, as app; IAM knows no case in names",
		},
	})
}
