package iampolicy

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/unquoted"
)

// maxPlainDigits is how many digits of a number survive it to be read as a 64-bit float, which YAML and JSON do.
const maxPlainDigits = 15

var plainNumber = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

// conditionValues takes numbers and booleans as well, where they are of the operator's own type: IAM's grammar makes the
// quotation marks optional then.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html#policies-grammar-notes-strings
func (p *parser) conditionValues(path fielderr.Path, operator Operator, value any) Strings {
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

func (p *parser) strings(path fielderr.Path, value any) Strings {
	switch v := value.(type) {
	case string:
		return Strings{v}
	case []any:
		if len(v) == 0 {
			p.Addf(path, "is an empty list")
		}
		result := make(Strings, len(v))
		for i, each := range v {
			result[i] = p.text(path.Index(i), each)
		}
		return result
	default:
		p.Addf(path, "must be a string or a list of strings, is %s", instead(value))
		return nil
	}
}

func (p *parser) text(path fielderr.Path, value any) string {
	text, ok := value.(string)
	if !ok {
		p.Addf(path, "must be a string, is %s", instead(value))
	}
	return text
}

// instead says what stands where a text should, and that quotes are missing if it can be that.
func instead(value any) string {
	switch v := value.(type) {
	case bool:
		return fmt.Sprintf("the boolean %t; put it in quotes", v)
	case json.Number:
		return fmt.Sprintf("the number %s; put it in quotes%s", v, unquoted.LostAccount(v))
	default:
		return kind(value)
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
