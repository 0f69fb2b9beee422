// Command bench tells what the platform costs at scale: it deploys roles over three clusters of a sandbox, each with a service
// account and an inline policy, with the platform and with a program that has no components, and prints one table of what an up,
// a preview without changes, a refresh and a destroy take, the growth with the number of roles, and whether that is what the
// project promises. `bench 50 200` takes these numbers of roles.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/cmd/internal/checkout"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/eks"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "\nFAILED: %v\n", err)
		os.Exit(1)
	}
}

// plan is what is to be measured.
type plan struct {
	roles []int
	runs  int
	// checkpointed is the most roles for which the state is written with every step, too: the time of that grows with the square
	// of the roles.
	checkpointed int
	// noTerraform is why Terraform is not measured, "" where it is.
	noTerraform string
}

func parse(args []string) (plan, error) {
	p := plan{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&p.runs, "runs", 1, "how often everything is measured; the table has the medians")
	flags.IntVar(&p.checkpointed, "checkpoints", 200, "the most roles that are measured with a checkpoint of the state at every step, too")
	if err := flags.Parse(args); err != nil {
		return plan{}, err
	}
	for _, arg := range flags.Args() {
		roles, err := strconv.Atoi(arg)
		if err != nil || roles < 1 {
			return plan{}, fmt.Errorf("%q is no number of roles; give some, 50 200 for example", arg)
		}
		p.roles = append(p.roles, roles)
	}
	if len(p.roles) == 0 {
		p.roles = []int{50, 200, 1000}
	}
	slices.Sort(p.roles)
	p.roles = slices.Compact(p.roles)
	if p.runs < 1 {
		return plan{}, fmt.Errorf("-runs %d: measure once at least", p.runs)
	}
	return p, nil
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	plan, err := parse(args)
	if err != nil {
		return err
	}
	if err := sandbox.Isolate(); err != nil {
		return err
	}
	repository, err := checkout.Find()
	if err != nil {
		return err
	}
	s, err := sandbox.Boot(ctx, sandbox.Options{Clusters: clusters(), Log: out})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	programs := map[string]string{"platform": repository, "plain": filepath.Join(repository, "tests", "sandbox")}
	packages := map[string]string{"platform": ".", "plain": "./cmd/bench/plain"}
	for name, module := range programs {
		programs[name] = filepath.Join(s.Dir, name)
		say(out, "compiling the program %s", name)
		if err := build(ctx, module, packages[name], programs[name]); err != nil {
			return err
		}
	}
	b := bench{sandbox: s, out: out, plan: plan, figures: figures{}}
	if _, err := terraform(s).project(ctx, 1, false); err != nil {
		b.plan.noTerraform = reason(err)
		say(out, "Terraform is not measured: %s", b.plan.noTerraform)
	}
	err = b.measure(ctx, []contender{pulumi(s, ours, programs["platform"]), pulumi(s, plain, programs["plain"])})
	b.figures.print(out, b.plan)
	return err
}

// reason is the first error that Terraform tells, or the last line where it tells none.
func reason(err error) string {
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	for _, line := range lines {
		if _, told, found := strings.Cut(line, "Error: "); found {
			return told
		}
	}
	return lines[len(lines)-1]
}

func clusters() []eks.Spec {
	var specs []eks.Spec
	for _, name := range sortedKeys(clusterRegions) {
		specs = append(specs, eks.Spec{
			Name: name, Account: sandbox.Account, Region: clusterRegions[name], AuthenticationMode: "API_AND_CONFIG_MAP",
		})
	}
	return specs
}

// bench measures the contenders one after the other, in turn, so that what else the machine does is the same for all of them.
type bench struct {
	sandbox *sandbox.Sandbox
	out     io.Writer
	plan    plan
	figures figures
}

func (b bench) measure(ctx context.Context, contenders []contender) error {
	for _, roles := range b.plan.roles {
		for range b.plan.runs {
			if b.plan.noTerraform != "" {
				break
			}
			if err := b.live(ctx, terraform(b.sandbox), roles, false); err != nil {
				return fmt.Errorf("%d roles, Terraform: %w", roles, err)
			}
		}
		for _, skipCheckpoints := range []bool{true, false} {
			if !skipCheckpoints && roles > b.plan.checkpointed {
				continue
			}
			for range b.plan.runs {
				for _, c := range contenders {
					if err := b.live(ctx, c, roles, skipCheckpoints); err != nil {
						return fmt.Errorf("%d roles, %s: %w", roles, c.name, err)
					}
				}
				slices.Reverse(contenders)
			}
		}
	}
	return nil
}

// live makes the roles and removes them again.
func (b bench) live(ctx context.Context, c contender, roles int, skipCheckpoints bool) error {
	p, err := c.project(ctx, roles, skipCheckpoints)
	if err != nil {
		return err
	}
	for _, operation := range operations {
		cost, err := p.measure(ctx, b.sandbox, c.commands[operation])
		if err != nil {
			return err
		}
		key := figure{checkpoints[skipCheckpoints], roles, operation, c.name}
		if c.name == byTerraform {
			key.checkpoints = "" // it has its own way
		}
		b.figures[key] = append(b.figures[key], cost)
		say(b.out, "%4d roles, checkpoints %-4s %-18s %-7s %6.1f s, %5.1f s of CPU",
			roles, key.checkpoints, c.name, operation, cost.seconds, cost.cpu)
	}
	return os.RemoveAll(p.dir)
}

var checkpoints = map[bool]string{true: "none", false: "file"}

// The names of the contenders.
const (
	ours        = "with components"
	plain       = "without components"
	byTerraform = "Terraform"
)

func say(out io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
