package iampolicy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

const (
	hubRole  = "arn:aws:iam::111122223333:role/argocd"
	edgeRole = "arn:aws:iam::222233334444:role/teams/edge"
)

func TestRoleTrust(t *testing.T) {
	t.Parallel()
	trusted := []iampolicy.TrustedRole{{ARN: hubRole, UniqueID: "AROAEXAMPLE"}, {ARN: edgeRole}}
	document, err := iampolicy.RoleTrust{TrustedRoles: trusted}.Document()
	require.NoError(t, err)
	text, err := document.JSON()
	require.NoError(t, err)
	assert.JSONEq(t, `{"Version":"2012-10-17","Statement":[`+
		`{"Sid":"AROAEXAMPLE","Effect":"Allow","Principal":{"AWS":"`+hubRole+`"},"Action":"sts:AssumeRole"},`+
		`{"Effect":"Allow","Principal":{"AWS":"`+edgeRole+`"},"Action":"sts:AssumeRole"}]}`, text)
}

// IAM keeps the unique ID of a principal, so the same document would leave a role that was made anew untrusted.
func TestARoleMadeAnewIsAnotherTrustPolicy(t *testing.T) {
	t.Parallel()
	var documents [2]iampolicy.Document
	for i, id := range []string{"AROAEXAMPLE1", "AROAEXAMPLE2"} {
		var err error
		documents[i], err = iampolicy.RoleTrust{TrustedRoles: []iampolicy.TrustedRole{{ARN: hubRole, UniqueID: id}}}.Document()
		require.NoError(t, err)
	}
	assert.NotEqual(t, documents[0], documents[1])
}

func TestRoleTrustRefuses(t *testing.T) {
	t.Parallel()
	type roles = []iampolicy.TrustedRole
	many := make(roles, 17)
	for i := range many {
		many[i].ARN = fmt.Sprintf("%s-with-a-longer-name-%d", hubRole, i)
	}
	cases := []struct {
		name  string
		roles roles
		want  string
	}{
		{"nobody", nil, "trustedRoles: is empty; name at least one role"},
		{"everybody", roles{{ARN: "*"}}, `trustedRoles[0].arn: "*" is not an ARN; its form is arn:partition:service:region:account:resource`},
		{
			"roles by pattern",
			roles{{ARN: "arn:aws:iam::111122223333:role/*"}},
			`trustedRoles[0].arn: "arn:aws:iam::111122223333:role/*" is not the ARN of an IAM role`,
		},
		{
			"a whole account",
			roles{{ARN: hubRole}, {ARN: "arn:aws:iam::111122223333:root"}},
			`trustedRoles[1].arn: "arn:aws:iam::111122223333:root" is not the ARN of an IAM role`,
		},
		{"a role twice", roles{{ARN: hubRole}, {ARN: edgeRole}, {ARN: hubRole}}, "trustedRoles[2].arn: " + hubRole + " is trustedRoles[0] already"},
		{
			"one unique ID for two roles",
			roles{{hubRole, "AROAEXAMPLE"}, {edgeRole, "AROAEXAMPLE"}},
			`Statement[1].Sid: "AROAEXAMPLE" is the Sid of Statement[0] already; a Sid is unique in its policy`,
		},
		{
			"an ARN for a unique ID",
			roles{{hubRole, hubRole}},
			`Statement[0].Sid: "` + hubRole + `" has a character that is not allowed; use letters and digits`,
		},
		{"more than fit", many, "trust policy has 2187 characters and IAM allows 2048: trust fewer roles"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := iampolicy.RoleTrust{TrustedRoles: test.roles}.Document()
			require.EqualError(t, err, test.want)
		})
	}
}

func TestAssumeRoles(t *testing.T) {
	t.Parallel()
	document, err := iampolicy.AssumeRoles([]string{edgeRole, hubRole, edgeRole})
	require.NoError(t, err)
	require.NoError(t, document.ValidatePermissions())
	text, err := document.JSON()
	require.NoError(t, err)
	assert.JSONEq(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",`+
		`"Resource":["`+hubRole+`","`+edgeRole+`"]}]}`, text, "sorted, each once")
}

func TestAssumeRolesRefuses(t *testing.T) {
	t.Parallel()
	_, err := iampolicy.AssumeRoles(nil)
	require.EqualError(t, err, "roles: is empty; name at least one role")
	_, err = iampolicy.AssumeRoles([]string{hubRole, "arn:aws:iam::222233334444:role/*", "*"})
	require.EqualError(t, err, strings.Join([]string{
		`roles[1]: "arn:aws:iam::222233334444:role/*" is not the ARN of an IAM role`,
		`roles[2]: "*" is not an ARN; its form is arn:partition:service:region:account:resource`,
	}, "\n"))
}

func TestRoleArn(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"":        "arn:aws-cn:iam::111122223333:role/argocd",
		"/":       "arn:aws-cn:iam::111122223333:role/argocd",
		"/teams/": "arn:aws-cn:iam::111122223333:role/teams/argocd",
	} {
		arn := iampolicy.RoleARN("aws-cn", "111122223333", path, "argocd")
		assert.Equal(t, want, arn.String())
		assert.Equal(t, "argocd", arn.RoleName())
		assert.NoError(t, iampolicy.ValidateRoleARN(arn.String()))
	}
}

func TestDerivedRoleName(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, role, suffix, want string }{
		{"short", "dev-argocd", "edge", "dev-argocd-edge"},
		{"64 characters are kept", "argocd", strings.Repeat("a", 57), "argocd-" + strings.Repeat("a", 57)},
		{"65 characters are shortened to 64", "argocd", strings.Repeat("a", 58), "argocd-" + strings.Repeat("a", 48) + "-c759f9c7"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			name := iampolicy.DerivedRoleName(test.role, test.suffix)
			assert.Equal(t, test.want, name)
			assert.LessOrEqual(t, len(name), 64)
		})
	}
	same := strings.Repeat("a", 61)
	assert.NotEqual(t, iampolicy.DerivedRoleName(same+"-b", "c"), iampolicy.DerivedRoleName(same, "b-c"))
}
