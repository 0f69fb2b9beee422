package iampolicy

import (
	"errors"
	"fmt"
	"regexp"
)

// faults collects what is wrong with a value, at most one fault for each path: what is said first about a path is the
// cause, what follows from it ("has the wrong type", then "is missing") is noise.
type faults struct {
	errs []error
	seen map[string]bool
}

func (f *faults) addf(path, format string, args ...any) {
	if f.seen[path] {
		return
	}
	f.mark(path)
	message := fmt.Sprintf(format, args...)
	if path != "" {
		message = path + ": " + message
	}
	f.errs = append(f.errs, errors.New(message))
}

// add adds what a check of another package found.
func (f *faults) add(path string, err error) {
	if err != nil {
		f.addf(path, "%v", err)
	}
}

// mark silences what is still to be said about a path.
func (f *faults) mark(path string) {
	if f.seen == nil {
		f.seen = map[string]bool{}
	}
	f.seen[path] = true
}

func (f *faults) err() error { return errors.Join(f.errs...) }

var plainKey = regexp.MustCompile(`^\w+$`)

// child is the path of an object's element: Statement.Effect, Condition["ForAnyValue:StringLike"].
func child(path, key string) string {
	switch {
	case !plainKey.MatchString(key):
		return fmt.Sprintf("%s[%q]", path, key)
	case path == "":
		return key
	default:
		return path + "." + key
	}
}

// item is the path of a list's element: Statement[1].
func item(path string, index int) string { return fmt.Sprintf("%s[%d]", path, index) }
