package components

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// construct registers a component when its arguments are valid, builds it and registers its outputs, which are the fields with
// a pulumi tag. invalid is nil or every error of the arguments.
func construct(
	ctx *pulumi.Context, token, name string, component pulumi.ComponentResource, invalid error, opts []pulumi.ResourceOption,
	build func(children) error,
) error {
	if name == "" {
		invalid = errors.Join(errors.New("name: must not be empty"), invalid)
	}
	if invalid != nil {
		return fmt.Errorf("invalid arguments of %s %q:\n%w", typeName(token), name, invalid)
	}
	if err := ctx.RegisterComponentResource(token, name, component, opts...); err != nil {
		return fmt.Errorf("registering %s %q: %w", typeName(token), name, err)
	}
	children, err := childrenOf(component, name, opts)
	if err == nil {
		err = apart(func() error { return build(children) })
	}
	if err != nil {
		return failure(token, name, err)
	}
	if err := ctx.RegisterResourceOutputs(component, outputsOf(component)); err != nil {
		return fmt.Errorf("registering the outputs of %s %q: %w", typeName(token), name, err)
	}
	return nil
}

// apart runs build in a goroutine of its own and waits for it. The state of each resource holds the calls by which the program
// came to register it, and the engine writes the whole state with every step: the calls to the constructor stand there once, with
// the component, and not again with every child.
func apart(build func() error) error {
	built := make(chan error)
	go func() { built <- build() }()
	return <-built
}

func outputsOf(component pulumi.ComponentResource) pulumi.Map {
	outputs, value := pulumi.Map{}, reflect.ValueOf(component).Elem()
	for i := range value.NumField() {
		if tag := value.Type().Field(i).Tag.Get("pulumi"); tag != "" {
			outputs[tag], _ = value.Field(i).Interface().(pulumi.Input)
		}
	}
	return outputs
}

// children are the options that all children of a component have, and the names that they had before.
type children struct {
	options []pulumi.ResourceOption
	names   earlierNames
}

// childrenOf passes on what the component depends on: the engine makes only the component itself wait for it, which
// makes nothing. So does it what the component was called before. No other option of the caller is the children's.
func childrenOf(component pulumi.Resource, name string, opts []pulumi.ResourceOption) (children, error) {
	snapshot, err := pulumi.NewResourceOptions(opts...)
	if err != nil {
		return children{}, err
	}
	options := []pulumi.ResourceOption{pulumi.Parent(component)}
	if len(snapshot.DependsOn) > 0 {
		options = append(options, pulumi.DependsOn(snapshot.DependsOn))
	}
	for _, inputs := range snapshot.DependsOnInputs {
		options = append(options, pulumi.DependsOnInputs(inputs))
	}
	return children{options, earlierNamesOf(name, snapshot)}, nil
}

// named are the options of the child of that name, with its own.
func (c children) named(name string, opts ...pulumi.ResourceOption) []pulumi.ResourceOption {
	return slices.Concat(c.options, []pulumi.ResourceOption{c.names.option(name)}, opts)
}

// childName is the name of a child: the component's, then what tells the child from its siblings. A slash stands between
// them, as names themselves have hyphens, and role a-b with c is not role a with b-c.
func childName(parts ...string) string { return strings.Join(parts, "/") }

// failure names the component in an error, or is nil without one. It is for what goes wrong in an apply, too: Pulumi does
// not say whose output an error comes from.
func failure(token, name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %q: %w", typeName(token), name, err)
}

// typeName is the last part of a type token, the name under which users know the component.
func typeName(token string) string { return token[strings.LastIndex(token, ":")+1:] }

// plainString is the value of an input that is known before anything is registered.
func plainString(input pulumi.Input) (string, bool) {
	value, ok := input.(pulumi.String)
	return string(value), ok
}

// required refuses an input that is not given, and checks one that is known.
func required(input pulumi.StringInput, check func(string) error) error {
	if value, plain := plainString(input); input == nil || plain && value == "" {
		return errors.New("must not be empty")
	}
	return ifKnown(input, check)
}

// ifKnown checks an input that is known before anything is registered.
func ifKnown(input pulumi.Input, check func(string) error) error {
	if value, plain := plainString(input); plain {
		return check(value)
	}
	return nil
}

// knownTexts are the keys that are known before anything is registered, and their values, "" for those that are not.
func knownTexts(texts pulumi.StringMapInput) map[string]string {
	plain, _ := texts.(pulumi.StringMap)
	known := map[string]string{}
	for key, value := range plain {
		known[key], _ = plainString(value)
	}
	return known
}

// validatePrintable refuses line breaks and the like, in texts that have no form of their own.
func validatePrintable(text string) error {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("%q has characters that cannot be printed, such as line breaks", text)
	}
	return nil
}

// fingerprintOf changes with each of the texts.
func fingerprintOf(texts pulumi.StringArray) pulumi.StringOutput {
	return texts.ToStringArrayOutput().ApplyT(func(texts []string) string {
		sum := sha256.Sum256([]byte(strings.Join(texts, "\x00")))
		return hex.EncodeToString(sum[:8])
	}).(pulumi.StringOutput)
}

// optionalString leaves an input unset when the plain value is empty.
func optionalString(value string) pulumi.StringPtrInput {
	if value == "" {
		return nil
	}
	return pulumi.String(value)
}
