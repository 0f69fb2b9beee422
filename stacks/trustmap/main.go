// Command trustmap shows who may become what, and needs no credentials:
//
//	pulumi stack output --json | go run ./stacks/trustmap --format text
//	aws iam get-account-authorization-details --filter Role | go run ./stacks/trustmap who
//
// The first is the map of a stack, as text, mermaid, dot or json. The second tells of roles of whatever origin, as IAM itself describes
// them, who may assume each, and what in its trust policy is wider than it looks; with --json for programs.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/eks-irsa/pulumi-eks-irsa/stacks/trust"
)

func main() {
	err := run(os.Args[1:], os.Stdin, os.Stdout)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string, in io.Reader, out io.Writer) error {
	if len(args) > 0 && args[0] == "who" {
		return who(args[1:], in, out)
	}
	flags := flag.NewFlagSet("trustmap", flag.ContinueOnError)
	format := flags.String("format", "text", "text, mermaid, dot or json")
	if err := parse(flags, args); err != nil {
		return err
	}
	write := formats[*format]
	if write == nil {
		return fmt.Errorf("--format %s: must be text, mermaid, dot or json", *format)
	}
	text, err := io.ReadAll(in)
	if err != nil {
		return fmt.Errorf("reading the outputs of the stack: %w", err)
	}
	m, err := trust.Read(text)
	if err != nil {
		return err
	}
	return write(m, out)
}

// formats are the ways in which a map is written.
var formats = map[string]func(m *trust.Map, out io.Writer) error{
	"text":    func(m *trust.Map, out io.Writer) error { return writeText(out, m.Text()) },
	"mermaid": func(m *trust.Map, out io.Writer) error { return writeText(out, m.Mermaid()) },
	"dot":     func(m *trust.Map, out io.Writer) error { return writeText(out, m.DOT()) },
	"json":    func(m *trust.Map, out io.Writer) error { return writeJSON(out, m) },
}

func parse(flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected %q: trustmap reads its standard input", flags.Arg(0))
	}
	return nil
}

func writeText(out io.Writer, text string) error {
	_, err := io.WriteString(out, text)
	return err
}

func writeJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
