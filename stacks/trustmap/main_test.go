package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const outputs = `{
	"clusters": {"main": {"name": "prod", "region": "eu-west-1", "account": "111122223333", "issuer": "oidc.example.com"}},
	"roles": {"backup": {"arn": "arn:aws:iam::111122223333:role/backup"}},
	"trust": {"roles": {"backup": {"serviceAccounts": {"main/payments/backup": "2026-01-31T12:00:00Z"}}}}
}`

func TestTheCommandWritesEachFormat(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"":                 "account 111122223333\n",
		"--format text":    "account 111122223333\n",
		"--format mermaid": "flowchart LR\n",
		"--format dot":     "digraph trust {\n",
		"--format json":    "{\n",
	} {
		var out strings.Builder
		require.NoError(t, run(strings.Fields(args), strings.NewReader(outputs), &out), args)
		assert.True(t, strings.HasPrefix(out.String(), want), out.String())
	}
}

func TestTheCommandTellsWhoMayAssumeRoles(t *testing.T) {
	t.Parallel()
	const role = `{"Role": {"RoleName": "ci", "Arn": "arn:aws:iam::111122223333:role/ci", "AssumeRolePolicyDocument":
		{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole"}]}}}`
	var out strings.Builder
	require.NoError(t, run([]string{"who"}, strings.NewReader(role), &out))
	assert.Contains(t, out.String(), "ci    111122223333       whole account  -\n")
	out.Reset()
	require.NoError(t, run([]string{"who", "--json"}, strings.NewReader(role), &out))
	assert.Contains(t, out.String(), `"kind": "account-root"`)
}

func TestTheCommandRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ args, in, want string }{
		{"--format svg", outputs, "--format svg: must be text, mermaid, dot or json"},
		{"dot", outputs, `unexpected "dot": trustmap reads its standard input`},
		{"who all", "{}", `unexpected "all": trustmap reads its standard input`},
		{"who", "{}", "there is no role in it: what aws iam get-role, list-roles or get-account-authorization-details prints is expected"},
		{"who", "[", "reading what IAM says of roles, as aws iam get-role and list-roles print it: unexpected EOF"},
		{"", "{}", "the outputs of the stack have no `trust`: a stack of the platform has it from its next `pulumi up` on"},
		{"", "{", "reading the outputs of the stack, as `pulumi stack output --json` prints them: unexpected end of JSON input"},
	} {
		require.EqualError(t, run(strings.Fields(test.args), strings.NewReader(test.in), &strings.Builder{}), test.want)
	}
}
