// Package unquoted knows what becomes of a text that has no quotes in a stack's YAML. The Pulumi CLI makes JSON of it before a
// program sees it: an account ID is a number by then, a date is the text that Go prints a time as, and the key null is "<nil>".
// What was meant is lost or can only be guessed, so it is refused with the advice to put it in quotes.
//
// https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/config/object.go (unmarshalObject)
package unquoted

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// NullKey is the key of a map that YAML takes for no value at all: null, Null, NULL and ~.
const NullKey = "<nil>"

// goTime is a time as Go prints it.
var goTime = regexp.MustCompile(`^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}(?:\.\d+)?) ([+-]\d{2})(\d{2}) \S+$`)

// Date is how to write the date that the text is of.
func Date(text string) (written string, ok bool) {
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

// LostAccount says in parentheses which account ID YAML may have made the number of. An account has 12 digits, and YAML reads
// digits that begin with 0 as an octal number, or drops the 0 where there is an 8 or a 9 among them.
func LostAccount(number json.Number) string {
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
