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
	"github.com/eks-irsa/pulumi-eks-irsa/components/unquoted"
)

var (
	// documentType is a policy document, which the configuration holds as it is: as YAML or as a string of JSON.
	documentType = reflect.TypeFor[components.PolicyDocument]()
	// stringMapType is a map that a program may give as an output.
	stringMapType = reflect.TypeFor[pulumi.StringMapInput]()
	// tolerationType is written as in a pod's spec, where a text that is empty means something.
	tolerationType = reflect.TypeFor[components.Toleration]()
)

// decode fills target, a pointer to a struct, from JSON. Unlike encoding/json it reports every unknown key, every key that is
// there twice and every value of a wrong type, each with its path below root, and knows what YAML makes of texts without quotes.
func decode(root, text string, target any) error {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return fmt.Errorf("%s: must be a map: %w", root, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: something follows the value", root)
	}
	twice := keysTwice(root, json.NewDecoder(strings.NewReader(text)))
	return errors.Join(append(twice, decodeValue(root, value, reflect.ValueOf(target).Elem()))...)
}

// keysTwice finds keys that a map has twice in a text that is JSON, of which the last value would count. Of YAML the Pulumi
// CLI refuses that itself, but not of JSON in a string, as `pulumi config set` takes it.
func keysTwice(path string, decoder *json.Decoder) []error {
	var faults []error
	switch token, _ := decoder.Token(); token {
	case json.Delim('{'):
		seen := map[any]bool{}
		for decoder.More() {
			key, _ := decoder.Token()
			at := child(path, fmt.Sprint(key))
			if seen[key] {
				faults = append(faults, fmt.Errorf("%s: occurs twice; leave one of the two", at))
			}
			seen[key] = true
			faults = append(faults, keysTwice(at, decoder)...)
		}
		_, _ = decoder.Token() // the closing brace
	case json.Delim('['):
		for i := 0; decoder.More(); i++ {
			faults = append(faults, keysTwice(fmt.Sprintf("%s[%d]", path, i), decoder)...)
		}
		_, _ = decoder.Token() // the closing bracket
	}
	return faults
}

func decodeValue(path string, value any, target reflect.Value) error {
	if value == nil {
		return fmt.Errorf("%s: has no value; %s, or leave the key out", path, toGive(target.Type()))
	}
	switch target.Type() {
	case documentType:
		target.Set(reflect.ValueOf(pulumi.String(documentText(value))))
		return nil
	case stringInputType:
		var text string
		err := decodeField(path, value, reflect.ValueOf(&text).Elem())
		target.Set(reflect.ValueOf(pulumi.String(text)))
		return err
	case stringMapType:
		var texts map[string]string
		err := decodeValue(path, value, reflect.ValueOf(&texts).Elem())
		target.Set(reflect.ValueOf(pulumi.ToStringMap(texts)))
		return err
	}
	switch target.Kind() {
	case reflect.Pointer:
		target.Set(reflect.New(target.Type().Elem()))
		return decodeValue(path, value, target.Elem())
	case reflect.Struct:
		return decodeStruct(path, value, target)
	case reflect.Map:
		return decodeMap(path, value, target)
	case reflect.Slice:
		return decodeSlice(path, value, target)
	default:
		return decodeScalar(path, value, target)
	}
}

// decodeField fills a field of a struct or an element of a list. A text there is one word or sentence, other than the values of
// a map, which may be anything: the content of an object, or a tag that is empty.
func decodeField(path string, value any, target reflect.Value) error {
	err := decodeValue(path, value, target)
	if err != nil || target.Kind() != reflect.String {
		return err
	}
	text := strings.TrimRight(target.String(), "\r\n") // as a block leaves them
	target.SetString(text)
	switch blank := strings.TrimSpace(text) == ""; {
	case blank && strings.HasSuffix(path, "]"):
		return fmt.Errorf("%s: is empty; give it a value, or take it off the list", path)
	case blank:
		return fmt.Errorf("%s: is empty; give it a value, or leave the key out", path)
	case text != strings.TrimSpace(text):
		return fmt.Errorf("%s: %q begins or ends with white space; take that off", path, text)
	default:
		return nil
	}
}

