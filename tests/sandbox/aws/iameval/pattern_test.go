package iameval_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws/iameval"
)

// like says whether StringLike with this value holds for what a request has. Only a text that no policy can have is an
// error.
func like(pattern, got string) (bool, error) {
	decision, err := iameval.Identity([]iampolicy.Document{{
		// This version has no variables, so that the matching is all there is to see.
		Version: "2008-10-17",
		Statements: []iampolicy.Statement{{
			Effect: iampolicy.Allow, Actions: iampolicy.Strings{"*"}, Resources: iampolicy.Strings{"*"},
			Condition: iampolicy.Condition{iampolicy.StringLike: {"k:a": {pattern}}},
		}},
	}}, nil, iameval.Request{Action: "s3:GetObject", Resource: "*", Context: keys{"k:a": {got}}})
	return decision == iameval.Allowed, err
}

// reference matches with the regular expression that means the same.
func reference(pattern, got string) bool {
	expression := regexp.QuoteMeta(pattern)
	expression = strings.ReplaceAll(expression, `\*`, `.*`)
	expression = strings.ReplaceAll(expression, `\?`, `.`)
	return regexp.MustCompile(`(?s)^` + expression + `$`).MatchString(got)
}

func TestWildcards(t *testing.T) {
	t.Parallel()
	cases := []struct {
		pattern, got string
		want         bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "a:b/c\n", true},
		{"?", "", false},
		{"?", "é", true},
		{"??", "é", false},
		{"*??", "€", false},
		{"a*", "a", true},
		{"*a", "ba", true},
		{"*a", "ab", false},
		{"a*b*c", "abbbc", true},
		{"a*b*c", "acb", false},
		{"*ab", "aab", true},
		{"*a?c", "abbabc", true},
		{"**a**", "a", true},
		{"a.c", "abc", false},
		{"[ab]", "a", false},
		{`\*`, `\x`, true},
		{"${k:a}", "${k:a}", true},
		{"${*}", "${x}", true},
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%q against %q", c.pattern, c.got), func(t *testing.T) {
			t.Parallel()
			got, err := like(c.pattern, c.got)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
			assert.Equal(t, c.want, reference(c.pattern, c.got), "the reference")
		})
	}
}

// Few letters, so that nearly every pattern nearly matches.
func TestWildcardsMatchAsTheirRegularExpressionDoes(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	text := func(letters string, length int) string {
		runes := []rune(letters)
		var b strings.Builder
		for range random.IntN(length) {
			b.WriteRune(runes[random.IntN(len(runes))])
		}
		return b.String()
	}
	matched := 0
	for range 20_000 {
		pattern, value := text("aé:*?", 8), text("aé:", 10)
		got, err := like(pattern, value)
		require.NoError(t, err)
		require.Equal(t, reference(pattern, value), got, "%q against %q", pattern, value)
		if got {
			matched++
		}
	}
	assert.Greater(t, matched, 1000, "patterns that match are tried as well")
}

func FuzzWildcardsMatchAsTheirRegularExpressionDoes(f *testing.F) {
	f.Add("a*b?c", "axxbyc")
	f.Add("*??", "€")
	f.Add("arn:aws:s3:::*/x", "arn:aws:s3:::a/b/x")
	f.Fuzz(func(t *testing.T, pattern, value string) {
		got, err := like(pattern, value)
		if err != nil {
			assert.False(t, got)
			return // A character that no policy can have.
		}
		assert.Equal(t, reference(pattern, value), got, "%q against %q", pattern, value)
	})
}

// The pattern that makes backtracking matchers take exponential time.
func TestMatchingTakesNoLongerThanTheTextsAre(t *testing.T) {
	t.Parallel()
	start := time.Now()
	got, err := like(strings.Repeat("a*", 2000)+"b", strings.Repeat("a", 20_000))
	require.NoError(t, err)
	assert.False(t, got)
	assert.Less(t, time.Since(start), 5*time.Second)
}

