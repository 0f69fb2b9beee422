package provider

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

// Type is what an input may hold.
type Type string

// The types of inputs. Lists, sets and maps hold text only; a set is a list whose order means nothing.
const (
	String Type = "string"
	Bool   Type = "bool"
	Int    Type = "number"
	List   Type = "list"
	Set    Type = "set"
	Map    Type = "map"
	Object Type = "object"
)

// Input declares one input property.
type Input struct {
	Type     Type
	Required bool
	// Replace: a change of the property replaces the resource.
	Replace bool
	// Computed: the API chooses a value when the program gives none, so that leaving the property out is never a change.
	Computed bool
	// Local: the API does not give the property back, so that refresh keeps what the state has.
	Local bool
	// Default is filled in when the program gives no value.
	Default any
	// AutoName makes a name out of the resource's name in the program.
	AutoName *AutoName
	// Conflicts names an input that excludes this one, and its default too.
	Conflicts string
	// Same tells whether two texts mean the same. Nil means equality.
	Same func(a, b string) bool
	// Valid says what is wrong with a text, or with a text in a list or set. Nil accepts every one.
	Valid func(string) error
	// Min and Max bound a number, unless both are 0.
	Min, Max int
	// Fields are the properties of an Object; nil leaves it open.
	Fields Inputs
}

// AutoName is how a name is made for a resource whose program gives it none.
type AutoName struct {
	// MaxLength of the finished name.
	MaxLength int
	// RandomLength is the number of random hexadecimal digits after the hyphen; 0 takes the resource's name as it is.
	RandomLength int
	// Lower makes the name lower case.
	Lower bool
}

func (a AutoName) name(base string) (string, error) {
	if a.Lower {
		base = strings.ToLower(base)
	}
	if a.RandomLength == 0 {
		return base, nil
	}
	name, err := resource.NewUniqueHex(base+"-", a.RandomLength, a.MaxLength)
	if err != nil {
		return "", fmt.Errorf("naming: %w", err)
	}
	return name, nil
}

// Inputs declares every input of a resource, function or provider by name.
type Inputs map[string]Input

// Failures says everything that is wrong with the given inputs: what is not known, what is missing, what has the wrong
// type. Unknown values pass, they are checked again when they are known. The wording follows the Terraform bridge;
// subject is the resource's name in the program.
func (in Inputs) Failures(subject string, given property.Map) []p.CheckFailure {
	var failures []p.CheckFailure
	fail := func(path, format string, args ...any) {
		reason := fmt.Sprintf(format, args...)
		if subject != "" {
			reason += fmt.Sprintf(" Examine values at '%s.%s'.", subject, path)
		}
		failures = append(failures, p.CheckFailure{Property: path, Reason: reason})
	}
	in.examine("", given, fail)
	return failures
}

func (in Inputs) examine(prefix string, given property.Map, fail func(path, format string, args ...any)) {
	for name, value := range given.AllStable {
		input, known := in[name]
		switch {
		case strings.HasPrefix(name, "__"):
		case !known:
			fail(prefix+name, "Invalid or unknown key.")
		case value.IsNull(), value.IsComputed():
		default:
			input.examine(prefix+name, value, fail)
		}
	}
	for _, name := range sortedKeys(in) {
		input, value := in[name], given.Get(name)
		if input.Required && value.IsNull() {
			fail(prefix+name, "Missing required argument. The argument %q is required, but no definition was found.", name)
		}
		if input.Conflicts != "" && !value.IsNull() && !given.Get(input.Conflicts).IsNull() && name < input.Conflicts {
			fail(prefix+name, "Conflicting configuration arguments. %q conflicts with %s.", name, input.Conflicts)
		}
	}
}

func (i Input) examine(path string, value property.Value, fail func(path, format string, args ...any)) {
	wrong := func(want string) { fail(path, "expected %s type, got %s.", want, describe(value)) }
	switch i.Type {
	case String:
		if !value.IsString() {
			wrong("string")
		} else if i.Valid != nil {
			if err := i.Valid(value.AsString()); err != nil {
				fail(path, "%v.", err)
			}
		}
	case Bool:
		if !value.IsBool() {
			wrong("bool")
		}
	case Int:
		if !value.IsNumber() || value.AsNumber() != float64(int64(value.AsNumber())) {
			wrong("number")
		} else if n := int(value.AsNumber()); i.Max != 0 && (n < i.Min || n > i.Max) {
			fail(path, "expected %s to be in the range (%d - %d), got %d.", path, i.Min, i.Max, n)
		}
	case List, Set:
		if !value.IsArray() {
			wrong("list")
			return
		}
		for index, element := range value.AsArray().All {
			Input{Type: String, Valid: i.Valid}.element(fmt.Sprintf("%s[%d]", path, index), element, fail)
		}
	case Map:
		if !value.IsMap() {
			wrong("map")
			return
		}
		for key, element := range value.AsMap().AllStable {
			Input{Type: String}.element(fmt.Sprintf("%s[%q]", path, key), element, fail)
		}
	case Object:
		if !value.IsMap() {
			wrong("object")
		} else if i.Fields != nil {
			i.Fields.examine(path+".", value.AsMap(), fail)
		}
	}
}

