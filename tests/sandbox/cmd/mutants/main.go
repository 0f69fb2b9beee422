// Command mutants shows that the tests would notice if a guard were missing: it takes one guard at a time out of the code
// and runs the tests that must fail then. `mutants` takes all of them, `mutants audience expiry` those whose names have one
// of the words in them.
//
// Nothing is changed in the repository: the compiler, or the test that reads it, is given a mutated file instead of the
// true one (go test -overlay, -exec). It fails when a mutant survives, when it does not compile, which proves nothing, and
// when a guard is not found where the table says that it is, because then the table has to follow the code.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/cmd/internal/checkout"
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

func run(ctx context.Context, words []string, out io.Writer) error {
	root, err := checkout.Find()
	if err != nil {
		return err
	}
	chosen := choose(guards, words)
	if len(chosen) == 0 {
		return fmt.Errorf("no guard has %s in its name", strings.Join(words, " or "))
	}
	mutants, err := mutate(root, chosen)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "eks-irsa-mutants-")
	if err != nil {
		return err
	}
	started := time.Now()
	err = prove(ctx, runner{root: root, dir: dir}, mutants, out)
	say(out, "%d guards in %s\n", len(mutants), time.Since(started).Round(time.Second))
	return errors.Join(err, os.RemoveAll(dir))
}

// choose returns the guards whose names have one of the words in them; without words, all.
func choose(guards []guard, words []string) []guard {
	if len(words) == 0 {
		return guards
	}
	var chosen []guard
	for _, g := range guards {
		for _, word := range words {
			if strings.Contains(g.name, word) {
				chosen = append(chosen, g)
				break
			}
		}
	}
	return chosen
}

// prove runs the tests with nothing changed, and then with each mutant, and prints a line for each.
func prove(ctx context.Context, r runner, mutants []mutant, out io.Writer) error {
	for _, suite := range suites(mutants) {
		result, err := r.test(ctx, suite, nil)
		if err != nil {
			return err
		}
		if !result.passed() {
			return fmt.Errorf("with nothing changed, %s fails already: %s", suite, result.reason())
		}
		say(out, "passes with nothing changed: %s\n", suite)
	}
	results := make([]result, len(mutants))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, runtime.NumCPU())) // a mutant is compiled and linked by itself, which takes longer than its tests
	for i, m := range mutants {
		group.Go(func() (err error) {
			results[i], err = r.test(groupCtx, m.tests, m.files)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return report(out, mutants, results)
}

// report prints the table of the mutants and fails unless each was noticed.
func report(out io.Writer, mutants []mutant, results []result) error {
	var faults []error
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	say(table, "\nWITHOUT\tTHERE FAIL\tVERDICT\n")
	for i, m := range mutants {
		verdict := results[i].verdict()
		say(table, "%s\t%s\t%s\n", m.name, results[i].summary(), verdict)
		if verdict != noticed {
			faults = append(faults, fmt.Errorf("without %s: %s: %s", m.name, verdict, results[i].reason()))
		}
	}
	say(table, "\n")
	if err := table.Flush(); err != nil {
		return err
	}
	return errors.Join(faults...)
}

func say(out io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(out, format, args...) }