func TestVariablesStandForTheRequestsValues(t *testing.T) {
	t.Parallel()
	user := keys{"AWS:userName": {"ann"}}
	cases := []struct {
		name, elements string
		context        keys
		want           bool
	}{
		{"in a resource", `"Resource": "arn:aws:s3:::home/${aws:username}/*"`, keys{"aws:username": {"ann"}}, true},
		{"of somebody else", `"Resource": "arn:aws:s3:::home/${aws:username}/*"`, keys{"aws:username": {"bob"}}, false},
		{"whose key is in other case", `"Resource": "arn:aws:s3:::home/${aws:username}/*"`, user, true},
		{"that is absent", `"Resource": "arn:aws:s3:::home/${aws:username}/*"`, nil, false},
		{"that is absent, beside a resource that matches", `"Resource": ["arn:aws:s3:::home/${aws:username}/*", "arn:aws:s3:::home/*"]`, nil, true},
		{"in an exception", `"NotResource": "arn:aws:s3:::home/${aws:username}/*"`, keys{"aws:username": {"bob"}}, true},
		{"in an exception that it is", `"NotResource": "arn:aws:s3:::home/${aws:username}/*"`, user, false},
		{"that is absent in an exception", `"NotResource": ["arn:aws:s3:::other", "arn:aws:s3:::home/${aws:username}/*"]`, nil, false},
		{"a wildcard in the value is a character", `"Resource": "arn:aws:s3:::home/${aws:username}/*"`, keys{"aws:username": {"*"}}, false},
		{"a variable in the value is text", `"Resource": "arn:aws:s3:::home/${k:a}/*"`, keys{"k:a": {"${aws:username}"}, "aws:username": {"ann"}}, false},
		{"a value with slashes and colons in its name", `"Resource": "arn:aws:s3:::${aws:PrincipalTag/eks:home}/file"`, keys{"aws:PrincipalTag/eks:home": {"home/ann"}}, true},
		{"several", `"Resource": "arn:aws:s3:::${k:a}/${k:b}/file"`, keys{"k:a": {"home"}, "k:b": {"ann"}}, true},

		{"a default that is not needed", `"Resource": "arn:aws:s3:::home/${aws:username, 'bob'}/*"`, user, true},
		{"a default that is needed", `"Resource": "arn:aws:s3:::home/${aws:username, 'ann'}/*"`, nil, true},
		{"an empty default", `"Resource": "arn:aws:s3:::home/ann${aws:username, ''}/*"`, nil, true},

		{"in StringEquals", onAll(`"StringEquals": {"k:a": "x-${aws:username}"}`), keys{"aws:username": {"ann"}, "k:a": {"x-ann"}}, true},
		{"in StringEquals, another", onAll(`"StringEquals": {"k:a": "x-${aws:username}"}`), keys{"aws:username": {"ann"}, "k:a": {"x-bob"}}, false},
		{"in StringEquals, absent", onAll(`"StringEquals": {"k:a": "x-${aws:username}"}`), keys{"k:a": {"x-${aws:username}"}}, false},
		{"in StringEquals, absent beside one that matches", onAll(`"StringEquals": {"k:a": ["${aws:username}", "x"]}`), keys{"k:a": {"x"}}, true},
		{"in StringNotEquals", onAll(`"StringNotEquals": {"k:a": "${aws:username}"}`), keys{"aws:username": {"ann"}, "k:a": {"bob"}}, true},
		{"in StringNotEquals, absent", onAll(`"StringNotEquals": {"k:a": "${aws:username}"}`), keys{"k:a": {"bob"}}, false},
		{"in StringNotEquals, absent beside another", onAll(`"StringNotEquals": {"k:a": ["x", "${aws:username}"]}`), keys{"k:a": {"bob"}}, false},
		{"in StringEqualsIgnoreCase", onAll(`"StringEqualsIgnoreCase": {"k:a": "${aws:username}"}`), keys{"aws:username": {"Ann"}, "k:a": {"aNN"}}, true},
		{"in StringLike", onAll(`"StringLike": {"k:a": "${aws:username}*"}`), keys{"aws:username": {"ann"}, "k:a": {"anna"}}, true},
		{"in StringLike, a wildcard as value", onAll(`"StringLike": {"k:a": "${aws:username}"}`), keys{"aws:username": {"*"}, "k:a": {"ann"}}, false},
		{"in ArnLike", onAll(`"ArnLike": {"k:a": "arn:aws:iam::*:role/${aws:username}"}`), keys{"aws:username": {"ann"}, "k:a": {"arn:aws:iam::111122223333:role/ann"}}, true},
		{"as a whole ARN", onAll(`"ArnEquals": {"k:a": "${k:arn}"}`), keys{"k:arn": {"arn:aws:iam::1:role/a:b"}, "k:a": {"arn:aws:iam::1:role/a:b"}}, true},
		{"as what is no ARN", onAll(`"ArnEquals": {"k:a": "${k:arn}"}`), keys{"k:arn": {"ann"}, "k:a": {"ann"}}, false},

		{"an asterisk", onAll(`"StringLike": {"k:a": "a${*}"}`), keys{"k:a": {"a*"}}, true},
		{"an asterisk that is no wildcard", onAll(`"StringLike": {"k:a": "a${*}"}`), keys{"k:a": {"ab"}}, false},
		{"a question mark", onAll(`"StringLike": {"k:a": "a${?}"}`), keys{"k:a": {"a?"}}, true},
		{"a question mark that is no wildcard", onAll(`"StringLike": {"k:a": "a${?}"}`), keys{"k:a": {"ab"}}, false},
		{"a dollar sign", onAll(`"StringEquals": {"k:a": "${$}{aws:username}"}`), keys{"k:a": {"${aws:username}"}}, true},
		{"a dollar sign alone", onAll(`"StringEquals": {"k:a": "$5 {aws:username}$"}`), keys{"k:a": {"$5 {aws:username}$"}}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			policy := document(t, `{"Effect": "Allow", "Action": "*", `+c.elements+`}`)
			got, err := iameval.Identity([]iampolicy.Document{policy}, nil,
				iameval.Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::home/ann/file", Context: c.context})
			require.NoError(t, err)
			assert.Equal(t, c.want, got == iameval.Allowed)
		})
	}
}

