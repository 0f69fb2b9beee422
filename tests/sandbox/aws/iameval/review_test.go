package iameval_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws/iameval"
)

const (
	owner       = "111122223333"
	otherIssuer = "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE2"
	podsService = "pods.eks.amazonaws.com"
	requestTag  = "aws:RequestTag/"
)

// token is a call with a token of an issuer.
func token(of, subject, audience string) iameval.Request {
	return iameval.Request{
		Action: "sts:AssumeRoleWithWebIdentity", Resource: "*",
		Caller:  iameval.Principal{Federated: "arn:aws:iam::" + owner + ":oidc-provider/" + of},
		Context: map[string][]string{of + ":sub": {subject}, of + ":aud": {audience}},
	}
}

// roleOf is a call of a role of an account.
func roleOf(account, name string) iameval.Request {
	role := "arn:aws:iam::" + account + ":role/" + name
	return iameval.Request{
		Action: "sts:AssumeRole", Resource: "*",
		Caller: iameval.Principal{AWS: []string{
			"arn:aws:sts::" + account + ":assumed-role/" + name + "/session", role, "arn:aws:iam::" + account + ":root", account,
		}},
		Context: map[string][]string{"aws:PrincipalArn": {role}, "aws:PrincipalAccount": {account}},
	}
}

// pod is a call of EKS Pod Identity for a pod.
func pod(cluster, namespace, account string) iameval.Request {
	arn := "arn:aws:eks:eu-west-1:" + owner + ":cluster/" + cluster
	return iameval.Request{
		Action: "sts:AssumeRole", Resource: "*", Caller: iameval.Principal{Service: podsService},
		Context: map[string][]string{
			"aws:SourceAccount": {owner}, "aws:SourceArn": {arn},
			requestTag + "eks-cluster-arn": {arn}, requestTag + "eks-cluster-name": {cluster},
			requestTag + "kubernetes-namespace": {namespace}, requestTag + "kubernetes-service-account": {account},
		},
	}
}

// withoutTags is a call of EKS Pod Identity for an association that turns the session tags off.
func withoutTags(request iameval.Request) iameval.Request {
	request.Context = maps.Clone(request.Context)
	maps.DeleteFunc(request.Context, func(key string, _ []string) bool { return strings.HasPrefix(key, requestTag) })
	return request
}

// covers reports whether a review names the caller among those whom the policy trusts.
func covers(review iampolicy.TrustReview, request iameval.Request) bool {
	return slices.ContainsFunc(review.Trusted, func(trusted iampolicy.Trusted) bool { return coveredBy(trusted, request) })
}

func coveredBy(trusted iampolicy.Trusted, request iameval.Request) bool {
	matches := func(text string) bool { return fits(trusted, text) }
	caller := request.Caller
	switch trusted.Kind {
	case iampolicy.Everyone:
		return true
	case iampolicy.WholeAccount:
		return slices.Contains(caller.AWS, trusted.Name)
	case iampolicy.AWSPrincipal:
		inAccount := trusted.Account == "" || slices.Contains(caller.AWS, trusted.Account)
		return inAccount && slices.ContainsFunc(caller.AWS, matches)
	case iampolicy.AWSService:
		return caller.Service == trusted.Name
	case iampolicy.PodIdentityAccount:
		if caller.Service != podsService {
			return false
		}
		text := func(key string) string { return strings.Join(request.Context[key], "") }
		_, cluster, _ := strings.Cut(text("aws:SourceArn"), ":cluster/")
		return matches(cluster + "/" + text(requestTag+"kubernetes-namespace") + "/" + text(requestTag+"kubernetes-service-account"))
	case iampolicy.WebIdentity:
		return strings.HasSuffix(caller.Federated, ":oidc-provider/"+trusted.Issuer) && slices.ContainsFunc(request.Context[trusted.Issuer+":sub"], matches)
	default:
		return false
	}
}

// fits is a plain reading of * and ?.
func fits(trusted iampolicy.Trusted, text string) bool {
	pattern := trusted.Name
	if trusted.AnyCase {
		pattern, text = strings.ToLower(pattern), strings.ToLower(text)
	}
	if !trusted.Pattern {
		return pattern == text
	}
	if pattern == "" || text == "" {
		return strings.Trim(pattern, "*") == "" && text == ""
	}
	trusted.Name, trusted.AnyCase = pattern[1:], false
	if pattern[0] == '*' {
		rest := trusted
		rest.Name = pattern
		return fits(trusted, text) || fits(rest, text[1:])
	}
	return (pattern[0] == '?' || pattern[0] == text[0]) && fits(trusted, text[1:])
}

