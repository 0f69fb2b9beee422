package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// Rename gives the stack another name, as `pulumi stack rename` does, which renames the stack's file too.
func (s *Stack) Rename(ctx context.Context, name string) error {
	workspace := s.stack.Workspace()
	command := workspace.PulumiCommand()
	var env []string
	for key, value := range workspace.GetEnvVars() {
		env = append(env, key+"="+value)
	}
	if _, told, _, err := command.Run(ctx, s.dir, nil, nil, nil, env, "stack", "rename", name, "--stack", s.name); err != nil {
		return fmt.Errorf("renaming the stack: %w: %s", err, told)
	}
	renamed, err := auto.SelectStack(ctx, name, workspace)
	if err != nil {
		return fmt.Errorf("selecting the renamed stack: %w", err)
	}
	s.stack, s.name = renamed, name
	return nil
}

// Export gives the stack's state, as `pulumi stack export` does.
func (s *Stack) Export(ctx context.Context) (apitype.UntypedDeployment, error) {
	return s.stack.Export(ctx)
}

// Import puts a state in the place of the stack's, as `pulumi stack import` does.
func (s *Stack) Import(ctx context.Context, state apitype.UntypedDeployment) error {
	return s.stack.Import(ctx, state)
}

// Resources are what the stack's state holds of the types that begin with a prefix, sorted by URN.
func (s *Stack) Resources(ctx context.Context, prefix string) ([]apitype.ResourceV3, error) {
	state, err := s.Export(ctx)
	if err != nil {
		return nil, err
	}
	var deployment apitype.DeploymentV3
	if err := json.Unmarshal(state.Deployment, &deployment); err != nil {
		return nil, fmt.Errorf("reading the stack's state: %w", err)
	}
	found := slices.DeleteFunc(deployment.Resources, func(r apitype.ResourceV3) bool {
		return !strings.HasPrefix(string(r.Type), prefix)
	})
	slices.SortFunc(found, func(a, b apitype.ResourceV3) int { return strings.Compare(string(a.URN), string(b.URN)) })
	return found, nil
}

// SetEnv changes the environment of the engine and of its plugins.
func (s *Stack) SetEnv(variables map[string]string) error {
	return s.stack.Workspace().SetEnvVars(variables)
}
