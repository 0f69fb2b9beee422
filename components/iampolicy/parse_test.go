package iampolicy_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const (
		statementElements = "Sid, Effect, Principal, NotPrincipal, Action, NotAction, Resource, NotResource, Condition"
		unknown           = "unknown element; known here (upper and lower case matter) are "
	)
	// statement wraps the elements of a statement that is otherwise right.
	statement := func(elements string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"},{` + elements + `}]}`
	}
	condition := func(condition string) string {
		return statement(`"Effect":"Allow","Action":"s3:GetObject","Condition":` + condition)
	}
	cases := []struct{ name, text, want string }{
		{"nothing", "", "empty; a JSON policy document is expected"},
		{"white space", " \n", "empty; a JSON policy document is expected"},
		{"no JSON", "Allow everything", "not JSON: invalid character 'A' looking for beginning of value, at byte 0"},
		{"half a document", `{"Version":`, "not JSON: the text ends too early, at byte 11"},
		{"half a list", `[1,`, "not JSON: the text ends too early, at byte 3"},
		{"an open list", `[1`, "not JSON: the text ends too early, at byte 2"},
		{"an open object", `{"a":1`, "not JSON: the text ends too early, at byte 6"},
		{"a key that is no string", `{1:2}`, "not JSON: invalid character '1', at byte 1"},
		{"two documents", `{} {}`, "trailing data after byte 2; one JSON value is expected"},
		{"trailing data", statement(`"Effect":"Deny","Action":"*"`) + "x", "trailing data after byte 127; one JSON value is expected"},
		{"deep nesting", strings.Repeat("[", 100000), "nested more than 16 levels deep; no policy is"},
		{"a list", `[]`, "must be an object, is a list"},
		{"null", `null`, "must be an object, is null"},
		{"an empty object", `{}`, "Statement: is missing; a policy needs at least one statement"},
		{"no statement", `{"Version":"2012-10-17"}`, "Statement: is missing; a policy needs at least one statement"},
		{"an empty statement list", `{"Version":"2012-10-17","Statement":[]}`, "Statement: is missing; a policy needs at least one statement"},
		{
			"a wrong version", `{"Version":"2021-10-17","Statement":{"Effect":"Allow","Action":"*"}}`,
			`Version: "2021-10-17" is not a version of the policy language; use "2012-10-17"`,
		},
		{
			"an empty version", `{"Version":"","Statement":{"Effect":"Allow","Action":"*"}}`,
			`Version: is empty; use "2012-10-17"`,
		},
		{"a version that is a number", `{"Version":2012,"Statement":{"Effect":"Allow","Action":"*"}}`, "Version: must be a string, is the number 2012; put it in quotes"},
		{"an ID that is null", `{"Id":null,"Statement":{"Effect":"Allow","Action":"*"}}`, "Id: must be a string, is null"},
		{"a statement that is a string", `{"Statement":["x"]}`, "Statement[0]: must be an object, is a string"},
		{
			"an unknown element of the document", `{"Statements":[]}`,
			"Statements: " + unknown + "Version, Id, Statement\nStatement: is missing; a policy needs at least one statement",
		},
		{
			"an unknown element of a statement", statement(`"Effect":"Allow","Action":"*","Resources":"*"`),
			"Statement[1].Resources: " + unknown + statementElements,
		},
		{
			"an element in the wrong case", statement(`"effect":"Allow","Action":"*"`),
			"Statement[1].effect: " + unknown + statementElements + "\nStatement[1].Effect: is missing; use Allow or Deny",
		},
		{"a statement without effect", statement(`"Action":"*"`), "Statement[1].Effect: is missing; use Allow or Deny"},
		{"an effect in the wrong case", statement(`"Effect":"allow","Action":"*"`), `Statement[1].Effect: "allow" is neither Allow nor Deny`},
		{"an effect that is a list", statement(`"Effect":["Allow"],"Action":"*"`), "Statement[1].Effect: must be a string, is a list"},
		{"a statement without action", statement(`"Effect":"Allow"`), "Statement[1].Action: is missing; a statement needs Action or NotAction"},
		{"a statement with both actions", statement(`"Effect":"Allow","Action":"*","NotAction":"*"`), "Statement[1].NotAction: cannot stand beside Action"},
		{
			"a statement with both resources", statement(`"Effect":"Allow","Action":"*","Resource":"*","NotResource":"*"`),
			"Statement[1].NotResource: cannot stand beside Resource",
		},
		{
			"a statement with both principals", statement(`"Effect":"Allow","Action":"*","Principal":"*","NotPrincipal":"*"`),
			"Statement[1].NotPrincipal: cannot stand beside Principal",
		},
		{"an action that is a number", statement(`"Effect":"Allow","Action":1`), "Statement[1].Action: must be a string or a list of strings, is the number 1; put it in quotes"},
		{"a negated action that is a number", statement(`"Effect":"Allow","NotAction":1`), "Statement[1].NotAction: must be a string or a list of strings, is the number 1; put it in quotes"},
		{"an action that is true", statement(`"Effect":"Allow","Action":["*",true]`), "Statement[1].Action[1]: must be a string, is the boolean true; put it in quotes"},
		{"an empty list of actions", statement(`"Effect":"Allow","Action":[]`), "Statement[1].Action: is an empty list"},
		{
			"an action without service", statement(`"Effect":"Allow","Action":["s3:*","GetObject"]`),
			`Statement[1].Action[1]: "GetObject" is not an action; use "service:Action" or "*"`,
		},
		{"an empty resource", statement(`"Effect":"Allow","Action":"*","Resource":""`), "Statement[1].Resource[0]: is empty"},
		{
			"a Sid with a space", statement(`"Sid":"a b","Effect":"Allow","Action":"*"`),
			`Statement[1].Sid: "a b" has a character that is not allowed; use letters and digits`,
		},
		{"a key twice", statement(`"Effect":"Deny","Effect":"Allow","Action":"*"`), "Statement[1].Effect: appears twice in one object"},
		{
			"a condition key twice", condition(`{"StringEquals":{"a:b":"x","a:b":"y"}}`),
			`Statement[1].Condition.StringEquals["a:b"]: appears twice in one object`,
		},
		{
			"a principal that is a name", statement(`"Effect":"Allow","Action":"*","Principal":"111122223333"`),
			`Statement[1].Principal: "111122223333" is not a principal; use "*" or an object such as {"AWS": "111122223333"}`,
		},
		{"a principal that is a list", statement(`"Effect":"Allow","Action":"*","Principal":["*"]`), "Statement[1].Principal: must be an object, is a list"},
		{
			"a principal of an unknown kind", statement(`"Effect":"Allow","Action":"*","Principal":{"aws":"*"}`),
			"Statement[1].Principal.aws: " + unknown + "AWS, Federated, Service, CanonicalUser",
		},
		{"an empty principal", statement(`"Effect":"Allow","Action":"*","Principal":{}`), "Statement[1].Principal: names no principal"},
		{"an empty condition", condition(`{}`), "Statement[1].Condition: is empty; leave it out or name an operator"},
		{"a condition that is a list", condition(`[]`), "Statement[1].Condition: must be an object, is a list"},
		{"an operator with a list", condition(`{"StringEquals":["a:b"]}`), "Statement[1].Condition.StringEquals: must be an object, is a list"},
		{"an unknown operator", condition(`{"StringIs":{"a:b":"x"}}`), "Statement[1].Condition.StringIs: is not a condition operator"},
		{"an operator that is no word", condition(`{"String Equals":{"a:b":"x"}}`), `Statement[1].Condition["String Equals"]: is not a condition operator`},
		{"Null with IfExists", condition(`{"NullIfExists":{"a:b":"true"}}`), "Statement[1].Condition.NullIfExists: is not a condition operator"},
		{
			"a condition key without prefix", condition(`{"StringEquals":{"sub":"x"}}`),
			`Statement[1].Condition.StringEquals.sub: is not a condition key; its form is "prefix:name"`,
		},
		{
			"a condition key that is a URL", condition(`{"StringEquals":{"https://x.example/:sub":"x"}}`),
			`Statement[1].Condition.StringEquals["https://x.example/:sub"]: is a URL; a condition key has the issuer without https://`,
		},
		{
			"a condition value that is null", condition(`{"StringEquals":{"a:b":null}}`),
			`Statement[1].Condition.StringEquals["a:b"]: must be a string or a list of strings, is null`,
		},
		{
			"a condition value that is an object", condition(`{"StringEquals":{"a:b":["x",{}]}}`),
			`Statement[1].Condition.StringEquals["a:b"][1]: must be a string, is an object`,
		},
		{"a condition without values", condition(`{"StringEquals":{"a:b":[]}}`), `Statement[1].Condition.StringEquals["a:b"]: is an empty list`},
		{
			"a character that IAM does not take", condition(`{"StringEquals":{"a:b":"\u2026"}}`),
			`Statement[1].Condition.StringEquals["a:b"][0]: has the character '…' (U+2026); IAM takes tab, line breaks and U+0020 to U+00FF only`,
		},
		{
			"a control character", statement(`"Effect":"Allow","Action":"*","Resource":"a\u0000"`),
			`Statement[1].Resource[0]: has the character '\x00' (U+0000); IAM takes tab, line breaks and U+0020 to U+00FF only`,
		},
		{
			"text that is not UTF-8", "{\"Id\":\"\xff\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\"}}",
			"Id: has the character '\ufffd' (U+FFFD); IAM takes tab, line breaks and U+0020 to U+00FF only",
		},
		{
			"the operator Null without quotes in YAML", condition(`{"<nil>":{"aws:TagKeys":"false"}}`),
			`Statement[1].Condition["<nil>"]: is the operator Null, which YAML takes for no value at all; put it in quotes: "Null"`,
		},
		{
			"a boolean for a text", condition(`{"StringEquals":{"a:b":true}}`),
			`Statement[1].Condition.StringEquals["a:b"]: must be a string or a list of strings, is the boolean true; put it in quotes`,
		},
		{
			"an account that YAML read as an octal number", condition(`{"StringEquals":{"a:b":[1402433619]}}`),
			`Statement[1].Condition.StringEquals["a:b"][0]: must be a string, is the number 1402433619; put it in quotes (without them YAML reads ` +
				"012345670123, for one, as an octal number)",
		},
		{
			"a version that YAML read as a date", `{"Version":"2012-10-17 00:00:00 +0000 UTC","Statement":{"Effect":"Allow","Action":"*"}}`,
			`Version: "2012-10-17 00:00:00 +0000 UTC" is a date that YAML read; put it in quotes: "2012-10-17"`,
		},
		{
			"a date that YAML read, in the zone of the machine", condition(`{"DateLessThan":{"a:b":"2026-07-31 23:59:59 +0200 CEST"}}`),
			`Statement[1].Condition.DateLessThan["a:b"][0]: "2026-07-31 23:59:59 +0200 CEST" is a date that YAML read, in a form that IAM cannot; ` +
				`put it in quotes: "2026-07-31T23:59:59+02:00"`,
		},
		{
			"several faults at once", `{"Version":1,"Statement":[{"Effect":"allow"},{"Action":"x","Extra":1}]}`,
			"Version: must be a string, is the number 1; put it in quotes\n" +
				"Statement[0].Effect: \"allow\" is neither Allow nor Deny\n" +
				"Statement[0].Action: is missing; a statement needs Action or NotAction\n" +
				"Statement[1].Extra: " + unknown + statementElements + "\n" +
				"Statement[1].Effect: is missing; use Allow or Deny\n" +
				`Statement[1].Action[0]: "x" is not an action; use "service:Action" or "*"`,
		},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			document, err := iampolicy.Parse(test.text)
			require.EqualError(t, err, test.want)
			assert.Equal(t, iampolicy.Document{}, document)
		})
	}
}

