// Package kubename judges names, labels and annotations as the API server of Kubernetes does, before anything is sent to it.
//
// https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
package kubename

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

const (
	maxLabel = 63 // of a DNS label, of the value of a label and of the name in its key
	// MaxObject is the length of a DNS subdomain, the name of most objects.
	MaxObject = 253

	// maxAnnotations are the bytes of all annotations of an object, keys and values:
	// https://kubernetes.io/docs/reference/using-api/api-concepts/#annotations
	maxAnnotations = 256 * 1024
)

const label = `[a-z0-9]([a-z0-9-]*[a-z0-9])?`

var (
	labelForm     = regexp.MustCompile(`^` + label + `$`)
	subdomainForm = regexp.MustCompile(`^` + label + `(\.` + label + `)*$`)
	// valueForm is that of the value of a label, and of the name in its key:
	// https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
	valueForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$`)
)

// ValidateNamespace checks the name of a namespace, a DNS label: up to 63 lower case letters, digits and hyphens.
func ValidateNamespace(name string) error {
	return validate(name, "a namespace", maxLabel, labelForm, "lower case letters, digits and hyphens")
}

// ValidateLabel checks a part of a name, a DNS label: up to 63 lower case letters, digits and hyphens.
func ValidateLabel(name string) error {
	return validate(name, "a part of a name", maxLabel, labelForm, "lower case letters, digits and hyphens")
}

// ValidateObject checks the name of an object, a DNS subdomain: up to 253 lower case letters, digits, hyphens and dots. The kind
// stands in the error: "a service account".
func ValidateObject(kind, name string) error {
	return validate(name, kind, MaxObject, subdomainForm, "lower case letters, digits, hyphens and dots")
}

// ValidateObjects checks a list of the names of objects of a kind.
func ValidateObjects(kind string, names []string) error {
	return fielderr.Names(names, func(name string) error { return ValidateObject(kind, name) })
}

func validate(name, kind string, limit int, form *regexp.Regexp, characters string) error {
	switch {
	case name == "":
		return errors.New("must not be empty")
	case len(name) > limit:
		return tooLong(name, limit)
	case !form.MatchString(name):
		return fmt.Errorf("%q is not %s; use %s", name, kind, characters)
	default:
		return nil
	}
}

func tooLong(name string, limit int) error {
	return fmt.Errorf("%q has %d characters; Kubernetes allows %d", name, len([]rune(name)), limit)
}

// ValidateKey checks the key of a label, of an annotation or of a taint: a name of up to 63 characters, alone or behind a DNS
// subdomain and a slash.
func ValidateKey(key string) error {
	name := key
	if prefix, rest, found := strings.Cut(key, "/"); found {
		if err := ValidateObject("a DNS name", prefix); err != nil {
			return fmt.Errorf("of the key %q, what stands before the slash: %w", key, err)
		}
		name = rest
	}
	if len(name) > maxLabel {
		return fmt.Errorf("of the key %q, the name: %w", key, tooLong(name, maxLabel))
	}
	if !valueForm.MatchString(name) {
		return fmt.Errorf("%q is not a key such as app or app.kubernetes.io/name; use letters, digits, -, _ and ., and begin and end with "+
			"a letter or a digit", key)
	}
	return nil
}

// ValidateValue checks the value of a label: up to 63 letters, digits, -, _ and ., or nothing.
func ValidateValue(value string) error {
	switch {
	case len(value) > maxLabel:
		return tooLong(value, maxLabel)
	case value != "" && !valueForm.MatchString(value):
		return fmt.Errorf("%q is not the value of a label; use letters, digits, -, _ and ., and begin and end with a letter or a digit", value)
	default:
		return nil
	}
}

// ValidateLabels checks labels, or a selector of them.
func ValidateLabels(labels map[string]string) error {
	return fielderr.EachKey(labels, func(key, value string) error { return errors.Join(ValidateKey(key), ValidateValue(value)) })
}

// ValidateAnnotations checks annotations; their values are any text, 256 KiB in all with the keys. Unlike in labels, the API server
// allows upper case in the DNS names of the keys.
func ValidateAnnotations(annotations map[string]string) error {
	var found fielderr.List
	size := 0
	found.Add("", fielderr.EachKey(annotations, func(key, value string) error {
		size += len(key) + len(value)
		return ValidateKey(strings.ToLower(key))
	}))
	found.Refuse(size > maxAnnotations, "", "have %d bytes in all; Kubernetes allows an object %d", size, maxAnnotations)
	return found.Err()
}
