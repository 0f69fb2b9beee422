package stacks

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components/unquoted"
)

// stringInputType is a text that a program may give as an output.
var stringInputType = reflect.TypeFor[pulumi.StringInput]()

// advice is how to write what is wanted, by that and by what is there in its place.
var advice = map[[2]string]string{
	{"a map", "a list"}:      `write "key: value", without dashes or [ ]`,
	{"a map", "true"}:        "write {} if all is to be default",
	{"a map", "false"}:       "leave the key out if there is to be none",
	{"a list", "a map"}:      "put a dash before it, or [ ] around it",
	{"a list", "a number"}:   "write a list, with what the file has there in quotes",
	{"a string", "a number"}: "put what the file has there in quotes",
	{"a string", "true"}:     "put what the file has there in quotes",
	{"a string", "false"}:    "put what the file has there in quotes",
	{"a string", "a list"}:   "write it without a dash or [ ]",
}

// wrongType says what is wanted, what is there in its place, and how to write it. A number is never part of the advice: it need
// not be the one that the file has.
func wrongType(want string, value any) error {
	err := fmt.Errorf("must be %s, not %s", want, shown(value))
	text, isText := value.(string)
	number, _ := value.(json.Number)
	switch how := advice[[2]string{want, kindOf(value)}]; {
	case isText && isQuoted(want, text):
		return fmt.Errorf("%w; take the quotes off", err)
	case isText && want == "a list":
		return fmt.Errorf("%w; write it as a list: %s", err, asList(text))
	case how != "":
		return fmt.Errorf("%w; %s%s", err, how, unquoted.LostAccount(number))
	default:
		return err
	}
}

// kindOf names a JSON value's type as the advice does.
func kindOf(value any) string {
	switch value := value.(type) {
	case map[string]any:
		return "a map"
	case []any:
		return "a list"
	case string:
		return "a string"
	case json.Number:
		return "a number"
	default:
		return fmt.Sprint(value)
	}
}

// isQuoted reports whether a text is what is wanted but for its quotes.
func isQuoted(want, text string) bool {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil || decoder.More() {
		return false
	}
	switch value := value.(type) {
	case bool:
		return want == "true or false"
	case json.Number:
		_, whole := wholeNumber(value)
		return want == "a whole number" && whole
	default:
		return want == kindOf(value)
	}
}

// asList is the list of the words that a text names.
func asList(text string) string {
	words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) })
	return strings.ReplaceAll(asJSON(words), `","`, `", "`)
}

// longest is how many characters of a value go into a message.
const longest = 80

// shown is a value as it goes into a message.
func shown(value any) string {
	text, kind := asJSON(value), kindOf(value)
	switch {
	case kind == "a number":
		return "the number " + text
	case len(text) <= longest:
		return text
	case kind == "a string":
		return strings.ToValidUTF8(text[:longest], "") + `…"`
	default:
		return kind
	}
}

// toGive is what to give where there is no value. `testPod:` with nothing behind it could mean the defaults or none at all.
func toGive(target reflect.Type) string {
	for target.Kind() == reflect.Pointer {
		target = target.Elem()
	}
	switch {
	case target.Kind() == reflect.Struct:
		return "give one ({} if all is to be default)"
	case target.Kind() == reflect.String, target == stringInputType:
		return "give one, in quotes if it is to be null or ~"
	default:
		return "give one"
	}
}

// wholeNumber is the number, which JSON may write as 3600.0 or 3.6e3.
func wholeNumber(number json.Number) (int64, bool) {
	if whole, err := number.Int64(); err == nil {
		return whole, true
	}
	value, err := number.Float64()
	const exact = 1 << 53 // up to here every whole number is a float
	if err != nil || value != math.Trunc(value) || math.Abs(value) > exact {
		return 0, false
	}
	return int64(value), true
}

// asJSON writes < and > as they are: IAM counts the characters of a document, and messages are for people.
func asJSON(value any) string {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value) // which cannot fail, as it was decoded from JSON
	return strings.TrimSpace(text.String())
}
