package iampolicy_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

var update = flag.Bool("update", false, "write the golden documents instead of comparing with them")

// assertGolden compares a whole document, in order, with testdata/<name>.json.
func assertGolden(t *testing.T, name, document string) {
	t.Helper()
	var pretty bytes.Buffer
	require.NoError(t, json.Indent(&pretty, []byte(document+"\n"), "", "  "))
	path := filepath.Join("testdata", name+".json")
	if *update {
		require.NoError(t, os.WriteFile(path, pretty.Bytes(), 0o600))
	}
	golden, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(golden), pretty.String())
}

// everything uses each field and each form that a document can have.
func everything() iampolicy.Document {
	return iampolicy.Document{
		Version: "2012-10-17",
		ID:      "every-field",
		Statements: []iampolicy.Statement{
			{
				Sid:          "First",
				Effect:       iampolicy.Deny,
				NotPrincipal: &iampolicy.Principal{AWS: iampolicy.Strings{"111122223333"}},
				NotActions:   iampolicy.Strings{"sts:AssumeRole", "sts:TagSession"},
				NotResources: iampolicy.Strings{"arn:aws:s3:::a&b<c", "arn:aws:s3:::ü ÿ"},
				Condition: iampolicy.Condition{
					iampolicy.StringLike: {"aws:userid": {"b*", "a*"}, "aws:PrincipalArn": {"arn:aws:iam::*:role/x"}},
					iampolicy.Bool:       {"aws:SecureTransport": {"true"}},
					iampolicy.Null:       {"aws:TagKeys": {"false"}},
					"ForAnyValue:StringEqualsIfExists": {
						"aws:CalledVia": {"athena.amazonaws.com"},
					},
				},
			},
			{
				Effect: iampolicy.Allow,
				Principal: &iampolicy.Principal{
					AWS:           iampolicy.Strings{"arn:aws:iam::111122223333:root", "444455556666"},
					Federated:     iampolicy.Strings{"accounts.google.com"},
					Service:       iampolicy.Strings{"pods.eks.amazonaws.com"},
					CanonicalUser: iampolicy.Strings{"79a59d"},
				},
				Actions: iampolicy.Strings{"sts:AssumeRole"},
			},
			{
				Effect:    iampolicy.Deny,
				Principal: &iampolicy.Principal{Any: true},
				Actions:   iampolicy.Strings{"*"},
				Resources: iampolicy.Strings{"*"},
			},
		},
	}
}

func bucketPolicy() iampolicy.Document {
	return iampolicy.Document{Statements: []iampolicy.Statement{{
		Effect:    iampolicy.Allow,
		Actions:   iampolicy.Strings{"s3:*"},
		Resources: iampolicy.Strings{"arn:aws:s3:::my-test-bucket", "arn:aws:s3:::my-test-bucket/*"},
	}}}
}

func TestPermissionDocumentsEqualTheirGoldenFiles(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		mutate func(*iampolicy.Document)
	}{
		{"permissions-my-test-policy", func(*iampolicy.Document) {}},
		{"permissions-describe-cluster", func(d *iampolicy.Document) {
			d.Statements[0] = iampolicy.Statement{
				Sid: "AllowDescribeCluster", Effect: iampolicy.Allow,
				Actions: iampolicy.Strings{"eks:DescribeCluster"}, Resources: iampolicy.Strings{"*"},
			}
		}},
		{"permissions-several-statements", func(d *iampolicy.Document) {
			d.Statements = append(d.Statements, iampolicy.Statement{
				Effect:       iampolicy.Deny,
				NotActions:   iampolicy.Strings{"s3:Get*"},
				NotResources: iampolicy.Strings{"arn:aws:s3:::my-test-bucket/public/*"},
				Condition:    iampolicy.Condition{iampolicy.StringNotEquals: {"aws:PrincipalOrgID": {"o-example"}}},
			})
		}},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			document := bucketPolicy()
			test.mutate(&document)
			require.NoError(t, document.ValidatePermissions())
			text, err := document.JSON()
			require.NoError(t, err)
			assertGolden(t, test.name, text)
		})
	}
}

func TestADocumentIsTheSameBytesEveryTime(t *testing.T) {
	t.Parallel()
	first, err := everything().JSON()
	require.NoError(t, err)
	assertGolden(t, "every-field", first)
	for range 100 {
		again, err := everything().JSON()
		require.NoError(t, err)
		require.Equal(t, first, again)
	}
}

