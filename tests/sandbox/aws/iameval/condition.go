package iameval

import (
	"encoding/base64"
	"fmt"
	"maps"
	"math/big"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// condition is one operator with one key and its values:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
type condition struct {
	path, key string
	set       setOperator
	ifExists  bool
	// null is what the operator Null asks for, if it is Null: true for an absent key.
	null []bool
	// negated operators hold when no value matches.
	negated bool
	values  []comparison
}

// setOperator says how many of a request's values have to fit:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
type setOperator string

const (
	forOne setOperator = ""
	forAll setOperator = "ForAllValues:"
	forAny setOperator = "ForAnyValue:"
)

// comparison compares with one value of the policy. It is not known what to compare with when the value has a variable
// that the request cannot fill.
type comparison func(contextKeys) (matches func(got string) bool, known bool, err error)

// operators says of each operator how its values are read, and whether it holds when none of them matches. Null is not
// among them: it looks at the key and not at its values.
var operators = map[iampolicy.Operator]struct {
	negated bool
	read    func(text string, variables bool) (comparison, error)
}{
	iampolicy.StringEquals:              {false, stringEquals},
	iampolicy.StringNotEquals:           {true, stringEquals},
	iampolicy.StringEqualsIgnoreCase:    {false, stringEqualsIgnoreCase},
	iampolicy.StringNotEqualsIgnoreCase: {true, stringEqualsIgnoreCase},
	iampolicy.StringLike:                {false, stringLike},
	iampolicy.StringNotLike:             {true, stringLike},
	iampolicy.NumericEquals:             {false, numeric(func(order int) bool { return order == 0 })},
	iampolicy.NumericNotEquals:          {true, numeric(func(order int) bool { return order == 0 })},
	iampolicy.NumericLessThan:           {false, numeric(func(order int) bool { return order < 0 })},
	iampolicy.NumericLessThanEquals:     {false, numeric(func(order int) bool { return order <= 0 })},
	iampolicy.NumericGreaterThan:        {false, numeric(func(order int) bool { return order > 0 })},
	iampolicy.NumericGreaterThanEquals:  {false, numeric(func(order int) bool { return order >= 0 })},
	iampolicy.DateEquals:                {false, date(func(order int) bool { return order == 0 })},
	iampolicy.DateNotEquals:             {true, date(func(order int) bool { return order == 0 })},
	iampolicy.DateLessThan:              {false, date(func(order int) bool { return order < 0 })},
	iampolicy.DateLessThanEquals:        {false, date(func(order int) bool { return order <= 0 })},
	iampolicy.DateGreaterThan:           {false, date(func(order int) bool { return order > 0 })},
	iampolicy.DateGreaterThanEquals:     {false, date(func(order int) bool { return order >= 0 })},
	iampolicy.Bool:                      {false, boolean},
	iampolicy.BinaryEquals:              {false, binary},
	iampolicy.IPAddress:                 {false, ipAddress},
	iampolicy.NotIPAddress:              {true, ipAddress},
	iampolicy.ARNEquals:                 {false, arnLike},
	iampolicy.ARNLike:                   {false, arnLike},
	iampolicy.ARNNotEquals:              {true, arnLike},
	iampolicy.ARNNotLike:                {true, arnLike},
}

func (r *reader) conditions(block iampolicy.Condition) []condition {
	var result []condition
	for _, operator := range slices.Sorted(maps.Keys(block)) {
		seen := map[string]bool{}
		for _, key := range slices.Sorted(maps.Keys(block[operator])) {
			path := fmt.Sprintf(".Condition[%q][%q]", operator, key)
			if seen[fold(key)] {
				// IAM Access Analyzer calls it an error, and IAM does not say which of the two it takes.
				r.addf(path, "appears twice, in different case; condition keys are not case-sensitive")
			}
			seen[fold(key)] = true
			result = append(result, r.condition(path, operator, key, block[operator][key]))
		}
	}
	return result
}

func (r *reader) condition(path string, operator iampolicy.Operator, key string, values iampolicy.Strings) condition {
	c := condition{path: r.path + path, key: fold(key)}
	name := string(operator)
	for _, set := range []setOperator{forAll, forAny} {
		if rest, ok := strings.CutPrefix(name, string(set)); ok {
			c.set, name = set, rest
		}
	}
	name, c.ifExists = strings.CutSuffix(name, "IfExists")
	if iampolicy.Operator(name) == iampolicy.Null {
		for _, value := range values {
			absent, err := parseBool(value)
			if err != nil {
				r.addf(path, "%w", err)
			}
			c.null = append(c.null, absent)
		}
		return c
	}
	known, ok := operators[iampolicy.Operator(name)]
	if !ok {
		r.addf(path, "the operator is not known to the evaluation")
		return c
	}
	c.negated = known.negated
	for _, value := range values {
		compare, err := known.read(value, r.variables)
		if err != nil {
			r.addf(path, "%w", err)
		}
		c.values = append(c.values, compare)
	}
	return c
}

// holds says whether the condition holds for a request with these keys.
func (c condition) holds(keys contextKeys) (bool, error) {
	got := keys[c.key]
	switch {
	case c.null != nil:
		return slices.Contains(c.null, empty(got)), nil
	case len(got) == 0:
		return c.holdsWithoutKey(), nil
	case c.set == forOne && len(got) > 1:
		// AWS demands a set operator here and does not say what happens without one.
		return false, fmt.Errorf("%s: the request has %d values of the key; compare them with ForAnyValue or ForAllValues", c.path, len(got))
	}
	matches, known, err := c.fill(keys)
	if err != nil {
		return false, fmt.Errorf("%s: %w", c.path, err)
	}
	if c.negated && !known {
		return false, nil // It cannot be said that the value is not that of the variable.
	}
	fits := func(value string) bool {
		match := func(matches func(string) bool) bool { return matches(value) }
		return slices.ContainsFunc(matches, match) != c.negated
	}
	misfits := func(value string) bool { return !fits(value) }
	switch c.set {
	case forAll:
		return empty(got) || !slices.ContainsFunc(got, misfits), nil
	case forAny:
		return !empty(got) && slices.ContainsFunc(got, fits), nil
	default:
		return fits(got[0]), nil
	}
}

// holdsWithoutKey: without the key there is nothing that could match, so a negated operator holds.
func (c condition) holdsWithoutKey() bool {
	switch {
	case c.ifExists || c.set == forAll:
		return true
	case c.set == forAny:
		return false
	default:
		return c.negated
	}
}

// empty says whether a key has no values, or as AWS puts it for the set operators and Null, resolves "to a null data set,
// such as an empty string".
func empty(values []string) bool {
	return !slices.ContainsFunc(values, func(value string) bool { return value != "" })
}

// fill has the comparisons for this request, and whether that is all of them.
func (c condition) fill(keys contextKeys) (matches []func(string) bool, known bool, err error) {
	known = true
	for _, value := range c.values {
		match, ok, err := value(keys)
		if err != nil {
			return nil, false, err
		}
		if ok {
			matches = append(matches, match)
		}
		known = known && ok
	}
	return matches, known, nil
}

// fixed is the comparison with a value that has no variables. IAM takes variables with the String and Arn operators only:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-conditionelement
func fixed(matches func(got string) bool) comparison {
	return func(contextKeys) (func(string) bool, bool, error) { return matches, true, nil }
}

// filled is the comparison with a value that may have variables.
func filled(p pattern, matches func(p pattern, got string) bool) comparison {
	return func(keys contextKeys) (func(string) bool, bool, error) {
		p, known, err := p.fill(keys)
		return func(got string) bool { return matches(p, got) }, known, err
	}
}

func stringEquals(text string, variables bool) (comparison, error) {
	p, err := parsePattern(text, false, variables)
	return filled(p, pattern.match), err
}

func stringEqualsIgnoreCase(text string, variables bool) (comparison, error) {
	p, err := parsePattern(text, false, variables)
	return filled(p, func(p pattern, got string) bool { return p.folded().match(fold(got)) }), err
}

func stringLike(text string, variables bool) (comparison, error) {
	p, err := parsePattern(text, true, variables)
	return filled(p, pattern.match), err
}

// arnLike checks each of an ARN's six segments for itself; ArnEquals is the same.
func arnLike(text string, variables bool) (comparison, error) {
	p, err := parsePattern(text, true, variables)
	if err == nil && !p.hasVariable() && len(p.segments()) < arnSegments {
		err = fmt.Errorf("%q is not an ARN", text)
	}
	return filled(p, matchArn), err
}

func matchArn(p pattern, got string) bool {
	want, segments := p.segments(), strings.SplitN(got, ":", arnSegments)
	if len(want) != arnSegments || len(segments) != arnSegments {
		return false
	}
	for i, segment := range want {
		if !segment.match(segments[i]) {
			return false
		}
	}
	return true
}

var decimal = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?$`)

// parseNumber reads an integer or decimal number exactly.
func parseNumber(text string) (*big.Rat, error) {
	if decimal.MatchString(text) {
		if number, ok := new(big.Rat).SetString(text); ok {
			return number, nil
		}
	}
	return nil, fmt.Errorf("%q is not a number", text)
}

func numeric(holds func(order int) bool) func(string, bool) (comparison, error) {
	return func(text string, _ bool) (comparison, error) {
		want, err := parseNumber(text)
		return fixed(func(got string) bool {
			number, err := parseNumber(got)
			return err == nil && holds(number.Cmp(want))
		}), err
	}
}

var (
	epoch = regexp.MustCompile(`^[0-9]+$`)
	year  = regexp.MustCompile(`^[0-9]{4}$`)
	// dateLayouts are the formats of https://www.w3.org/TR/NOTE-datetime; fractions of a second need no layout.
	dateLayouts = []string{"2006-01", "2006-01-02", "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z07:00"}
)

// parseDate reads a date in a W3C format or in seconds since 1970. Four digits could be either, and are refused.
func parseDate(text string) (time.Time, error) {
	if epoch.MatchString(text) && !year.MatchString(text) {
		if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
			return time.Unix(seconds, 0), nil
		}
	}
	for _, layout := range dateLayouts {
		if date, err := time.Parse(layout, text); err == nil {
			return date, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a date in an ISO 8601 format, such as 2006-01-02T15:04:05Z", text)
}

func date(holds func(order int) bool) func(string, bool) (comparison, error) {
	return func(text string, _ bool) (comparison, error) {
		want, err := parseDate(text)
		return fixed(func(got string) bool {
			date, err := parseDate(got)
			return err == nil && holds(date.Compare(want))
		}), err
	}
}

// parseBool takes what AWS's own managed policies have: true and false, also capitalized.
func parseBool(text string) (bool, error) {
	switch fold(text) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	default:
		return false, fmt.Errorf("%q is neither true nor false", text)
	}
}

func boolean(text string, _ bool) (comparison, error) {
	want, err := parseBool(text)
	return fixed(func(got string) bool {
		value, err := parseBool(got)
		return err == nil && value == want
	}), err
}

func binary(text string, _ bool) (comparison, error) {
	want, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		err = fmt.Errorf("%q is not base64: %w", text, err)
	}
	return fixed(func(got string) bool { return got == string(want) }), err
}

// parseRange reads a CIDR range, or a single address.
func parseRange(text string) (netip.Prefix, error) {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix, nil
	}
	address, err := netip.ParseAddr(text)
	if err != nil || address.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("%q is not an IP address or a range in CIDR format", text)
	}
	return netip.PrefixFrom(address, address.BitLen()), nil
}

func ipAddress(text string, _ bool) (comparison, error) {
	want, err := parseRange(text)
	return fixed(func(got string) bool {
		address, err := netip.ParseAddr(got)
		return err == nil && want.Contains(address.Unmap())
	}), err
}
