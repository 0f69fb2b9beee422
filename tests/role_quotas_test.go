package tests

import (
	"errors"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/presets"
)

// readQuotas gives what the component reads, in an account in which AWS has raised these quotas.
func readQuotas(t *testing.T, r *recorder, options ...pulumi.RunOption) (*components.RoleQuotas, error) {
	t.Helper()
	var quotas *components.RoleQuotas
	var err error
	require.NoError(t, r.run(func(ctx *pulumi.Context) error {
		quotas, err = components.ReadRoleQuotas(ctx)
		return nil
	}, options...))
	return quotas, err
}

func TestRoleQuotasAreThoseOfTheAccount(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	quotas, err := readQuotas(t, r)
	require.NoError(t, err)
	assert.Equal(t, &components.RoleQuotas{TrustPolicySize: 2048, ManagedPolicies: 10}, quotas)
	assert.Len(t, r.called(getServiceQuota), 2)

	r = newRecorder()
	r.quotas = map[string]float64{account + "/" + trustPolicySizeCode: 4096, account + "/" + managedPoliciesCode: 20}
	quotas, err = readQuotas(t, r, preview)
	require.NoError(t, err)
	assert.Equal(t, &components.RoleQuotas{TrustPolicySize: 4096, ManagedPolicies: 20}, quotas, "in a preview, too")
}

func TestRoleQuotasThatCannotBeReadAreAnError(t *testing.T) {
	t.Parallel()
	const asking = `asking Service Quotas for IAM's quota "Role trust policy length" (L-C07B4B0D): `
	for _, test := range []struct {
		name, says, want string
	}{
		{
			"without permission", "getting Default Service Quota for (iam/L-C07B4B0D): AccessDeniedException: no",
			"allow Pulumi's credentials servicequotas:GetServiceQuota and servicequotas:GetAWSDefaultServiceQuota: ",
		},
		{
			"in a region that has none of IAM's", "getting Default Service Quota for (iam/L-C07B4B0D): couldn't find resource",
			"it has IAM's quotas in the region of the partition's IAM alone, us-east-1 for example, so the AWS provider has to be one of that region: ",
		},
		{
			"in a region that has none of IAM's, in the words of AWS", "NoSuchResourceException: no such quota",
			"it has IAM's quotas in the region of the partition's IAM alone, us-east-1 for example, so the AWS provider has to be one of that region: ",
		},
		{"otherwise", "TooManyRequestsException: slow down", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRecorder()
			r.invokeErrors[getServiceQuota] = errors.New(test.says)
			_, err := readQuotas(t, r)
			require.EqualError(t, err, asking+test.want+test.says)
		})
	}
	r := newRecorder()
	r.quotas[account+"/"+managedPoliciesCode] = 0
	_, err := readQuotas(t, r)
	require.EqualError(t, err, `asking Service Quotas for IAM's quota "Managed policies attached to an IAM role" (L-0DA4ABF3): it says 0`)
}

// managedPolicies gives a role so many managed policies: one made for it, one by the name of AWS's and attachments for the rest.
func managedPolicies(args *components.IrsaRoleArgs, count int) {
	args.CustomerManagedPolicies = map[string]components.PolicyDocument{"made": pulumi.String(listBuckets)}
	args.ManagedPolicies = []string{"ReadOnlyAccess"}
	args.PolicyAttachments = map[string]pulumi.StringInput{}
	for i := range count - 2 {
		name := "policy-" + string(rune('a'+i))
		args.PolicyAttachments[name] = pulumi.String("arn:aws:iam::" + account + ":policy/" + name)
	}
}

