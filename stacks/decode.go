package stacks

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/components/presets"
	"github.com/eks-irsa/pulumi-eks-irsa/components/unquoted"
)

var (
	// documentType is a policy document, which the configuration holds as it is: as YAML or as a string of JSON.
	documentType = reflect.TypeFor[components.PolicyDocument]()
	// stringMapType is a map that a program may give as an output.
	stringMapType = reflect.TypeFor[pulumi.StringMapInput]()
	// stringsType is the element of a policy that is a text or a list of texts.
	stringsType = reflect.TypeFor[iampolicy.Strings]()
	// presetType is one of the presets, under its name.
	presetType = reflect.TypeFor[presets.Preset]()
	// tolerationType is written as in a pod's spec, where a text that is empty means something.
	tolerationType = reflect.TypeFor[components.Toleration]()
)

// decode fills target, a pointer to a struct, from JSON. Unlike encoding/json it reports every unknown key, every key that occurs
// twice and every value of a wrong type, each with its path, and knows what YAML makes of texts without quotes.
func decode(text string, target any) error {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return fmt.Errorf("must be a map: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the value")
	}
	twice := keysTwice(json.NewDecoder(strings.NewReader(text)))
	return errors.Join(twice, decodeValue(value, reflect.ValueOf(target).Elem()))
}

// keysTwice finds keys that a map has twice in a text that is JSON, of which the last value would count. Of YAML the Pulumi
// CLI refuses that itself, but not of JSON in a string, as `pulumi config set` takes it.
func keysTwice(decoder *json.Decoder) error {
	var found fielderr.List
	switch token, _ := decoder.Token(); token {
	case json.Delim('{'):
		seen := map[any]bool{}
		for decoder.More() {
			key, _ := decoder.Token()
			at := child(fmt.Sprint(key))
			found.Refuse(seen[key], at, "occurs twice; leave one of the two")
			seen[key] = true
			found.Add(at, keysTwice(decoder))
		}
		_, _ = decoder.Token() // the closing brace
	case json.Delim('['):
		for i := 0; decoder.More(); i++ {
			found.Add(fielderr.Path("").Index(i), keysTwice(decoder))
		}
		_, _ = decoder.Token() // the closing bracket
	}
	return found.Err()
}

// How to leave out a value that is not to be there.
const (
	offTheMap  = "leave the key out"
	offTheList = "take it off the list"
)

func decodeValue(value any, target reflect.Value) error {
	if value == nil {
		return noValue(target.Type(), offTheMap)
	}
	switch target.Type() {
	case documentType:
		target.Set(reflect.ValueOf(pulumi.String(documentText(value))))
		return nil
	case presetType:
		return decodePreset(value, target)
	case stringInputType:
		var text string
		err := decodeField(value, reflect.ValueOf(&text).Elem(), offTheMap)
		target.Set(reflect.ValueOf(pulumi.String(text)))
		return err
	case stringsType:
		if _, one := value.(string); one {
			value = []any{value}
		}
	case stringMapType:
		var texts map[string]string
		err := decodeValue(value, reflect.ValueOf(&texts).Elem())
		target.Set(reflect.ValueOf(pulumi.ToStringMap(texts)))
		return err
	}
	switch target.Kind() {
	case reflect.Pointer:
		target.Set(reflect.New(target.Type().Elem()))
		return decodeValue(value, target.Elem())
	case reflect.Struct:
		return decodeStruct(value, target)
	case reflect.Map:
		return decodeMap(value, target)
	case reflect.Slice:
		return decodeSlice(value, target)
	default:
		return decodeScalar(value, target)
	}
}

// decodePreset fills in the preset that a map has as its one key.
func decodePreset(value any, target reflect.Value) error {
	names := strings.Join(slices.Sorted(maps.Keys(presets.ByName)), ", ")
	object, ok := value.(map[string]any)
	if !ok {
		return fmt.Errorf("%w; the presets are %s", wrongType("a map of a preset and its arguments", value), names)
	}
	if len(object) != 1 {
		return fmt.Errorf("must have one preset, and has %d; make a role for each controller", len(object))
	}
	for key, arguments := range object {
		empty, ok := presets.ByName[key]
		if !ok {
			return fielderr.At(child(key), fmt.Errorf("unknown preset; known are %s", names))
		}
		preset := empty()
		if err := fielderr.At(child(key), decodeValue(arguments, reflect.ValueOf(preset).Elem())); err != nil {
			return err
		}
		target.Set(reflect.ValueOf(preset))
	}
	return nil
}

func noValue(target reflect.Type, leaveOut string) error {
	return fmt.Errorf("has no value; %s, or %s", toGive(target), leaveOut)
}

