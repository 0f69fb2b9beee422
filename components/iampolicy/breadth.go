package iampolicy

import (
	"slices"
	"strings"
)

// AllowsEverything reports whether a statement allows all actions of a service, or of all services, on every resource, with no
// condition that narrows it. What a Deny takes away again is not looked at: it is easily overlooked by a reader, too.
func (d Document) AllowsEverything() bool {
	return slices.ContainsFunc(d.Statements, func(s Statement) bool {
		everyAction := len(s.NotActions) > 0 || slices.ContainsFunc(s.Actions, func(action string) bool {
			_, name, qualified := strings.Cut(action, ":")
			return strings.Trim(action, "*") == "" || qualified && strings.Trim(name, "*") == ""
		})
		everyResource := len(s.NotResources) > 0 || slices.ContainsFunc(s.Resources, func(resource string) bool {
			return strings.Trim(resource, "*") == ""
		})
		return s.Effect == Allow && len(s.Condition) == 0 && everyAction && everyResource
	})
}

// readingVerbs are what the names of actions that change nothing begin with. AWS sorts each action into an access level in a
// reference of its own, which a program has no offline copy of. "Check" is not among them: license-manager:CheckInLicense writes.
//
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
var readingVerbs = []string{
	"Get", "List", "Describe", "Head", "BatchGet", "Query", "Scan", "Select", "Search", "Lookup", "View",
}

// Writes reports whether a statement allows an action that may change something, as far as its name tells.
func (d Document) Writes() bool {
	return slices.ContainsFunc(d.Statements, func(s Statement) bool {
		return s.Effect == Allow && (len(s.NotActions) > 0 || slices.ContainsFunc(s.Actions, writes))
	})
}

func writes(action string) bool {
	_, name, _ := strings.Cut(action, ":")
	return !slices.ContainsFunc(readingVerbs, func(verb string) bool {
		return len(name) >= len(verb) && strings.EqualFold(name[:len(verb)], verb)
	})
}
