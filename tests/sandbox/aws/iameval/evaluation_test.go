package iameval_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws/iameval"
)

const (
	issuer   = "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1"
	provider = "arn:aws:iam::111122223333:oidc-provider/" + issuer
	object   = "arn:aws:s3:::backups/2026/db.gz"
)

// document parses a document of the current version with these statements.
func document(t *testing.T, statements ...string) iampolicy.Document {
	t.Helper()
	policy, err := iampolicy.Parse(fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [%s]}`, strings.Join(statements, ",")))
	require.NoError(t, err)
	return policy
}

func documents(t *testing.T, statements ...string) []iampolicy.Document {
	t.Helper()
	var policies []iampolicy.Document
	for _, statement := range statements {
		policies = append(policies, document(t, statement))
	}
	return policies
}

const (
	allowRead = `{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::backups/*"}`
	allowAll  = `{"Effect": "Allow", "Action": "*", "Resource": "*"}`
	denyRead  = `{"Effect": "Deny", "Action": "s3:Get*", "Resource": "*"}`
)

func TestPermissionDocumentsAreEvaluatedTogether(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name     string
		policies []string
		boundary string
		want     iameval.Decision
	}{
		{"without any document nothing is allowed", nil, "", iameval.NotAllowed},
		{"one document allows", []string{allowRead}, "", iameval.Allowed},
		{"any of two documents allows", []string{
			`{"Effect": "Allow", "Action": "eks:*", "Resource": "*"}`, allowRead,
		}, "", iameval.Allowed},
		{"any statement of a document allows", []string{
			`{"Effect": "Allow", "Action": "eks:*", "Resource": "*"},` + allowRead,
		}, "", iameval.Allowed},
		{"a Deny after the Allow wins", []string{allowRead, denyRead}, "", iameval.Denied},
		{"a Deny before the Allow wins", []string{denyRead, allowRead}, "", iameval.Denied},
		{"a Deny alone is explicit", []string{denyRead}, "", iameval.Denied},
		{"a Deny of something else does not matter", []string{
			allowRead, `{"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"}`,
		}, "", iameval.Allowed},
		{"a boundary grants nothing", nil, allowAll, iameval.NotAllowed},
		{"a boundary that allows leaves what is granted", []string{allowRead}, allowAll, iameval.Allowed},
		{
			"a boundary without it takes away what is granted",
			[]string{allowRead},
			`{"Effect": "Allow", "Action": "eks:*", "Resource": "*"}`, iameval.NotAllowed,
		},
		{"a boundary's Deny is explicit", []string{allowRead}, allowAll + "," + denyRead, iameval.Denied},
		{"a boundary's Deny is explicit where nothing is granted", nil, denyRead, iameval.Denied},
		{"a boundary does not lift a Deny", []string{denyRead}, allowAll, iameval.Denied},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var boundary *iampolicy.Document
			if c.boundary != "" {
				limit := document(t, c.boundary)
				boundary = &limit
			}
			got, err := iameval.Identity(documents(t, c.policies...), boundary,
				iameval.Request{Action: "s3:GetObject", Resource: object})
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

func TestAStatementIsAboutItsActionsAndResources(t *testing.T) {
	t.Parallel()
	const bucket = "arn:aws:s3:::backups"
	cases := []struct {
		name, elements, action, resource string
		want                             bool
	}{
		{"the action by name", `"Action": "s3:GetObject", "Resource": "*"`, "s3:GetObject", object, true},
		{"another action", `"Action": "s3:GetObject", "Resource": "*"`, "s3:PutObject", object, false},
		{"an action that begins the same", `"Action": "s3:GetObject", "Resource": "*"`, "s3:GetObjectAcl", object, false},
		{"the same action of another service", `"Action": "s3:GetObject", "Resource": "*"`, "s4:GetObject", object, false},
		{"an action in other case", `"Action": "S3:getOBJECT", "Resource": "*"`, "s3:GetObject", object, true},
		{"a call in other case", `"Action": "s3:GetObject", "Resource": "*"`, "S3:GETOBJECT", object, true},
		{"an action with a lookalike letter", `"Action": "eks:*", "Resource": "*"`, "e\u212as:DescribeCluster", "*", false},
		{"any of several actions", `"Action": ["eks:*", "s3:GetObject"], "Resource": "*"`, "s3:GetObject", object, true},
		{"all actions of the service", `"Action": "s3:*", "Resource": "*"`, "s3:GetObject", object, true},
		{"all actions of a service that begins the same", `"Action": "s3:*", "Resource": "*"`, "s3express:GetObject", object, false},
		{"all actions", `"Action": "*", "Resource": "*"`, "s3:GetObject", object, true},
		{"a wildcard within the action", `"Action": "s3:*Object", "Resource": "*"`, "s3:GetObject", object, true},
		{"a question mark in the action", `"Action": "s3:?etObject", "Resource": "*"`, "s3:GetObject", object, true},
		{"a question mark that stands for nothing", `"Action": "s3:GetObject?", "Resource": "*"`, "s3:GetObject", object, false},
		{"all but another action", `"NotAction": "s3:PutObject", "Resource": "*"`, "s3:GetObject", object, true},
		{"all but this action", `"NotAction": ["s3:PutObject", "s3:Get*"], "Resource": "*"`, "s3:GetObject", object, false},

		{"the resource by name", `"Action": "*", "Resource": "` + object + `"`, "s3:GetObject", object, true},
		{"a resource in other case", `"Action": "*", "Resource": "arn:aws:s3:::Backups/*"`, "s3:GetObject", object, false},
		{"a bucket without its objects", `"Action": "*", "Resource": "` + bucket + `"`, "s3:GetObject", object, false},
		{"objects without their bucket", `"Action": "*", "Resource": "` + bucket + `/*"`, "s3:ListBucket", bucket, false},
		{"a bucket that begins the same", `"Action": "*", "Resource": "` + bucket + `/*"`, "s3:GetObject", "arn:aws:s3:::backups2/db.gz", false},
		{"any of several resources", `"Action": "*", "Resource": ["arn:aws:s3:::other", "` + bucket + `/*"]`, "s3:GetObject", object, true},
		{"a wildcard across slashes", `"Action": "*", "Resource": "` + bucket + `/*.gz"`, "s3:GetObject", object, true},
		{"a wildcard across colons", `"Action": "*", "Resource": "arn:aws:logs:*:*:log-group:*"`, "logs:PutLogEvents", "arn:aws:logs:eu-west-1:111122223333:log-group:a:log-stream:b", true},
		{"a question mark for one character", `"Action": "*", "Resource": "` + bucket + `/20?6/db.gz"`, "s3:GetObject", object, true},
		{"a question mark for one character of two bytes", `"Action": "*", "Resource": "` + bucket + `/d?"`, "s3:GetObject", bucket + "/dé", true},
		{"another partition", `"Action": "*", "Resource": "arn:aws-cn:s3:::backups/*"`, "s3:GetObject", object, false},
		{"another account", `"Action": "*", "Resource": "arn:aws:eks:*:111122223333:cluster/*"`, "eks:DescribeCluster", "arn:aws:eks:eu-west-1:444455556666:cluster/dev", false},
		{"an action without a resource", `"Action": "*", "Resource": "*"`, "sts:GetCallerIdentity", "*", true},
		{"an action without a resource, resources named", `"Action": "*", "Resource": "arn:aws:s3:::*"`, "sts:GetCallerIdentity", "*", false},
		{"all but other resources", `"Action": "*", "NotResource": "arn:aws:s3:::other/*"`, "s3:GetObject", object, true},
		{"all but this resource", `"Action": "*", "NotResource": ["arn:aws:s3:::other/*", "` + bucket + `/*"]`, "s3:GetObject", object, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := iameval.Identity(documents(t, `{"Effect": "Allow", `+c.elements+`}`), nil,
				iameval.Request{Action: c.action, Resource: c.resource})
			require.NoError(t, err)
			assert.Equal(t, c.want, got == iameval.Allowed, got)
		})
	}
}

// web is a call with a token of a service account.
func web(subject string) iameval.Request {
	return iameval.Request{
		Action: "sts:AssumeRoleWithWebIdentity",
		Caller: iameval.Principal{Federated: provider},
		Context: map[string][]string{
			issuer + ":sub": {subject},
			issuer + ":aud": {"sts.amazonaws.com"},
		},
	}
}

func TestATrustPolicyLetsInTheServiceAccountThatItNames(t *testing.T) {
	t.Parallel()
	trust := func(operator, subject string) string {
		return fmt.Sprintf(`{"Effect": "Allow", "Principal": {"Federated": %q}, "Action": "sts:AssumeRoleWithWebIdentity",
			"Condition": {"StringEquals": {%q: "sts.amazonaws.com"}, %q: {%q: %q}}}`,
			provider, issuer+":aud", operator, strings.ToUpper(issuer)+":sub", subject)
	}
	const account = "system:serviceaccount:default:iam-role-test"
	like := trust("StringLike", account)
	cases := []struct {
		name       string
		statements []string
		request    iameval.Request
		want       iameval.Decision
	}{
		{"this account", []string{like}, web(account), iameval.Allowed},
		{"another namespace", []string{like}, web("system:serviceaccount:other:iam-role-test"), iameval.NotAllowed},
		{"a name that goes on", []string{like}, web(account + "2"), iameval.NotAllowed},
		{"a name that ends early", []string{like}, web(strings.TrimSuffix(account, "t")), iameval.NotAllowed},
		{"a name in other case", []string{like}, web(strings.ToUpper(account)), iameval.NotAllowed},
		{"a name that is a wildcard", []string{like}, web("system:serviceaccount:default:*"), iameval.NotAllowed},
		{"any account of the namespace", []string{trust("StringLike", "system:serviceaccount:default:*")}, web(account), iameval.Allowed},
		{"a wildcard where none is read", []string{trust("ForAnyValue:StringEquals", "system:serviceaccount:default:*")}, web(account), iameval.NotAllowed},
		{"the second of two statements", []string{trust("StringLike", "nobody"), like}, web(account), iameval.Allowed},
		{"an explicit Deny", []string{like, `{"Effect": "Deny", "Principal": "*", "Action": "*"}`}, web(account), iameval.Denied},
		{"a Deny of somebody else", []string{like, `{"Effect": "Deny", "Principal": "*", "Action": "sts:*",
			"Condition": {"StringNotLike": {"` + issuer + `:sub": "*:default:*"}}}`}, web(account), iameval.Allowed},
		{"a Deny of all but another provider", []string{like, `{"Effect": "Deny",
			"NotPrincipal": {"Federated": "` + provider + `2"}, "Action": "sts:*"}`}, web(account), iameval.Denied},
		{"a Deny of all but this provider", []string{like, `{"Effect": "Deny",
			"NotPrincipal": {"Federated": "` + provider + `"}, "Action": "sts:*"}`}, web(account), iameval.Allowed},
		{"another action", []string{like}, func() iameval.Request {
			r := web(account)
			r.Action = "sts:AssumeRole"
			return r
		}(), iameval.NotAllowed},
		{"another audience", []string{like}, func() iameval.Request {
			r := web(account)
			r.Context[issuer+":aud"] = []string{"other"}
			return r
		}(), iameval.NotAllowed},
		{"the claims of another issuer", []string{like}, func() iameval.Request {
			r := web(account)
			r.Context = map[string][]string{issuer + "2:sub": {account}, issuer + "2:aud": {"sts.amazonaws.com"}}
			return r
		}(), iameval.NotAllowed},
		{"another provider", []string{like}, func() iameval.Request {
			r := web(account)
			r.Caller.Federated = provider + "2"
			return r
		}(), iameval.NotAllowed},
		{"an anonymous caller", []string{like}, func() iameval.Request {
			r := web(account)
			r.Caller = iameval.Principal{}
			return r
		}(), iameval.NotAllowed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := iameval.Trust(document(t, c.statements...), c.request)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

func TestAPrincipalNamesItsCallers(t *testing.T) {
	t.Parallel()
	const role = "arn:aws:iam::111122223333:role/argocd"
	session := iameval.Principal{AWS: []string{
		"arn:aws:sts::111122223333:assumed-role/argocd/pod", role, "arn:aws:iam::111122223333:root", "111122223333",
	}}
	federated := iameval.Principal{Federated: provider}
	service := iameval.Principal{Service: "pods.eks.amazonaws.com"}
	cases := []struct {
		name, principal string
		caller          iameval.Principal
		want            bool
	}{
		{"the role", `{"AWS": "` + role + `"}`, session, true},
		{"a role of several", `{"AWS": ["arn:aws:iam::444455556666:root", "` + role + `"]}`, session, true},
		{"the session", `{"AWS": "arn:aws:sts::111122223333:assumed-role/argocd/pod"}`, session, true},
		{"another session of the role", `{"AWS": "arn:aws:sts::111122223333:assumed-role/argocd/other"}`, session, false},
		{"the account's root", `{"AWS": "arn:aws:iam::111122223333:root"}`, session, true},
		{"the account's ID", `{"AWS": "111122223333"}`, session, true},
		{"another account", `{"AWS": "444455556666"}`, session, false},
		{"the role in other case", `{"AWS": "arn:aws:iam::111122223333:role/ArgoCD"}`, session, false},
		{"a role that begins the same", `{"AWS": "` + role + `2"}`, session, false},
		{"a role, for a web identity", `{"AWS": "` + role + `"}`, federated, false},
		{"a provider, for a web identity", `{"Federated": "` + provider + `"}`, federated, true},
		{"a provider, for a session", `{"Federated": "` + provider + `"}`, session, false},
		{"a service", `{"Service": "pods.eks.amazonaws.com"}`, service, true},
		{"another service", `{"Service": "ec2.amazonaws.com"}`, service, false},
		{"kinds together", `{"AWS": "` + role + `", "Service": "pods.eks.amazonaws.com"}`, service, true},
		{"everybody, for a session", `"*"`, session, true},
		{"everybody, for a web identity", `"*"`, federated, true},
		{"everybody of AWS, for a service", `{"AWS": "*"}`, service, true},
		{"everybody, for the anonymous", `{"AWS": "*"}`, iameval.Principal{}, true},
		{"somebody, for the anonymous", `{"AWS": "111122223333", "Federated": "` + provider + `", "Service": "ec2.amazonaws.com"}`, iameval.Principal{}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := iameval.Request{Action: "sts:AssumeRole", Caller: c.caller}
			got, err := iameval.Trust(document(t, `{"Effect": "Allow", "Principal": `+c.principal+`, "Action": "sts:*"}`), r)
			require.NoError(t, err)
			assert.Equal(t, c.want, got == iameval.Allowed, got)

			got, err = iameval.Trust(document(t, `{"Effect": "Deny", "NotPrincipal": `+c.principal+`, "Action": "sts:*"}`), r)
			require.NoError(t, err)
			assert.Equal(t, !c.want, got == iameval.Denied, "a Deny for all but these: %v", got)
		})
	}
}

// A document that AWS takes and that has something unknown must not pass as if that were not there.
func TestWhatIsNotKnownIsAnErrorOfTheWholeEvaluation(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, statement, want string }{
		{"no ARN as resource", `{"Effect": "Deny", "Action": "eks:*", "Resource": "backups"}`, `Statement[1].Resource: "backups" is neither an ARN nor "*"`},
		{"an ARN that ends early", `{"Effect": "Deny", "Action": "eks:*", "Resource": "arn:aws:s3:*"}`, `"arn:aws:s3:*" is neither`},
		{"an ARN of something else", `{"Effect": "Deny", "Action": "eks:*", "NotResource": "urn:aws:s3:::backups"}`, `"urn:aws:s3:::backups" is neither`},
		{"a wildcard for the service", `{"Effect": "Deny", "Action": "eks:*", "Resource": "arn:aws:s*:::backups"}`, "has a wildcard for the service"},
		{"a variable for the account", `{"Effect": "Deny", "Action": "eks:*", "Resource": "arn:aws:eks:*:${aws:PrincipalAccount}:cluster/*"}`, "before the fifth colon"},
		{"a variable without an end", `{"Effect": "Deny", "Action": "eks:*", "Resource": "arn:aws:s3:::${aws:username"}`, `"${aws:username" is not a policy variable`},
		{"no resource", `{"Effect": "Deny", "Action": "eks:*"}`, "Statement[1]: a permission document needs Resource or NotResource"},
		{
			"no number", `{"Effect": "Deny", "Action": "eks:*", "Resource": "*", "Condition": {"NumericEquals": {"s3:max-keys": "many"}}}`,
			`Statement[1].Condition["NumericEquals"]["s3:max-keys"]: "many" is not a number`,
		},
	}
	request := iameval.Request{Action: "s3:GetObject", Resource: object}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			policy := document(t, allowRead, c.statement)

			got, err := iameval.Identity([]iampolicy.Document{document(t, allowAll), policy}, nil, request)
			require.ErrorContains(t, err, "policy 1: ")
			require.ErrorContains(t, err, c.want)
			assert.Equal(t, iameval.NotAllowed, got)

			allow := document(t, allowAll)
			got, err = iameval.Identity([]iampolicy.Document{allow}, &policy, request)
			require.ErrorContains(t, err, "boundary: ")
			require.ErrorContains(t, err, c.want)
			assert.Equal(t, iameval.NotAllowed, got)

			assert.ErrorContains(t, iameval.Check(policy), c.want)
		})
	}
}

func TestWhatIsNotKnownInATrustPolicyIsAnError(t *testing.T) {
	t.Parallel()
	const allow = `{"Effect": "Allow", "Principal": "*", "Action": "sts:*"}`
	cases := []struct{ name, statement, want string }{
		{"part of a principal's name", `{"Effect": "Deny", "Principal": {"AWS": "arn:aws:iam::111122223333:role/*"}, "Action": "sts:TagSession"}`, `"arn:aws:iam::111122223333:role/*" has a wildcard or a variable`},
		{"any provider", `{"Effect": "Deny", "Principal": {"AWS": "*", "Federated": "*"}, "Action": "sts:TagSession"}`, `"*" has a wildcard`},
		{"a variable", `{"Effect": "Deny", "Principal": {"AWS": "${aws:PrincipalAccount}"}, "Action": "sts:TagSession"}`, "has a wildcard or a variable"},
		{"a canonical user", `{"Effect": "Deny", "Principal": {"CanonicalUser": "79a59df900b949e5"}, "Action": "sts:TagSession"}`, "a canonical user of S3 cannot assume roles"},
		{"everybody but somebody allowed", `{"Effect": "Allow", "NotPrincipal": {"AWS": "111122223333"}, "Action": "sts:TagSession"}`, "Statement[1].NotPrincipal: IAM does not support it with Allow"},
		{"a resource", `{"Effect": "Deny", "Principal": "*", "Action": "sts:TagSession", "Resource": "*"}`, "Statement[1]: a trust policy has no resources"},
		{"no principal", `{"Effect": "Deny", "Action": "sts:TagSession"}`, "Statement[1]: a trust policy needs a Principal"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			policy := document(t, allow, c.statement)
			got, err := iameval.Trust(policy, iameval.Request{Action: "sts:AssumeRole"})
			require.ErrorContains(t, err, c.want)
			assert.Equal(t, iameval.NotAllowed, got)
			assert.ErrorContains(t, iameval.Check(policy), c.want)
		})
	}
}

func TestADocumentOfTheOtherKindIsRefused(t *testing.T) {
	t.Parallel()
	trust := document(t, `{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}`)
	_, err := iameval.Identity([]iampolicy.Document{trust}, nil, iameval.Request{Action: "sts:AssumeRole", Resource: "*"})
	require.ErrorContains(t, err, "a permission document has no principals")

	_, err = iameval.Trust(document(t, allowAll), iameval.Request{Action: "sts:AssumeRole"})
	require.ErrorContains(t, err, "a trust policy has no resources")
}

func TestADocumentThatIsNoPolicyIsRefused(t *testing.T) {
	t.Parallel()
	policy := iampolicy.Document{Statements: []iampolicy.Statement{{
		Effect: iampolicy.Allow, Actions: iampolicy.Strings{"s3:*"}, Resources: iampolicy.Strings{"*"},
		Condition: iampolicy.Condition{"StringMatches": {"aws:username": {"a"}}},
	}}}
	got, err := iameval.Identity([]iampolicy.Document{policy}, nil, iameval.Request{Action: "s3:GetObject", Resource: object})
	require.ErrorContains(t, err, "is not a condition operator")
	assert.Equal(t, iameval.NotAllowed, got)

	_, err = iameval.Trust(iampolicy.Document{}, iameval.Request{Action: "sts:AssumeRole"})
	require.ErrorContains(t, err, "Statement: is missing")
}

func TestARequestThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		request iameval.Request
		want    string
	}{
		{"no action", iameval.Request{Resource: "*"}, `action "" is not of the form`},
		{"an action without its service", iameval.Request{Action: "GetObject", Resource: "*"}, `action "GetObject" is not of the form`},
		{"no resource", iameval.Request{Action: "s3:GetObject"}, `resource "" is neither`},
		{"a resource that is no ARN", iameval.Request{Action: "s3:GetObject", Resource: "backups"}, `resource "backups" is neither`},
		{"a key in two cases", iameval.Request{Action: "s3:GetObject", Resource: "*", Context: map[string][]string{
			"aws:username": {"a"}, "AWS:UserName": {"b"},
		}}, `the condition key "aws:username" twice`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := iameval.Identity(documents(t, allowAll), nil, c.request)
			require.ErrorContains(t, err, c.want)
			assert.Equal(t, iameval.NotAllowed, got)
		})
	}
	_, err := iameval.Trust(document(t, `{"Effect": "Allow", "Principal": "*", "Action": "sts:*"}`), iameval.Request{})
	assert.ErrorContains(t, err, "is not of the form service:Action")
}

func TestCheckTakesWhatCanBeEvaluated(t *testing.T) {
	t.Parallel()
	require.NoError(t, iameval.Check(document(t, allowRead, denyRead)))
	require.NoError(t, iameval.Check(document(t, `{"Effect": "Allow", "Principal": {"Federated": "`+provider+`"}, "Action": "sts:AssumeRoleWithWebIdentity"}`)))
}

func TestDecisionsReadAsAWSWritesThem(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "implicit deny", iameval.NotAllowed.String())
	assert.Equal(t, "allowed", iameval.Allowed.String())
	assert.Equal(t, "explicit deny", iameval.Denied.String())
}
