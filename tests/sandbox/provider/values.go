package provider

import (
	"fmt"
	"sort"

	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

// Values are properties as plain Go values: string, bool, float64, []any and map[string]any. Secrets lose their mark
// and must not be logged.
type Values map[string]any

// String is the property as text, "" if it is absent.
func (v Values) String(name string) string {
	s, _ := v[name].(string)
	return s
}

// Bool is the property as a truth value, false if it is absent.
func (v Values) Bool(name string) bool {
	b, _ := v[name].(bool)
	return b
}

// Int is the property as a whole number, 0 if it is absent.
func (v Values) Int(name string) int {
	n, _ := v[name].(float64)
	return int(n)
}

// Object is the property as nested properties, nil if it is absent.
func (v Values) Object(name string) Values {
	m, _ := v[name].(map[string]any)
	return m
}

// Strings is the property as a list of text, nil if it is absent.
func (v Values) Strings(name string) []string {
	list, _ := v[name].([]any)
	var out []string
	for _, element := range list {
		if s, ok := element.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// StringMap is the property as a map of text, empty if it is absent.
func (v Values) StringMap(name string) map[string]string {
	out := map[string]string{}
	for key, value := range v.Object(name) {
		if s, ok := value.(string); ok {
			out[key] = s
		}
	}
	return out
}

// Unknown stands for a value that is not known yet.
type Unknown struct{}

// Plain strips a property map down to plain values, without secrets' marks.
func Plain(m property.Map) Values {
	out := Values{}
	for key, value := range m.All {
		out[key] = plain(value)
	}
	return out
}

func plain(v property.Value) any {
	switch {
	case v.IsString():
		return v.AsString()
	case v.IsBool():
		return v.AsBool()
	case v.IsNumber():
		return v.AsNumber()
	case v.IsArray():
		list := []any{}
		for _, element := range v.AsArray().All {
			list = append(list, plain(element))
		}
		return list
	case v.IsMap():
		return map[string]any(Plain(v.AsMap()))
	case v.IsComputed():
		return Unknown{}
	default:
		return nil
	}
}

// Properties is the opposite of [Plain].
func Properties(values map[string]any) property.Map {
	m := map[string]property.Value{}
	for key, value := range values {
		m[key] = Property(value)
	}
	return property.NewMap(m)
}

// Property turns one plain value into a property. Beside what JSON decodes to it takes the types that SDKs return:
// whole numbers, []string and map[string]string. Lists of text from sets are kept in the order given.
func Property(value any) property.Value {
	switch value := value.(type) {
	case nil:
		return property.New(property.Null)
	case Unknown:
		return property.New(property.Computed)
	case property.Value:
		return value
	case string:
		return property.New(value)
	case bool:
		return property.New(value)
	case float64:
		return property.New(value)
	case int:
		return property.New(float64(value))
	case int32:
		return property.New(float64(value))
	case int64:
		return property.New(float64(value))
	case []string:
		list := make([]property.Value, 0, len(value))
		for _, element := range value {
			list = append(list, property.New(element))
		}
		return property.New(list)
	case []any:
		list := make([]property.Value, 0, len(value))
		for _, element := range value {
			list = append(list, Property(element))
		}
		return property.New(list)
	case map[string]string:
		m := map[string]property.Value{}
		for key, element := range value {
			m[key] = property.New(element)
		}
		return property.New(m)
	case map[string]any:
		return property.New(Properties(value))
	case Values:
		return property.New(Properties(value))
	default:
		// Only a programming error in a table gets here; it is shown where it shows.
		return property.New(fmt.Sprintf("unsupported value of type %T", value))
	}
}

// bare removes the marks of secrets and dependencies, at every depth, so that two values can be compared for what they
// say.
func bare(v property.Value) property.Value {
	switch {
	case v.IsArray():
		var list []property.Value
		for _, element := range v.AsArray().All {
			list = append(list, bare(element))
		}
		return property.New(property.NewArray(list))
	case v.IsMap():
		m := map[string]property.Value{}
		for key, element := range v.AsMap().All {
			m[key] = bare(element)
		}
		return property.New(property.NewMap(m))
	default:
		return v.WithSecret(false).WithDependencies(nil)
	}
}

// MarkSecrets marks every output whose input of the same name held a secret, anywhere in it: what was given in
// confidence is given back in confidence.
func MarkSecrets(outputs property.Map, inputs ...property.Map) property.Map {
	for _, in := range inputs {
		for name, value := range in.All {
			if output, ok := outputs.GetOk(name); ok && value.HasSecrets() {
				outputs = outputs.Set(name, output.WithSecret(true))
			}
		}
	}
	return outputs
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
