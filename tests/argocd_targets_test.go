package tests

import (
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/stacks"
)

const (
	otherAccount = "222233334444"
	hubRole      = "arn:aws:iam::" + account + ":role/dev-argocd"
)

// targets are a hub in one account, a cluster beside it, and one in another account, as targets in the given ways.
func targets(declared ...string) string {
	return `
tags: {environment: dev}
clusters:
  hub: {region: eu-west-1, namespaces: [argocd]}
  near: {region: us-east-1}
  far: {region: us-east-1, profile: other}
argocd:
  hub: hub
  roleName: dev-argocd
  targets:
    ` + strings.Join(declared, "\n    ")
}

const (
	nearDirect = "near: {cluster: near, access: {policies: [{policy: AmazonEKSViewPolicy}]}}"
	nearRole   = "near: {cluster: near, role: {}, access: {policies: [{policy: AmazonEKSViewPolicy}]}}"
	farDirect  = "far: {cluster: far, access: {policies: [{policy: AmazonEKSViewPolicy}]}}"
	farRole    = "far: {cluster: far, role: {path: /argocd/}, access: {policies: [{policy: AmazonEKSViewPolicy}]}}"
	farGiven   = "far: {cluster: far, roleArn: 'arn:aws:iam::" + otherAccount + ":role/argocd', access: {policies: [{policy: AmazonEKSViewPolicy}]}}"
	hubItself  = "hub: {cluster: hub, labels: {environment: dev}}"
)

// twoAccounts has the clusters of targets.
func twoAccounts() *recorder {
	r := newRecorder()
	for _, name := range []string{"aws-iam-other", "aws-us-east-1-other", "aws-cn-north-1-other", "aws-us-gov-west-1-other"} {
		r.accounts[name] = otherAccount
	}
	r.hasCluster("hub", "https://"+hubIssuer, "API")
	r.hasCluster("near", "https://"+euIssuer, "API")
	r.hasCluster("far", "https://"+usIssuer, "API")
	return r
}

// secretConfig is what a target's secret says of the way in.
func secretConfig(t *testing.T, r *recorder, target string) map[string]any {
	t.Helper()
	return fromJSON(t, decoded(t, r.one(t, secretType, "argocd/"+target)))["data"].(map[string]any)["config"].(map[string]any)
}

func TestATargetIsReachedWithTheHubRoleOrWithARoleOfItsOwn(t *testing.T) {
	t.Parallel()
	const farArn, givenArn = "arn:aws:iam::222233334444:role/argocd/dev-argocd-far", "arn:aws:iam::222233334444:role/argocd"
	cases := []struct {
		name, declared, target, provider string
		// The role that the cluster lets in, and the one that Argo CD is to assume.
		principal, roleArn string
		model              string
	}{
		{"in the hub's account, directly", nearDirect, "near", "aws-us-east-1", hubRole, "", "direct"},
		{"in another account, directly", farDirect, "far", "aws-us-east-1-other", hubRole, "", "direct"},
		{
			"in the hub's account, with a role", nearRole, "near", "aws-us-east-1",
			"arn:aws:iam::111122223333:role/dev-argocd-near", "arn:aws:iam::111122223333:role/dev-argocd-near", "role",
		},
		{"in another account, with a role", farRole, "far", "aws-us-east-1-other", farArn, farArn, "role"},
		{"in another account, with a role made elsewhere", farGiven, "far", "aws-us-east-1-other", givenArn, givenArn, "role"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := twoAccounts()
			outputs, err := runPlatform(t, r, platformConfig(t, targets(test.declared)))
			require.NoError(t, err)

			entry := r.one(t, accessEntryType, "argocd/"+test.target)
			assert.Equal(t, test.principal, entry.Inputs["principalArn"].StringValue())
			assert.Equal(t, test.provider, providerName(entry.Provider), "access is the business of the cluster's account")
			login := secretConfig(t, r, test.target)["awsAuthConfig"].(map[string]any)
			output := outputs["argocdTargets"].(map[string]any)[test.target].(map[string]any)
			assert.Equal(t, test.model, output["model"])
			assert.Equal(t, test.principal, output["principalArn"])
			if test.roleArn == "" {
				assert.NotContains(t, login, "roleARN", "no role may assume itself")
				assert.NotContains(t, output, "roleArn")
				assert.Empty(t, r.ofType(inlinePolicyType), "the hub role needs no permission")
				return
			}
			assert.Equal(t, test.roleArn, login["roleARN"])
			assert.Equal(t, test.roleArn, output["roleArn"])
			assert.JSONEq(t, `{"Version": "2012-10-17", "Statement": [
				{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "`+test.roleArn+`"}
			]}`, r.one(t, inlinePolicyType, "argocd/assume-target-roles").Inputs["policy"].StringValue())
			assert.Contains(t, r.one(t, secretType, "argocd/"+test.target).dependencies(), "RolePolicy/argocd/assume-target-roles",
				"Argo CD connects as soon as it sees the secret")
		})
	}
}

