//go:build unix

package tools

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// Source is where a provider plugin of Pulumi's comes from.
type Source string

// The sources of the AWS and Kubernetes plugins.
const (
	// Installed is the released plugin, in Pulumi's home or downloaded by an earlier run. That of AWS needs nothing more than
	// AWS_ENDPOINT_URL: its Terraform provider (5.100.0, behind Pulumi's bridge) has run the dev environment and every
	// end-to-end test against the sandbox's endpoint, which answers its validation of credentials too.
	Installed Source = "installed"
	// Downloaded is the released plugin, which the engine downloads into the cache.
	Downloaded Source = "downloaded"
	// Built is Pulumi's Kubernetes plugin compiled from its Go module, and a stand-in for the AWS plugin, which has none.
	Built Source = "built"
)

// PluginsVariable names the environment variable that forces where the AWS and Kubernetes plugins come from.
const PluginsVariable = "PLUGINS"

// ChoosePlugins returns the sources that a value of PLUGINS allows, the preferred one first: those of released plugins for
// "official", Built for "built", and all of them for "". With download false, nothing beyond the machine is asked.
func ChoosePlugins(value string, download bool) ([]Source, error) {
	official := []Source{Installed}
	if download {
		official = append(official, Downloaded)
	}
	switch value {
	case "":
		return append(official, Built), nil
	case "official":
		return official, nil
	case "built":
		return []Source{Built}, nil
	default:
		return nil, fmt.Errorf("%s=%s: must be official or built", PluginsVariable, value)
	}
}

// Plugin is a provider plugin, in a directory that holds no other.
type Plugin struct {
	Name string
	// Version is that of the SDK in go.mod; "" for the project's own plugin.
	Version string
	Source  Source
	Dir     string
}

// pulumiPlugin is one of Pulumi's provider plugins that the dev environment needs.
type pulumiPlugin struct {
	name, title string
	// sdk is the module whose version in go.mod is the plugin's.
	sdk string
	// build makes what is taken where the released plugin is not to be had, called substitute.
	build      func(b *builder, ctx context.Context, version string) (dir string, err error)
	substitute string
}

var pulumiPlugins = []pulumiPlugin{
	{
		name: "aws", title: "AWS", sdk: pulumiAWSModule,
		build: (*builder).awsStandIn, substitute: "the sandbox's stand-in",
	},
	{
		name: "kubernetes", title: "Kubernetes", sdk: pulumiKubernetesModule,
		build: (*builder).kubernetesPlugin, substitute: "Pulumi's own, built from its Go module",
	},
}

func (p pulumiPlugin) version(versions map[string]string) string {
	return strings.TrimPrefix(versions[p.sdk], "v")
}

func (p pulumiPlugin) binary() string { return "pulumi-resource-" + p.name }

// plugins makes sure of the provider plugins: Pulumi's from the first source that has them, and the project's own for
// aws-auth. The CLI is what downloads.
func (b *builder) plugins(ctx context.Context, sources []Source, cli string) ([]Plugin, error) {
	var plugins []Plugin
	for _, wanted := range pulumiPlugins {
		found, err := b.plugin(ctx, wanted, sources, cli)
		if err != nil {
			return nil, err
		}
		plugins = append(plugins, found)
	}
	dir, err := b.ownPlugin(ctx)
	return append(plugins, Plugin{Name: "eks-irsa", Source: Built, Dir: dir}), err
}

// plugin takes a plugin from the first source that has it, and says in one line which that is and why no better one.
func (b *builder) plugin(ctx context.Context, wanted pulumiPlugin, sources []Source, cli string) (Plugin, error) {
	found := Plugin{Name: wanted.name, Version: wanted.version(b.build.versions)}
	var missing []error
	for _, found.Source = range sources {
		var err error
		var what string
		switch found.Source {
		case Installed:
			found.Dir, err = b.installedPlugin(wanted, found.Version)
			what = "Pulumi's release, installed in " + found.Dir
		case Downloaded:
			found.Dir, err = b.downloadedPlugin(ctx, wanted, found.Version, cli)
			what = "Pulumi's release, downloaded"
		case Built:
			found.Dir, err = wanted.build(b, ctx, found.Version)
			what = wanted.substitute
		}
		if err == nil {
			b.log.say("the %s plugin %s: %s%s", wanted.title, found.Version, what, because(missing))
			return found, nil
		}
		missing = append(missing, err)
		if ctx.Err() != nil {
			break
		}
	}
	return Plugin{}, fmt.Errorf("finding the %s plugin %s: %w", wanted.title, found.Version, errors.Join(missing...))
}

// because says why no source was taken that comes before the one that was.
func because(missing []error) string {
	if len(missing) == 0 {
		return ""
	}
	reasons := make([]string, len(missing))
	for i, err := range missing {
		reasons[i], _, _ = strings.Cut(err.Error(), "\n")
	}
	return " (" + strings.Join(reasons, "; ") + ")"
}

// ownPlugin builds the project's own plugin. There is one directory for each checkout, so that a developer who changes it
// does not fill the disk, and two checkouts do not get each other's.
func (b *builder) ownPlugin(ctx context.Context) (string, error) {
	return b.buildPlugin(ctx, pluginBuild{
		title: "the plugin for aws-auth", estimate: "about a minute on 2 cores", binary: "pulumi-resource-eks-irsa",
		module: filepath.Join(b.build.module, "..", "..", "components", "plugin"), pkg: ".",
		name: "plugin-eks-irsa-" + digest(b.build.module),
	})
}

// awsStandIn builds the stand-in for Pulumi's AWS plugin; one directory for each checkout, as for the project's own.
func (b *builder) awsStandIn(ctx context.Context, _ string) (string, error) {
	return b.buildPlugin(ctx, pluginBuild{
		title: "the stand-in for the AWS plugin", estimate: "about a minute on 2 cores", binary: "pulumi-resource-aws",
		module: b.build.module, pkg: "./cmd/pulumi-resource-aws",
		name: "plugin-aws-" + digest(b.build.module),
	})
}

// kubernetesPlugin builds Pulumi's Kubernetes plugin. As it takes so long, it is kept for each version of its source, and not
// made again for another checkout.
func (b *builder) kubernetesPlugin(ctx context.Context, version string) (string, error) {
	module := filepath.Join(b.build.module, "..", "kubernetes-plugin")
	source, err := sources(module)
	if err != nil {
		return "", err
	}
	return b.buildPlugin(ctx, pluginBuild{
		title: "Pulumi's Kubernetes plugin", estimate: "about 3 minutes on 2 cores", binary: "pulumi-resource-kubernetes",
		module: module, pkg: ".",
		name:      "plugin-kubernetes-" + version + "-" + b.build.toolchain + "-" + digest(source),
		variables: []string{"main.version=" + version},
	})
}

// pluginBuild is how a plugin is built into a directory of the cache with that name.
type pluginBuild struct {
	title, estimate, binary string
	module, pkg, name       string
	variables               []string
}

func (b *builder) buildPlugin(ctx context.Context, plugin pluginBuild) (string, error) {
	source, err := sources(plugin.module)
	if err != nil {
		return "", err
	}
	content := b.build.toolchain + " " + digest(source)
	dir, _, err := b.ensure(ctx, plugin.name, content, func(dir string) error {
		return b.log.during("building "+plugin.title, plugin.estimate, func() error {
			return b.goBuild(ctx, plugin.module, plugin.pkg, filepath.Join(dir, plugin.binary), plugin.variables...)
		})
	})
	return dir, err
}
