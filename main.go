// Command pulumi-eks-irsa deploys the platform that Pulumi.<env>.yaml declares.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/eks-irsa/pulumi-eks-irsa/stacks"
)

func main() { pulumi.Run(stacks.Platform) }
