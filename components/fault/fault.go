// Package fault puts paths, as texts, before errors of the arguments of test pods and of the login test. [Typed] makes errors of
// fielderr of them, which all others are.
package fault

import (
	"errors"
	"fmt"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

// At says where a fault is: "path: fault".
func At(path string, err error) error { return each(path+": ", err) }

// Under puts faults, which have paths already, below another path: "path.deeper: fault".
func Under(path string, err error) error { return each(path+".", err) }

// Typed makes faults, which have paths as texts, errors of fielderr.
func Typed(err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if err == nil || !ok {
		return typed(err)
	}
	var faults []error
	for _, one := range joined.Unwrap() {
		faults = append(faults, Typed(one))
	}
	return errors.Join(faults...)
}

func typed(err error) error {
	if err == nil {
		return nil
	}
	path, message, _ := strings.Cut(err.Error(), ": ")
	return fielderr.At(fielderr.Path(path), errors.New(message))
}

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
