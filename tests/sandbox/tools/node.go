//go:build unix

package tools

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	// pulumiForNode is the newest SDK that pulumi-eks's provider runs with on Node 20.
	pulumiForNode = "3.248.0"
	// nothing takes the place of a package that pulumi-eks names among those that it runs with, and does not use.
	nothing = "npm:which@1.3.1"
)

// The modules whose versions the npm packages have too.
const (
	pulumiEKSModule        = "github.com/pulumi/pulumi-eks/sdk/v2"
	pulumiAWSModule        = "github.com/pulumi/pulumi-aws/sdk/v6"
	pulumiKubernetesModule = "github.com/pulumi/pulumi-kubernetes/sdk/v4"
)

// Pulumi makes sure of the Pulumi CLI alone and returns its path.
func Pulumi(ctx context.Context, opts Options) (string, error) {
	b, err := newBuilder(ctx, opts)
	if err != nil {
		return "", err
	}
	return b.pulumi(ctx)
}

// PulumiEKS makes sure of pulumi-eks's provider, the real one, which is part of its npm package, and returns a directory
// with the plugin for PATH. It is no part of Ensure, because only a test wants it.
func PulumiEKS(ctx context.Context, opts Options) (dir string, err error) {
	b, err := newBuilder(ctx, opts)
	if err != nil {
		return "", err
	}
	return b.pulumiEKS(ctx)
}

func (b *builder) pulumiEKS(ctx context.Context) (string, error) {
	versions, err := b.build.moduleVersions(ctx, pulumiEKSModule, pulumiAWSModule, pulumiKubernetesModule)
	if err != nil {
		return "", err
	}
	version := func(module string) string { return strings.TrimPrefix(versions[module], "v") }
	manifest, err := json.Marshal(map[string]any{
		"private": true,
		"dependencies": map[string]string{
			"@pulumi/eks": version(pulumiEKSModule), "@pulumi/aws": version(pulumiAWSModule),
			"@pulumi/kubernetes": version(pulumiKubernetesModule), "@pulumi/pulumi": pulumiForNode,
		},
		"overrides": map[string]string{"jest": nothing},
	})
	if err != nil {
		return "", err
	}
	what := "pulumi-eks " + version(pulumiEKSModule)
	install := func() (dir string, found bool, err error) {
		node, err := b.find("node")
		if err != nil {
			return "", false, err
		}
		key := digest(string(manifest), node)
		return b.ensure(ctx, "pulumi-eks-"+key, key, func(dir string) error {
			return b.log.during("installing "+what+" with npm", "about half a minute", func() error {
				return b.npmInstall(ctx, dir, node, manifest)
			})
		})
	}
	dir, found, err := install()
	if err != nil {
		return "", fmt.Errorf("installing %s, which needs Node 20 or later and npm: %w", what, err)
	}
	if found {
		b.log.say("found %s", what)
	}
	return filepath.Join(dir, "bin"), nil
}

// npmInstall installs packages without running any script of theirs, and makes pulumi-eks's a plugin.
func (b *builder) npmInstall(ctx context.Context, dir, node string, manifest []byte) error {
	npm, err := b.find("npm")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "package.json"), manifest, 0o600); err != nil {
		return err
	}
	_, err = run(ctx, dir, npm, "install", "--ignore-scripts", "--omit=optional", "--no-package-lock", "--no-audit", "--no-fund",
		"--loglevel=error")
	if err != nil {
		return err
	}
	program := filepath.Join(dir, "node_modules", "@pulumi", "eks", "cmd", "provider", "index.js")
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o700); err != nil {
		return err
	}
	plugin := fmt.Sprintf("#!/bin/sh\nexec '%s' '%s' \"$@\"\n", node, program)
	return os.WriteFile(filepath.Join(dir, "bin", "pulumi-resource-eks"), []byte(plugin), 0o700) //nolint:gosec // a program
}