func TestParseTakesEveryFormThatIAMTakes(t *testing.T) {
	t.Parallel()
	document, err := iampolicy.Parse(`{
		"Statement": {
			"Effect": "Allow",
			"Principal": {"AWS": ["111122223333"]},
			"Action": ["sts:AssumeRole"],
			"Condition": {
				"Bool": {"aws:MultiFactorAuthPresent": true},
				"NumericLessThan": {"aws:MultiFactorAuthAge": [3600, 1.5]},
				"ForAllValues:StringLikeIfExists": {"aws:TagKeys": ""}
			}
		}
	}`)
	require.NoError(t, err)
	assert.Equal(t, iampolicy.Document{
		Version: "2008-10-17", // what IAM assumes
		Statements: []iampolicy.Statement{{
			Effect:    iampolicy.Allow,
			Principal: &iampolicy.Principal{AWS: iampolicy.Strings{"111122223333"}},
			Actions:   iampolicy.Strings{"sts:AssumeRole"},
			Condition: iampolicy.Condition{
				iampolicy.Bool:                    {"aws:MultiFactorAuthPresent": {"true"}},
				iampolicy.NumericLessThan:         {"aws:MultiFactorAuthAge": {"3600", "1.5"}},
				"ForAllValues:StringLikeIfExists": {"aws:TagKeys": {""}},
			},
		}},
	}, document)
}

