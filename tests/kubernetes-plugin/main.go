// Command pulumi-resource-kubernetes is Pulumi's own Kubernetes plugin, built from the Go module in which its provider is
// published, for machines that the released plugin cannot be downloaded to.
//
// It is a module of its own, because the provider wants an older engine (pulumi/pkg 3.215) than the sandbox runs, and does not
// compile with a newer one. All that makes, reads, changes and removes Kubernetes objects is the provider's own. Only the
// components that the plugin has besides (Helm charts, files of YAML) cannot register anything, see sdk.
package main

import "github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"

// version is what the plugin says of itself; the build sets it to that of the Kubernetes SDK in use, as the engine warns of a
// plugin that is older than its SDK.
var version = "4.25.0"

// schema is the least that is a schema. Programs are compiled against the SDK, so nothing here generates code from it.
const schema = `{"name": "kubernetes"}`

func main() {
	provider.Serve("kubernetes", version, []byte(schema), []byte("{}"))
}
