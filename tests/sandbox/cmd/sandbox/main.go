// Command sandbox runs the dev environment on a machine with no AWS account: `sandbox demo` deploys it, takes it down
// and shows what there was; `sandbox serve` deploys it and keeps it running until Ctrl-C; `sandbox outputs` deploys it, prints the
// stack's outputs as JSON on standard output and ends; `sandbox prepare` only makes sure of the tools that these need. With FORMAT=json in the environment the proofs are printed as JSON, alone on standard
// output. PLUGINS=official or PLUGINS=built says which plugins of Pulumi's are to be taken.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/cmd/internal/checkout"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/tools"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "\nFAILED: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	commands := map[string]func(ctx context.Context, repository string, terminal sandbox.Terminal) error{
		"demo":    sandbox.Demo,
		"serve":   sandbox.Serve,
		"outputs": sandbox.Outputs,
		"prepare": prepare,
	}
	if len(args) != 1 || commands[args[0]] == nil {
		return errors.New("usage: sandbox demo|serve|outputs|prepare, run in the repository")
	}
	if err := sandbox.Isolate(); err != nil {
		return err
	}
	repository, err := checkout.Find()
	if err != nil {
		return err
	}
	format := os.Getenv("FORMAT")
	if args[0] == "outputs" {
		format = "json"
	}
	terminal, err := openTerminal(format)
	if err != nil {
		return err
	}
	return commands[args[0]](ctx, repository, terminal)
}

func openTerminal(format string) (sandbox.Terminal, error) {
	switch format {
	case "", "table":
		return sandbox.Terminal{Progress: os.Stdout}, nil
	case "json":
		return sandbox.Terminal{Progress: os.Stderr, JSON: os.Stdout}, nil
	default:
		return sandbox.Terminal{}, fmt.Errorf("FORMAT=%s: must be table or json", format)
	}
}

func prepare(ctx context.Context, _ string, terminal sandbox.Terminal) error {
	_, err := tools.Ensure(ctx, tools.Options{Log: terminal.Progress})
	return err
}