func TestEveryOperatorIsKnown(t *testing.T) {
	t.Parallel()
	operators := map[iampolicy.Operator]string{
		iampolicy.StringEquals: "x", iampolicy.StringNotEquals: "x", iampolicy.StringEqualsIgnoreCase: "x",
		iampolicy.StringNotEqualsIgnoreCase: "x", iampolicy.StringLike: "x", iampolicy.StringNotLike: "x",
		iampolicy.NumericEquals: "1", iampolicy.NumericNotEquals: "1", iampolicy.NumericLessThan: "1",
		iampolicy.NumericLessThanEquals: "1", iampolicy.NumericGreaterThan: "1", iampolicy.NumericGreaterThanEquals: "1",
		iampolicy.DateEquals: "2026", iampolicy.DateNotEquals: "2026", iampolicy.DateLessThan: "2026",
		iampolicy.DateLessThanEquals: "2026", iampolicy.DateGreaterThan: "2026", iampolicy.DateGreaterThanEquals: "2026",
		iampolicy.Bool: "true", iampolicy.BinaryEquals: "QmluYXJ5", iampolicy.IPAddress: "::1", iampolicy.NotIPAddress: "::1",
		iampolicy.ARNEquals: "*", iampolicy.ARNLike: "*", iampolicy.ARNNotEquals: "*", iampolicy.ARNNotLike: "*", iampolicy.Null: "true",
	}
	document := bucketPolicy()
	document.Statements[0].Condition = iampolicy.Condition{}
	for operator, value := range operators {
		document.Statements[0].Condition[operator] = map[string]iampolicy.Strings{"a:b": {value}}
	}
	require.NoError(t, document.ValidatePermissions())
	assert.Len(t, document.Statements[0].Condition, 27)
}

