//go:build unix

package tools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/semver"
)

const (
	sandboxModule = "github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox"
	pulumiModule  = "github.com/pulumi/pulumi/pkg/v3"
	pulumiPackage = pulumiModule + "/cmd/pulumi"
	// pulumiVersionVariable is what `pulumi version` prints. The Automation API refuses a CLI that prints no version.
	pulumiVersionVariable = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"
	kubernetesModule      = "k8s.io/kubernetes"
	// kubernetesVersionPackage holds what /version answers; without it clients see v0.0.0.
	kubernetesVersionPackage = "k8s.io/component-base/version"

	// oldestPulumi is the oldest CLI that is taken from PATH. The Automation API itself is content with 3.2, but passes
	// flags that only newer ones know: --run-program to refresh and destroy of an inline program came last, in 3.183.
	oldestPulumi = "v3.183.0"
)

// buildEnv is the Go tool, and the sandbox's module as it sees it.
type buildEnv struct {
	goTool string
	// module is the directory of the sandbox's module.
	module string
	// toolchain is the Go version with the operating system and the architecture.
	toolchain string
	// platform is the operating system and the architecture.
	platform string
	// versions are those of the modules that programs are built from.
	versions map[string]string
}

// findBuildEnv asks the Go tool, which takes about 20 ms.
func findBuildEnv(ctx context.Context, path string) (buildEnv, error) {
	goTool, err := findOn(path, "go")
	if err != nil {
		return buildEnv{}, fmt.Errorf("the sandbox is built with Go: %w", err)
	}
	output, err := run(ctx, "", goTool, "env", "-json", "GOMOD", "GOVERSION", "GOOS", "GOARCH")
	if err != nil {
		return buildEnv{}, fmt.Errorf("asking for Go's environment: %w", err)
	}
	var env struct{ GOMOD, GOVERSION, GOOS, GOARCH string }
	if err := json.Unmarshal([]byte(output), &env); err != nil {
		return buildEnv{}, fmt.Errorf("decoding Go's environment: %w", err)
	}
	platform := env.GOOS + "-" + env.GOARCH
	b := buildEnv{goTool: goTool, platform: platform, toolchain: env.GOVERSION + "-" + platform}
	if b.module, err = findModule(env.GOMOD); err != nil {
		return buildEnv{}, err
	}
	modules := []string{pulumiModule, kubernetesModule}
	for _, plugin := range pulumiPlugins {
		modules = append(modules, plugin.sdk)
	}
	b.versions, err = b.moduleVersions(ctx, modules...)
	return b, err
}

// findModule finds the sandbox's module from the go.mod that is in force in the working directory: its own, or that of the
// repository around it.
func findModule(goMod string) (string, error) {
	here := filepath.Dir(goMod)
	for _, dir := range []string{here, filepath.Join(here, "tests", "sandbox")} {
		content, err := os.ReadFile(filepath.Join(dir, "go.mod")) // #nosec G304 -- the go.mod that the Go tool named
		if err == nil && strings.HasPrefix(string(content), "module "+sandboxModule+"\n") {
			return dir, nil
		}
	}
	return "", fmt.Errorf("finding the module %s: run in the repository of eks-irsa (go.mod here: %q)", sandboxModule, goMod)
}

// moduleVersions reads the versions that the sandbox's go.mod selects, so that they are written down there alone.
func (b buildEnv) moduleVersions(ctx context.Context, modules ...string) (map[string]string, error) {
	args := append([]string{"list", "-m", "-f", "{{.Path}} {{.Version}}"}, modules...)
	output, err := run(ctx, b.module, b.goTool, args...)
	if err != nil {
		return nil, fmt.Errorf("reading the versions to build: %w", err)
	}
	versions := map[string]string{}
	for line := range strings.Lines(output) {
		if module, version, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			versions[module] = version
		}
	}
	for _, module := range modules {
		if !semver.IsValid(versions[module]) {
			return nil, fmt.Errorf("reading the versions to build: %s has the version %q", module, versions[module])
		}
	}
	return versions, nil
}

