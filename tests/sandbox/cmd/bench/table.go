package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
)

// figure is what one contender takes for one operation.
type figure struct {
	checkpoints string
	roles       int
	operation   string
	contender   string
}

// figures are the costs of all runs.
type figures map[figure][]cost

// median is that of every part of the costs by itself; nil where nothing was measured.
func (f figures) median(key figure) *cost {
	if len(f[key]) == 0 {
		return nil
	}
	var median cost
	for i, part := range median.parts() {
		var values []float64
		for _, measured := range f[key] {
			values = append(values, *measured.parts()[i])
		}
		slices.Sort(values)
		middle := len(values) / 2
		*part = (values[middle] + values[(len(values)-1)/2]) / 2
	}
	return &median
}

func (f figures) print(out io.Writer, plan plan) {
	writer := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	say(writer, "\nWHAT ROLES COST: with components / without, over 3 clusters, medians of %d, no test pods", plan.runs)
	say(writer, "  %s", strings.Join([]string{
		"CHECKPOINTS", "ROLES", "OPERATION", "SECONDS", "RATIO", "CPU SECONDS", "RATIO", "AWS CALLS", "PROGRAM MB", "ENGINE MB", "STATE MB", "TERRAFORM S",
	}, "\t"))
	for _, checkpoints := range []string{"none", "file"} {
		for _, roles := range plan.roles {
			for _, operation := range operations {
				a := f.median(figure{checkpoints, roles, operation, ours})
				b := f.median(figure{checkpoints, roles, operation, plain})
				if a == nil || b == nil {
					continue
				}
				pair := func(format string, a, b float64) string { return fmt.Sprintf(format+" / "+format, a, b) }
				say(writer, "  %s\t%d\t%s\t%s\t%.2f\t%s\t%.2f\t%s\t%s\t%s\t%s\t%s", checkpoints, roles, operation,
					pair("%.1f", a.seconds, b.seconds), a.seconds/b.seconds, pair("%.1f", a.cpu, b.cpu), a.cpu/b.cpu,
					pair("%.0f", a.calls, b.calls), pair("%.0f", a.program, b.program), pair("%.0f", a.engine, b.engine),
					pair("%.2f", a.state, b.state), f.seconds(figure{"", roles, operation, byTerraform}))
			}
		}
	}
	_ = writer.Flush()
	if plan.noTerraform != "" {
		say(writer, "  Terraform is not measured: %s", plan.noTerraform)
	}
	say(writer, "\nGROWTH: seconds grow with the roles to the power of\n  CHECKPOINTS\tOPERATION\tWITH COMPONENTS\tWITHOUT")
	for _, checkpoints := range []string{"none", "file"} {
		for _, operation := range operations {
			a, measured := f.exponent(checkpoints, operation, ours, plan.roles)
			b, _ := f.exponent(checkpoints, operation, plain, plan.roles)
			if measured {
				say(writer, "  %s\t%s\t%.2f\t%.2f", checkpoints, operation, a, b)
			}
		}
	}
	_ = writer.Flush()
	say(writer, "\nWHAT THE PROJECT PROMISES")
	for _, verdict := range f.verdicts(plan) {
		say(writer, "  %s\t%s", verdict.name, verdict.text)
	}
	_ = writer.Flush()
}

// seconds are those of a figure, "-" where it was not measured.
func (f figures) seconds(key figure) string {
	if cost := f.median(key); cost != nil {
		return fmt.Sprintf("%.1f", cost.seconds)
	}
	return "-"
}

// exponent is the slope of a line through the logarithms of roles and seconds. It needs two numbers of roles.
func (f figures) exponent(checkpoints, operation, contender string, roles []int) (float64, bool) {
	var x, y []float64
	for _, n := range roles {
		if cost := f.median(figure{checkpoints, n, operation, contender}); cost != nil {
			x, y = append(x, math.Log(float64(n))), append(y, math.Log(cost.seconds))
		}
	}
	if len(x) < 2 {
		return 0, false
	}
	return slope(x, y), true
}

// slope is that of the line with the least squares of distances.
func slope(x, y []float64) float64 {
	var meanX, meanY, xy, xx float64
	for i := range x {
		meanX, meanY = meanX+x[i]/float64(len(x)), meanY+y[i]/float64(len(y))
	}
	for i := range x {
		xy, xx = xy+(x[i]-meanX)*(y[i]-meanY), xx+(x[i]-meanX)*(x[i]-meanX)
	}
	return xy / xx
}
