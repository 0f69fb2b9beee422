package tests

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The Pulumi CLI makes JSON of the stack file's YAML, and whatever had no quotes there is a number, a date or null by then.
func TestConfigSaysWhereYAMLNeedsQuotes(t *testing.T) {
	t.Parallel()
	policy := func(document string) string {
		return "roles:\n  app:\n    clusters: [hub]\n    serviceAccounts: [{namespace: default, name: app}]\n    inlinePolicies:\n      p: " + document
	}
	statement := func(elements string) string {
		return policy(`{Version: "2012-10-17", Statement: {Effect: Allow, Action: "s3:GetObject", Resource: "*", ` + elements + "}}")
	}
	condition := func(condition string) string { return statement("Condition: {" + condition + "}") }
	for _, test := range []struct{ name, platform, want string }{
		{
			"the version", policy(`{Version: 2012-10-17, Statement: {Effect: Allow, Action: "sts:GetCallerIdentity", Resource: "*"}}`),
			`Version: "2012-10-17 00:00:00 +0000 UTC" is a date that YAML read; put it in quotes: "2012-10-17"`,
		},
		{
			"the operator Null", condition(`Null: {"aws:ResourceTag/elbv2.k8s.aws/cluster": "false"}`),
			`Statement[0].Condition["<nil>"]: is the operator Null, which YAML takes for no value at all; put it in quotes: "Null"`,
		},
		{
			"an account that begins with 0", condition(`StringEquals: {"aws:ResourceAccount": 012345670123}`),
			`Statement[0].Condition.StringEquals["aws:ResourceAccount"]: must be a string or a list of strings, is the number 1402433619; ` +
				"put it in quotes (without them YAML reads 012345670123, for one, as an octal number)",
		},
		{
			"an account that begins with 0 and has a 9", condition(`StringNotEquals: {"aws:PrincipalAccount": ["111122223333", 099999999999]}`),
			`Statement[0].Condition.StringNotEquals["aws:PrincipalAccount"][1]: must be a string, is the number 99999999999; ` +
				"put it in quotes (without them YAML reads 099999999999, for one, as a number and drops the 0)",
		},
		{
			"any account", condition(`StringEquals: {"aws:ResourceAccount": 111122223333}`),
			`Statement[0].Condition.StringEquals["aws:ResourceAccount"]: must be a string or a list of strings, is the number 111122223333; put it in quotes`,
		},
		{
			"a boolean for a text", condition(`StringEquals: {"aws:ResourceTag/backup": true}`),
			`Statement[0].Condition.StringEquals["aws:ResourceTag/backup"]: must be a string or a list of strings, is the boolean true; put it in quotes`,
		},
		{
			"a date", condition(`DateLessThan: {"aws:CurrentTime": 2026-12-31T23:59:59Z}`),
			`Statement[0].Condition.DateLessThan["aws:CurrentTime"][0]: "2026-12-31 23:59:59 +0000 UTC" is a date that YAML read, in a form that IAM cannot; ` +
				`put it in quotes: "2026-12-31T23:59:59Z"`,
		},
		{
			"a date with a time zone", condition(`DateLessThan: {"aws:CurrentTime": 2026-12-31T23:59:59.5+02:00}`),
			`Statement[0].Condition.DateLessThan["aws:CurrentTime"][0]: "2026-12-31 23:59:59.5 +0200 +0200" is a date that YAML read, in a form that IAM cannot; ` +
				`put it in quotes: "2026-12-31T23:59:59.5+02:00"`,
		},
		{
			"a date for a text", condition(`StringEquals: {"aws:ResourceTag/until": 2026-12-31}`),
			`Statement[0].Condition.StringEquals["aws:ResourceTag/until"][0]: "2026-12-31 00:00:00 +0000 UTC" is a date that YAML read, in a form that IAM cannot; ` +
				`put it in quotes: "2026-12-31"`,
		},
		{
			"a year, which would be seconds", condition(`DateGreaterThan: {"aws:CurrentTime": 2026}`),
			`Statement[0].Condition.DateGreaterThan["aws:CurrentTime"]: must be a string or a list of strings, is the number 2026; put it in quotes`,
		},
		{
			"a number with an exponent", condition(`NumericLessThan: {"s3:max-keys": 1e25}`),
			`Statement[0].Condition.NumericLessThan["s3:max-keys"]: must be a string or a list of strings, is the number 1e+25; put it in quotes`,
		},
		{
			"a number with more digits than YAML keeps", condition(`NumericEquals: {"s3:object-lock-remaining-retention-days": 1234567890.123456789}`),
			`Statement[0].Condition.NumericEquals["s3:object-lock-remaining-retention-days"]: must be a string or a list of strings, ` +
				"is the number 1234567890.1234567; put it in quotes",
		},
		{
			"yes for true", condition(`Bool: {"aws:SecureTransport": yes}`),
			`Statement[0].Condition.Bool["aws:SecureTransport"][0]: "yes" is neither true nor false`,
		},
		{
			"no value", condition(`StringEquals: {"aws:ResourceTag/team": ~}`),
			`Statement[0].Condition.StringEquals["aws:ResourceTag/team"]: must be a string or a list of strings, is null`,
		},
		{"a number for a Sid", statement("Sid: 007"), "Statement[0].Sid: must be a string, is the number 7; put it in quotes"},
		{
			"a line break that a block leaves", statement("") + "\n      q:\n        Version: \"2012-10-17\"\n        Statement:\n          Effect: Allow\n" +
				"          Action: s3:GetObject\n          Resource: |\n            arn:aws:s3:::dev-artifacts/*\n",
			"\x00q: Statement[0].Resource[0]: \"arn:aws:s3:::dev-artifacts/*\\n\" ends with white space",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			want, other := strings.CutPrefix(test.want, "\x00")
			if !other {
				want = "p: " + want
			}
			refusedConfig(t, test.platform, "platform.roles.app.inlinePolicies."+want)
		})
	}
}

func TestConfigTakesNumbersAndBooleansOfIAMsOwnTypesWithoutQuotes(t *testing.T) {
	t.Parallel()
	r := clusters("hub")
	deployed(t, r, platformConfig(t, `
clusters: {hub: {region: eu-west-1}}
roles:
  app:
    clusters: [hub]
    serviceAccounts: [{namespace: default, name: app}]
    inlinePolicies:
      p:
        Version: "2012-10-17"
        Statement:
          Effect: Allow
          Action: s3:GetObject
          Resource: "*"
          Condition:
            "Null": {"aws:ResourceTag/team": false}
            Bool: {"aws:SecureTransport": true}
            NumericLessThanEquals: {"s3:max-keys": [10, 2.5]}
`))
	assert.JSONEq(t, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{
		"Null":{"aws:ResourceTag/team":false},"Bool":{"aws:SecureTransport":true},"NumericLessThanEquals":{"s3:max-keys":[10,2.5]}}}}`,
		r.ofType(inlinePolicyType)[0].Inputs["policy"].StringValue())
}
