// Package fielderr collects the errors of arguments and of configuration, each with the path of the value that it is about:
// "clusters[0].name: must not be empty". A check knows paths within the value that it is given only; [List.Add] puts its errors
// below the path of that value.
package fielderr

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Path leads from a value to another within it: "testPod.image". The empty path leads to the value itself. A dot at the
// beginning is not shown.
type Path string

// Child is the path of a field, or of what a map has under a key that users choose.
func (p Path) Child(name string) Path { return p + "." + Path(name) }

// Index is the path of an element of a list.
func (p Path) Index(i int) Path { return p + Path(fmt.Sprintf("[%d]", i)) }

var plainKey = regexp.MustCompile(`^\w+$`)

// Key is the path of what a JSON object has under a key: Effect, or ["ForAnyValue:StringLike"] if the key is not a plain word.
func (p Path) Key(key string) Path {
	if plainKey.MatchString(key) {
		return p.Child(key)
	}
	return p + Path(fmt.Sprintf("[%q]", key))
}

// String is the path as messages have it.
func (p Path) String() string { return strings.TrimPrefix(string(p), ".") }

// Join is the path of what deeper leads to within the value at the path.
func (p Path) Join(deeper Path) Path {
	if p == "" || deeper == "" || deeper[0] == '.' || deeper[0] == '[' {
		return p + deeper
	}
	return p.Child(string(deeper))
}

// fieldError is the one place where a path meets a message.
type fieldError struct {
	path Path
	err  error
}

func (e *fieldError) Error() string {
	if e.path == "" {
		return e.err.Error()
	}
	return e.path.String() + ": " + e.err.Error()
}

func (e *fieldError) Unwrap() error { return e.err }

// List collects errors, in the order in which they are added.
type List struct {
	// OnePerPath keeps the first error of each path: it is the cause, and what follows from it ("has the wrong type", then "is
	// missing") is noise.
	OnePerPath bool

	errs []error
	seen map[string]bool
}

// Add adds an error of the value at the path, or what a check of that value found: errors that are joined, each of which may have
// a path within the value.
func (l *List) Add(path Path, err error) {
	for _, one := range split(err) {
		at := path
		if inner, ok := one.(*fieldError); ok { //nolint:errorlint // one that is wrapped is part of a message
			at, one = path.Join(inner.path), inner.err
		}
		if l.OnePerPath && l.Has(at) {
			continue
		}
		l.Silence(at)
		l.errs = append(l.errs, &fieldError{at, one})
	}
}

// Addf adds an error of the value at the path, as [fmt.Errorf] makes it.
func (l *List) Addf(path Path, format string, args ...any) { l.Add(path, fmt.Errorf(format, args...)) }

// Refuse adds an error of the value at the path if the value is bad.
func (l *List) Refuse(bad bool, path Path, format string, args ...any) {
	if bad {
		l.Addf(path, format, args...)
	}
}

// Has reports whether the path has an error or is silenced.
func (l *List) Has(path Path) bool { return l.seen[path.String()] }

// Silence makes a list with one error per path have none of this path, unless it has one already.
func (l *List) Silence(path Path) {
	if l.seen == nil {
		l.seen = map[string]bool{}
	}
	l.seen[path.String()] = true
}

// Len is the number of errors.
func (l *List) Len() int { return len(l.errs) }

// Err joins the errors, nil if there are none.
func (l *List) Err() error { return errors.Join(l.errs...) }

// split takes joined errors apart. A join that is wrapped is part of one error.
func split(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	switch {
	case err == nil:
		return nil
	case !ok:
		return []error{err}
	}
	var all []error
	for _, one := range joined.Unwrap() {
		all = append(all, split(one)...)
	}
	return all
}

// At is what [List.Add] makes of an error.
func At(path Path, err error) error {
	var found List
	found.Add(path, err)
	return found.Err()
}

// Document makes errors those of a document, which has paths of its own: At("policy", Document(err)) is
// "policy: Statement[0].Effect: ...".
func Document(err error) error {
	var found List
	for _, one := range split(err) {
		found.errs = append(found.errs, &fieldError{"", one})
	}
	return found.Err()
}

// IfGiven checks a value unless it is the zero value, which stands for a default.
func IfGiven[T comparable](value T, check func(T) error) error {
	var none T
	if value == none {
		return nil
	}
	return check(value)
}

// Each checks every element of a list.
func Each[T any](list []T, check func(T) error) error {
	var found List
	for i, value := range list {
		found.Add(Path("").Index(i), check(value))
	}
	return found.Err()
}

// EachKey checks every entry of a map, in the order of the keys.
func EachKey[T any](entries map[string]T, check func(key string, value T) error) error {
	var found List
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		found.Add(Path("").Child(key), check(key, entries[key]))
	}
	return found.Err()
}

// Names checks every name of a list, and refuses those that the list has already.
func Names(names []string, check func(string) error) error {
	return errors.Join(Duplicates(names), Each(names, check))
}

// Duplicates refuses names that a list has already. Empty ones are for others to judge.
func Duplicates(names []string) error {
	var found List
	for i := range names {
		found.Add(Path("").Index(i), Duplicate(names, i))
	}
	return found.Err()
}

// Duplicate refuses the name at the index if the list has it already.
func Duplicate(names []string, index int) error {
	if first := slices.Index(names, names[index]); first < index && names[index] != "" {
		return fmt.Errorf("%q is already in the list, at index %d", names[index], first)
	}
	return nil
}
