package tests

import (
	"errors"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

// newAssumableRole runs a program that makes the role dev-edge, which the role argocd may assume.
func newAssumableRole(r *recorder, change func(*components.AssumableRoleArgs)) (role *components.AssumableRole, err error) {
	failed := r.run(func(ctx *pulumi.Context) error {
		given, faults := registerProviders(ctx)
		if faults != nil {
			return faults
		}
		args := &components.AssumableRoleArgs{
			Name: "dev-edge", TrustedRoles: []components.TrustedRole{{Arn: pulumi.String(argoCDRole).ToStringOutput()}},
		}
		change(args)
		role, err = components.NewAssumableRole(ctx, "edge", args, pulumi.Provider(given.aws))
		return nil
	})
	return role, errors.Join(err, failed)
}

func TestAnAssumableRoleTrustsTheGivenRolesOnly(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		change func(*components.AssumableRoleArgs)
		want   string
	}{
		{"one", func(*components.AssumableRoleArgs) {}, `{"Version": "2012-10-17", "Statement": [
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
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRecorder()
			role, err := newAssumableRole(r, test.change)
			require.NoError(t, err)
			assert.JSONEq(t, test.want, r.one(t, roleType, "edge").Inputs["assumeRolePolicy"].StringValue())
			assert.JSONEq(t, test.want, awaitString(t, role.TrustPolicy))
		})
	}
}

func TestAnAssumableRoleIsAsAsked(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	role, err := newAssumableRole(r, func(args *components.AssumableRoleArgs) {
		args.Path, args.Description, args.MaxSessionDuration = "/teams/", "Argo CD in edge", 7200
		args.PermissionsBoundary = pulumi.String("arn:aws:iam::aws:policy/ReadOnlyAccess")
		args.Tags = pulumi.StringMap{"team": pulumi.String("platform")}
	})
	require.NoError(t, err)
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
func TestARoleWithANameOfItsOwnIsDeletedBeforeItIsReplaced(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	_, err := newAssumableRole(r, func(*components.AssumableRoleArgs) {})
	require.NoError(t, err)
	assert.True(t, r.one(t, roleType, "edge").RegisterRPC.GetDeleteBeforeReplace())
	for prefix, want := range map[string]bool{"": true, "app-": false} {
		r := newRecorder()
		_, err := newIrsaRole(r, func(args *components.IrsaRoleArgs, _ providers) { args.NamePrefix = prefix })
		require.NoError(t, err)
		assert.Equal(t, want, r.one(t, roleType, "app").RegisterRPC.GetDeleteBeforeReplace(), prefix)
	}
}

func TestAnAssumableRoleByDefaultHasANameAndTrustOnly(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	_, err := newAssumableRole(r, func(*components.AssumableRoleArgs) {})
	require.NoError(t, err)
	added := r.one(t, roleType, "edge")
	delete(added.Inputs, "assumeRolePolicy")
	assert.JSONEq(t, `{"name": "dev-edge", "forceDetachPolicies": true}`, added.json(t))
}

func TestAnAssumableRoleWhosePrincipalTurnsOutToBeWrongFailsTheProgram(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		change func(*components.AssumableRoleArgs)
		want   string
	}{
		{"as it is no role", func(args *components.AssumableRoleArgs) {
			args.TrustedRoles[0].Arn = pulumi.String("arn:aws:iam::111122223333:root").ToStringOutput()
		}, `AssumableRole "edge": trustPolicy: trustedRoles[0].arn: "arn:aws:iam::111122223333:root" is not the ARN of an IAM role`},
		{"as it is there already", func(args *components.AssumableRoleArgs) {
			args.TrustedRoles = append(args.TrustedRoles, args.TrustedRoles[0])
		}, `AssumableRole "edge": trustPolicy: trustedRoles[1].arn: ` + argoCDRole + " is trustedRoles[0] already"},
		{"as its unique ID is none", func(args *components.AssumableRoleArgs) {
			args.TrustedRoles[0].UniqueId = pulumi.String(argoCDRole)
		}, `AssumableRole "edge": trustPolicy: Statement[0].Sid: "` + argoCDRole + `" has a character that is not allowed; use letters and digits`},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := newAssumableRole(newRecorder(), test.change)
			require.ErrorContains(t, err, test.want)
		})
	}
}
