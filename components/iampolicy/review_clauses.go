package iampolicy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
)

// clause is one operator with one key and its values.
type clause struct {
	operator Operator
	base     Operator
	set      string
	ifExists bool
	// key is as IAM compares it, in lower case, and written as the policy has it.
	key, written string
	values       Strings
	patterns     []valuePattern
}

// valuePattern is a value of a clause, as it is compared.
type valuePattern struct {
	text string
	// wild is set where * and ? in the text stand for other characters.
	wild, anyCase bool
}

type clauses []clause

func (r *reviewer) clausesOf(condition Condition) clauses {
	var list clauses
	condition.each(func(_ fielderr.Path, operator Operator, key string, values Strings) {
		c := clause{operator: operator, key: strings.ToLower(key), written: key, values: values}
		c.base, c.set, c.ifExists = operator.parts()
		for _, value := range values {
			c.patterns = append(c.patterns, r.patternOf(c.base, value))
		}
		list = append(list, c)
	})
	return list
}

// patternOf is what a value of an operator matches, or more. A policy variable may be whatever the caller is.
func (r *reviewer) patternOf(base Operator, value string) valuePattern {
	pattern := valuePattern{text: value, wild: base == StringLike || base == ARNLike || base == ARNEquals, anyCase: base == StringEqualsIgnoreCase}
	if !r.variables || !hasVariable(value) {
		return pattern
	}
	if !pattern.wild {
		pattern.text = strings.ReplaceAll(pattern.text, "*", "?") // which is literal, and ? matches it
	}
	for _, v := range variables(value) {
		pattern.text = strings.Replace(pattern.text, strings.ReplaceAll(v.text, "*", "?"), "*", 1)
		pattern.text = strings.Replace(pattern.text, v.text, "*", 1)
	}
	pattern.wild = true
	return pattern
}

// isPattern reports whether the value has wildcards that stand for other characters.
func (p valuePattern) isPattern() bool { return p.wild && strings.ContainsAny(p.text, "*?") }

// limiting are the operators that hold for named values only.
var limiting = []Operator{StringEquals, StringEqualsIgnoreCase, StringLike, ARNEquals, ARNLike}

// limits reports whether the clause leaves its key no values but those that it names. There is always a value where every request
// has the key, and the caller looks at how far the values reach.
func (c clause) limits(always bool) bool {
	return slices.Contains(limiting, c.base) && (always || c.needsKey() && !slices.ContainsFunc(c.patterns, c.leavesNothingOut))
}

// leavesNothingOut reports whether a value is a pattern that matches whatever comes, as a source in any account does.
func (c clause) leavesNothingOut(value valuePattern) bool {
	return value.isPattern() && (strings.Trim(value.text, "*?") == "" || c.key == strings.ToLower(sourceArn) && matchesAnything(value.text, nil))
}

// needsKey reports whether the clause fails where the request has not its key.
func (c clause) needsKey() bool {
	switch {
	case c.base == Null:
		return len(c.values) > 0 && !slices.ContainsFunc(c.values, func(value string) bool { return strings.EqualFold(value, "true") })
	case c.ifExists || c.set == "ForAllValues":
		return false
	case c.set == "ForAnyValue":
		return true
	default:
		return !c.negated()
	}
}

func (c clause) negated() bool {
	return slices.Contains([]Operator{
		StringNotEquals, StringNotEqualsIgnoreCase, StringNotLike, NumericNotEquals, DateNotEquals, NotIPAddress, ARNNotEquals, ARNNotLike,
	}, c.base)
}

// of are the clauses about a key.
func (list clauses) of(key string) clauses {
	return slices.DeleteFunc(slices.Clone(list), func(c clause) bool { return c.key != strings.ToLower(key) })
}

// only are the values that a key may have, by the narrowest of the clauses about it, or nothing where none of them limits it.
func (list clauses) only(key string, always bool) (found []valuePattern, limited bool) {
	for _, c := range list.of(key) {
		if !c.limits(always) {
			continue
		}
		if !limited || slices.ContainsFunc(found, valuePattern.isPattern) && !slices.ContainsFunc(c.patterns, valuePattern.isPattern) {
			found, limited = c.patterns, true
		}
	}
	return found, limited
}

// limitsAny reports whether one of the keys is limited.
func (list clauses) limitsAny(keys ...string) bool {
	return slices.ContainsFunc(keys, func(key string) bool {
		_, limited := list.only(key, false)
		return limited
	})
}

// texts are the clauses but for those about the keys, for people.
func (list clauses) texts(without ...string) []string {
	var texts []string
	for _, c := range list {
		if !slices.ContainsFunc(without, func(key string) bool { return strings.EqualFold(key, c.written) }) {
			texts = append(texts, fmt.Sprintf("%s %s %s", c.written, c.operator, strings.Join(c.values, " or ")))
		}
	}
	return texts
}

// lists are keys that have a list of values, for which ForAllValues is made. It narrows nothing there either, but is meant so.
var lists = []string{"aws:tagkeys", "sts:transitivetagkeys"}

// reviewOperators finds what holds more often than it seems to.
func (r *reviewer) reviewOperators(list clauses) {
	for _, c := range list {
		switch {
		case slices.Contains(lists, c.key):
		case c.base == Null:
			r.find(NullCondition, "Null only asks whether %s is there: it says nothing about its value", c.written)
		case c.set == "ForAllValues":
			r.find(ForAllValuesHolds, "%s holds where %s is missing, too; leave ForAllValues out, the key has one value", c.operator, c.written)
		case c.ifExists:
			r.find(IfExistsHolds, "%s holds where %s is missing, too; leave IfExists out", c.operator, c.written)
		case c.negated():
			r.find(ExcludesOnly, "%s names what %s must not be, and lets in all the rest", c.operator, c.written)
		case c.base == StringEqualsIgnoreCase:
			r.find(IgnoresCase, "%s takes %s in upper and lower case alike; in names they are different ones", c.operator, c.written)
		}
		if c.base != StringEquals {
			continue
		}
		for _, pattern := range c.patterns {
			if !pattern.wild && strings.ContainsAny(pattern.text, "*?") {
				r.find(LiteralWildcard, "%q stands under %s, where * and ? are literal: no %s is that", pattern.text, c.operator, c.written)
			}
		}
	}
}