func TestTheRoleOfATargetTrustsTheHubRoleOnly(t *testing.T) {
	t.Parallel()
	r := twoAccounts()
	_, err := runPlatform(t, r, platformConfig(t, targets(nearDirect, farRole)))
	require.NoError(t, err)
	hub, role := r.one(t, roleType, "argocd"), r.one(t, roleType, "argocd/far")
	id := plain(r.state(hub)["uniqueId"], "")
	assert.JSONEq(t, `{"Version": "2012-10-17", "Statement": [
		{"Sid": "`+id+`", "Effect": "Allow", "Principal": {"AWS": "`+hubRole+`"}, "Action": "sts:AssumeRole"}
	]}`, role.Inputs["assumeRolePolicy"].StringValue())
	delete(role.Inputs, "assumeRolePolicy")
	assert.JSONEq(t, `{
		"name": "dev-argocd-far", "path": "/argocd/", "description": "Argo CD's identity in the cluster far",
		"tags": {"environment": "dev"}, "forceDetachPolicies": true
	}`, role.json(t))
	assert.Equal(t, "aws-iam-other", providerName(role.Provider))
	assert.Len(t, r.ofType(roleType), 2, "a target that is let in directly has no role")
}

// The ARNs in the hub role's policy are worked out before the roles are there, so they are compared with the roles' own.
func TestTheHubRoleMayAssumeExactlyTheRolesOfItsTargets(t *testing.T) {
	t.Parallel()
	for partition, region := range map[string]string{"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"} {
		t.Run(partition, func(t *testing.T) {
			t.Parallel()
			r := twoAccounts()
			r.partition = partition
			r.hasCluster("given", "https://oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE4", "API")
			r.hasCluster("again", "https://oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE5", "API")
			given := "arn:" + partition + ":iam::" + otherAccount + ":role/argocd"
			platform := targets(
				nearRole, farRole, "direct: {cluster: more, access: {kubernetesGroups: [x]}}",
				"given: {cluster: given, roleArn: '"+given+"', access: {kubernetesGroups: [x]}}",
				"again: {cluster: again, roleArn: '"+given+"', access: {kubernetesGroups: [x]}}",
			)
			platform = strings.Replace(platform, "  far: {region", "  given: {region: us-east-1}\n  again: {region: us-east-1}\n  more: {region: us-east-1}\n  far: {region", 1)
			platform = strings.NewReplacer("eu-west-1", region, "us-east-1", region).Replace(platform)
			r.hasCluster("more", "https://oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE6", "API")
			_, err := runPlatform(t, r, platformConfig(t, platform))
			require.NoError(t, err)

			want := []string{given}
			for _, key := range []string{"near", "far"} {
				want = append(want, plain(r.state(r.one(t, roleType, "argocd/"+key))["arn"], ""))
			}
			slices.Sort(want)
			policies := r.ofType(inlinePolicyType)
			require.Len(t, policies, 1)
			assert.Equal(t, "assume-target-roles", policies[0].Inputs["name"].StringValue())
			assert.JSONEq(t, `{"Version": "2012-10-17", "Statement": [
				{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": `+jsonOf(t, want)+`}
			]}`, policies[0].Inputs["policy"].StringValue())
		})
	}
}

func TestTheAccessOfATargetIsMadeAnewWhenTheRoleIs(t *testing.T) {
	t.Parallel()
	for declared, role := range map[string]string{nearDirect: "argocd", nearRole: "argocd/near"} {
		t.Run(declared, func(t *testing.T) {
			t.Parallel()
			r := twoAccounts()
			_, err := runPlatform(t, r, platformConfig(t, targets(declared)))
			require.NoError(t, err)
			trigger, deleteFirst := r.one(t, accessEntryType, "argocd/near").replacement()
			assert.Equal(t, plain(r.state(r.one(t, roleType, role))["uniqueId"], ""), trigger)
			assert.True(t, deleteFirst)
		})
	}
}

