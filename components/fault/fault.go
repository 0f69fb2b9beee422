// Package fault gives faults of arguments and of configuration their paths. Faults of one subject are joined with
// errors.Join; a path goes before each of them.
package fault

import (
	"errors"
	"fmt"
)

// At says where a fault is: "path: fault".
func At(path string, err error) error { return each(err, path+": %w") }

// Under puts faults, which have paths already, below another path: "path.deeper: fault".
func Under(path string, err error) error { return each(err, path+".%w") }

func each(err error, format string) error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error }) // a join further down is part of one fault
	if !ok {
		return fmt.Errorf(format, err)
	}
	var faults []error
	for _, one := range joined.Unwrap() {
		faults = append(faults, each(one, format))
	}
	return errors.Join(faults...)
}
