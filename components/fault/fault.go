// Package fault gives faults of arguments and of configuration their paths. Faults of one subject are joined with
// errors.Join; a path goes before each of them.
package fault

import (
	"errors"
	"fmt"
	"slices"
)

// At says where a fault is: "path: fault".
func At(path string, err error) error { return each(path+": ", err) }

// Under puts faults, which have paths already, below another path: "path.deeper: fault".
func Under(path string, err error) error { return each(path+".", err) }

// each puts the text before every fault. It is no format: a path has keys in it that users choose, with % in them perhaps.
func each(before string, err error) error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error }) // a join further down is part of one fault
	if !ok {
		return fmt.Errorf("%s%w", before, err)
	}
	var faults []error
	for _, one := range joined.Unwrap() {
		faults = append(faults, each(before, one))
	}
	return errors.Join(faults...)
}

// List checks every value of a list at path, and refuses values that are in it twice.
func List(path string, values []string, check func(string) error) error {
	faults := []error{Duplicates(path, values)}
	for i, value := range values {
		faults = append(faults, At(fmt.Sprintf("%s[%d]", path, i), check(value)))
	}
	return errors.Join(faults...)
}

// Duplicates refuses values that are in a list twice, except empty ones.
func Duplicates(path string, values []string) error {
	var faults []error
	for i, value := range values {
		if first := slices.Index(values, value); first < i && value != "" {
			faults = append(faults, fmt.Errorf("%s[%d]: %q is already in the list, at index %d", path, i, value, first))
		}
	}
	return errors.Join(faults...)
}
