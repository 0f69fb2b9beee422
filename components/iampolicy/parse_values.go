package iampolicy

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// The configuration of a Pulumi stack is YAML, of which the Pulumi CLI makes JSON before a program sees it, without a
// trace of the quotes: an account ID without them is a number by then, a date is the text that Go prints a time as, and
// the key Null is "<nil>" (unmarshalObject in
// https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/config/object.go). What was meant is lost or can only
// be guessed, so it is refused with the advice to put it in quotes.

// maxPlainDigits is how many digits of a number survive it to be read as a 64-bit float, which YAML and JSON do.
const maxPlainDigits = 15

var plainNumber = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

// conditionValues takes numbers and booleans as well, where they are of the operator's own type: IAM's grammar makes the
// quotation marks optional then.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html#policies-grammar-notes-strings
func (p *parser) conditionValues(path string, operator Operator, value any) Strings {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	texts := make([]any, len(list))
	for i, v := range list {
		texts[i] = ownType(operator, v)
	}
	if !ok {
		return p.strings(path, texts[0])
	}
	return p.strings(path, texts)
}

// ownType is the text of a number or a boolean that the operator compares with; anything else stays as it is.
func ownType(operator Operator, value any) any {
	base, _, _ := operator.parts()
	switch v := value.(type) {
	case bool:
		if base.kind() == booleans || base.kind() == unknownKind {
			return strconv.FormatBool(v)
		}
	case json.Number:
		if (base.kind() == numbers && isPlain(v)) || base.kind() == unknownKind {
			return v.String()
		}
	}
	return value
}

// isPlain reports whether a number is certainly as it was written: without an exponent, and short enough for a float.
func isPlain(number json.Number) bool {
	text := number.String()
	return plainNumber.MatchString(text) && len(strings.Trim(text, "-")) <= maxPlainDigits
}

func (p *parser) strings(path string, value any) Strings {
	switch v := value.(type) {
	case string:
		return Strings{v}
	case []any:
		if len(v) == 0 {
			p.addf(path, "is an empty list")
		}
		result := make(Strings, len(v))
		for i, each := range v {
			result[i] = p.text(item(path, i), each)
		}
		return result
	default:
		p.addf(path, "must be a string or a list of strings, is %s", unquoted(value))
		return nil
	}
}

func (p *parser) text(path string, value any) string {
	text, ok := value.(string)
	if !ok {
		p.addf(path, "must be a string, is %s", unquoted(value))
	}
	return text
}

// unquoted says what stands where a text should, and that quotes are missing if it can be that.
func unquoted(value any) string {
	switch v := value.(type) {
	case bool:
		return fmt.Sprintf("the boolean %t; put it in quotes", v)
	case json.Number:
		return fmt.Sprintf("the number %s; put it in quotes%s", v, lostAccount(v))
	default:
		return kind(value)
	}
}

// lostAccount says which account ID YAML may have made the number of. An account has 12 digits, and YAML reads digits that
// begin with 0 as an octal number, or drops the 0 where there is an 8 or a 9 among them.
func lostAccount(number json.Number) string {
	whole, err := number.Int64()
	if err != nil || whole < 0 {
		return ""
	}
	octal, decimal := fmt.Sprintf("0%o", whole), fmt.Sprintf("%012d", whole)
	switch {
	case len(octal) == len(decimal):
		return fmt.Sprintf(" (without them YAML reads %s, for one, as an octal number)", octal)
	case strings.HasPrefix(decimal, "0") && strings.ContainsAny(decimal, "89") && whole > 9999999:
		return fmt.Sprintf(" (without them YAML reads %s, for one, as a number and drops the 0)", decimal)
	default:
		return ""
	}
}

// kind names a JSON value's type.
func kind(value any) string {
	switch value.(type) {
	case *object:
		return "an object"
	case []any:
		return "a list"
	case string:
		return "a string"
	case json.Number:
		return "a number"
	case bool:
		return "a boolean"
	default:
		return "null"
	}
}

// goTime is a time as Go prints it, which is what a date without quotes arrives as.
var goTime = regexp.MustCompile(`^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}(?:\.\d+)?) ([+-]\d{2})(\d{2}) \S+$`)

// unquotedDate is how to write the date that stands in the text because it had no quotes in the YAML.
func unquotedDate(text string) (written string, ok bool) {
	parts := goTime.FindStringSubmatch(text)
	if parts == nil {
		return "", false
	}
	date, clock, zone := parts[1], parts[2], parts[3]+":"+parts[4]
	if zone == "+00:00" {
		zone = "Z"
	}
	if clock+zone == "00:00:00Z" {
		return date, true
	}
	return date + "T" + clock + zone, true
}