// anyOf is one of the values.
func anyOf[T any](random *rand.Rand, values ...T) T { return values[random.IntN(len(values))] }

// values are what policies compare condition keys with, right and wrong.
var values = map[string][]string{
	issuer + ":sub": {
		"system:serviceaccount:payments:app", "system:serviceaccount:payments:*", "system:serviceaccount:*:app", "system:serviceaccount:pay?ents:a*",
		"system:serviceaccount:*", "system:serviceaccount:Payments:App", "*", "system:serviceaccount:payments:${aws:PrincipalTag/app}", "${aws:PrincipalTag/app}",
	},
	issuer + ":aud":      {"sts.amazonaws.com", "else", "*", "STS.amazonaws.com"},
	otherIssuer + ":sub": {"system:serviceaccount:payments:app", "*"},
	"aws:PrincipalArn": {
		"arn:aws:iam::" + owner + ":role/ci", "arn:aws:iam::*:role/c*", "arn:aws:iam::" + owner + ":role/${aws:PrincipalTag/app}", "*",
	},
	"aws:SourceAccount":                       {owner, "444455556666", "*"},
	"aws:SourceArn":                           {"arn:aws:eks:eu-west-1:" + owner + ":cluster/prod", "arn:aws:eks:*:*:cluster/p*", "arn:aws:eks:*:*:*"},
	requestTag + "eks-cluster-arn":            {"arn:aws:eks:eu-west-1:" + owner + ":cluster/prod", "arn:aws:eks:*:*:cluster/*"},
	requestTag + "eks-cluster-name":           {"prod", "p*", "PROD"},
	requestTag + "kubernetes-namespace":       {"payments", "pay*", "Payments", "${aws:PrincipalTag/app}"},
	requestTag + "kubernetes-service-account": {"app", "a?p", "App", "*", "${aws:PrincipalTag/app}"},
	"sts:ExternalId":                          {"x"},
	"aws:PrincipalTag/app":                    {"app", "*"},
}

var operators = []string{
	"StringEquals", "StringEquals", "StringEquals", "StringLike", "StringLike", "StringNotEquals", "StringNotLike", "StringEqualsIgnoreCase",
	"ArnLike", "ArnEquals", "Null", "Bool",
}

func randomCondition(random *rand.Rand) iampolicy.Condition {
	condition := iampolicy.Condition{}
	for range random.IntN(4) {
		operator := anyOf(random, operators...)
		if operator != "Null" {
			operator = anyOf(random, "", "", "", "ForAllValues:", "ForAnyValue:") + operator + anyOf(random, "", "", "", "IfExists")
		}
		key := anyOf(random, slices.Sorted(maps.Keys(values))...)
		of := iampolicy.Strings{anyOf(random, values[key]...)}
		if operator == "Null" || strings.Contains(operator, "Bool") {
			of = iampolicy.Strings{anyOf(random, "true", "false")}
		} else if random.IntN(3) == 0 {
			of = append(of, anyOf(random, values[key]...))
		}
		if condition[iampolicy.Operator(operator)] == nil {
			condition[iampolicy.Operator(operator)] = map[string]iampolicy.Strings{}
		}
		condition[iampolicy.Operator(operator)][key] = of
	}
	if len(condition) == 0 {
		return nil
	}
	return condition
}