// decodeField fills a field of a struct or an element of a list. A text there is one word or sentence, other than the values of
// a map, which may be anything: the content of an object, or a tag that is empty.
func decodeField(value any, target reflect.Value, leaveOut string) error {
	err := decodeValue(value, target)
	if err != nil || target.Kind() != reflect.String {
		return err
	}
	text := strings.TrimRight(target.String(), "\r\n") // as a block leaves them
	target.SetString(text)
	switch strings.TrimSpace(text) {
	case "":
		return fmt.Errorf("is empty; give it a value, or %s", leaveOut)
	case text:
		return nil
	default:
		return fmt.Errorf("%q begins or ends with white space; take that off", text)
	}
}

func decodeStruct(value any, target reflect.Value) error {
	known := map[string]reflect.Value{}
	fields(target, known)
	names := strings.Join(slices.Sorted(maps.Keys(known)), ", ")
	object, ok := value.(map[string]any)
	if !ok {
		return fmt.Errorf("%w; known keys are %s", wrongType("a map", value), names)
	}
	var found fielderr.List
	for _, key := range slices.Sorted(maps.Keys(object)) {
		switch field, ok := known[key]; {
		case !ok && len(known) == 0:
			found.Addf(child(key), "unknown key; there are none, so write {} in their place")
		case !ok:
			found.Addf(child(key), "unknown key; known are %s", names)
		case target.Type() == tolerationType:
			found.Add(child(key), decodeValue(object[key], field))
		default:
			found.Add(child(key), decodeField(object[key], field, offTheMap))
		}
	}
	return found.Err()
}

// fields finds the fields of a struct by their json names, those of embedded structs among them. One named "-" is for
// programs alone.
func fields(target reflect.Value, known map[string]reflect.Value) {
	for i := range target.NumField() {
		switch field := target.Type().Field(i); {
		case field.Anonymous:
			fields(target.Field(i), known)
		case field.Tag.Get("json") != "-":
			known[field.Tag.Get("json")] = target.Field(i)
		}
	}
}

func decodeMap(value any, target reflect.Value) error {
	object, ok := value.(map[string]any)
	if !ok {
		return wrongType("a map", value)
	}
	target.Set(reflect.MakeMap(target.Type()))
	var found fielderr.List
	for _, key := range slices.Sorted(maps.Keys(object)) {
		element := reflect.New(target.Type().Elem()).Elem()
		found.Add(child(key), checkKey(key))
		found.Add(child(key), decodeValue(object[key], element))
		target.SetMapIndex(reflect.ValueOf(key).Convert(target.Type().Key()), element)
	}
	return found.Err()
}

// checkKey refuses keys that YAML made of something else. Of a number it does not tell: 012 is the key 10 by then.
func checkKey(key string) error {
	date, isDate := unquoted.Date(key)
	switch {
	case key == "":
		return errors.New("is an empty key; give it a name")
	case key == unquoted.NullKey:
		return errors.New("is a key that YAML takes for no value at all, null or ~; put it in quotes")
	case isDate:
		return fmt.Errorf("is a key that YAML takes for a date; put it in quotes: %q", date)
	case !isVisible(key):
		return errors.New("is a key with characters that cannot be seen, such as line breaks")
	default:
		return nil
	}
}

// child is the path of what a map has under a key, in one line whatever the key is.
func child(key string) fielderr.Path {
	if key == "" || !isVisible(key) {
		key = strconv.QuoteToGraphic(key)
	}
	return fielderr.Path("").Child(key)
}

func isVisible(key string) bool {
	return !strings.ContainsFunc(key, func(r rune) bool { return !unicode.IsGraphic(r) })
}

func decodeSlice(value any, target reflect.Value) error {
	list, ok := value.([]any)
	if !ok {
		return wrongType("a list", value)
	}
	target.Set(reflect.MakeSlice(target.Type(), len(list), len(list)))
	var found fielderr.List
	for i, element := range list {
		at := fielderr.Path("").Index(i)
		if element == nil {
			found.Add(at, noValue(target.Type().Elem(), offTheList))
			continue
		}
		found.Add(at, decodeField(element, target.Index(i), offTheList))
	}
	return found.Err()
}

func decodeScalar(value any, target reflect.Value) error {
	switch target.Kind() {
	case reflect.String:
		text, ok := value.(string)
		if !ok {
			return wrongType("a string", value)
		}
		if date, ok := unquoted.Date(text); ok {
			return fmt.Errorf("%q is a date that YAML read; put it in quotes: %q", text, date)
		}
		target.SetString(text)
	case reflect.Bool:
		truth, ok := value.(bool)
		if !ok {
			return wrongType("true or false", value)
		}
		target.SetBool(truth)
	case reflect.Int:
		number, _ := value.(json.Number)
		whole, ok := wholeNumber(number)
		if !ok {
			return wrongType("a whole number", value)
		}
		target.SetInt(whole)
	default:
		return fmt.Errorf("the configuration has no type %s", target.Type())
	}
	return nil
}

// documentText is a document as JSON.
func documentText(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	return asJSON(value)
}