// goBuild builds a package into a file that appears whole or not at all. Symbols and debug information are left out, which
// makes linking quicker and the file a third smaller. Flags of the compiler come from GOFLAGS alone, where the Makefile sets them:
// a package that is compiled with different ones is compiled again, and that is what takes minutes. Variables are name=value, as -X takes them.
func (b *builder) goBuild(ctx context.Context, module, pkg, output string, variables ...string) error {
	flags := []string{"-s", "-w"}
	for _, variable := range variables {
		flags = append(flags, "-X", variable)
	}
	if err := os.MkdirAll(filepath.Dir(output), 0o700); err != nil {
		return fmt.Errorf("creating the directory of %s: %w", output, err)
	}
	temporary := output + ".new"
	_, err := run(ctx, module, b.build.goTool,
		"build", "-buildvcs=false", "-ldflags", strings.Join(flags, " "), "-o", temporary, pkg)
	if err == nil {
		err = os.Rename(temporary, output)
	}
	if err != nil {
		if removal := os.Remove(temporary); removal != nil && !errors.Is(removal, fs.ErrNotExist) {
			err = errors.Join(err, removal)
		}
		return fmt.Errorf("building %s: %w", pkg, err)
	}
	return nil
}

// controlPlane builds cmd/controlplane.
func (b *builder) controlPlane(ctx context.Context) (string, error) {
	const binary = "controlplane"
	source, err := sources(filepath.Join(b.build.module, "cmd", "controlplane"))
	if err != nil {
		return "", err
	}
	version := b.build.versions[kubernetesModule]
	name := "kubernetes-" + strings.TrimPrefix(version, "v") + "-" + b.build.toolchain + "-" + digest(source)
	major, minor, _ := strings.Cut(strings.TrimPrefix(semver.MajorMinor(version), "v"), ".")
	dir, found, err := b.ensure(ctx, name, name, func(dir string) error {
		return b.log.during("building the Kubernetes control plane "+version, "about 3 minutes on 2 cores", func() error {
			return b.goBuild(ctx, b.build.module, "./cmd/controlplane", filepath.Join(dir, binary),
				kubernetesVersionPackage+".gitVersion="+version,
				kubernetesVersionPackage+".gitMajor="+major,
				kubernetesVersionPackage+".gitMinor="+minor)
		})
	})
	if found {
		b.log.say("found the Kubernetes control plane %s", version)
	}
	return filepath.Join(dir, binary), err
}

// pulumi takes the Pulumi CLI from the path when it is recent, and builds it otherwise.
func (b *builder) pulumi(ctx context.Context) (string, error) {
	if found, version := b.pulumiOnPath(ctx); found != "" {
		b.log.say("found the Pulumi CLI %s on PATH", version)
		return found, nil
	}
	version := b.build.versions[pulumiModule]
	name := "pulumi-" + strings.TrimPrefix(version, "v") + "-" + b.build.platform
	// In bin, because that is where the Automation API looks below the root of an installation.
	binary := filepath.Join("bin", "pulumi")
	dir, found, err := b.ensure(ctx, name, name, func(dir string) error {
		return b.log.during("building the Pulumi CLI "+version, "about 2 minutes on 2 cores", func() error {
			return b.goBuild(ctx, b.build.module, pulumiPackage, filepath.Join(dir, binary), pulumiVersionVariable+"="+version)
		})
	})
	if found {
		b.log.say("found the Pulumi CLI %s", version)
	}
	return filepath.Join(dir, binary), err
}

// pulumiOnPath returns the CLI on the path and its version, or nothing when there is none that will do.
func (b *builder) pulumiOnPath(ctx context.Context) (path, version string) {
	path, err := b.find("pulumi")
	if err != nil {
		return "", ""
	}
	version, err = b.ask(ctx, path, "version")
	version = strings.TrimSpace(version)
	if err != nil || semver.Major(version) != semver.Major(oldestPulumi) || semver.Compare(version, oldestPulumi) < 0 {
		b.log.say("the Pulumi CLI on PATH (%s) is not used: %s or later is needed", path, oldestPulumi)
		return "", ""
	}
	return path, version
}

