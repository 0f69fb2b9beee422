// Command pulumi-resource-kubernetes stands in for the official Kubernetes
// plugin where that cannot be downloaded. The engine finds it on PATH.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/provider/kubernetes"
)

func main() {
	if err := kubernetes.Plugin().Run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