func TestTheHubItselfIsATargetThatNeedsNoLogin(t *testing.T) {
	t.Parallel()
	r := twoAccounts()
	outputs, err := runPlatform(t, r, platformConfig(t, targets(hubItself)))
	require.NoError(t, err)
	assert.JSONEq(t, `{
		"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
		"metadata": {
			"name": "cluster-kubernetes.default.svc-3396314289", "namespace": "argocd",
			"labels": {"argocd.argoproj.io/secret-type": "cluster", "app.kubernetes.io/managed-by": "pulumi", "environment": "dev"}
		},
		"data": {"name": "hub", "server": "https://kubernetes.default.svc", "config": {"tlsClientConfig": {"insecure": false}}}
	}`, decoded(t, r.one(t, secretType, "argocd/hub")))
	assert.Contains(t, r.one(t, secretType, "argocd/hub").dependencies(), "Namespace/hub/argocd")
	assert.Empty(t, r.ofType(accessEntryType))
	assert.Empty(t, r.ofType(inlinePolicyType))
	assert.JSONEq(t, `{"hub": {
		"cluster": "hub", "model": "inCluster", "server": "https://kubernetes.default.svc",
		"secret": "argocd/cluster-kubernetes.default.svc-3396314289"
	}}`, jsonOf(t, outputs["argocdTargets"]))
}

func TestATargetThatIsTakenOutTakesOnlyWhatIsItsOwn(t *testing.T) {
	t.Parallel()
	graph := func(declared ...string) []string {
		r := twoAccounts()
		_, err := runPlatform(t, r, platformConfig(t, targets(declared...)))
		require.NoError(t, err)
		return r.graph()
	}
	without := graph(hubItself, nearRole)
	gone := slices.DeleteFunc(graph(hubItself, nearRole, farRole), func(line string) bool { return slices.Contains(without, line) })
	assert.Equal(t, []string{
		"aws:eks/accessEntry:AccessEntry argocd/far in argocd/far by aws-us-east-1-other after Role/argocd/far",
		"aws:eks/accessPolicyAssociation:AccessPolicyAssociation argocd/far/AmazonEKSViewPolicy in argocd/far by aws-us-east-1-other " +
			"after AccessEntry/argocd/far, Role/argocd/far",
		"aws:iam/role:Role argocd/far in argocd/far by aws-iam-other after Role/argocd",
		"eks-irsa:index:ArgoCDCluster argocd/far in argocd/far after AccessEntry/argocd/far, AccessPolicyAssociation/argocd/far/AmazonEKSViewPolicy, " +
			"Namespace/hub/argocd, RolePolicy/argocd/assume-target-roles, " +
			"ServiceAccount/argocd/hub/argocd/argocd-application-controller, ServiceAccount/argocd/hub/argocd/argocd-applicationset-controller, " +
			"ServiceAccount/argocd/hub/argocd/argocd-server",
		"eks-irsa:index:ArgoCDTarget argocd/far",
		"eks-irsa:index:AssumableRole argocd/far in argocd/far",
		"eks-irsa:index:ClusterAccess argocd/far in argocd/far",
		"kubernetes:core/v1:Secret argocd/far in argocd/far by kubernetes-hub after AccessEntry/argocd/far, " +
			"AccessPolicyAssociation/argocd/far/AmazonEKSViewPolicy, Namespace/hub/argocd, Role/argocd/far, " +
			"RolePolicy/argocd/assume-target-roles, " +
			"ServiceAccount/argocd/hub/argocd/argocd-application-controller, ServiceAccount/argocd/hub/argocd/argocd-applicationset-controller, " +
			"ServiceAccount/argocd/hub/argocd/argocd-server",
	}, gone)
}

func TestATargetsRoleIsLetInByAwsAuthWhereTheClusterKnowsNothingElse(t *testing.T) {
	t.Parallel()
	r := twoAccounts()
	r.hasCluster("far", "https://"+usIssuer, "CONFIG_MAP")
	outputs, err := runPlatform(t, r, platformConfig(t, targets("far: {cluster: far, role: {}, access: {kubernetesGroups: [deployers]}}")))
	require.NoError(t, err)
	line := r.one(t, awsAuthRoleType, "argocd/far")
	assert.Equal(t, "arn:aws:iam::222233334444:role/dev-argocd-far", line.Inputs["roleArn"].StringValue())
	assert.Equal(t, "aws-auth", outputs["argocdTargets"].(map[string]any)["far"].(map[string]any)["via"])
}

