// Command pulumi-resource-aws stands in for the official AWS plugin where that cannot be downloaded. The engine finds
// it on PATH.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider/aws"
)

func main() {
	if err := aws.Plugin().Run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
