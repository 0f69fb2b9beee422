package components

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

const (
	// PluginVersion is the version of the provider plugin that has this package's resources: the tag of the repository that it
	// is in, without its v, and what the plugin says of itself.
	PluginVersion = "0.1.0"
	// PluginDownloadURL is where the engine gets the plugin from, if there is none on PATH: it clones the repository at the
	// tag v[PluginVersion] and compiles this folder.
	PluginDownloadURL = "git://github.com/eks-irsa/pulumi-eks-irsa/components/plugin"
)

// ownPlugin says where the plugin of a resource is from. Every resource of this package's own plugin has it, because children do
// not inherit it: the stack's state keeps it, so that a machine which never saw the program can destroy the stack.
func ownPlugin() []pulumi.ResourceOption {
	return []pulumi.ResourceOption{pulumi.Version(PluginVersion), pulumi.PluginDownloadURL(PluginDownloadURL)}
}