func TestTheAccountsAnswersCanRefuseATarget(t *testing.T) {
	t.Parallel()
	const prefix = "invalid configuration:\nplatform.argocd.targets."
	cases := []struct {
		name    string
		prepare func(*recorder)
		targets []string
		want    string
	}{
		{
			"whose role is Argo CD's own", func(*recorder) {},
			[]string{"near: {cluster: near, roleArn: '" + hubRole + "', access: {kubernetesGroups: [x]}}"},
			"near.roleArn: dev-argocd is Argo CD's own role, " + mayNotAssumeItself("roleArn"),
		},
		{
			"whose role would be Argo CD's own, as the account is the hub's after all",
			func(r *recorder) { delete(r.accounts, "aws-iam-other") },
			[]string{"far: {cluster: far, role: {name: DEV-argocd}, access: {kubernetesGroups: [x]}}"},
			"far.role: DEV-argocd is Argo CD's own role, " + mayNotAssumeItself("role"),
		},
		{
			"whose role another target has, as the accounts are one", func(r *recorder) { delete(r.accounts, "aws-iam-other") },
			[]string{
				"near: {cluster: near, role: {name: x}, access: {kubernetesGroups: [x]}}",
				"far: {cluster: far, role: {name: X}, access: {kubernetesGroups: [x]}}",
			},
			"near.role: role x of account 111122223333 is declared already, at platform.argocd.targets.far.role, as X; IAM knows no case in names",
		},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := twoAccounts()
			test.prepare(r)
			_, err := runPlatform(t, r, platformConfig(t, targets(test.targets...)))
			require.ErrorContains(t, err, prefix+test.want+"\n", "it is the only fault")
			for _, added := range r.registrations {
				assert.Equal(t, awsProviderType, added.TypeToken, "nothing but what asks the accounts is registered")
			}
		})
	}
}

func TestARoleOfTheHubsNameInAnotherAccountIsFine(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"role: {name: dev-argocd}", "roleArn: 'arn:aws:iam::222233334444:role/dev-argocd'"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			_, err := runPlatform(t, twoAccounts(), platformConfig(t, targets("far: {cluster: far, "+way+", access: {kubernetesGroups: [x]}}")))
			require.NoError(t, err)
		})
	}
}

func TestEveryRegistrationOfATargetThatFailsFailsTheProgram(t *testing.T) {
	t.Parallel()
	values := platformConfig(t, targets(hubItself, farRole))
	for _, test := range []struct{ typ, name, want string }{
		{components.AssumableRoleType, "argocd/far", `ArgoCDTarget "argocd/far": registering AssumableRole "argocd/far": `},
		{roleType, "argocd/far", `ArgoCDTarget "argocd/far": AssumableRole "argocd/far": creating the role: `},
		{accessEntryType, "argocd/far", `ArgoCDTarget "argocd/far": ClusterAccess "argocd/far": creating the access entry: `},
		{secretType, "argocd/hub", `ArgoCDTarget "argocd/hub": ArgoCDCluster "argocd/hub": creating the secret: `},
		{inlinePolicyType, "argocd/assume-target-roles", `IrsaRole "argocd": creating inline policy "assume-target-roles": `},
	} {
		t.Run(test.typ+" "+test.name, func(t *testing.T) {
			t.Parallel()
			_, err := runPlatform(t, twoAccounts(), values, func(ctx *pulumi.Context) error {
				return refuseAtOnce(ctx, test.typ, test.name)
			})
			require.ErrorContains(t, err, test.want+refusedAtOnce)
		})
	}
}

// In a preview nothing of what is to be made is known, but the hub role's permission is.
func TestAPreviewKnowsWhatTheHubRoleMayAssume(t *testing.T) {
	t.Parallel()
	r := twoAccounts()
	require.NoError(t, r.run(stacks.Platform, preview, withConfig(platformConfig(t, targets(farRole)))))
	assert.JSONEq(t, `{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "arn:aws:iam::222233334444:role/argocd/dev-argocd-far"}
	]}`, r.one(t, inlinePolicyType, "argocd/assume-target-roles").Inputs["policy"].StringValue())
}

// What exists already is taken over as the configuration says.
func TestATargetTakesOverTheAccessThatIsThere(t *testing.T) {
	t.Parallel()
	r := twoAccounts()
	r.hasCluster("far", "https://"+usIssuer, "CONFIG_MAP")
	require.NoError(t, r.run(stacks.Platform, withConfig(platformConfig(t, targets(
		"near: {cluster: near, access: {kubernetesGroups: [deployers], import: true}}",
		"far: {cluster: far, access: {via: aws-auth, kubernetesGroups: [deployers], overwrite: true}}",
	)))))
	assert.Equal(t, "near:"+hubRole, r.one(t, accessEntryType, "argocd/near").RegisterRPC.GetImportId())
	assert.True(t, r.one(t, awsAuthRoleType, "argocd/far").Inputs["overwrite"].BoolValue())
}

func TestATargetWhoseModeBringsAwsAuthImportsNothing(t *testing.T) {
	t.Parallel()
	r := twoAccounts()
	r.hasCluster("far", "https://"+usIssuer, "CONFIG_MAP")
	err := r.run(stacks.Platform, withConfig(platformConfig(t, targets("far: {cluster: far, access: {kubernetesGroups: [deployers], import: true}}"))))
	require.ErrorContains(t, err, `invalid arguments of ArgoCDTarget "argocd/far":`+"\naccess.via: is aws-auth, as the cluster's authentication mode CONFIG_MAP allows nothing else\n"+
		"access.import: not with aws-auth; a line that maps the role already is replaced with overwrite")
}