func TestWhatIsWrittenIsReadBackTheSame(t *testing.T) {
	t.Parallel()
	bucket := bucketPolicy()
	bucket.Version = "2012-10-17"
	trust, err := trustPolicy().Document()
	require.NoError(t, err)
	for name, document := range map[string]iampolicy.Document{
		"every field": everything(), "permissions": bucket, "trust": trust,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := document.JSON()
			require.NoError(t, err)
			parsed, err := iampolicy.Parse(text)
			require.NoError(t, err)
			assert.Equal(t, document, parsed)
		})
	}
}

func TestJSONRefusesADocumentThatNoPolicyMayBe(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		mutate func(*iampolicy.Document)
		want   string
	}{
		{"no statement", func(d *iampolicy.Document) { d.Statements = nil }, "Statement: is missing; a policy needs at least one statement"},
		{
			"the zero statement", func(d *iampolicy.Document) { d.Statements[0] = iampolicy.Statement{} },
			"Statement[0].Effect: is missing; use Allow or Deny\n" +
				"Statement[0].Action: is missing; a statement needs Action or NotAction",
		},
		{
			"an unknown version", func(d *iampolicy.Document) { d.Version = "2024-01-01" },
			`Version: "2024-01-01" is not a version of the policy language; use "2012-10-17"`,
		},
		{"everybody and somebody", func(d *iampolicy.Document) {
			d.Statements[0].Principal = &iampolicy.Principal{Any: true, AWS: iampolicy.Strings{"111122223333"}}
		}, `Statement[0].Principal: "*" is every principal; it conflicts with named ones`},
		{
			"nobody", func(d *iampolicy.Document) { d.Statements[0].NotPrincipal = &iampolicy.Principal{} },
			"Statement[0].NotPrincipal: names no principal",
		},
		{
			"a condition without operators", func(d *iampolicy.Document) { d.Statements[0].Condition = iampolicy.Condition{} },
			"Statement[0].Condition: is empty; leave it out or name an operator",
		},
		{"a condition without keys", func(d *iampolicy.Document) {
			d.Statements[0].Condition = iampolicy.Condition{iampolicy.StringEquals: nil}
		}, "Statement[0].Condition.StringEquals: is empty; name a condition key"},
		{"a condition without values", func(d *iampolicy.Document) {
			d.Statements[0].Condition = iampolicy.Condition{iampolicy.StringEquals: {"aws:PrincipalTag/team": nil}}
		}, `Statement[0].Condition.StringEquals["aws:PrincipalTag/team"]: has no values; a condition needs at least one`},
		{"https:// left in a condition key", func(d *iampolicy.Document) {
			d.Statements[0].Condition = iampolicy.Condition{iampolicy.StringEquals: {"https://" + issuer + ":sub": {"x"}}}
		}, `Statement[0].Condition.StringEquals["https://` + issuer + `:sub"]: is a URL; a condition key has the issuer without https://`},
		{"the provider's ARN as condition key", func(d *iampolicy.Document) {
			d.Statements[0].Condition = iampolicy.Condition{iampolicy.StringEquals: {providerARN + ":sub": {"x"}}}
		}, `Statement[0].Condition.StringEquals["` + providerARN + `:sub"]: is an ARN; a condition key has the issuer, not the provider's ARN`},
		{"two statements with one Sid", func(d *iampolicy.Document) {
			d.Statements[0].Sid = "Twice"
			d.Statements = append(d.Statements, d.Statements[0])
		}, `Statement[1].Sid: "Twice" is the Sid of Statement[0] already; a Sid is unique in its policy`},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			document := bucketPolicy()
			test.mutate(&document)
			_, err := document.JSON()
			require.EqualError(t, err, test.want)
		})
	}
}

