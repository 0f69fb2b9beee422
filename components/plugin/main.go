// Command pulumi-resource-eks-irsa is the Pulumi plugin with the resource eks-irsa:index:AwsAuthRole.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/eks-irsa/pulumi-eks-irsa/components/plugin/awsauth"
)

// version is the plugin's own; a release sets it with -ldflags "-X main.version=...".
var version = "0.1.0"

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	provider, err := awsauth.NewProvider(awsauth.Connect)
	if err != nil {
		return err
	}
	return provider.Run(ctx, awsauth.PackageName, version)
}