func onAll(condition string) string { return `"Resource": "*", "Condition": {` + condition + `}` }

// Version 2008-10-17, which is also that of a document without a version, takes them literally.
func TestVariablesNeedTheCurrentVersion(t *testing.T) {
	t.Parallel()
	const statement = `"Statement": {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:${k:a}::home/${aws:username}"}`
	request := iameval.Request{
		Action: "s3:GetObject", Resource: "arn:aws:s3:::home/ann", Context: keys{"aws:username": {"ann"}, "k:a": {""}},
	}
	for _, version := range []string{`"Version": "2008-10-17", `, ""} {
		policy, err := iampolicy.Parse("{" + version + statement + "}")
		require.NoError(t, err)
		got, err := iameval.Identity([]iampolicy.Document{policy}, nil, request)
		require.NoError(t, err)
		assert.Equal(t, iameval.NotAllowed, got)
		literal := request
		literal.Resource = "arn:aws:s3:${k:a}::home/${aws:username}"
		got, err = iameval.Identity([]iampolicy.Document{policy}, nil, literal)
		require.NoError(t, err)
		assert.Equal(t, iameval.Allowed, got)
	}

	// A document made in Go without a version is one of the current version.
	made := iampolicy.Document{Statements: []iampolicy.Statement{{
		Effect: iampolicy.Allow, Actions: iampolicy.Strings{"*"}, Resources: iampolicy.Strings{"arn:aws:s3:::home/${aws:username}"},
	}}}
	got, err := iameval.Identity([]iampolicy.Document{made}, nil, request)
	require.NoError(t, err)
	assert.Equal(t, iameval.Allowed, got)
}

func TestAVariableHasOneValue(t *testing.T) {
	t.Parallel()
	for _, elements := range []string{
		`"Resource": "arn:aws:s3:::home/${aws:TagKeys}"`,
		`"NotResource": "arn:aws:s3:::home/${aws:TagKeys}"`,
		onAll(`"StringNotEquals": {"k:a": "${aws:TagKeys, 'x'}"}`),
	} {
		policy := document(t, `{"Effect": "Deny", "Action": "*", `+elements+`}`)
		got, err := iameval.Identity([]iampolicy.Document{policy}, nil, iameval.Request{
			Action: "s3:GetObject", Resource: "arn:aws:s3:::home/ann", Context: keys{"aws:TagKeys": {"a", "b"}, "k:a": {"c"}},
		})
		require.ErrorContains(t, err, `the policy variable "aws:tagkeys" has 2 values in the request`)
		assert.Equal(t, iameval.NotAllowed, got)
	}
}

func TestWhatIsNoVariableIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"${", "${}", "${aws:username", "${username}", "${aws:}", "${:a}", "${ aws:username}", "${aws:user name}",
		"${aws:username,'x'}", "${aws:username, x}", "${aws:username, 'x}", "${aws:username, 'x'y}", "${aws:${k:a}}",
		"${aws:username, '${k:a}'}", "${aws:username, '*'}", "${aws:user*}", "${**}",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			err := iameval.Check(document(t, `{"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::`+text+`"}`))
			require.ErrorContains(t, err, "is not a policy variable")
			err = iameval.Check(document(t, `{"Effect": "Deny", "Action": "*", `+onAll(`"StringEquals": {"k:a": "`+text+`"}`)+`}`))
			assert.ErrorContains(t, err, "is not a policy variable")
		})
	}
}
