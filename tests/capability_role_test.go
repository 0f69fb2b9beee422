package tests

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

const capabilityRoleArn = "arn:aws:iam::" + account + ":role/dev-argocd-capability"

// trustsCapabilities is the trust policy that AWS asks for; condition is what stands behind the actions.
func trustsCapabilities(condition string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"capabilities.eks.amazonaws.com"},` +
		`"Action":["sts:AssumeRole","sts:TagSession"]` + condition + `}]}`
}

func TestCapabilityRoleIsAsAsked(t *testing.T) {
	t.Parallel()
	r, role := capabilityRole.made(t, func(args *components.CapabilityRoleArgs) {
		args.Path, args.Description, args.MaxSessionDuration = "/argocd/", "What it is for", 7200
		args.PermissionsBoundary, args.Tags = pulumi.String("PowerUserAccess"), pulumi.ToStringMap(map[string]string{"team": "platform"})
		args.ManagedPolicies = []string{"ReadOnlyAccess", "arn:aws:iam::" + account + ":policy/teams/git"}
		args.TrustConditions = iampolicy.Condition{iampolicy.StringEquals: {"aws:SourceAccount": {account}}}
	})
	registered := r.one(t, roleType, "argocd")
	assert.JSONEq(t, trustsCapabilities(`,"Condition":{"StringEquals":{"aws:SourceAccount":"`+account+`"}}`),
		registered.Inputs["assumeRolePolicy"].StringValue())
	delete(registered.Inputs, "assumeRolePolicy")
	assert.JSONEq(t, `{
		"name": "dev-argocd-capability", "path": "/argocd/", "description": "What it is for", "maxSessionDuration": 7200,
		"permissionsBoundary": "arn:aws:iam::aws:policy/PowerUserAccess", "tags": {"team": "platform"}, "forceDetachPolicies": true
	}`, registered.json(t))
	assert.Equal(t, "arn:aws:iam::"+account+":role/argocd/dev-argocd-capability", awaitString(t, role.Arn))
	for name, arn := range map[string]string{
		"argocd/ReadOnlyAccess": "arn:aws:iam::aws:policy/ReadOnlyAccess", "argocd/git": "arn:aws:iam::" + account + ":policy/teams/git",
	} {
		assert.Equal(t, arn, r.one(t, attachmentType, name).Inputs["policyArn"].StringValue())
	}
}

func TestCapabilityRoleTrustsWhatAWSAsksForByDefault(t *testing.T) {
	t.Parallel()
	r, _ := capabilityRole.made(t, nil)
	assert.JSONEq(t, trustsCapabilities(""), r.one(t, roleType, "argocd").Inputs["assumeRolePolicy"].StringValue())
	assert.Empty(t, r.ofType(attachmentType), "managed Argo CD needs no permission in AWS")
}

func TestCapabilityRoleRefuses(t *testing.T) {
	t.Parallel()
	type args = components.CapabilityRoleArgs
	capabilityRole.refuses(t, []refusal[args]{
		{"no name", "name: role name is empty; use 1 to 64 letters, digits or _+=,.@-", func(a *args) { a.Name = "" }},
		{
			"a policy twice", `managedPolicies[1]: "ReadOnlyAccess" is already in the list, at index 0`,
			func(a *args) {
				a.ManagedPolicies = []string{"ReadOnlyAccess", "arn:aws:iam::aws:policy/ReadOnlyAccess"}
			},
		},
		{"a path", `path: role path "x" must begin and end with a slash and have no empty part or white space, like "/teams/payments/"`, func(a *args) { a.Path = "x" }},
		{
			"a condition that no service fulfils",
			"trustConditions.IpAddress[\"aws:SourceIp\"]: is in no request of EKS Capabilities, which could not assume the role",
			func(a *args) {
				a.TrustConditions = iampolicy.Condition{iampolicy.IPAddress: {"aws:SourceIp": {"203.0.113.0/24"}}}
			},
		},
	})
}

func TestCapabilityRoleFindsItsPoliciesByName(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*components.CapabilityRoleArgs){
		"managedPolicies[0]: ":  func(args *components.CapabilityRoleArgs) { args.ManagedPolicies = []string{"NoSuchPolicy"} },
		"permissionsBoundary: ": func(args *components.CapabilityRoleArgs) { args.PermissionsBoundary = pulumi.String("NoSuchPolicy") },
	} {
		_, err := capabilityRole.run(newRecorder(), change)
		require.ErrorContains(t, err, `CapabilityRole "argocd": `+name+"AWS has no policy of its own that is called NoSuchPolicy")
	}
}
