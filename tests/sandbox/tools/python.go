//go:build unix

package tools

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/semver"
)

// What pip installs where it is missing. These versions work together in one environment.
const (
	motoVersion = "5.2.1"
	awsVersion  = "1.45.11"
)

// pythonTool is a program that pip can install.
type pythonTool struct {
	program string
	// requirement is what pip is asked for.
	requirement string
	// check looks at a program that is there and says why it will not do.
	check func(context.Context, *builder, string) error
}

var pythonTools = []pythonTool{
	{"moto_server", "moto[server]==" + motoVersion, checkMoto},
	{"aws", "awscli==" + awsVersion, checkAWS},
}

// python finds moto's server and the AWS CLI, and installs what is missing into a virtual environment of its own.
func (b *builder) python(ctx context.Context) (motoServer, aws string, err error) {
	found := make([]string, len(pythonTools))
	var missing []string
	for i, tool := range pythonTools {
		if found[i] = b.pythonOnPath(ctx, tool); found[i] == "" {
			missing = append(missing, tool.requirement)
		}
	}
	if len(missing) > 0 {
		bin, err := b.virtualEnvironment(ctx, missing)
		if err != nil {
			return "", "", err
		}
		for i, tool := range pythonTools {
			if found[i] == "" {
				found[i] = filepath.Join(bin, tool.program)
			}
		}
	}
	return found[0], found[1], nil
}

// pythonOnPath returns the program on the path, or nothing when there is none that will do.
func (b *builder) pythonOnPath(ctx context.Context, tool pythonTool) string {
	path, err := b.find(tool.program)
	if err != nil {
		return ""
	}
	path = b.behindShim(ctx, path)
	if err := tool.check(ctx, b, path); err != nil {
		b.log.say("%s on PATH is not used: %v", path, err)
		return ""
	}
	b.log.say("found %s on PATH", tool.program)
	return path
}

// behindShim returns the program that a shim of pyenv would start. Going through the shim costs over 100 ms, at every
// login to a cluster and every probe of a pod.
func (b *builder) behindShim(ctx context.Context, path string) string {
	if filepath.Base(filepath.Dir(path)) != "shims" {
		return path
	}
	pyenv, err := b.find("pyenv")
	if err != nil {
		return path
	}
	behind, err := run(ctx, "", pyenv, "which", filepath.Base(path))
	if behind = strings.TrimSpace(behind); err != nil || !filepath.IsAbs(behind) {
		return path
	}
	return behind
}

// checkMoto wants the version's series that the endpoint was made for. moto_server has no --version, but the interpreter
// that its first line names knows; importing its server tells whether the parts that only [server] brings are there.
func checkMoto(ctx context.Context, b *builder, path string) error {
	content, err := os.ReadFile(path) // #nosec G304 -- a program on PATH
	if err != nil {
		return err
	}
	interpreter, ok := strings.CutPrefix(string(content), "#!")
	interpreter, _, _ = strings.Cut(interpreter, "\n")
	if !ok || !filepath.IsAbs(strings.TrimSpace(interpreter)) {
		return fmt.Errorf("it does not say which Python it runs with")
	}
	state, err := fingerprint(path)
	if err != nil {
		return err
	}
	const question = "import importlib.metadata, moto.server; print(importlib.metadata.version('moto'))"
	version, err := b.remember([]string{question, state}, func() (string, error) {
		return run(ctx, "", strings.TrimSpace(interpreter), "-c", question)
	})
	if err != nil {
		return err
	}
	return atLeast("moto", version, motoVersion)
}

// awsCLI is the beginning of what `aws --version` prints.
var awsCLI = regexp.MustCompile(`^aws-cli/([0-9]+\.[0-9]+\.[0-9]+)`)

// awsEndpointURL are the first versions, of either series, that know AWS_ENDPOINT_URL:
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
var awsEndpointURL = map[string]string{"v1": "1.29.0", "v2": "2.13.0"}

func checkAWS(ctx context.Context, b *builder, path string) error {
	output, err := b.ask(ctx, path, "--version")
	if err != nil {
		return err
	}
	match := awsCLI.FindStringSubmatch(output)
	if match == nil {
		return fmt.Errorf("it says %q", lastLines(output, 1))
	}
	oldest, known := awsEndpointURL[semver.Major("v"+match[1])]
	if !known {
		return fmt.Errorf("version %s is of an unknown series", match[1])
	}
	return atLeast("the AWS CLI", match[1], oldest)
}

func atLeast(what, version, oldest string) error {
	version = strings.TrimSpace(version)
	if semver.Compare("v"+version, "v"+oldest) < 0 {
		return fmt.Errorf("it is %s %s, and %s or later is needed", what, version, oldest)
	}
	return nil
}

// virtualEnvironment installs the requirements with pip and returns the directory of their programs. It installs where the
// environment stays, because one cannot be moved: its programs name their interpreter.
func (b *builder) virtualEnvironment(ctx context.Context, requirements []string) (string, error) {
	slices.Sort(requirements)
	list := strings.Join(requirements, " ")
	name := "venv-" + digest(requirements...)
	dir, found, err := b.ensure(ctx, name, name, func(dir string) error {
		return b.log.during("installing "+list+" with pip", "about a minute", func() error {
			return b.pipInstall(ctx, dir, requirements)
		})
	})
	if err != nil {
		return "", fmt.Errorf("installing %s (or put %s on PATH yourself): %w", list, "moto_server and aws", err)
	}
	if found {
		b.log.say("found %s", list)
	}
	return filepath.Join(dir, "bin"), nil
}

func (b *builder) pipInstall(ctx context.Context, dir string, requirements []string) error {
	python, err := b.find("python3")
	if err != nil {
		return err
	}
	if _, err := run(ctx, "", python, "-m", "venv", "--clear", dir); err != nil {
		return err
	}
	args := append([]string{"-m", "pip", "install", "--quiet", "--disable-pip-version-check"}, requirements...)
	_, err = run(ctx, "", filepath.Join(dir, "bin", "python"), args...)
	return err
}