func TestSizeCountsCharactersOfTheCompactForm(t *testing.T) {
	t.Parallel()
	document := bucketPolicy()
	text, err := document.JSON()
	require.NoError(t, err)
	assert.Equal(t, len(text), document.Size())

	document.Statements[0].Resources = append(document.Statements[0].Resources, "arn:aws:s3:::ü<")
	assert.Equal(t, len(text)+len(`,"arn:aws:s3:::u<"`), document.Size(), "one character each, however it is encoded")

	spacious, err := iampolicy.Parse("\n { \"Version\" :\t\"2012-10-17\", \"Statement\": [ {\"Effect\": \"Allow\", \"Action\": \"*\"} ] }\r\n")
	require.NoError(t, err)
	assert.Equal(t, len(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*"}]}`), spacious.Size())
}

func TestAnEmptyListIsWrittenAsOne(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(iampolicy.Strings(nil))
	require.NoError(t, err)
	assert.Equal(t, "[]", string(text))
}

func TestValidatePermissionsRefuses(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		mutate func(*iampolicy.Statement)
		want   string
	}{
		{
			"a principal", func(s *iampolicy.Statement) { s.Principal = &iampolicy.Principal{Any: true} },
			"Statement[0].Principal: does not belong in a permission document: the role that it is attached to is meant",
		},
		{
			"a negated principal", func(s *iampolicy.Statement) { s.NotPrincipal = &iampolicy.Principal{Any: true} },
			"Statement[0].NotPrincipal: does not belong in a permission document: the role that it is attached to is meant",
		},
		{
			"no resource", func(s *iampolicy.Statement) { s.Resources = nil },
			"Statement[0].Resource: is missing; a permission document needs Resource or NotResource",
		},
		{
			"a resource that is no ARN", func(s *iampolicy.Statement) { s.Resources = iampolicy.Strings{"*", "my-test-bucket"} },
			`Statement[0].Resource[1]: "my-test-bucket" is not a resource; use an ARN or "*"`,
		},
		{"an ARN with too few parts", func(s *iampolicy.Statement) {
			s.Resources, s.NotResources = nil, iampolicy.Strings{"arn:aws:s3::my-test-bucket"}
		}, `Statement[0].NotResource[0]: "arn:aws:s3::my-test-bucket" is not a resource; use an ARN or "*"`},
		{
			"an action without its service", func(s *iampolicy.Statement) { s.Actions = iampolicy.Strings{"GetObject"} },
			`Statement[0].Action[0]: "GetObject" is not an action; use "service:Action" or "*"`,
		},
		{
			"several faults at once", func(s *iampolicy.Statement) {
				*s = iampolicy.Statement{Effect: "allow", NotActions: iampolicy.Strings{""}}
			},
			"Statement[0].Effect: \"allow\" is neither Allow nor Deny\n" +
				"Statement[0].NotAction[0]: \"\" is not an action; use \"service:Action\" or \"*\"\n" +
				"Statement[0].Resource: is missing; a permission document needs Resource or NotResource",
		},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			document := bucketPolicy()
			test.mutate(&document.Statements[0])
			require.EqualError(t, document.ValidatePermissions(), test.want)
		})
	}
}

func TestValidateTrustTakesWhatIAMTakes(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name      string
		statement iampolicy.Statement
	}{
		{"a service", iampolicy.Statement{Principal: &iampolicy.Principal{Service: iampolicy.Strings{"pods.eks.amazonaws.com"}}}},
		{"everybody of an organization", iampolicy.Statement{
			Principal: &iampolicy.Principal{AWS: iampolicy.Strings{"*"}},
			Condition: iampolicy.Condition{iampolicy.StringEquals: {"aws:PrincipalOrgID": {"o-example"}}},
		}},
		{"a denial for everybody", iampolicy.Statement{Effect: iampolicy.Deny, Principal: &iampolicy.Principal{Any: true}}},
		{"a denial for everybody else", iampolicy.Statement{
			Effect: iampolicy.Deny, NotPrincipal: &iampolicy.Principal{AWS: iampolicy.Strings{"111122223333"}},
		}},
		{"a SAML provider with a condition", iampolicy.Statement{
			Principal: &iampolicy.Principal{Federated: iampolicy.Strings{"arn:aws:iam::111122223333:saml-provider/x"}},
			Condition: iampolicy.Condition{iampolicy.StringEquals: {"SAML:aud": {"https://signin.aws.amazon.com/saml"}}},
		}},
		{"an OIDC provider with its key in another case", iampolicy.Statement{
			Principal: &iampolicy.Principal{Federated: iampolicy.Strings{providerARN}},
			Condition: iampolicy.Condition{iampolicy.StringLike: {"OIDC.eks.eu-west-1.amazonaws.com/id/example1:SUB": {"system:serviceaccount:ci:*"}}},
		}},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			statement := test.statement
			statement.Actions = iampolicy.Strings{"sts:AssumeRole*"}
			if statement.Effect == "" {
				statement.Effect = iampolicy.Allow
			}
			document := iampolicy.Document{Statements: []iampolicy.Statement{statement}}
			require.NoError(t, document.ValidateTrust())
		})
	}
}