func randomPolicy(random *rand.Rand) iampolicy.Document {
	var policy iampolicy.Document
	for range 1 + random.IntN(2) {
		principal := anyOf(random,
			iampolicy.Principal{Federated: iampolicy.Strings{provider}},
			iampolicy.Principal{Federated: iampolicy.Strings{provider, "arn:aws:iam::" + owner + ":oidc-provider/" + otherIssuer}},
			iampolicy.Principal{AWS: iampolicy.Strings{anyOf(random, owner, "arn:aws:iam::444455556666:root", "arn:aws:iam::"+owner+":role/ci", "*")}},
			iampolicy.Principal{Service: iampolicy.Strings{anyOf(random, podsService, podsService, podsService, "scheduler.amazonaws.com")}},
			iampolicy.Principal{Any: true})
		statement := iampolicy.Statement{
			Effect: anyOf(random, iampolicy.Allow, iampolicy.Allow, iampolicy.Allow, iampolicy.Deny), Principal: &principal, Condition: randomCondition(random),
		}
		actions := anyOf(random, iampolicy.Strings{"sts:AssumeRole", "sts:AssumeRoleWithWebIdentity"}, iampolicy.Strings{"sts:*"}, iampolicy.Strings{"sts:assumerole*"}, iampolicy.Strings{"sts:TagSession"})
		if random.IntN(8) == 0 {
			statement.NotActions = actions
		} else {
			statement.Actions = actions
		}
		policy.Statements = append(policy.Statements, statement)
	}
	return policy
}

// Whomever IAM lets in, the review names: it never says that nobody else gets in where a stranger does.
func TestAReviewNamesWhomeverIAMLetsIn(t *testing.T) {
	t.Parallel()
	var callers []iameval.Request
	for _, of := range []string{issuer, otherIssuer} {
		for _, subject := range []string{"system:serviceaccount:payments:app", "system:serviceaccount:payments:App", "system:serviceaccount:other:app", "repo:acme/app", "true"} {
			callers = append(callers, token(of, subject, "sts.amazonaws.com"), token(of, subject, "else"))
		}
	}
	for _, account := range []string{owner, "444455556666"} {
		callers = append(callers, roleOf(account, "ci"), roleOf(account, "app"))
	}
	for _, cluster := range []string{"prod", "dev"} {
		for _, namespace := range []string{"payments", "other"} {
			for _, account := range []string{"app", "App", "else"} {
				callers = append(callers, pod(cluster, namespace, account), withoutTags(pod(cluster, namespace, account)))
			}
		}
	}
	callers = append(callers, iameval.Request{Action: "sts:AssumeRole", Resource: "*", Caller: iameval.Principal{Service: "scheduler.amazonaws.com"}})

	for _, caller := range callers {
		if caller.Context != nil {
			caller.Context["aws:PrincipalTag/app"] = []string{"app"}
		}
	}

	random := rand.New(rand.NewPCG(1, 2)) // the same policies in each run
	const policies = 2_000
	let, refused := 0, 0
	for range policies {
		policy := randomPolicy(random)
		review := iampolicy.ReviewTrust(policy, owner)
		for _, caller := range callers {
			decision, err := iameval.Trust(policy, caller)
			if err != nil || decision != iameval.Allowed {
				refused++
				continue
			}
			let++
			if !covers(review, caller) {
				text, err := policy.JSON()
				require.NoError(t, err)
				require.Fail(t, "somebody gets in whom the review does not name", "%s\n%+v\n%+v", text, caller, review.Trusted)
			}
		}
	}
	fmt.Printf("trust policies reviewed: %d with %d callers each; IAM let %d in, and the review names every one\n", policies, len(callers), let)
	assert.Greater(t, let, policies)
	assert.Greater(t, refused, policies)
}

