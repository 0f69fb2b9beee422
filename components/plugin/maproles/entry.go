package maproles

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Entry is one element of mapRoles: an IAM role and the Kubernetes identity that its sessions get.
type Entry struct {
	// RoleARN is the role's ARN without its path, as the authenticator sees it.
	RoleARN string
	// Username may hold the authenticator's templates, as in "admin:{{SessionName}}".
	Username string
	// Groups is a set: order and repetition mean nothing.
	Groups []string

	// dropped is what the authenticator drops from the element, as it is of the wrong type: "the string in groups".
	dropped string
	// furtherKeys are those beside these three.
	furtherKeys []string
}

// Equal reports whether both give the same role the same identity, and say nothing else, as what Put writes does.
func (e Entry) Equal(other Entry) bool {
	return e.Gives(other) && e.dropped == "" && other.dropped == "" && len(other.furtherKeys) == 0
}

// Gives reports whether the authenticator makes the same of both, and the entry has no keys that only its writer knows.
func (e Entry) Gives(other Entry) bool {
	return SameRole(e.RoleARN, other.RoleARN) &&
		e.Username == other.Username &&
		SameGroups(e.Groups, other.Groups) &&
		len(e.furtherKeys) == 0
}

// String tells what the entry gives, for messages, and what else is in it.
func (e Entry) String() string {
	text := fmt.Sprintf("user name %q and groups %q", e.Username, e.Groups)
	if e.dropped != "" {
		text += " (the authenticator drops " + e.dropped + ")"
	}
	if len(e.furtherKeys) > 0 {
		text += fmt.Sprintf(" and further keys %q", e.furtherKeys)
	}
	return text
}

// SameRole compares ARNs as aws-iam-authenticator does: without regard to case
// (pkg/config/mapper.go, RoleMapping.Key and Matches).
func SameRole(a, b string) bool { return strings.EqualFold(a, b) }

// SameGroups compares groups as a set, which is what they are to Kubernetes.
func SameGroups(a, b []string) bool { return slices.Equal(asSet(a), asSet(b)) }

func asSet(groups []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(groups)))
}

// block renders the entry as an element of a block sequence, in the form that the EKS user guide shows.
func (e Entry) block(indent, newline string) string {
	lines := []string{
		"- rolearn: " + scalar(e.RoleARN),
		"  username: " + scalar(e.Username),
	}
	if len(e.Groups) == 0 {
		lines = append(lines, "  groups: []")
	} else {
		lines = append(lines, "  groups:")
	}
	for _, group := range e.Groups {
		lines = append(lines, "    - "+scalar(group))
	}
	var text strings.Builder
	for _, line := range lines {
		text.WriteString(indent + line + newline)
	}
	return text.String()
}

// flow renders the entry as an element of a flow sequence. It is JSON, so that a list that was JSON stays JSON.
func (e Entry) flow() string {
	groups := make([]string, len(e.Groups))
	for i, group := range e.Groups {
		groups[i] = quoted(group)
	}
	return `{"rolearn": ` + quoted(e.RoleARN) +
		`, "username": ` + quoted(e.Username) +
		`, "groups": [` + strings.Join(groups, ", ") + `]}`
}

// plain matches what needs no quotes under any YAML version: it has a colon and starts with a letter, so it is no number,
// boolean or null; no colon ends it or is followed by a space, so it is no mapping.
var plain = regexp.MustCompile(`^[A-Za-z][\w./+=@:-]*:[\w./+=@:-]*\w$`)

func scalar(value string) string {
	if plain.MatchString(value) {
		return value
	}
	return quoted(value)
}

// quoted is value as a JSON string, which YAML reads as a double-quoted scalar.
func quoted(value string) string {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value) // a string always encodes, and a strings.Builder never fails
	return strings.TrimSuffix(text.String(), "\n")
}
