package iameval_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws/iameval"
)

type keys = map[string][]string

// given says whether a statement with this condition applies to a call with these keys.
func given(t *testing.T, condition string, context keys) (bool, error) {
	t.Helper()
	policy := document(t, fmt.Sprintf(`{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {%s}}`, condition))
	got, err := iameval.Identity([]iampolicy.Document{policy}, nil,
		iameval.Request{Action: "s3:GetObject", Resource: object, Context: context})
	return got == iameval.Allowed, err
}

// Each operator with a value that fits, a value that does not, no key, and its IfExists form without the key.
func TestOperatorsCompare(t *testing.T) {
	t.Parallel()
	cases := []struct{ operator, value, fits, other string }{
		{"StringEquals", "blue", "blue", "Blue"},
		{"StringEquals", "bl*e", "bl*e", "blue"},
		{"StringEqualsIgnoreCase", "blue", "BLUE", "blues"},
		{"StringEqualsIgnoreCase", "É", "é", "e"},
		{"StringEqualsIgnoreCase", "k", "K", "\u212a"},
		{"StringEqualsIgnoreCase", "s", "S", "\u017f"},
		{"StringLike", "bl*", "blue", "Blue"},
		{"StringLike", "?lu?", "blue", "bluer"},
		{"StringLike", "blue", "blue", "*"},
		{"NumericEquals", "10", "10.0", "11"},
		{"NumericEquals", "9007199254740993", "9007199254740993", "9007199254740992"},
		{"NumericEquals", "-1.5", "-1.50", "1.5"},
		{"NumericEquals", "10", "+10", "ten"},
		{"NumericLessThan", "10", "9.99", "10"},
		{"NumericLessThanEquals", "10", "10", "10.01"},
		{"NumericGreaterThan", "10", "11", "10"},
		{"NumericGreaterThan", "9", "10", "9"},
		{"NumericGreaterThanEquals", "10", "10", "9"},
		{"DateEquals", "2026-01-02T03:04:05Z", "2026-01-02T04:04:05+01:00", "2026-01-02T03:04:06Z"},
		{"DateEquals", "2026-01-02", "2026-01-02T00:00:00.000Z", "2026-01-03"},
		{"DateEquals", "1767323045", "2026-01-02T03:04:05Z", "1767323046"},
		{"DateEquals", "2026-01", "2026-01-01T00:00Z", "January"},
		{"DateLessThan", "2026-01-02T00:00:00Z", "2026-01-01T23:59:59Z", "2026-01-02T00:00:00Z"},
		{"DateLessThanEquals", "2026-01-02T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-02T00:00:01Z"},
		{"DateGreaterThan", "2026-01-02T00:00:00Z", "2026-01-02T00:00:01Z", "2026-01-02T00:00:00Z"},
		{"DateGreaterThanEquals", "2026-01-02T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-01T23:59:59Z"},
		{"Bool", "true", "true", "false"},
		{"Bool", "False", "false", "TRUE"},
		{"Bool", "false", "false", "no"},
		{"BinaryEquals", "aGVsbG8=", "hello", "aGVsbG8="},
		{"IpAddress", "203.0.113.0/24", "203.0.113.255", "203.0.114.0"},
		{"IpAddress", "203.0.113.7/24", "203.0.113.1", "203.0.112.1"},
		{"IpAddress", "203.0.113.7", "203.0.113.7", "203.0.113.8"},
		{"IpAddress", "203.0.113.7", "::ffff:203.0.113.7", "AWS Internal"},
		{"IpAddress", "2001:db8::/32", "2001:DB8:1::1", "2001:db9::1"},
		{"IpAddress", "2001:db8::1", "2001:db8::1", "203.0.113.7"},
		{"ArnLike", "arn:aws:iam::111122223333:role/*", "arn:aws:iam::111122223333:role/team/app", "arn:aws:iam::111122223333:Role/app"},
		{"ArnLike", "arn:*:sns:*:111122223333:t?pic", "arn:aws-cn:sns:cn-north-1:111122223333:topic", "arn:aws-cn:sns:cn-north-1:111122223333:tpic"},
		{"ArnLike", "arn:aws:logs:*:*:log-group:*", "arn:aws:logs:eu-west-1:111122223333:log-group:a:b", "log-group:a"},
		// The guide's own example of where an ARN is not a string.
		{
			"ArnLike", "arn:aws:someservice:*:111122223333:finance/*", "arn:aws:someservice:us-east-2:111122223333:finance/a",
			"arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt",
		},
		{"ArnEquals", "arn:aws:iam::111122223333:role/*", "arn:aws:iam::111122223333:role/app", "arn:aws:iam::111122223333:user/app"},
		{"ArnLike", "arn:aws:eks:eu-west-1:*:*", "arn:aws:eks:eu-west-1:111122223333:cluster/dev", "arn:aws-cn:eks:eu-west-1:111122223333:cluster/dev"},
		{"ArnLike", "arn:aws:eks:eu-west-1:*:*", "arn:aws:eks:eu-west-1:111122223333:cluster/dev", "arn:aws:ec2:eu-west-1:111122223333:cluster/dev"},
		{"ArnLike", "arn:aws:eks:eu-west-1:*:*", "arn:aws:eks:eu-west-1:111122223333:cluster/dev", "arn:aws:eks:eu-west-2:111122223333:cluster/dev"},
		{"ArnLike", "arn:aws:eks:*:111122223333:*", "arn:aws:eks:eu-west-1:111122223333:cluster/dev", "arn:aws:eks:eu-west-1:444455556666:cluster/dev"},
	}
	negations := map[string][]string{
		"StringEquals": {"StringNotEquals"}, "StringEqualsIgnoreCase": {"StringNotEqualsIgnoreCase"}, "StringLike": {"StringNotLike"},
		"NumericEquals": {"NumericNotEquals"}, "DateEquals": {"DateNotEquals"}, "IpAddress": {"NotIpAddress"},
		"ArnLike": {"ArnNotLike", "ArnNotEquals"},
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%s %s takes %s and not %s", c.operator, c.value, c.fits, c.other), func(t *testing.T) {
			t.Parallel()
			check := func(operator string, fits, other, absent bool) {
				condition := func(operator string) string { return fmt.Sprintf(`%q: {"aws:Key": %q}`, operator, c.value) }
				for _, step := range []struct {
					operator string
					context  keys
					want     bool
				}{
					{operator, keys{"AWS:key": {c.fits}}, fits},
					{operator, keys{"aws:Key": {c.other}}, other},
					{operator, keys{"aws:Other": {c.fits}}, absent},
					{operator, keys{"aws:Key": {}}, absent},
					{operator + "IfExists", keys{"aws:Key": {c.fits}}, fits},
					{operator + "IfExists", keys{"aws:Key": {c.other}}, other},
					{operator + "IfExists", nil, true},
				} {
					got, err := given(t, condition(step.operator), step.context)
					require.NoError(t, err)
					assert.Equal(t, step.want, got, "%s with %v", step.operator, step.context)
				}
			}
			check(c.operator, true, false, false)
			for _, negation := range negations[c.operator] {
				check(negation, false, true, true)
			}
		})
	}
}

