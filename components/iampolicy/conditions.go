package iampolicy

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/unquoted"
)

// valueKind is what an operator compares with.
type valueKind int

const (
	unknownKind valueKind = iota
	texts
	numbers
	dates
	booleans
	binaries
	addresses
	arns
)

// operatorKinds are the operators that there are:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
var operatorKinds = map[Operator]valueKind{
	StringEquals: texts, StringNotEquals: texts, StringEqualsIgnoreCase: texts, StringNotEqualsIgnoreCase: texts,
	StringLike: texts, StringNotLike: texts,
	NumericEquals: numbers, NumericNotEquals: numbers, NumericLessThan: numbers, NumericLessThanEquals: numbers,
	NumericGreaterThan: numbers, NumericGreaterThanEquals: numbers,
	DateEquals: dates, DateNotEquals: dates, DateLessThan: dates, DateLessThanEquals: dates, DateGreaterThan: dates,
	DateGreaterThanEquals: dates,
	Bool:                  booleans, Null: booleans,
	BinaryEquals: binaries,
	IPAddress:    addresses, NotIPAddress: addresses,
	ARNEquals: arns, ARNLike: arns, ARNNotEquals: arns, ARNNotLike: arns,
}

var (
	operatorPattern = regexp.MustCompile(`^(?:(ForAllValues|ForAnyValue):)?(\w+?)(IfExists)?$`)
	// The name of a tag has letters, digits, spaces and _.:/=+-@:
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html#id_tags_rules
	keyPattern = regexp.MustCompile(`^[A-Za-z0-9][\w./-]*:[^:*?\s]([^*?]*[^*?\s])?$`)
	// W3C's profile of ISO 8601 (https://www.w3.org/TR/NOTE-datetime), of which IAM does not insist on the time zone.
	datePattern  = regexp.MustCompile(`^(\d{4})(-\d{2})?(-\d{2}([Tt]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?([Zz]|[+-]\d{2}:\d{2})?)?)?$`)
	epochPattern = regexp.MustCompile(`^[0-9]{1,19}$`)
)

// parts takes the operator apart. For what is not of its form, everything is empty.
func (o Operator) parts() (base Operator, set string, ifExists bool) {
	parts := operatorPattern.FindStringSubmatch(string(o))
	if parts == nil {
		return "", "", false
	}
	return Operator(parts[2]), parts[1], parts[3] != ""
}

func (o Operator) kind() valueKind { return operatorKinds[o] }

func (o Operator) known() bool {
	base, _, _ := o.parts()
	return base.kind() != unknownKind && (base != Null || o == Null)
}

func checkCondition(condition Condition) error {
	var found fielderr.List
	// An empty condition looks like one and holds for every caller.
	found.Refuse(condition != nil && len(condition) == 0, "", "is empty; leave it out or name an operator")
	for _, operator := range slices.Sorted(maps.Keys(condition)) {
		at := fielderr.Path("").Key(string(operator))
		switch {
		case operator == unquoted.NullKey:
			found.Addf(at, `is the operator Null, which YAML takes for no value at all; put it in quotes: "Null"`)
		case !operator.known():
			found.Addf(at, "is not a condition operator")
		}
		found.Refuse(len(condition[operator]) == 0, at, "is empty; name a condition key")
		for _, key := range slices.Sorted(maps.Keys(condition[operator])) {
			found.Add(at.Key(key), checkConditionKey(key, condition[operator][key]))
		}
	}
	return found.Err()
}

func checkConditionKey(key string, values Strings) error {
	var found fielderr.List
	prefix, name, ok := strings.Cut(key, ":")
	switch {
	case strings.Contains(key, "://"):
		found.Addf("", "is a URL; a condition key has the issuer without https://")
	case prefix == "arn":
		found.Addf("", "is an ARN; a condition key has the issuer, not the provider's ARN")
	case !ok || prefix == "" || name == "":
		found.Addf("", `is not a condition key; its form is "prefix:name"`)
	}
	found.Add("", checkText(key))
	found.Refuse(len(values) == 0, "", "has no values; a condition needs at least one")
	found.Add("", fielderr.Each(values, checkText)) // an empty string is a legitimate value to compare with
	return found.Err()
}