func decodeStruct(path string, value any, target reflect.Value) error {
	known := map[string]reflect.Value{}
	fields(target, known)
	names := strings.Join(slices.Sorted(maps.Keys(known)), ", ")
	object, ok := value.(map[string]any)
	if !ok {
		return fmt.Errorf("%w; known keys are %s", wrongType(path, "a map", value), names)
	}
	decodeOne := decodeField
	if target.Type() == tolerationType {
		decodeOne = decodeValue
	}
	var faults []error
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if field, ok := known[key]; ok {
			faults = append(faults, decodeOne(child(path, key), object[key], field))
		} else {
			faults = append(faults, fmt.Errorf("%s: unknown key; known are %s", child(path, key), names))
		}
	}
	return errors.Join(faults...)
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

func decodeMap(path string, value any, target reflect.Value) error {
	object, ok := value.(map[string]any)
	if !ok {
		return wrongType(path, "a map", value)
	}
	target.Set(reflect.MakeMap(target.Type()))
	var faults []error
	for _, key := range slices.Sorted(maps.Keys(object)) {
		element, at := reflect.New(target.Type().Elem()).Elem(), child(path, key)
		faults = append(faults, checkKey(at, key), decodeValue(at, object[key], element))
		target.SetMapIndex(reflect.ValueOf(key), element)
	}
	return errors.Join(faults...)
}

// checkKey refuses keys that YAML made of something else. Of a number it does not tell: 012 is the key 10 by then.
func checkKey(path, key string) error {
	if key == "" {
		return fmt.Errorf("%s: is an empty key; give it a name", path)
	}
	if key == unquoted.NullKey {
		return fmt.Errorf("%s: is a key that YAML takes for no value at all, null or ~; put it in quotes", path)
	}
	if date, ok := unquoted.Date(key); ok {
		return fmt.Errorf("%s: is a key that YAML takes for a date; put it in quotes: %q", path, date)
	}
	if !isVisible(key) {
		return fmt.Errorf("%s: is a key with characters that cannot be seen, such as line breaks", path)
	}
	return nil
}

// child is the path of what stands under a key, in one line whatever the key is.
func child(path, key string) string {
	if key == "" || !isVisible(key) {
		key = strconv.QuoteToGraphic(key)
	}
	return path + "." + key
}

func isVisible(key string) bool {
	return !strings.ContainsFunc(key, func(r rune) bool { return !unicode.IsGraphic(r) })
}

func decodeSlice(path string, value any, target reflect.Value) error {
	list, ok := value.([]any)
	if !ok {
		return wrongType(path, "a list", value)
	}
	target.Set(reflect.MakeSlice(target.Type(), len(list), len(list)))
	var faults []error
	for i, element := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		if element == nil {
			faults = append(faults, fmt.Errorf("%s: has no value; %s, or take it off the list", at, toGive(target.Type().Elem())))
			continue
		}
		faults = append(faults, decodeField(at, element, target.Index(i)))
	}
	return errors.Join(faults...)
}

func decodeScalar(path string, value any, target reflect.Value) error {
	switch target.Kind() {
	case reflect.String:
		text, ok := value.(string)
		if !ok {
			return wrongType(path, "a string", value)
		}
		if date, ok := unquoted.Date(text); ok {
			return fmt.Errorf("%s: %q is a date that YAML read; put it in quotes: %q", path, text, date)
		}
		target.SetString(text)
	case reflect.Bool:
		truth, ok := value.(bool)
		if !ok {
			return wrongType(path, "true or false", value)
		}
		target.SetBool(truth)
	case reflect.Int:
		number, _ := value.(json.Number)
		whole, ok := wholeNumber(number)
		if !ok {
			return wrongType(path, "a whole number", value)
		}
		target.SetInt(whole)
	default:
		return fmt.Errorf("%s: the configuration has no type %s", path, target.Type())
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
