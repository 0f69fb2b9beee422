package iampolicy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

const (
	reviewedIssuer   = "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1"
	reviewedProvider = "arn:aws:iam::111122223333:oidc-provider/" + reviewedIssuer
	reviewedCluster  = "arn:aws:eks:eu-west-1:111122223333:cluster/prod"
	gitHubIssuer     = "token.actions.githubusercontent.com"
)

// reviewed is the review of a trust policy of these statements.
func reviewed(t *testing.T, statements ...string) iampolicy.TrustReview {
	t.Helper()
	policy, err := iampolicy.Parse(fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [%s]}`, strings.Join(statements, ",")))
	require.NoError(t, err)
	return iampolicy.ReviewTrust(policy, "111122223333")
}

// web is a statement for tokens of the cluster, with a condition beside that on the audience.
func web(condition string) string {
	return `{"Effect": "Allow", "Principal": {"Federated": "` + reviewedProvider + `"}, "Action": "sts:AssumeRoleWithWebIdentity",
		"Condition": {` + condition + `, "StringEquals": {"` + reviewedIssuer + `:aud": "sts.amazonaws.com"}}}`
}

func like(subject string) string {
	return `"StringLike": {"` + reviewedIssuer + `:sub": "` + subject + `"}`
}

// pods is a statement for EKS Pod Identity with a condition.
func pods(condition string) string {
	return `{"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:TagSession"]` +
		condition + `}`
}

func equals(pairs ...string) string {
	var keys []string
	for i := 0; i < len(pairs); i += 2 {
		keys = append(keys, fmt.Sprintf("%q: %q", pairs[i], pairs[i+1]))
	}
	return `, "Condition": {"StringEquals": {` + strings.Join(keys, ", ") + `}}`
}

// likes is as equals, with wildcards.
func likes(pairs ...string) string {
	return strings.Replace(equals(pairs...), "StringEquals", "StringLike", 1)
}

const (
	namespaceTag = "aws:RequestTag/kubernetes-namespace"
	accountTag   = "aws:RequestTag/kubernetes-service-account"
	clusterTag   = "aws:RequestTag/eks-cluster-arn"
)

func aws(principal, condition string) string {
	return `{"Effect": "Allow", "Principal": {"AWS": "` + principal + `"}, "Action": "sts:AssumeRole"` + condition + `}`
}

// reviews are trust policies of the field. The first finding of each is the one that it is named after.
var reviews = []struct {
	finding   iampolicy.FindingKind
	about     string
	statement string
	// trusted are <kind> <name>, also are further findings.
	trusted []string
	also    []iampolicy.FindingKind
}{
	{"everyone", "a bare star", `{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}`, []string{"everyone *"}, nil},
	{"everyone", "a star of AWS, with a condition that whoever calls can meet", aws("*", equals("sts:RoleSessionName", "ci")), []string{"everyone *"}, nil},
	{"everyone-if", "an organization", aws("*", equals("aws:PrincipalOrgID", "o-1234567890")), []string{"everyone *"}, nil},
	{"not-principal", "all but one", `{"Effect": "Allow", "NotPrincipal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole"}`, []string{"everyone *"}, nil},
	{"account-root", "the own account", aws("arn:aws:iam::111122223333:root", ""), []string{"account 111122223333"}, nil},
	{"account-root", "the own account by its number", aws("111122223333", ""), []string{"account 111122223333"}, nil},
	{
		"other-account", "a vendor's account without an external ID", aws("arn:aws:iam::444455556666:root", ""),
		[]string{"account 444455556666"},
		[]iampolicy.FindingKind{"account-root"},
	},
	{
		"account-root", "a vendor's account with an external ID", aws("444455556666", equals("sts:ExternalId", "x")),
		[]string{"account 444455556666"},
		nil,
	},
	{
		"", "a role of an account by a condition", aws("111122223333", `, "Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/ci-*"}}`),
		[]string{"principal arn:aws:iam::111122223333:role/ci-* (pattern)"},
		nil,
	},
	{
		"", "ArnEquals, which takes wildcards too", aws("111122223333", `, "Condition": {"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::*:role/ci-*"}}`),
		[]string{"principal arn:aws:iam::*:role/ci-* (pattern)"},
		nil,
	},
	{"account-root", "the own account, and a star for the principal", aws("111122223333", likes("aws:PrincipalArn", "*")), []string{"account 111122223333"}, nil},
	{
		"other-account", "another account, and a star for the external ID", aws("444455556666", likes("sts:ExternalId", "*")),
		[]string{"account 444455556666"},
		[]iampolicy.FindingKind{"account-root"},
	},
	{"", "a role", aws("arn:aws:iam::444455556666:role/ci", ""), []string{"principal arn:aws:iam::444455556666:role/ci"}, nil},
	{"deleted-principal", "a role that was deleted", aws("AROAEXAMPLEEXAMPLE12", ""), []string{"principal AROAEXAMPLEEXAMPLE12"}, nil},

	{"", "a service account", web(`"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}, ` + like("system:serviceaccount:payments:app")), []string{"webIdentity system:serviceaccount:payments:app"}, []iampolicy.FindingKind{"if-exists"}},
	{"no-subject", "the audience alone", web(`"Bool": {"aws:SecureTransport": "true"}`), []string{"webIdentity * (pattern)"}, nil},
	{"any-subject", "every service account", web(like("system:serviceaccount:*:*")), []string{"webIdentity system:serviceaccount:*:* (pattern)"}, nil},
	{"any-subject", "a star", web(like("*")), []string{"webIdentity * (pattern)"}, nil},
	{
		"any-subject", "every repository",
		`{"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/` + gitHubIssuer + `"}, "Action": "sts:AssumeRoleWithWebIdentity",
			"Condition": {"StringLike": {"` + gitHubIssuer + `:sub": "repo:*"}, "StringEquals": {"` + gitHubIssuer + `:aud": "sts.amazonaws.com"}}}`,
		[]string{"webIdentity repo:* (pattern)"},
		nil,
	},
	{"any-namespace", "a namespace that begins so", web(like("system:serviceaccount:payments*:app")), []string{"webIdentity system:serviceaccount:payments*:app (pattern)"}, nil},
	{"any-namespace", "a star over the colon", web(like("system:serviceaccount:payments*")), []string{"webIdentity system:serviceaccount:payments* (pattern)"}, nil},
	{"whole-namespace", "a namespace", web(like("system:serviceaccount:payments:*")), []string{"webIdentity system:serviceaccount:payments:* (pattern)"}, nil},
	{"subject-pattern", "names that begin so", web(like("system:serviceaccount:payments:app-*")), []string{"webIdentity system:serviceaccount:payments:app-* (pattern)"}, nil},
	{
		"subject-pattern", "every branch of a repository",
		`{"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/` + gitHubIssuer + `"}, "Action": "sts:AssumeRoleWithWebIdentity",
			"Condition": {"StringLike": {"` + gitHubIssuer + `:sub": "repo:acme/app:*"}, "StringEquals": {"` + gitHubIssuer + `:aud": "sts.amazonaws.com"}}}`,
		[]string{"webIdentity repo:acme/app:* (pattern)"},
		nil,
	},
	{
		"literal-wildcard", "a wildcard under StringEquals",
		`{"Effect": "Allow", "Principal": {"Federated": "` + reviewedProvider + `"}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": {
			"` + reviewedIssuer + `:aud": "sts.amazonaws.com", "` + reviewedIssuer + `:sub": "system:serviceaccount:payments:*"}}}`,
		[]string{"webIdentity system:serviceaccount:payments:*"},
		nil,
	},
	{
		"no-audience", "the subject alone",
		`{"Effect": "Allow", "Principal": {"Federated": "` + reviewedProvider + `"}, "Action": "sts:AssumeRoleWithWebIdentity",
			"Condition": {"StringEquals": {"` + reviewedIssuer + `:sub": "system:serviceaccount:payments:app"}}}`,
		[]string{"webIdentity system:serviceaccount:payments:app"},
		nil,
	},
	{
		"audience-pattern", "both by a pattern",
		`{"Effect": "Allow", "Principal": {"Federated": "` + reviewedProvider + `"}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringLike": {
			"` + reviewedIssuer + `:aud": "sts.*", "` + reviewedIssuer + `:sub": "system:serviceaccount:payments:app"}}}`,
		[]string{"webIdentity system:serviceaccount:payments:app"},
		nil,
	},
	{
		"other-issuer", "the key of another cluster",
		web(`"StringLike": {"oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE2:sub": "system:serviceaccount:payments:app"}`),
		nil,
		nil,
	},
	{
		"for-all-values", "ForAllValues",
		web(`"ForAllValues:StringEquals": {"` + reviewedIssuer + `:sub": ["system:serviceaccount:payments:app"]}`),
		[]string{"webIdentity system:serviceaccount:payments:app"},
		nil,
	},
	{
		"if-exists", "IfExists", web(`"StringEqualsIfExists": {"` + reviewedIssuer + `:sub": "system:serviceaccount:payments:app"}`),
		[]string{"webIdentity system:serviceaccount:payments:app"},
		nil,
	},
	{
		"no-subject", "a subject that only has to be there", web(`"Null": {"` + reviewedIssuer + `:sub": "false"}`),
		[]string{"webIdentity * (pattern)"},
		[]iampolicy.FindingKind{"null"},
	},
	{
		"null", "an address that only has to be there", aws("arn:aws:iam::111122223333:role/ci", `, "Condition": {"Null": {"aws:SourceIp": "false"}}`),
		[]string{"principal arn:aws:iam::111122223333:role/ci"},
		nil,
	},
	{
		"excludes", "an account that is not it", aws("arn:aws:iam::111122223333:role/ci", `, "Condition": {"StringNotEquals": {"aws:SourceAccount": "444455556666"}}`),
		[]string{"principal arn:aws:iam::111122223333:role/ci"},
		nil,
	},
	{
		"ignore-case", "names in any case", web(`"StringEqualsIgnoreCase": {"` + reviewedIssuer + `:sub": "system:serviceaccount:Payments:App"}`),
		[]string{"webIdentity system:serviceaccount:Payments:App (any case)"},
		nil,
	},
	{
		"", "a service account by a variable of the caller's", web(like("system:serviceaccount:payments:${aws:PrincipalTag/app}")),
		[]string{"webIdentity system:serviceaccount:payments:* (pattern)"},
		[]iampolicy.FindingKind{"whole-namespace"},
	},

	{
		"", "EKS Pod Identity", pods(equals(namespaceTag, "payments", accountTag, "app", clusterTag, reviewedCluster)),
		[]string{"podIdentity prod/payments/app"},
		nil,
	},
	{"pod-identity-any-pod", "EKS Pod Identity alone", pods(""), []string{"podIdentity */*/* (pattern)"}, []iampolicy.FindingKind{"no-source-account"}},
	{
		"pod-identity-any-pod", "a cluster", pods(equals(clusterTag, reviewedCluster)),
		[]string{"podIdentity prod/*/* (pattern)"},
		nil,
	},
	{
		"pod-identity-any-namespace", "a name", pods(equals(accountTag, "app", clusterTag, reviewedCluster)),
		[]string{"podIdentity prod/*/app (pattern)"},
		nil,
	},
	{
		"pod-identity-whole-namespace", "a namespace", pods(equals(namespaceTag, "payments", "aws:SourceArn", reviewedCluster)),
		[]string{"podIdentity prod/payments/* (pattern)"},
		nil,
	},
	{
		"pod-identity-any-cluster", "a namespace and a name", pods(equals(namespaceTag, "payments", accountTag, "app", "aws:SourceAccount", "111122223333")),
		[]string{"podIdentity */payments/app (pattern)"},
		nil,
	},
	{
		"no-source-account", "a cluster by its name", pods(equals(namespaceTag, "payments", accountTag, "app", "aws:RequestTag/eks-cluster-name", "prod")),
		[]string{"podIdentity prod/payments/app"},
		nil,
	},
	{
		"pod-identity-any-pod", "a cluster, and stars for the rest", pods(likes(namespaceTag, "*", accountTag, "*?", clusterTag, reviewedCluster)),
		[]string{"podIdentity prod/*/* (pattern)"},
		nil,
	},
	{
		"any-namespace", "namespaces that begin so", pods(likes(namespaceTag, "pay*", accountTag, "app", clusterTag, reviewedCluster)),
		[]string{"podIdentity prod/pay*/app (pattern)"},
		nil,
	},
	{
		"subject-pattern", "service accounts that begin so", pods(likes(namespaceTag, "payments", accountTag, "app-*", clusterTag, reviewedCluster)),
		[]string{"podIdentity prod/payments/app-* (pattern)"},
		nil,
	},
	{
		"pod-identity-any-cluster", "a source in any account",
		pods(likes(namespaceTag, "payments", accountTag, "app", "aws:SourceArn", "arn:aws:eks:*:*:cluster/*")),
		[]string{"podIdentity */payments/app (pattern)"},
		[]iampolicy.FindingKind{"no-source-account"},
	},
	{
		"no-tag-session", "without the second action",
		`{"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": "sts:AssumeRole"` +
			equals(namespaceTag, "payments", accountTag, "app", clusterTag, reviewedCluster) + `}`,
		[]string{"podIdentity prod/payments/app"},
		nil,
	},

	{
		"confused-deputy", "a service", `{"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}`,
		[]string{"service scheduler.amazonaws.com"},
		nil,
	},
	{
		"confused-deputy", "a service for a topic of any account",
		`{"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"` + likes("aws:SourceArn", "arn:aws:sns:*:*:alerts") + `}`,
		[]string{"service scheduler.amazonaws.com"},
		nil,
	},
	{
		"", "a service for the own account",
		`{"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"` + equals("aws:SourceAccount", "111122223333") + `}`,
		[]string{"service scheduler.amazonaws.com"},
		nil,
	},
	{"", "an instance profile", `{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}`, []string{"service ec2.amazonaws.com"}, nil},
	{
		"saml-no-audience", "SAML", `{"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::111122223333:saml-provider/corp"}, "Action": "sts:AssumeRoleWithSAML"}`,
		[]string{"saml arn:aws:iam::111122223333:saml-provider/corp"},
		nil,
	},
	{
		"federated-anyone", "any identity pool",
		`{"Effect": "Allow", "Principal": {"Federated": "cognito-identity.amazonaws.com"}, "Action": "sts:AssumeRoleWithWebIdentity"}`,
		[]string{"federated cognito-identity.amazonaws.com"},
		nil,
	},
	{
		"wrong-action", "a provider with the action of roles",
		`{"Effect": "Allow", "Principal": {"Federated": "` + reviewedProvider + `"}, "Action": "sts:AssumeRole"}`,
		nil,
		nil,
	},
	{
		"not-action", "all but tagging", `{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:role/ci"}, "NotAction": "sts:TagSession"}`,
		[]string{"principal arn:aws:iam::111122223333:role/ci"},
		nil,
	},
	{
		"deny", "one that is denied", `{"Effect": "Deny", "Principal": {"AWS": "arn:aws:iam::111122223333:role/ci"}, "Action": "sts:AssumeRole"}`,
		nil,
		nil,
	},
}

