package sandbox

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optdestroy"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optrefresh"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"sigs.k8s.io/yaml"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
	"github.com/eks-irsa/pulumi-eks-irsa/stacks"
	"github.com/eks-irsa/pulumi-eks-irsa/stacks/trust"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/eks"
)

// Names of the project and of the stack that the sandbox runs, as in Pulumi.yaml and Pulumi.dev.yaml.
const (
	ProjectName = "eks-irsa"
	StackName   = "dev"
	configKey   = ProjectName + ":" + stacks.ConfigKey
)

// Settings are a Pulumi.<env>.yaml: the project's own, which a test may change before it is used.
type Settings struct {
	// Platform is the value of eks-irsa:platform.
	Platform map[string]any
}

// ReadSettings reads the Pulumi.dev.yaml of the repository.
func ReadSettings(repository string) (*Settings, error) {
	text, err := os.ReadFile(filepath.Join(repository, "Pulumi."+StackName+".yaml")) //nolint:gosec // the repository's own
	if err != nil {
		return nil, err
	}
	var file struct {
		Config map[string]map[string]any `json:"config"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("reading Pulumi.%s.yaml: %w", StackName, err)
	}
	return &Settings{Platform: file.Config[configKey]}, nil
}

// Section is one part of the settings, "roles" for example, to be changed in place.
func (s *Settings) Section(name string) map[string]any {
	section, ok := s.Platform[name].(map[string]any)
	if !ok {
		section = map[string]any{}
		s.Platform[name] = section
	}
	return section
}

// Clusters are the clusters that the settings want to find, as the sandbox is to start them.
func (s *Settings) Clusters() ([]eks.Spec, error) {
	text, err := json.Marshal(s.Platform)
	if err != nil {
		return nil, err
	}
	config, err := stacks.ParseConfig(string(text), "")
	if err != nil {
		return nil, err
	}
	var specs []eks.Spec
	for _, key := range sortedKeys(config.Clusters) {
		declared := config.Clusters[key]
		name := declared.Name
		if name == "" {
			name = key
		}
		account, err := accountOf(declared)
		if err != nil {
			return nil, fmt.Errorf("cluster %q: %w", key, err)
		}
		specs = append(specs, eks.Spec{
			Name: name, Account: account, Region: declared.Region, AuthenticationMode: "API_AND_CONFIG_MAP",
		})
	}
	return specs, nil
}

// accountOf is the account that a cluster is in: that of the role which is assumed to reach it, else the operator's.
func accountOf(declared stacks.Cluster) (string, error) {
	if declared.AssumeRole == nil {
		return Account, nil
	}
	arn, err := iampolicy.ParseARN(declared.AssumeRole.RoleArn)
	return arn.Account, err
}

// Stack is the platform's stack in a sandbox, run by the real engine with the program in this process.
type Stack struct {
	stack     auto.Stack
	dir, name string
	log       io.Writer
	// outputs are those of the last Up.
	outputs auto.OutputMap
}

// NewStack makes a stack with a state of its own. The folder it works in has the repository's Pulumi.yaml and the
// settings; a copy, because the engine writes into the stack's file, and several sandboxes may run at once.
func (s *Sandbox) NewStack(ctx context.Context, repository string, settings *Settings) (*Stack, error) {
	dir, err := os.MkdirTemp(s.Dir, "stack-")
	if err != nil {
		return nil, err
	}
	for _, folder := range []string{"state", "home"} {
		if err := os.Mkdir(filepath.Join(dir, folder), 0o700); err != nil {
			return nil, err
		}
	}
	if err := writeProject(dir, repository); err != nil {
		return nil, fmt.Errorf("making the project's folder: %w", err)
	}
	stack := &Stack{dir: dir, name: StackName, log: s.log}
	if err := stack.Write(settings); err != nil {
		return nil, err
	}
	command, err := s.pulumiCommand(dir)
	if err != nil {
		return nil, fmt.Errorf("starting the Pulumi CLI: %w", err)
	}
	stack.stack, err = auto.UpsertStackInlineSource(ctx, StackName, ProjectName, stacks.Platform,
		auto.WorkDir(dir), auto.Pulumi(command), auto.EnvVars(s.PulumiEnv(dir)))
	if err != nil {
		return nil, fmt.Errorf("making the stack: %w", err)
	}
	return stack, nil
}

// PulumiEnv is Env with what the Pulumi CLI needs for the stack in a folder.
func (s *Sandbox) PulumiEnv(dir string) map[string]string {
	env := s.Env()
	maps.Copy(env, map[string]string{
		"PULUMI_BACKEND_URL":       "file://" + filepath.Join(dir, "state"),
		"PULUMI_HOME":              filepath.Join(dir, "home"),
		"PULUMI_CONFIG_PASSPHRASE": passphrase,
		"PULUMI_SKIP_UPDATE_CHECK": "true",
		"TMPDIR":                   s.tempDir(),
		// The plugins are on PATH, and a language plugin may name more that the program can do without.
		"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
	})
	return env
}

// writeProject makes the project's folder. For the CLI, which wants a program below the project, the repository is linked
// there; the Automation API brings the program along.
func writeProject(dir, repository string) error {
	repository, err := filepath.Abs(repository)
	if err != nil {
		return err
	}
	project, err := os.ReadFile(filepath.Join(repository, "Pulumi.yaml")) //nolint:gosec // the repository's own
	if err != nil {
		return err
	}
	const program = "program"
	if err := os.Symlink(repository, filepath.Join(dir, program)); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "Pulumi.yaml"), append(project, "main: "+program+"\n"...), 0o600)
}

// pulumiCommand is the CLI at its path. The Automation API finds one only on PATH or as bin/pulumi below a root, so it gets
// such a root.
func (s *Sandbox) pulumiCommand(dir string) (auto.PulumiCommand, error) {
	root := filepath.Join(dir, "cli")
	if err := os.MkdirAll(filepath.Join(root, "bin"), 0o700); err != nil {
		return nil, err
	}
	if err := os.Symlink(s.Tools.Pulumi, filepath.Join(root, "bin", "pulumi")); err != nil {
		return nil, err
	}
	return auto.NewPulumiCommand(&auto.PulumiCommandOptions{Root: root})
}

// passphrase encrypts the state's secrets. It is another one in each process, and the state does not outlive it.
var passphrase = rand.Text()

// Dir is the folder that the stack works in.
func (s *Stack) Dir() string { return s.dir }

// Write puts settings into the stack's file; the encryption salt that the engine keeps there stays.
func (s *Stack) Write(settings *Settings) error {
	path := filepath.Join(s.dir, "Pulumi."+s.name+".yaml")
	file := map[string]any{}
	if text, err := os.ReadFile(path); err == nil { //nolint:gosec // a file of our own
		if err := yaml.Unmarshal(text, &file); err != nil {
			return err
		}
	}
	file["config"] = map[string]any{configKey: settings.Platform}
	text, err := yaml.Marshal(file)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

// SetProgram puts another program in the place of stacks.Platform.
func (s *Stack) SetProgram(program pulumi.RunFunc) { s.stack.Workspace().SetProgram(program) }

// Up deploys the stack. Its error is what went wrong, without the rest of the CLI's output.
func (s *Stack) Up(ctx context.Context, opts ...optup.Option) (auto.UpResult, error) {
	progress := s.follow()
	result, err := s.stack.Up(ctx, append(opts, optup.EventStreams(progress.events), optup.SuppressProgress())...)
	s.outputs = result.Outputs
	return result, progress.explain(err)
}

// Outputs are those of the last Up as `pulumi stack output --json` prints them, without secrets.
func (s *Stack) Outputs() ([]byte, error) {
	values := map[string]any{}
	for name, output := range s.outputs {
		if !output.Secret {
			values[name] = output.Value
		}
	}
	return json.MarshalIndent(values, "", "  ")
}

// TrustMap is who may become what after the last Up.
func (s *Stack) TrustMap() (*trust.Map, error) {
	outputs, err := s.Outputs()
	if err != nil {
		return nil, err
	}
	return trust.Read(outputs)
}

// Unlock takes the lock of an update that was killed off the stack, as `pulumi cancel` does.
func (s *Stack) Unlock(ctx context.Context) error { return s.stack.Cancel(ctx) }

// Preview tells what Up would do, by kind of operation.
func (s *Stack) Preview(ctx context.Context) (map[apitype.OpType]int, error) {
	result, err := s.stack.Preview(ctx)
	return result.ChangeSummary, err
}

// Refresh reads the real state and fails when it is not what the stack's state says.
func (s *Stack) Refresh(ctx context.Context) error {
	_, err := s.stack.Refresh(ctx, optrefresh.ExpectNoChanges())
	return err
}

// Destroy removes everything that the stack made.
func (s *Stack) Destroy(ctx context.Context, opts ...optdestroy.Option) error {
	progress := s.follow()
	_, err := s.stack.Destroy(ctx, append(opts, optdestroy.EventStreams(progress.events), optdestroy.SuppressProgress())...)
	return progress.explain(err)
}

// progress prints a line for each resource that is made, changed or removed, and keeps the errors that the engine tells.
type progress struct {
	events chan events.EngineEvent
	done   chan struct{}
	errors []error
}

func (s *Stack) follow() *progress {
	p := &progress{events: make(chan events.EngineEvent), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		started, count := time.Now(), 0
		for event := range p.events {
			if told := event.DiagnosticEvent; told != nil && told.Severity == "error" {
				p.errors = append(p.errors, fmt.Errorf("%s: %s", resourceName(told.URN), strings.TrimSpace(plainText(told.Message))))
			}
			if line := describe(event); line != "" && s.log != nil {
				count++
				_, _ = fmt.Fprintf(s.log, "%6s %3d %s\n", since(started), count, line)
			}
		}
	}()
	return p
}

// explain waits for the last event and puts the engine's own errors in the place of an error that holds all of the CLI's
// output, in the middle of which they stand.
func (p *progress) explain(err error) error {
	<-p.done
	if err != nil && len(p.errors) > 0 {
		return errors.Join(p.errors...)
	}
	return err
}

// colors are the marks by which the engine asks for colors.
var colors = regexp.MustCompile(`<\{%[^%]*%\}>`)

func plainText(message string) string { return colors.ReplaceAllString(message, "") }

// resourceName is the last part of a URN; what concerns the whole stack has none.
func resourceName(urn string) string {
	if i := strings.LastIndex(urn, "::"); i >= 0 {
		return urn[i+len("::"):]
	}
	return StackName
}

func describe(event events.EngineEvent) string {
	if event.ResOutputsEvent != nil {
		return describeStep(event.ResOutputsEvent.Metadata)
	}
	return ""
}

func describeStep(step apitype.StepEventMetadata) string {
	signs := map[apitype.OpType]string{
		apitype.OpCreate: "+", apitype.OpUpdate: "~", apitype.OpDelete: "-", apitype.OpImport: "=",
		apitype.OpReplace: "+-", apitype.OpCreateReplacement: "++", apitype.OpDeleteReplaced: "--",
	}
	sign, ok := signs[step.Op]
	if !ok {
		return ""
	}
	return fmt.Sprintf("%-2s %-55s %s", sign, step.Type, resourceName(step.URN))
}
