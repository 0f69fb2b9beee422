package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox"
)

// project is a folder in which an engine makes, looks at and removes a number of roles.
type project struct {
	dir, engine string
	env         []string
	// program is the path of the program that the engine runs, if there is one.
	program string
	// state is a pattern of the file that the state is in.
	state string
}

// contender is one way of making the roles.
type contender struct {
	name     string
	commands map[string][]string // by operation
	// project makes a project for so many roles. skipCheckpoints writes the state at the end only.
	project func(ctx context.Context, roles int, skipCheckpoints bool) (project, error)
}

// The operations, in their order.
var operations = []string{up, preview, refresh, destroy}

const up, preview, refresh, destroy = "up", "preview", "refresh", "destroy"

var pulumiCommands = map[string][]string{
	up:      {"up", "--yes", "--skip-preview", "--non-interactive"},
	preview: {"preview", "--expect-no-changes", "--non-interactive"},
	refresh: {"refresh", "--yes", "--skip-preview", "--expect-no-changes", "--non-interactive"},
	destroy: {"destroy", "--yes", "--skip-preview", "--non-interactive"},
}

// pulumi is a Pulumi program. All of them are of the project and the stack of the platform, and get its configuration.
func pulumi(s *sandbox.Sandbox, name, program string) contender {
	return contender{name: name, commands: pulumiCommands, project: func(ctx context.Context, roles int, skipCheckpoints bool) (project, error) {
		dir, err := os.MkdirTemp(s.Dir, "bench-")
		if err != nil {
			return project{}, err
		}
		p := project{
			dir: dir, engine: s.Tools.Pulumi, program: program,
			state: filepath.Join(dir, "state", ".pulumi", "stacks", "*", sandbox.StackName+".json"),
		}
		env := s.PulumiEnv(dir)
		env["PULUMI_STACK"] = sandbox.StackName
		if skipCheckpoints {
			env["PULUMI_EXPERIMENTAL"], env["PULUMI_SKIP_CHECKPOINTS"] = "true", "true"
		}
		p.env = withEnv(env)
		files := map[string]any{
			"Pulumi.yaml": map[string]any{
				"name": sandbox.ProjectName, "runtime": map[string]any{"name": "go", "options": map[string]any{"binary": program}},
			},
			"Pulumi." + sandbox.StackName + ".yaml": map[string]any{
				"config": map[string]any{sandbox.ProjectName + ":platform": map[string]any{"include": []string{platformFile}}},
			},
			platformFile: platformOf(roles),
		}
		for _, folder := range []string{"state", "home"} {
			if err := os.Mkdir(filepath.Join(dir, folder), 0o700); err != nil {
				return project{}, err
			}
		}
		for file, content := range files {
			text, err := json.Marshal(content) // which is YAML, too
			if err != nil {
				return project{}, err
			}
			if err := os.WriteFile(filepath.Join(dir, file), text, 0o600); err != nil {
				return project{}, err
			}
		}
		return p, p.run(ctx, "stack", "init", sandbox.StackName)
	}}
}

// platformFile is where the platform is declared: 1,000 roles are more than Pulumi can hand to a program.
const platformFile = "platform.json"

// clusterRegions are the clusters, each in a region of its own.
var clusterRegions = map[string]string{"hub": "eu-west-1", "eu": "eu-central-1", "us": "us-east-1"}

// platformOf declares roles, one after the other in each of the clusters: every role has a service account and an inline policy.
// There are no test pods, as their time is that of the pods.
func platformOf(roles int) map[string]any {
	clusters, declared := map[string]any{}, map[string]any{}
	names := sortedKeys(clusterRegions)
	for _, name := range names {
		clusters[name] = map[string]any{"region": clusterRegions[name]}
	}
	for i := range roles {
		name := fmt.Sprintf("app-%d", i)
		declared[name] = map[string]any{
			"clusters":        []string{names[i%len(names)]},
			"serviceAccounts": []any{map[string]any{"namespace": "default", "name": name}},
			"inlinePolicies":  map[string]any{"read": inlinePolicy},
		}
	}
	return map[string]any{"clusters": clusters, "roles": declared}
}

var inlinePolicy = map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
	"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::my-bucket/*",
}}}

// run runs a command of the engine that is not measured.
func (p project) run(ctx context.Context, args ...string) error {
	command := exec.CommandContext(ctx, p.engine, args...) //nolint:gosec // the engine that the sandbox found
	command.Dir, command.Env = p.dir, p.env
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", filepath.Base(p.engine), args[0], err, output)
	}
	return nil
}

// build compiles a program of a module.
func build(ctx context.Context, module, pkg, output string) error {
	command := exec.CommandContext(ctx, "go", "build", "-o", output, pkg)
	command.Dir = module
	if text, err := command.CombinedOutput(); err != nil {
		return errors.Join(fmt.Errorf("compiling %s: %w", pkg, err), errors.New(string(text)))
	}
	return nil
}

// withEnv is this process's environment with variables in front of its own.
func withEnv(variables map[string]string) []string {
	env := os.Environ()
	for _, name := range sortedKeys(variables) {
		env = append(env, name+"="+variables[name])
	}
	return env
}