func TestIrsaRoleIsHeldAgainstTheAccountsQuotas(t *testing.T) {
	t.Parallel()
	type args = components.IrsaRoleArgs
	long := func(size, limit int) func(*args) {
		return func(a *args) {
			manyServiceAccounts(a)
			a.Quotas, a.MaxTrustPolicySize = &components.RoleQuotas{TrustPolicySize: size}, limit
		}
	}
	policies := func(count, quota int) func(*args) {
		return func(a *args) {
			managedPolicies(a, count)
			a.Quotas = &components.RoleQuotas{ManagedPolicies: quota}
		}
	}
	tooMany := func(has string) string {
		return "managedPolicies: the role has " + has + " managed policies in all, with those that are made for it, and the account's quota " +
			`"Managed policies attached to an IAM role" is 10; make inline policies of some, or have AWS raise it`
	}
	for _, test := range []struct {
		name, want string
		change     func(*args)
	}{
		{"a long trust policy where the quota was raised", "", long(4096, 0)},
		{"one that the arguments allow, too", "", long(4096, 4096)},
		{"one where the quota is not known yet", "", long(0, 0)},
		{"one where the quota was not raised", "trustPolicy: trust policy has 2066 characters and IAM allows 2048: ", long(2048, 0)},
		{"one that the arguments do not allow", "trustPolicy: trust policy has 2066 characters and IAM allows 2050: ", long(4096, 2050)},
		{
			"a limit that the account does not have", `maxTrustPolicySize: 4096 is more than the account's quota "Role trust policy length", which is ` +
				"2048; have AWS raise it, or leave this out, as the quota is read", long(2048, 4096),
		},
		{"as many managed policies as the quota", "", policies(10, 10)},
		{"more than the quota", tooMany("11"), policies(11, 10)},
		{"more than the default where the quota was raised", "", policies(20, 20)},
		{"many where the quota is not known yet", "", policies(20, 0)},
		{"more than the quota with the preset's", tooMany("11"), func(a *args) {
			policies(10, 10)(a)
			a.Preset = &presets.EBSCSI{}
		}},
		{"a preset whose policy the arguments attach already", "", func(a *args) {
			policies(10, 10)(a)
			a.Preset = &presets.EBSCSI{}
			delete(a.PolicyAttachments, "policy-a")
			a.PolicyAttachments["AmazonEBSCSIDriverPolicyV2"] = pulumi.String("arn:aws:iam::aws:policy/AmazonEBSCSIDriverPolicyV2")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			made := irsaRole.args(unregistered, test.change)
			if test.want == "" {
				require.NoError(t, made.Validate())
				return
			}
			require.ErrorContains(t, made.Validate(), test.want)
		})
	}
}

func TestAssumableRoleIsHeldAgainstTheAccountsQuotas(t *testing.T) {
	t.Parallel()
	many := func(quotas *components.RoleQuotas) func(*components.AssumableRoleArgs) {
		return func(args *components.AssumableRoleArgs) {
			args.TrustedRoles, args.Quotas = nil, quotas
			for i := range 20 {
				args.TrustedRoles = append(args.TrustedRoles, components.TrustedRole{Arn: pulumi.String(argoCDRole + string(rune('a'+i)))})
			}
		}
	}
	r, _ := assumableRole.made(t, many(&components.RoleQuotas{TrustPolicySize: 4096}))
	assert.Greater(t, len(r.one(t, roleType, "edge").Inputs["assumeRolePolicy"].StringValue()), 2048)
	_, err := assumableRole.run(newRecorder(), many(nil))
	require.ErrorContains(t, err, "characters and IAM allows 2048: trust fewer roles")
}

// quotasPlatform has clusters of two accounts, one of which is reached in two ways, and a role in each, the hub's and a target's
// among them.
const quotasPlatform = `
readQuotas: true
clusters:
  green: {region: eu-west-1, profile: prod-admin}
  blue: {region: eu-west-1, profile: prod-deploy}
  other: {region: us-east-1, profile: other}
roles:
  app: {clusters: [green], serviceAccounts: [{namespace: payments, name: app}], MORE}
  elsewhere: {clusters: [other], serviceAccounts: [{namespace: payments, name: elsewhere}]}
argocd:
  hub: blue
  targets: {other: {cluster: other, role: {}, access: {kubernetesGroups: [x]}}}
`

func quotasAccounts() *recorder {
	r := clusters("green", "blue", "other")
	r.accounts["aws-iam-other"] = otherAccount
	return r
}

