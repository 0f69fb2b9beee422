// Command pulumi-language-go stands in for the official language plugin, which is not served as a Go module, beside a
// Pulumi CLI that the sandbox built itself. It compiles and runs Go programs, which is all that this project needs; an
// official CLI brings its own.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/constant"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

func main() {
	if err := serve(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve prints the port that it listens on, by which the engine finds it, and ends when the engine does.
func serve(args []string) error {
	flags := flag.NewFlagSet("pulumi-language-go", flag.ContinueOnError)
	flags.String("root", "", "project root, of older engines")
	flags.String("tracing", "", "tracing endpoint, not used")
	if err := flags.Parse(args); err != nil {
		return err
	}
	host := &languageHost{engine: flags.Arg(0)}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	cancel := make(chan bool)
	if err := rpcutil.Healthcheck(ctx, host.engine, 5*time.Minute, stop); err != nil {
		return fmt.Errorf("watching the engine: %w", err)
	}
	go func() {
		<-ctx.Done()
		close(cancel)
	}()
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: cancel,
		Init: func(server *grpc.Server) error {
			pulumirpc.RegisterLanguageRuntimeServer(server, host)
			return nil
		},
		Options: rpcutil.OpenTracingServerInterceptorOptions(nil),
	})
	if err != nil {
		return err
	}
	fmt.Println(handle.Port)
	return <-handle.Done
}

type languageHost struct {
	pulumirpc.UnimplementedLanguageRuntimeServer
	engine string
}

func (h *languageHost) Handshake(
	_ context.Context, req *pulumirpc.LanguageHandshakeRequest,
) (*pulumirpc.LanguageHandshakeResponse, error) {
	h.engine = req.GetEngineAddress()
	return &pulumirpc.LanguageHandshakeResponse{}, nil
}

func (h *languageHost) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: "0.0.0"}, nil
}

// GetRequiredPackages names none: the sandbox puts the provider plugins on PATH.
func (h *languageHost) GetRequiredPackages(
	context.Context, *pulumirpc.GetRequiredPackagesRequest,
) (*pulumirpc.GetRequiredPackagesResponse, error) {
	return &pulumirpc.GetRequiredPackagesResponse{}, nil
}

// Run compiles the program, unless the project's option binary names one, and runs it as the engine asks.
func (h *languageHost) Run(ctx context.Context, req *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	program := req.GetInfo().GetOptions().GetFields()["binary"].GetStringValue()
	if program == "" {
		dir, err := os.MkdirTemp("", "pulumi-program-")
		if err != nil {
			return nil, err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		program = filepath.Join(dir, "program")
		build := exec.CommandContext(ctx, "go", "build", "-o", program, ".") //nolint:gosec // a path of our own
		build.Dir = req.GetInfo().GetProgramDirectory()
		if output, err := build.CombinedOutput(); err != nil {
			return &pulumirpc.RunResponse{Error: fmt.Sprintf("compiling the program: %v\n%s", err, output)}, nil
		}
	}
	env, err := h.environment(req)
	if err != nil {
		return nil, err
	}
	run := exec.CommandContext(ctx, program) //nolint:gosec // what was just built, or is named by the project
	run.Dir, run.Env, run.Stdout, run.Stderr = req.GetPwd(), env, os.Stdout, os.Stderr
	err = run.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == constant.ExitStatusLoggedError:
		// The program has told the engine its error.
		return &pulumirpc.RunResponse{Bail: true}, nil
	case errors.As(err, &exit):
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("the program ended unexpectedly: %v", err)}, nil
	case err != nil:
		return nil, fmt.Errorf("running the program: %w", err)
	default:
		return &pulumirpc.RunResponse{}, nil
	}
}

// environment is how the Go SDK gets what pulumi.Run needs.
func (h *languageHost) environment(req *pulumirpc.RunRequest) ([]string, error) {
	config, err := json.Marshal(req.GetConfig())
	if err != nil {
		return nil, err
	}
	secretKeys, err := json.Marshal(req.GetConfigSecretKeys())
	if err != nil {
		return nil, err
	}
	env := os.Environ()
	for _, variable := range [][2]string{
		{pulumi.EnvOrganization, req.GetOrganization()},
		{pulumi.EnvProject, req.GetProject()},
		{pulumi.EnvStack, req.GetStack()},
		{pulumi.EnvPulumiRootDirectory, req.GetInfo().GetRootDirectory()},
		{pulumi.EnvConfig, string(config)},
		{pulumi.EnvConfigSecretKeys, string(secretKeys)},
		{pulumi.EnvDryRun, strconv.FormatBool(req.GetDryRun())},
		{pulumi.EnvParallel, strconv.Itoa(int(req.GetParallel()))},
		{pulumi.EnvMonitor, req.GetMonitorAddress()},
		{pulumi.EnvEngine, h.engine},
	} {
		env = append(env, strings.Join(variable[:], "="))
	}
	return env, nil
}

func (h *languageHost) InstallDependencies(
	*pulumirpc.InstallDependenciesRequest, grpc.ServerStreamingServer[pulumirpc.InstallDependenciesResponse],
) error {
	return nil // go build fetches what it needs
}

func (h *languageHost) About(context.Context, *pulumirpc.AboutRequest) (*pulumirpc.AboutResponse, error) {
	return &pulumirpc.AboutResponse{}, nil
}

func (h *languageHost) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}