func TestTrustPoliciesAreReviewed(t *testing.T) {
	t.Parallel()
	tested := map[iampolicy.FindingKind]bool{}
	for _, test := range reviews {
		want := slices.Clone(test.also)
		if test.finding != "" {
			want = append(want, test.finding)
			tested[test.finding] = true
		}
		t.Run(strings.Trim(string(test.finding)+": "+test.about, ": "), func(t *testing.T) {
			t.Parallel()
			review := reviewed(t, test.statement)
			var found []iampolicy.FindingKind
			for _, finding := range review.Findings {
				found = append(found, finding.Kind)
				assert.NotEmpty(t, finding.Level)
				assert.NotEmpty(t, finding.Message)
			}
			assert.ElementsMatch(t, want, found, "%+v", review.Findings)
			var trusted []string
			for _, one := range review.Trusted {
				text := string(one.Kind) + " " + one.Name
				if one.Pattern {
					text += " (pattern)"
				}
				if one.AnyCase {
					text += " (any case)"
				}
				trusted = append(trusted, text)
			}
			assert.Equal(t, test.trusted, trusted)
		})
	}
	for _, kind := range iampolicy.FindingKinds() {
		assert.True(t, tested[kind], "%s has a policy of its own", kind)
	}
}

// The trust policies that this project makes have nothing in them that is other than it looks.
func TestOwnTrustPoliciesHaveNoFindings(t *testing.T) {
	t.Parallel()
	policy, err := iampolicy.ServiceAccountTrust{
		Providers: []string{reviewedProvider}, Clusters: []string{reviewedCluster},
		ServiceAccounts: []iampolicy.ServiceAccountSubject{{Namespace: "payments", Name: "app"}, {Namespace: "payments", Name: "audit"}},
	}.Document()
	require.NoError(t, err)
	review := iampolicy.ReviewTrust(policy, "111122223333")
	assert.Empty(t, review.Findings)
	assert.Equal(t, []iampolicy.Trusted{
		{Kind: iampolicy.WebIdentity, Name: "system:serviceaccount:payments:app", Issuer: reviewedIssuer},
		{Kind: iampolicy.WebIdentity, Name: "system:serviceaccount:payments:audit", Issuer: reviewedIssuer},
		{Kind: iampolicy.PodIdentityAccount, Name: "prod/payments/app"},
		{Kind: iampolicy.PodIdentityAccount, Name: "prod/payments/audit"},
	}, review.Trusted)
}