func TestPlatformReadsTheQuotasOfEachAccountOnce(t *testing.T) {
	t.Parallel()
	r := quotasAccounts()
	r.quotas[account+"/"+managedPoliciesCode] = 20
	deployed(t, r, platformConfig(t, strings.Replace(quotasPlatform, "MORE", "managedPolicies: ["+attached(12)+"]", 1)))
	asked := map[string]int{}
	for _, call := range r.called(getServiceQuota) {
		asked[r.accountOf(call.Provider)]++
		assert.Equal(t, "us-east-1", r.one(t, awsProviderType, providerName(call.Provider)).Inputs["region"].StringValue(), "where IAM is")
	}
	assert.Equal(t, map[string]int{account: 2, otherAccount: 2}, asked)

	r = quotasAccounts()
	deployed(t, r, platformConfig(t, strings.Replace(strings.Replace(quotasPlatform, "MORE", "managedPolicies: ["+attached(12)+"]", 1), "readQuotas: true", "", 1)))
	assert.Empty(t, r.called(getServiceQuota), "not unless it is asked for")
}

// attached are the ARNs of so many managed policies.
func attached(count int) string {
	var arns []string
	for i := range count {
		arns = append(arns, "'arn:aws:iam::"+account+":policy/p-"+string(rune('a'+i))+"'")
	}
	return strings.Join(arns, ", ")
}

func TestPlatformHoldsRolesAgainstTheAccountsQuotas(t *testing.T) {
	t.Parallel()
	var accounts []string
	for i := range 30 {
		accounts = append(accounts, "{namespace: namespace-of-the-accounts, name: account-of-many-"+string(rune('a'+i%26))+strings.Repeat("x", i)+", mode: trustOnly}")
	}
	long := "serviceAccounts: [" + strings.Join(accounts, ", ") + "]"
	platform := func(more, hub string) string {
		text := strings.Replace(quotasPlatform, "serviceAccounts: [{namespace: payments, name: app}], MORE", more, 1)
		return strings.Replace(text, "hub: blue", "hub: blue\n  "+hub, 1)
	}
	refusedOnceAsked(t, quotasAccounts(), platform("serviceAccounts: [{namespace: payments, name: app}], maxTrustPolicySize: 4096, managedPolicies: ["+attached(11)+"]",
		"managedPolicies: ["+attached(12)+"]"),
		lines(
			`platform.roles.app.managedPolicies: the role has 11 managed policies in all, with those that are made for it, and the account's quota `+
				`"Managed policies attached to an IAM role" is 10; make inline policies of some, or have AWS raise it`,
			`platform.roles.app.maxTrustPolicySize: 4096 is more than the account's quota "Role trust policy length", which is 2048; have AWS raise it, `+
				`or leave this out, as the quota is read`,
			`platform.argocd.managedPolicies: the role has 12 managed policies in all, with those that are made for it, and the account's quota `+
				`"Managed policies attached to an IAM role" is 10; make inline policies of some, or have AWS raise it`,
		))

	r := quotasAccounts()
	_, err := runPlatform(t, r, platformConfig(t, platform(long, "")))
	require.ErrorContains(t, err, "platform.roles.app.trustPolicy: trust policy has ")
	require.ErrorContains(t, err, " and IAM allows 2048: ")
	assert.Empty(t, r.ofType(roleType))

	r = quotasAccounts()
	r.quotas[account+"/"+trustPolicySizeCode] = 4096
	deployed(t, r, platformConfig(t, platform(long, "")))
	assert.Greater(t, len(r.one(t, roleType, "app").Inputs["assumeRolePolicy"].StringValue()), 2048)
}

func TestPlatformSaysWhatReadingTheQuotasTakes(t *testing.T) {
	t.Parallel()
	r := clusters("hub")
	r.invokeErrors[getServiceQuota] = errors.New("AccessDeniedException: no")
	_, err := runPlatform(t, r, platformConfig(t, "readQuotas: true\nclusters: {hub: {region: eu-west-1, profile: dev}}"))
	require.ErrorContains(t, err, "reading the account's quotas (profile dev) for platform.readQuotas (without that key IAM's defaults count, and "+
		"maxTrustPolicySize): asking Service Quotas for IAM's quota \"Role trust policy length\" (L-C07B4B0D): allow Pulumi's credentials "+
		"servicequotas:GetServiceQuota and servicequotas:GetAWSDefaultServiceQuota: AccessDeniedException: no")
}
