// Package v2 has what the plugin's components register objects by.
package v2

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// RegisterResource refuses what a component would register.
func RegisterResource(
	_ *pulumi.Context, apiVersion, kind, name string, _ pulumi.Input, _ ...pulumi.ResourceOption,
) (pulumi.CustomResource, error) {
	return nil, fmt.Errorf("%s %s %q: this build of the Kubernetes plugin has no components", apiVersion, kind, name)
}