func (i Input) element(path string, value property.Value, fail func(path, format string, args ...any)) {
	if !value.IsComputed() {
		i.examine(path, value, fail)
	}
}

func describe(v property.Value) string {
	switch {
	case v.Secret():
		return "a secret of another type"
	case v.IsString():
		return fmt.Sprintf("%q", v.AsString())
	case v.IsArray():
		return "a list"
	case v.IsMap():
		return "a map"
	default:
		return fmt.Sprint(plain(v))
	}
}

// defaultsKey lists, in a resource's inputs, the ones that [Inputs.Fill] filled in. The official plugins keep the list
// under the same key: it tells a name that the provider made from one that the program chose.
const defaultsKey = "__defaults"

// Fill adds defaults and automatic names to what the program gave. A name that was made before, which old has, is kept.
func (in Inputs) Fill(resourceName string, given, old property.Map) (property.Map, error) {
	filled := given.Delete(defaultsKey)
	var defaults []string
	for _, name := range sortedKeys(in) {
		input := in[name]
		if !given.Get(name).IsNull() || input.Conflicts != "" && !given.Get(input.Conflicts).IsNull() {
			continue
		}
		switch {
		case input.AutoName != nil:
			value := old.Get(name)
			if !value.IsString() || !defaulted(old, name) {
				made, err := input.AutoName.name(resourceName)
				if err != nil {
					return property.Map{}, err
				}
				value = property.New(made)
			}
			filled = filled.Set(name, value)
		case input.Default != nil:
			filled = filled.Set(name, Property(input.Default))
		default:
			continue
		}
		defaults = append(defaults, name)
	}
	return filled.Set(defaultsKey, Property(defaults)), nil
}

func defaulted(inputs property.Map, name string) bool {
	return slices.Contains(Plain(inputs).Strings(defaultsKey), name)
}

// Diff compares inputs with inputs and says, path by path, what would change and whether that replaces the resource. An
// unknown new value counts as a change.
func (in Inputs) Diff(old, given property.Map) map[string]p.PropertyDiff {
	diff := map[string]p.PropertyDiff{}
	for _, name := range sortedKeys(in) {
		input, was, is := in[name], old.Get(name), given.Get(name)
		if is.IsNull() && input.Computed {
			continue
		}
		input.diff(resource.PropertyPath{name}, was, is, input.Replace, diff)
	}
	return diff
}

func (i Input) diff(path resource.PropertyPath, was, is property.Value, replace bool, diff map[string]p.PropertyDiff) {
	set := func(plain, replacing p.DiffKind) {
		kind := plain
		if replace {
			kind = replacing
		}
		diff[path.String()] = p.PropertyDiff{Kind: kind, InputDiff: true}
	}
	switch {
	case i.equal(was, is), empty(was) && empty(is):
	case was.IsMap() && is.IsMap():
		i.diffMaps(path, was.AsMap(), is.AsMap(), replace, diff)
	case empty(was):
		set(p.Add, p.AddReplace)
	case empty(is) && !is.IsComputed():
		set(p.Delete, p.DeleteReplace)
	default:
		set(p.Update, p.UpdateReplace)
	}
}

func (i Input) diffMaps(path resource.PropertyPath, was, is property.Map, replace bool, diff map[string]p.PropertyDiff) {
	keys := map[string]bool{}
	for key := range was.All {
		keys[key] = true
	}
	for key := range is.All {
		keys[key] = true
	}
	for _, key := range sortedKeys(keys) {
		field := i.Fields[key]
		below := append(slices.Clone(path), key)
		field.diff(below, was.Get(key), is.Get(key), replace || field.Replace, diff)
	}
}

// equal tells whether two values of the input mean the same.
func (i Input) equal(a, b property.Value) bool {
	switch {
	case a.HasComputed() || b.HasComputed():
		return false
	case i.Same != nil && a.IsString() && b.IsString():
		return i.Same(a.AsString(), b.AsString())
	case i.Type == Set && a.IsArray() && b.IsArray():
		return slices.Equal(sortedStrings(a), sortedStrings(b))
	default:
		return bare(a).Equals(bare(b))
	}
}

// empty is what a program leaves out, or might as well have.
func empty(v property.Value) bool {
	return v.IsNull() || v.IsString() && v.AsString() == "" ||
		v.IsMap() && v.AsMap().Len() == 0 || v.IsArray() && v.AsArray().Len() == 0
}

func sortedStrings(v property.Value) []string {
	list := Values{"list": plain(v)}.Strings("list")
	sort.Strings(list)
	return slices.Compact(list)
}

// Replaces tells whether a diff replaces the resource.
func Replaces(diff map[string]p.PropertyDiff) bool {
	for _, change := range diff {
		switch change.Kind {
		case p.AddReplace, p.DeleteReplace, p.UpdateReplace:
			return true
		}
	}
	return false
}
