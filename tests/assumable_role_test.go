package tests

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

func TestAssumableRoleTrustsTheGivenRolesOnly(t *testing.T) {
	t.Parallel()
	for _, test := range []variant[components.AssumableRoleArgs]{
		{"one", nil, `{"Version": "2012-10-17", "Statement": [
			{"Effect": "Allow", "Principal": {"AWS": "` + argoCDRole + `"}, "Action": "sts:AssumeRole"}
		]}`},
		{"one whose unique ID is known", func(args *components.AssumableRoleArgs) {
			args.TrustedRoles[0].UniqueId = pulumi.String("AROAEXAMPLE").ToStringOutput()
		}, `{"Version": "2012-10-17", "Statement": [
			{"Sid": "AROAEXAMPLE", "Effect": "Allow", "Principal": {"AWS": "` + argoCDRole + `"}, "Action": "sts:AssumeRole"}
		]}`},
		{"several", func(args *components.AssumableRoleArgs) {
			args.TrustedRoles = append(args.TrustedRoles, components.TrustedRole{
				Arn: pulumi.String("arn:aws-cn:iam::222233334444:role/teams/deployer"), UniqueId: pulumi.String("AROAEXAMPLE"),
			})
		}, `{"Version": "2012-10-17", "Statement": [
			{"Effect": "Allow", "Principal": {"AWS": "` + argoCDRole + `"}, "Action": "sts:AssumeRole"},
			{"Sid": "AROAEXAMPLE", "Effect": "Allow", "Principal": {"AWS": "arn:aws-cn:iam::222233334444:role/teams/deployer"},
				"Action": "sts:AssumeRole"}
		]}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, role := assumableRole.made(t, test.change)
			assert.JSONEq(t, test.want, r.one(t, roleType, "edge").Inputs["assumeRolePolicy"].StringValue())
			assert.JSONEq(t, test.want, awaitString(t, role.TrustPolicy))
		})
	}
}

func TestAssumableRoleIsAsAsked(t *testing.T) {
	t.Parallel()
	r, role := assumableRole.made(t, func(args *components.AssumableRoleArgs) {
		args.Path, args.Description, args.MaxSessionDuration = "/teams/", "Argo CD in edge", 7200
		args.PermissionsBoundary = pulumi.String("arn:aws:iam::aws:policy/ReadOnlyAccess")
		args.Tags = pulumi.StringMap{"team": pulumi.String("platform")}
	})
	assert.Equal(t, []string{
		"aws:iam/role:Role edge in edge by aws", "eks-irsa:index:AssumableRole edge",
		"pulumi:providers:aws aws", "pulumi:providers:kubernetes kubernetes-edge", "pulumi:providers:kubernetes kubernetes-hub",
	}, r.graph())
	added := r.one(t, roleType, "edge")
	delete(added.Inputs, "assumeRolePolicy")
	assert.JSONEq(t, `{
		"name": "dev-edge", "path": "/teams/", "description": "Argo CD in edge", "maxSessionDuration": 7200,
		"permissionsBoundary": "arn:aws:iam::aws:policy/ReadOnlyAccess", "tags": {"team": "platform"}, "forceDetachPolicies": true
	}`, added.json(t))
	assert.Equal(t, "arn:aws:iam::111122223333:role/teams/dev-edge", awaitString(t, role.Arn))
	assert.Equal(t, "dev-edge", awaitString(t, role.Name))
	assert.NotEmpty(t, awaitString(t, role.UniqueId))
}

// There can be one role of a name in an account, so replacing one fails unless the old one goes first.
func TestAssumableRoleAndIrsaRoleOfANameAreDeletedBeforeTheyAreReplaced(t *testing.T) {
	t.Parallel()
	r, _ := assumableRole.made(t, nil)
	assert.True(t, r.one(t, roleType, "edge").RegisterRPC.GetDeleteBeforeReplace())
	for prefix, want := range map[string]bool{"": true, "app-": false} {
		r, _ := irsaRole.made(t, func(args *components.IrsaRoleArgs) { args.NamePrefix = prefix })
		assert.Equal(t, want, r.one(t, roleType, "app").RegisterRPC.GetDeleteBeforeReplace(), prefix)
	}
}

func TestAssumableRoleByDefaultHasANameAndTrustOnly(t *testing.T) {
	t.Parallel()
	r, _ := assumableRole.made(t, nil)
	added := r.one(t, roleType, "edge")
	delete(added.Inputs, "assumeRolePolicy")
	assert.JSONEq(t, `{"name": "dev-edge", "forceDetachPolicies": true}`, added.json(t))
}

func TestAssumableRoleFailsTheProgramWhenAPrincipalTurnsOutToBeWrong(t *testing.T) {
	t.Parallel()
	type args = components.AssumableRoleArgs
	assumableRole.fails(t, []refusal[args]{
		{"as it is no role", `trustPolicy: trustedRoles[0].arn: "arn:aws:iam::111122223333:root" is not the ARN of an IAM role`, func(a *args) {
			a.TrustedRoles[0].Arn = pulumi.String("arn:aws:iam::111122223333:root").ToStringOutput()
		}},
		{"as it is there already", `trustPolicy: trustedRoles[1].arn: ` + argoCDRole + " is trustedRoles[0] already", func(a *args) {
			a.TrustedRoles = append(a.TrustedRoles, a.TrustedRoles[0])
		}},
		{"as its unique ID is none", `trustPolicy: Statement[0].Sid: "` + argoCDRole + `" has a character that is not allowed; use letters and digits`, func(a *args) {
			a.TrustedRoles[0].UniqueId = pulumi.String(argoCDRole)
		}},
	})
}

func TestAssumableRoleRefuses(t *testing.T) {
	t.Parallel()
	type (
		args      = components.AssumableRoleArgs
		principal = components.TrustedRole
	)
	assumableRole.refuses(t, []refusal[args]{
		{"no principal", "trustedRoles: name at least one role", func(a *args) { a.TrustedRoles = nil }},
		{"a principal without an ARN", "trustedRoles[0].arn: must not be empty", func(a *args) { a.TrustedRoles[0].Arn = nil }},
		{"a malformed ARN of a principal", `trustedRoles[0].arn: "argocd" ` + notAnArn, func(a *args) { a.TrustedRoles[0].Arn = pulumi.String("argocd") }},
		{
			"a whole account", `trustedRoles[1].arn: "arn:aws:iam::111122223333:root" is not the ARN of an IAM role`,
			func(a *args) {
				a.TrustedRoles = append(a.TrustedRoles, principal{Arn: pulumi.String("arn:aws:iam::111122223333:root")})
			},
		},
		{"everybody", `trustedRoles[0].arn: "*" ` + notAnArn, func(a *args) { a.TrustedRoles[0].Arn = pulumi.String("*") }},
		{"no name", "name: role name is empty; use 1 to 64 letters, digits or _+=,.@-", func(a *args) { a.Name = "" }},
		{"several faults, all reported", lines(
			"trustedRoles: name at least one role",
			`name: role name "a/b" has a character that IAM does not allow; use letters, digits or _+=,.@-`,
			`path: role path "teams" must begin and end with a slash and have no empty part or white space, like "/teams/payments/"`,
			"description: has 1001 characters, IAM allows 1000",
			"maxSessionDuration: session duration of 1 s is out of range; use 3600 to 43200 s (1 to 12 hours)",
			`permissionsBoundary: "arn:x" `+notAnArn,
		), func(a *args) {
			*a = args{
				Name: "a/b",
				RoleSettings: components.RoleSettings{
					Path: "teams", Description: strings.Repeat("x", 1001), MaxSessionDuration: 1, PermissionsBoundary: pulumi.String("arn:x"),
				},
			}
		}},
	})
}

func TestAssumableRoleFindsItsBoundaryByName(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	err := r.run(func(ctx *pulumi.Context) error {
		for name, boundary := range map[string]string{"bounded": "ViewOnlyAccess", "unbounded": "NoSuchPolicy"} {
			_, err := components.NewAssumableRole(ctx, name, &components.AssumableRoleArgs{
				TrustedRoles: []components.TrustedRole{{Arn: pulumi.String("arn:aws:iam::" + account + ":role/argocd")}},
				Name:         name,
				RoleSettings: components.RoleSettings{PermissionsBoundary: pulumi.String(boundary)},
			})
			if name == "unbounded" {
				assert.ErrorContains(t, err, `AssumableRole "unbounded": permissionsBoundary: AWS has no policy of its own that is called NoSuchPolicy`)
			} else if err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(t, err)
	assert.Equal(t, "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess", r.one(t, roleType, "bounded").Inputs["permissionsBoundary"].StringValue())
}
