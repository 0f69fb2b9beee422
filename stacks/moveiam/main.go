// Command moveiam moves the IAM resources of a stack's state from the AWS providers of their clusters' regions to that of
// their account. It changes nothing in AWS:
//
//	pulumi stack export | go run ./stacks/moveiam > moved.json && pulumi stack import --file moved.json
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/eks-irsa/pulumi-eks-irsa/stacks"
)

func main() {
	if err := run(os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(exported io.Reader, imported, log io.Writer) error {
	state, err := io.ReadAll(exported)
	if err != nil {
		return fmt.Errorf("reading the exported stack: %w", err)
	}
	moved, count, err := stacks.MoveIAM(state)
	if err != nil {
		return err
	}
	if _, err := imported.Write(moved); err != nil {
		return fmt.Errorf("writing the stack to import: %w", err)
	}
	_, err = fmt.Fprintf(log, "moved %d IAM resources to the AWS providers of their accounts\n", count)
	return err
}
