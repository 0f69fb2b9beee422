package main

import (
	"fmt"
	"slices"
	"strings"
)

// What the project promises of its cost: how many times the seconds that the same roles take without components, at a number of
// roles, and how the seconds grow.
const (
	promisedAt       = 200
	promisedRatio    = 1.2
	promisedUpOnFile = 1.6
	promisedExponent = 1.1
)

// verdict says of a promise whether it is kept.
type verdict struct{ name, text string }

func (f figures) verdicts(plan plan) []verdict {
	var all []verdict
	for _, operation := range []string{up, preview, destroy} {
		all = append(all, f.ratioVerdict("none", operation, promisedRatio))
	}
	all = append(all, f.ratioVerdict("file", up, promisedUpOnFile))
	for _, operation := range operations {
		name := fmt.Sprintf("%s without checkpoints grows with an exponent of %.1f at most", operation, promisedExponent)
		exponent, measured := f.exponent("none", operation, ours, plan.roles)
		all = append(all, judge(name, measured, exponent <= promisedExponent, "%.2f", exponent))
	}
	return append(all, f.callsVerdict(plan))
}

func (f figures) ratioVerdict(checkpoints, operation string, most float64) verdict {
	name := fmt.Sprintf("%s of %d roles, checkpoints %s, takes %.1f times what it takes without components at most",
		operation, promisedAt, checkpoints, most)
	a, b := f.median(figure{checkpoints, promisedAt, operation, ours}), f.median(figure{checkpoints, promisedAt, operation, plain})
	if a == nil || b == nil {
		return judge(name, false, false, "")
	}
	return judge(name, true, a.seconds <= most*b.seconds, "%.2f, and of CPU %.2f", a.seconds/b.seconds, a.cpu/b.cpu)
}

// callsVerdict counts the calls of previews: with nothing to change, no resource asks AWS for anything, and only the program does.
func (f figures) callsVerdict(plan plan) verdict {
	var calls []float64
	var texts []string
	for _, roles := range plan.roles {
		if cost := f.median(figure{"none", roles, preview, ours}); cost != nil {
			calls, texts = append(calls, cost.calls), append(texts, fmt.Sprintf("%.0f", cost.calls))
		}
	}
	grows := len(calls) > 1 && slices.Max(calls) > calls[0]
	return judge("the program's own calls to AWS do not grow with the roles", len(calls) > 1, !grows, "%s", strings.Join(texts, ", "))
}

func judge(name string, measured, kept bool, format string, args ...any) verdict {
	switch {
	case !measured:
		return verdict{name, "not measured"}
	case kept:
		return verdict{name, "kept: " + fmt.Sprintf(format, args...)}
	default:
		return verdict{name, "NOT KEPT: " + fmt.Sprintf(format, args...)}
	}
}