// The worst comes first, and the statement is named.
func TestFindingsAreInTheirOrder(t *testing.T) {
	t.Parallel()
	review := reviewed(t, aws("AROAEXAMPLEEXAMPLE12", ""), aws("111122223333", ""), aws("*", ""))
	var levels []iampolicy.FindingLevel
	var statements []int
	for _, finding := range review.Findings {
		levels, statements = append(levels, finding.Level), append(statements, finding.Statement)
	}
	assert.Equal(t, []iampolicy.FindingLevel{iampolicy.Open, iampolicy.Wide, iampolicy.Note}, levels)
	assert.Equal(t, []int{2, 1, 0}, statements)
}

// In a document of the old version a variable is the text that it is.
func TestVariablesOfTheOldVersionAreLiteral(t *testing.T) {
	t.Parallel()
	policy, err := iampolicy.Parse(`{"Version": "2008-10-17", "Statement": [` + web(like("system:serviceaccount:payments:${aws:username}")) + `]}`)
	require.NoError(t, err)
	review := iampolicy.ReviewTrust(policy, "")
	require.Len(t, review.Trusted, 1)
	assert.Equal(t, "system:serviceaccount:payments:${aws:username}", review.Trusted[0].Name)
	assert.False(t, review.Trusted[0].Pattern)
}

// All operators have to hold, so the narrowest tells who gets in.
func TestTheNarrowestOfSeveralConditionsTells(t *testing.T) {
	t.Parallel()
	review := reviewed(t, `{"Effect": "Allow", "Principal": {"Federated": "`+reviewedProvider+`"}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {
		"StringLike": {"`+reviewedIssuer+`:sub": "*"},
		"StringEquals": {"`+reviewedIssuer+`:aud": "sts.amazonaws.com", "`+strings.ToUpper(reviewedIssuer)+`:SUB": "system:serviceaccount:payments:app"}}}`)
	assert.Empty(t, review.Findings)
	require.Len(t, review.Trusted, 1)
	assert.Equal(t, "system:serviceaccount:payments:app", review.Trusted[0].Name)
}
