//go:build unix

// Package tools finds the programs that the sandbox runs, or builds and installs them once into a cache: the Pulumi
// CLI, the Kubernetes control plane, Pulumi's provider plugins or what stands in for them, moto and the AWS CLI.
package tools

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// cacheVariable names the environment variable that moves the cache.
const cacheVariable = "EKS_IRSA_CACHE"

// Options say where to look, where to build, and whom to tell.
type Options struct {
	// Log gets a line for each step; nothing is told by default. It is written to by one goroutine at a time.
	Log io.Writer
	// Plugins are the sources of the AWS and Kubernetes plugins, the preferred one first. Default: what $PLUGINS allows, with
	// nothing downloaded.
	Plugins []Source
	// Cache is the directory that keeps what was built; by default $EKS_IRSA_CACHE, else eks-irsa-sandbox in the user's
	// cache directory.
	Cache string
	// Path is where programs are looked for; by default $PATH.
	Path string
	// PulumiHome is where released plugins are installed; by default $PULUMI_HOME, else .pulumi in the user's home.
	PulumiHome string
}

// Tools are the programs, each as an absolute path.
type Tools struct {
	Pulumi string
	// LanguageHost runs programs in Go for the CLI.
	LanguageHost string
	ControlPlane string
	MotoServer   string
	AWS          string
	// Plugins are the provider plugins: Pulumi's and the project's own.
	Plugins []Plugin

	path string
}

// Path is a value for PATH on which the engine finds its plugins, and an exec plugin the AWS CLI, before any other.
func (t *Tools) Path() string {
	var dirs []string
	for _, plugin := range t.Plugins {
		dirs = append(dirs, plugin.Dir)
	}
	for _, program := range []string{t.Pulumi, t.LanguageHost, t.AWS} {
		if dir := filepath.Dir(program); !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return strings.Join(append(dirs, t.path), string(os.PathListSeparator))
}

// Ensure makes sure that every program is there. The first time takes as long as compiling Kubernetes and Pulumi does;
// later it takes milliseconds.
func Ensure(ctx context.Context, opts Options) (*Tools, error) {
	if opts.Plugins == nil {
		var err error
		if opts.Plugins, err = ChoosePlugins(os.Getenv(PluginsVariable), false); err != nil {
			return nil, err
		}
	}
	b, err := newBuilder(ctx, opts)
	if err != nil {
		return nil, err
	}
	found := &Tools{path: b.path}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		found.MotoServer, found.AWS, err = b.python(ctx)
		return err
	})
	// One build after the other: each of them keeps all cores busy, and two linkers at once want 4 GB of memory.
	group.Go(func() (err error) {
		if found.ControlPlane, err = b.controlPlane(ctx); err != nil {
			return err
		}
		if found.Pulumi, err = b.pulumi(ctx); err != nil {
			return err
		}
		if found.LanguageHost, err = b.languageHost(ctx); err != nil {
			return err
		}
		found.Plugins, err = b.plugins(ctx, opts.Plugins, found.Pulumi)
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return found, nil
}

// ControlPlane makes sure of the control plane alone and returns its path.
func ControlPlane(ctx context.Context, opts Options) (string, error) {
	b, err := newBuilder(ctx, opts)
	if err != nil {
		return "", err
	}
	return b.controlPlane(ctx)
}

// Python makes sure of the programs written in Python alone: moto's server and the AWS CLI.
func Python(ctx context.Context, opts Options) (motoServer, aws string, err error) {
	b, err := newBuilder(ctx, opts)
	if err != nil {
		return "", "", err
	}
	return b.python(ctx)
}

// ArgoCD makes sure of argocd-login, which reaches a cluster as Argo CD does, and returns the directory that holds it and
// Argo CD's exec plugin. It is no part of Ensure, because only a test wants it.
func ArgoCD(ctx context.Context, opts Options) (dir string, err error) {
	b, err := newBuilder(ctx, opts)
	if err != nil {
		return "", err
	}
	return b.argoCD(ctx)
}

// builder is what all steps share.
type builder struct {
	cache string
	path  string
	// home is Pulumi's; "" for the user's.
	home  string
	log   *progress
	build buildEnv
	// hosts are those that were looked up, with the answer.
	hosts map[string]error
}

func newBuilder(ctx context.Context, opts Options) (*builder, error) {
	b := &builder{
		cache: opts.Cache, path: opts.Path, home: opts.PulumiHome, log: &progress{w: opts.Log}, hosts: map[string]error{},
	}
	if b.path == "" {
		b.path = os.Getenv("PATH")
	}
	if b.cache == "" {
		b.cache = os.Getenv(cacheVariable)
	}
	if b.cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("finding a place for the cache (set %s): %w", cacheVariable, err)
		}
		b.cache = filepath.Join(dir, "eks-irsa-sandbox")
	}
	var err error
	if b.cache, err = filepath.Abs(b.cache); err != nil {
		return nil, fmt.Errorf("finding the cache %s: %w", b.cache, err)
	}
	if err := os.MkdirAll(b.cache, 0o700); err != nil {
		return nil, fmt.Errorf("creating the cache: %w", err)
	}
	if b.build, err = findBuildEnv(ctx, b.path); err != nil {
		return nil, err
	}
	return b, nil
}

// errNotFound is what find returns for a program that is nowhere on the path.
var errNotFound = errors.New("not on PATH")

// find looks a program up on the path; exec.LookPath would only look on this process' own.
func (b *builder) find(program string) (string, error) {
	return findOn(b.path, program)
}

func findOn(path, program string) (string, error) {
	for _, dir := range filepath.SplitList(path) {
		candidate := filepath.Join(dir, program)
		info, err := os.Stat(candidate)
		if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 && filepath.IsAbs(candidate) {
			return candidate, nil
		}
	}
	return "", fmt.Errorf("%s: %w", program, errNotFound)
}