// The types are as strict inside a caller's own JSON as Parse is.
func TestUnmarshallingIsStrict(t *testing.T) {
	t.Parallel()
	type config struct {
		Document  *iampolicy.Document   `json:"document,omitempty"`
		Extra     []iampolicy.Statement `json:"extra,omitempty"`
		Principal *iampolicy.Principal  `json:"principal,omitempty"`
		Arns      iampolicy.Strings     `json:"arns,omitempty"`
	}
	cases := []struct{ name, text, want string }{
		{"a document", `{"document":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*"}]}}`, ""},
		{"a statement", `{"extra":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}]}`, ""},
		{"everybody", `{"principal":"*"}`, ""},
		{"a single string", `{"arns":"x"}`, ""},
		{"a list", `{"arns":["x","y"]}`, ""},
		{"a document without statements", `{"document":{}}`, "Statement: is missing; a policy needs at least one statement"},
		{"a statement without effect", `{"extra":[{"Action":"*"}]}`, "Effect: is missing; use Allow or Deny"},
		{"a statement that is null", `{"extra":[null]}`, "must be an object, is null"},
		{"a principal that is a name", `{"principal":"x"}`, `"x" is not a principal; use "*" or an object such as {"AWS": "x"}`},
		{"a list of numbers", `{"arns":["x",2]}`, "[1]: must be a string, is the number 2; put it in quotes"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var value config
			err := json.Unmarshal([]byte(test.text), &value)
			if test.want != "" {
				require.EqualError(t, err, test.want)
				return
			}
			require.NoError(t, err)
			again, err := json.Marshal(value)
			require.NoError(t, err)
			assert.Equal(t, test.text, string(again))
		})
	}
}
