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
	for _, test := range []struct {
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
	} {
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
