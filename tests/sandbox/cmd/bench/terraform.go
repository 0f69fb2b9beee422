package main

import (
	"bytes"
	"context"
	_ "embed" // for the module
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"text/template"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox"
)

//go:embed terraform.tf.tmpl
var terraformModule string

var terraformCommands = map[string][]string{
	up:      {"apply", "-auto-approve", "-input=false", "-no-color"},
	preview: {"plan", "-detailed-exitcode", "-input=false", "-no-color"}, // changes are an error
	refresh: {"apply", "-refresh-only", "-auto-approve", "-input=false", "-no-color"},
	destroy: {"destroy", "-auto-approve", "-input=false", "-no-color"},
}

// terraform makes the roles with Terraform, whose state is always written in its own way.
func terraform(s *sandbox.Sandbox) contender {
	return contender{name: byTerraform, commands: terraformCommands, project: func(ctx context.Context, roles int, _ bool) (project, error) {
		engine, err := exec.LookPath("terraform")
		if err != nil {
			return project{}, err
		}
		dir, err := os.MkdirTemp(s.Dir, "bench-")
		if err != nil {
			return project{}, err
		}
		env := s.Env()
		env["CHECKPOINT_DISABLE"] = "true" // of Terraform's own check for a new version
		p := project{dir: dir, engine: engine, env: withEnv(env), state: filepath.Join(dir, "terraform.tfstate")}
		if err := writeModule(dir, roles); err != nil {
			return project{}, err
		}
		return p, p.run(ctx, "init", "-input=false", "-no-color")
	}}
}

func writeModule(dir string, roles int) error {
	var module bytes.Buffer
	if err := template.Must(template.New("").Parse(terraformModule)).Execute(&module, maps.Clone(clusterRegions)); err != nil {
		return fmt.Errorf("writing the module: %w", err)
	}
	platform, err := json.Marshal(platformOf(roles))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, platformFile), platform, 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "main.tf"), module.Bytes(), 0o600)
}
