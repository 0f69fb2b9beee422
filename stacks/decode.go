package stacks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Document is a JSON document, an IAM policy, that the configuration holds as it is.
type Document string

var documentType = reflect.TypeFor[Document]()

// decode fills target, a pointer to a struct, from JSON. Unlike encoding/json it reports every unknown key and every
// value of a wrong type, each with its path below root.
func decode(root, text string, target any) error {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return fmt.Errorf("%s: must be a map: %w", root, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: something follows the value", root)
	}
	return decodeValue(root, value, reflect.ValueOf(target).Elem())
}

func decodeValue(path string, value any, target reflect.Value) error {
	if value == nil {
		// `testPod:` with nothing behind it could mean the defaults or none at all.
		return fmt.Errorf("%s: has no value; give one ({} if all is to be default) or leave the key out", path)
	}
	if target.Type() == documentType {
		return decodeDocument(path, value, target)
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

func decodeStruct(path string, value any, target reflect.Value) error {
	object, ok := value.(map[string]any)
	if !ok {
		return wrongType(path, "a map", value)
	}
	var faults []error
	known := map[string]reflect.Value{}
	fields(target, known)
	for _, key := range slices.Sorted(maps.Keys(object)) {
		field, ok := known[key]
		if !ok {
			faults = append(faults, fmt.Errorf("%s.%s: unknown key; known are %s", path, key, strings.Join(slices.Sorted(maps.Keys(known)), ", ")))
			continue
		}
		faults = append(faults, decodeValue(path+"."+key, object[key], field))
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
		element := reflect.New(target.Type().Elem()).Elem()
		faults = append(faults, decodeValue(path+"."+key, object[key], element))
		target.SetMapIndex(reflect.ValueOf(key), element)
	}
	return errors.Join(faults...)
}

func decodeSlice(path string, value any, target reflect.Value) error {
	list, ok := value.([]any)
	if !ok {
		return wrongType(path, "a list", value)
	}
	target.Set(reflect.MakeSlice(target.Type(), len(list), len(list)))
	var faults []error
	for i, element := range list {
		faults = append(faults, decodeValue(fmt.Sprintf("%s[%d]", path, i), element, target.Index(i)))
	}
	return errors.Join(faults...)
}

func decodeScalar(path string, value any, target reflect.Value) error {
	switch target.Kind() {
	case reflect.String:
		if text, ok := value.(string); ok {
			target.SetString(text)
			return nil
		}
		return wrongType(path, "a string (put it in quotes)", value)
	case reflect.Bool:
		if truth, ok := value.(bool); ok {
			target.SetBool(truth)
			return nil
		}
		return wrongType(path, "true or false", value)
	case reflect.Int:
		if number, ok := value.(json.Number); ok {
			if whole, err := number.Int64(); err == nil {
				target.SetInt(whole)
				return nil
			}
		}
		return wrongType(path, "a whole number", value)
	default:
		return fmt.Errorf("%s: the configuration has no type %s", path, target.Type())
	}
}

// decodeDocument takes a document written as YAML or as a string of JSON.
func decodeDocument(path string, value any, target reflect.Value) error {
	if text, ok := value.(string); ok {
		target.SetString(text)
		return nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	target.SetString(string(text))
	return nil
}

func wrongType(path, want string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("%s: must be %s", path, want)
	}
	return fmt.Errorf("%s: must be %s, not %s", path, want, text)
}