func TestOperatorsAndKeysAreAllNeededAndAnyOfTheValues(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, condition string
		context         keys
		want            bool
	}{
		{"any of the values", `"StringEquals": {"k:a": ["1", "2"]}`, keys{"k:a": {"2"}}, true},
		{"none of the values", `"StringEquals": {"k:a": ["1", "2"]}`, keys{"k:a": {"3"}}, false},
		{"a negated operator and none of the values", `"StringNotEquals": {"k:a": ["1", "2"]}`, keys{"k:a": {"3"}}, true},
		{"a negated operator and one of the values", `"StringNotEquals": {"k:a": ["1", "2"]}`, keys{"k:a": {"2"}}, false},
		{"both keys", `"StringEquals": {"k:a": "1", "k:b": "1"}`, keys{"k:a": {"1"}, "k:b": {"1"}}, true},
		{"one of two keys", `"StringEquals": {"k:a": "1", "k:b": "1"}`, keys{"k:a": {"1"}, "k:b": {"2"}}, false},
		{"the other of two keys", `"StringEquals": {"k:a": "1", "k:b": "1"}`, keys{"k:a": {"2"}, "k:b": {"1"}}, false},
		{"both operators", `"StringEquals": {"k:a": "1"}, "StringLike": {"k:b": "1*"}`, keys{"k:a": {"1"}, "k:b": {"1"}}, true},
		{"one of two operators", `"StringEquals": {"k:a": "1"}, "StringLike": {"k:b": "1*"}`, keys{"k:a": {"1"}}, false},
		{"an empty value is a value", `"StringEquals": {"s3:prefix": ["", "home/"]}`, keys{"s3:prefix": {""}}, true},
		{"an empty value is not absent", `"StringEqualsIfExists": {"s3:prefix": "home/"}`, keys{"s3:prefix": {""}}, false},
		{
			"values without quotation marks", `"NumericLessThan": {"s3:max-keys": 10}, "Bool": {"aws:SecureTransport": true}`,
			keys{"s3:max-keys": {"9"}, "aws:SecureTransport": {"true"}},
			true,
		},

		{"ForAnyValue and an empty value that a wildcard would match", `"ForAnyValue:StringLike": {"k:a": "*"}`, keys{"k:a": {""}}, false},
		{"ForAnyValue negated and an empty value", `"ForAnyValue:StringNotEquals": {"k:a": "1"}`, keys{"k:a": {""}}, false},

		{"Null true and no key", `"Null": {"k:a": "true"}`, nil, true},
		{"Null true and a key", `"Null": {"k:a": "true"}`, keys{"k:a": {"1"}}, false},
		{"Null false and no key", `"Null": {"k:a": "false"}`, nil, false},
		{"Null false and a key", `"Null": {"k:a": "False"}`, keys{"k:a": {"1"}}, true},
		{"Null false and an empty key", `"Null": {"k:a": false}`, keys{"k:a": {""}}, false},
		{"Null with both", `"Null": {"k:a": ["true", "false"]}`, nil, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := given(t, c.condition, c.context)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

func TestSetOperatorsLookAtAllValuesOfTheRequest(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, operator  string
		got             []string
		want, wantNoKey bool
	}{
		{"all of them listed", "ForAllValues:StringEquals", []string{"a", "b"}, true, true},
		{"one of them not listed", "ForAllValues:StringEquals", []string{"a", "x"}, false, true},
		{"an empty one is null", "ForAllValues:StringEquals", []string{""}, true, true},
		{"an empty one among others is a value", "ForAllValues:StringEquals", []string{"a", ""}, false, true},
		{"none listed", "ForAllValues:StringNotEquals", []string{"x", "y"}, true, true},
		{"one listed", "ForAllValues:StringNotEquals", []string{"x", "a"}, false, true},
		{"any of them listed", "ForAnyValue:StringEquals", []string{"x", "a"}, true, false},
		{"none of them listed", "ForAnyValue:StringEquals", []string{"x", "y"}, false, false},
		{"an empty one is not any", "ForAnyValue:StringLike", []string{""}, false, false},
		{"any not listed", "ForAnyValue:StringNotEquals", []string{"x", "a"}, true, false},
		{"all listed", "ForAnyValue:StringNotEquals", []string{"b", "a"}, false, false},
		{"a single value", "ForAnyValue:StringEquals", []string{"a"}, true, false},
		{"a single value that is not listed", "ForAllValues:StringEquals", []string{"x"}, false, true},
		{"without the key, if it exists", "ForAnyValue:StringLikeIfExists", []string{"x"}, false, true},
	}
	for _, c := range cases {
		t.Run(c.operator+", "+c.name, func(t *testing.T) {
			t.Parallel()
			condition := fmt.Sprintf(`%q: {"aws:TagKeys": ["a", "b", "*c"]}`, c.operator)
			got, err := given(t, condition, keys{"aws:TagKeys": c.got})
			require.NoError(t, err)
			assert.Equal(t, c.want, got)

			got, err = given(t, condition, nil)
			require.NoError(t, err)
			assert.Equal(t, c.wantNoKey, got, "without the key")
		})
	}
}

// AWS demands a set operator for a key with several values, and does not say what the others would do: an error.
func TestSeveralValuesNeedASetOperator(t *testing.T) {
	t.Parallel()
	for _, condition := range []string{
		`"StringEquals": {"k:a": "1"}`, `"StringNotEquals": {"k:a": "1"}`, `"StringLikeIfExists": {"k:a": "1"}`,
		`"StringEquals": {"k:b": "2"}, "StringLike": {"k:a": "*"}`,
	} {
		got, err := given(t, condition, keys{"k:a": {"1", "2"}, "k:b": {"1"}})
		require.ErrorContains(t, err, "the request has 2 values of the key", condition)
		assert.False(t, got)
	}
}

func TestValuesThatAreNotOfTheirOperatorsTypeAreRefused(t *testing.T) {
	t.Parallel()
	cases := []struct{ condition, want string }{
		{`"NumericEquals": {"k:a": "0x10"}`, `"0x10" is not a number`},
		{`"NumericNotEquals": {"k:a": "1e9"}`, `"1e9" is not a number`},
		{`"NumericLessThan": {"k:a": "${aws:EpochTime}"}`, "is not a number"},
		{`"DateEquals": {"k:a": "2026"}`, `"2026" is not a date`},
		{`"DateLessThan": {"k:a": "2026-01-02T03:04:05"}`, "is not a date"},
		{`"DateGreaterThan": {"k:a": "99999999999999999999"}`, "is not a date"},
		{`"Bool": {"k:a": "yes"}`, `"yes" is neither true nor false`},
		{`"Bool": {"k:a": "${aws:SecureTransport}"}`, "is neither true nor false"},
		{`"Null": {"k:a": "1"}`, `"1" is neither true nor false`},
		{`"BinaryEquals": {"k:a": "?"}`, `"?" is not base64`},
		{`"IpAddress": {"aws:SourceIp": "10.0.0"}`, `"10.0.0" is not an IP address`},
		{`"NotIpAddress": {"aws:SourceIp": "fe80::1%eth0"}`, "is not an IP address"},
		{`"ArnLike": {"k:a": "*"}`, `"*" is not an ARN`},
		{`"ArnNotEquals": {"k:a": "arn:aws:s3:::${a"}`, "is not a policy variable"},
		{`"StringEqualsIgnoreCase": {"k:a": ["1", "${}"]}`, "is not a policy variable"},
		{`"StringNotLike": {"k:%d": "${a b:c}"}`, `Statement[0].Condition["StringNotLike"]["k:%d"]: "${a b:c}" is not`},
		{`"StringEquals": {"k:a": "1", "K:A": "2"}`, `Condition["StringEquals"]["k:a"]: appears twice, in different case`},
	}
	for _, c := range cases {
		t.Run(c.condition, func(t *testing.T) {
			t.Parallel()
			got, err := given(t, c.condition, nil)
			require.ErrorContains(t, err, c.want)
			assert.False(t, got)
		})
	}
}
