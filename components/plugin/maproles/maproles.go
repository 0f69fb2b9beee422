// Package maproles edits single entries of mapRoles, the YAML list of the aws-auth ConfigMap through which
// aws-iam-authenticator gives IAM roles their Kubernetes identity. It is text in, text out.
//
// The list has many owners: losing the nodes' entry in it locks the nodes out. So an edit touches only the bytes
// of its own entry. Everything else, other entries, their order, their quoting, comments and blank lines, stays as it was,
// and every result is parsed again and compared with what was there before it is handed out. A text that cannot be edited in
// this way is refused.
package maproles

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Find gives every entry for the role, in the list's order. Of several, the authenticator takes the last.
func Find(text, roleARN string) ([]Entry, error) {
	l, err := parse(withoutPlaceholder(text))
	if err != nil {
		return nil, invalid(err)
	}
	return l.entries(func(e Entry) bool { return SameRole(e.RoleARN, roleARN) }), nil
}

// Put is the text with exactly one entry for entry's role. One that is there already and equal keeps its bytes; otherwise
// the first one for the role is replaced in its place, or, if there is none, the entry goes to the end of the list. Further
// ones for the role are removed. A list in brackets keeps its brackets.
func Put(text string, entry Entry) (string, error) {
	before, err := parse(withoutPlaceholder(text))
	if err != nil {
		return "", invalid(err)
	}
	forRole := func(e Entry) bool { return SameRole(e.RoleARN, entry.RoleARN) }
	mine := before.find(forRole)
	kept := max(0, slices.IndexFunc(mine, func(i int) bool { return before.elements[i].entry.Equal(entry) }))
	edited := text
	switch {
	case len(mine) == 0:
		edited = before.insert(entry)
	case !before.elements[mine[kept]].entry.Equal(entry):
		edited = before.replace(mine[kept], entry)
	}
	edited, err = cutAll(edited, slices.Delete(mine, kept, min(kept+1, len(mine))))
	if err != nil {
		return "", err
	}
	return verified(before, edited, forRole, entry)
}

// Remove is the text without the entries that are equal to entry. Entries that give the role another identity stay: another tool
// else wrote them.
func Remove(text string, entry Entry) (string, error) {
	before, err := parse(withoutPlaceholder(text))
	if err != nil {
		return "", invalid(err)
	}
	mine := before.find(entry.Equal)
	if len(mine) == 0 {
		return text, nil
	}
	edited, err := cutAll(text, mine)
	if err != nil {
		return "", err
	}
	return verified(before, edited, entry.Equal)
}

// cutAll removes the elements, the last first so that the indexes of the others hold.
func cutAll(text string, indexes []int) (string, error) {
	for _, i := range slices.Backward(indexes) {
		l, err := parse(text)
		if err != nil {
			return "", unsafe(err)
		}
		if i >= len(l.elements) {
			return "", unsafe(errors.New("an element has vanished"))
		}
		text = l.cut(i)
	}
	return text, nil
}

// verified parses an edited text and gives it back if its entries that are mine are those wanted, and all other elements
// mean what they meant before.
func verified(before *list, edited string, mine func(Entry) bool, wanted ...Entry) (string, error) {
	after, err := parse(edited)
	if err != nil {
		return "", unsafe(err)
	}
	if !slices.Equal(before.valuesExcept(mine), after.valuesExcept(mine)) {
		return "", unsafe(errors.New("another entry would change"))
	}
	if !slices.EqualFunc(after.entries(mine), wanted, Entry.Equal) {
		return "", unsafe(errors.New("the entry itself would not come out right"))
	}
	return edited, nil
}

// withoutPlaceholder drops a text that only says that there is no list: YAML's nulls, and the quotes that the authenticator
// skips (pkg/mapper/configmap/configmap.go, isSkippable).
func withoutPlaceholder(text string) string {
	switch strings.TrimSpace(text) {
	case "null", "Null", "NULL", "~", `""`, `''`, "``":
		return ""
	default:
		return text
	}
}

func invalid(err error) error { return fmt.Errorf("mapRoles cannot be read: %w", err) }

func unsafe(err error) error {
	return fmt.Errorf("mapRoles cannot be edited without harm to other entries, so nothing was changed: %w", err)
}