// What the review says of a caller is what IAM answers.
func TestAReviewSaysOfACallerWhatIAMAnswers(t *testing.T) {
	t.Parallel()
	webIdentity := func(condition string) string {
		return `{"Effect": "Allow", "Principal": {"Federated": "` + provider + `"}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {` + condition + `}}`
	}
	podIdentity := func(condition string) string {
		return `{"Effect": "Allow", "Principal": {"Service": "` + podsService + `"}, "Action": ["sts:AssumeRole", "sts:TagSession"]` + condition + `}`
	}
	const app, stranger = "system:serviceaccount:payments:app", "system:serviceaccount:other:app"
	cases := []struct {
		name, statement string
		request         iameval.Request
		want            bool
		finding         iampolicy.FindingKind
	}{
		{"the account", webIdentity(`"StringEquals": {"` + issuer + `:sub": "` + app + `"}`), token(issuer, app, "sts.amazonaws.com"), true, "no-audience"},
		{"another account", webIdentity(`"StringEquals": {"` + issuer + `:sub": "` + app + `"}`), token(issuer, stranger, "sts.amazonaws.com"), false, "no-audience"},
		{"another audience", webIdentity(`"StringEquals": {"` + issuer + `:sub": "` + app + `"}`), token(issuer, app, "else"), true, "no-audience"},
		{"no subject", webIdentity(`"StringEquals": {"` + issuer + `:aud": "sts.amazonaws.com"}`), token(issuer, stranger, "sts.amazonaws.com"), true, "no-subject"},
		{"a wildcard under StringEquals", webIdentity(`"StringEquals": {"` + issuer + `:sub": "system:serviceaccount:payments:*"}`), token(issuer, app, "sts.amazonaws.com"), false, "literal-wildcard"},
		{"a namespace that begins so", webIdentity(`"StringLike": {"` + issuer + `:sub": "system:serviceaccount:pay*:app"}`), token(issuer, "system:serviceaccount:pay-evil:app", "sts.amazonaws.com"), true, "any-namespace"},
		{"a star over the colon", webIdentity(`"StringLike": {"` + issuer + `:sub": "system:serviceaccount:payments*"}`), token(issuer, "system:serviceaccount:payments-evil:x", "sts.amazonaws.com"), true, "any-namespace"},
		{"the key of another issuer", webIdentity(`"StringEquals": {"` + otherIssuer + `:sub": "` + app + `"}`), token(issuer, app, "sts.amazonaws.com"), false, "other-issuer"},
		{"what it must not be", webIdentity(`"StringNotEquals": {"` + otherIssuer + `:sub": "` + app + `"}`), token(issuer, stranger, "sts.amazonaws.com"), true, "no-subject"},
		{"Null", webIdentity(`"Null": {"` + issuer + `:sub": "false"}`), token(issuer, stranger, "sts.amazonaws.com"), true, "null"},
		{"in any case", webIdentity(`"StringEqualsIgnoreCase": {"` + issuer + `:sub": "` + app + `"}`), token(issuer, "system:serviceaccount:Payments:APP", "sts.amazonaws.com"), true, "ignore-case"},
		{"the whole account", `{"Effect": "Allow", "Principal": {"AWS": "` + owner + `"}, "Action": "sts:AssumeRole"}`, roleOf(owner, "any"), true, "account-root"},
		{"a role by a pattern under ArnEquals", `{"Effect": "Allow", "Principal": {"AWS": "444455556666"}, "Action": "sts:AssumeRole", "Condition": {"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::*:role/c*"}}}`, roleOf("444455556666", "ci"), true, ""},
		{"IfExists without tags", podIdentity(`, "Condition": {"StringEqualsIfExists": {"` + requestTag + `kubernetes-namespace": "payments"}}`), withoutTags(pod("dev", "other", "any")), true, "pod-identity-any-pod"},
		{"ForAllValues without tags", podIdentity(`, "Condition": {"ForAllValues:StringEquals": {"` + requestTag + `kubernetes-namespace": "payments"}}`), withoutTags(pod("dev", "other", "any")), true, "for-all-values"},
		{"any pod", podIdentity(""), pod("dev", "other", "any"), true, "pod-identity-any-pod"},
		{"a namespace without its cluster", podIdentity(`, "Condition": {"StringEquals": {"` + requestTag + `kubernetes-namespace": "payments", "` + requestTag + `kubernetes-service-account": "app"}}`), pod("dev", "payments", "app"), true, "pod-identity-any-cluster"},
		{"the wrong action", `{"Effect": "Allow", "Principal": {"Federated": "` + provider + `"}, "Action": "sts:AssumeRole"}`, token(issuer, app, "sts.amazonaws.com"), false, "wrong-action"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			policy := document(t, test.statement)
			decision, err := iameval.Trust(policy, test.request)
			require.NoError(t, err)
			assert.Equal(t, test.want, decision == iameval.Allowed, "IAM: %s", decision)
			review := iampolicy.ReviewTrust(policy, owner)
			assert.Equal(t, test.want, covers(review, test.request), "%+v", review.Trusted)
			if test.finding == "" {
				assert.Empty(t, review.Findings)
				return
			}
			assert.True(t, slices.ContainsFunc(review.Findings, func(f iampolicy.Finding) bool { return f.Kind == test.finding }), "%+v", review.Findings)
		})
	}
}