// checkConditionSense refuses what IAM may store and nothing ever matches.
func checkConditionSense(condition Condition) error {
	var found fielderr.List
	// IAM knows no case in keys: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html
	first := map[Operator]map[string]string{}
	condition.each(func(path fielderr.Path, operator Operator, key string, values Strings) {
		found.Add(path, checkKeySense(key))
		if first[operator] == nil {
			first[operator] = map[string]string{}
		}
		if other, taken := first[operator][strings.ToLower(key)]; taken {
			found.Addf(path, "is %s already: IAM knows no upper and lower case in condition keys; write one list", other)
		}
		first[operator][strings.ToLower(key)] = key
		found.Add(path, fielderr.Each(values, operator.checkValueSense))
	})
	return found.Err()
}

func checkKeySense(key string) error {
	switch err := checkLeftovers(key); {
	case err != nil:
		return err
	case hasVariable(key):
		return errors.New("has a policy variable, which IAM reads in Resource and in the values of conditions only; " +
			"write the key in full")
	case !keyPattern.MatchString(key):
		return errors.New(`is not a condition key; its form is "prefix:name", without wildcards and without white space around it`)
	default:
		return nil
	}
}

func (o Operator) checkValueSense(value string) error {
	base, _, _ := o.parts()
	reason := base.kind().wrong(value)
	switch err := cmp.Or(checkLeftovers(value), checkVariables(value)); {
	case err != nil:
		return err
	case strings.HasSuffix(value, "\n"):
		return fmt.Errorf("%q ends with a line break, as YAML's | and > leave it; write |- or >-", value)
	case reason != "":
		return fmt.Errorf("%q %s", value, reason)
	default:
		return nil
	}
}

// wrong says why IAM could not compare with the value, or nothing. Policy variables stand for texts and ARNs only:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-wheretouse
func (k valueKind) wrong(value string) string {
	if k != unknownKind && k != texts && k != arns && hasVariable(value) {
		return "has a policy variable, which IAM reads with operators of strings and ARNs only"
	}
	switch k {
	case numbers:
		if !plainNumber.MatchString(value) {
			return "is not a number; write digits such as 3600 or 1.5, in quotes and without an exponent"
		}
	case dates:
		return wrongDate(value)
	case booleans:
		if !strings.EqualFold(value, "true") && !strings.EqualFold(value, "false") {
			return "is neither true nor false"
		}
	case binaries:
		if data, err := base64.StdEncoding.DecodeString(value); err != nil || len(data) == 0 {
			return "is not base64, in which IAM wants binary values"
		}
	case addresses:
		return wrongAddress(value)
	case arns:
		return wrongARN(value)
	case unknownKind, texts:
	}
	return ""
}

func wrongDate(value string) string {
	const want = `is not a date; write it as "2026-01-31T00:00:00Z", or as seconds since 1970`
	if epochPattern.MatchString(value) {
		return ""
	}
	if !datePattern.MatchString(value) {
		return want
	}
	text := strings.ToUpper(value)
	for _, layout := range []string{
		"2006", "2006-01", "2006-01-02", "2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z07:00",
	} {
		if _, err := time.Parse(layout, text); err == nil {
			return ""
		}
	}
	return want
}

func wrongAddress(value string) string {
	if prefix, err := netip.ParsePrefix(value); err == nil && prefix.Addr().Zone() == "" {
		return ""
	}
	if address, err := netip.ParseAddr(value); err == nil && address.Zone() == "" {
		return ""
	}
	return `is neither an IP address nor a range of them such as "203.0.113.0/24" or "2001:db8::/32"`
}

// wrongARN judges the form of an ARN with wildcards, in any of its parts.
func wrongARN(value string) string {
	if value == "*" || strings.HasPrefix(value, "${") {
		return ""
	}
	parts := arnParts(value)
	if len(parts) != 6 || parts[0] != "arn" || parts[5] == "" {
		return `is not an ARN, with which this operator compares; its form is arn:partition:service:region:account:resource, with * and ?`
	}
	return wrongParts(parts)
}