// ask runs a program that only says something about itself, once for each state of its file.
func (b *builder) ask(ctx context.Context, program string, args ...string) (string, error) {
	state, err := fingerprint(program)
	if err != nil {
		return "", fmt.Errorf("asking %s: %w", program, err)
	}
	return b.remember(append(args, state), func() (string, error) { return run(ctx, "", program, args...) })
}

// goLanguageHost is the engine's plugin that runs programs in Go.
const goLanguageHost = "pulumi-language-go"

// languageHost takes Pulumi's Go language plugin where there is one, on the path or beside the Pulumi CLI that is there, and
// builds a stand-in otherwise.
func (b *builder) languageHost(ctx context.Context) (string, error) {
	if found := b.languageHostOnPath(); found != "" {
		b.log.say("found Pulumi's Go language plugin: %s", found)
		return found, nil
	}
	source, err := sources(filepath.Join(b.build.module, "cmd", goLanguageHost))
	if err != nil {
		return "", err
	}
	name := "language-go-" + b.build.toolchain + "-" + digest(source)
	dir, _, err := b.ensure(ctx, name, name, func(dir string) error {
		return b.goBuild(ctx, b.build.module, "./cmd/"+goLanguageHost, filepath.Join(dir, goLanguageHost))
	})
	return filepath.Join(dir, goLanguageHost), err
}

// languageHostOnPath looks beside the CLI too, as the engine does, because only the CLI itself may be linked into the path.
func (b *builder) languageHostOnPath() string {
	path := b.path
	if cli, err := b.find("pulumi"); err == nil {
		if real, err := filepath.EvalSymlinks(cli); err == nil {
			path += string(os.PathListSeparator) + filepath.Dir(real)
		}
	}
	found, err := findOn(path, goLanguageHost)
	if err != nil {
		return ""
	}
	return found
}

// argoCDLogin is the program of tests/sandbox/argocdlogin, and argoCDPlugin the other name that it goes by: that of the exec
// plugin.
const (
	argoCDLogin  = "argocd-login"
	argoCDPlugin = "argocd-k8s-auth"
)

// argoCD builds tests/sandbox/argocdlogin, a module of its own because of all that Argo CD brings along.
func (b *builder) argoCD(ctx context.Context) (string, error) {
	module := filepath.Join(b.build.module, "argocdlogin")
	source, err := sources(module)
	if err != nil {
		return "", err
	}
	// One directory for each checkout, as for the plugins.
	name, content := "argocd-"+digest(b.build.module), b.build.toolchain+" "+digest(source)
	dir, found, err := b.ensure(ctx, name, content, func(dir string) error {
		return b.log.during("building Argo CD's cluster login", "about 5 minutes on 2 cores", func() error {
			if err := b.goBuild(ctx, module, ".", filepath.Join(dir, argoCDLogin)); err != nil {
				return err
			}
			if err := os.Symlink(argoCDLogin, filepath.Join(dir, argoCDPlugin)); err != nil && !errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("naming Argo CD's exec plugin: %w", err)
			}
			return nil
		})
	})
	if found {
		b.log.say("found Argo CD's cluster login")
	}
	return dir, err
}

// sources joins the Go files below dir that are no tests, and the module files. That is a little more than what a program
// there is built from, but reading it takes milliseconds, where asking the Go tool takes a second.
func sources(dir string) (string, error) {
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name := entry.Name()
		isSource := strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
		if !isSource && name != "go.mod" && name != "go.sum" {
			return nil
		}
		content, err := os.ReadFile(path) // #nosec G304 G122 -- a file of the sandbox's own sources
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(&all, "%s %d\n%s", relative, len(content), content)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("reading the sources in %s: %w", dir, err)
	}
	return all.String(), nil
}
