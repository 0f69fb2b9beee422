package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox"
	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/process"
)

// cost is what one operation takes.
type cost struct {
	seconds float64
	// cpu is what the engine and the program use of the processors together, in seconds; the plugins, which do the same work for
	// every contender, are not in it.
	cpu float64
	// calls are the requests to AWS.
	calls float64
	// program and engine are the most memory that the two have at one time, and state is the size of the state then, in MB.
	program, engine, state float64
}

// parts are the figures of a cost, in the order of the table.
func (c *cost) parts() []*float64 {
	return []*float64{&c.seconds, &c.cpu, &c.calls, &c.program, &c.engine, &c.state}
}

const megabyte = 1e6

// usage is what a process has used so far; nothing is known of it where the system has no /proc.
type usage struct{ cpu, peak float64 }

// watchEvery is how often a process is looked at. What it uses after the last look is not seen.
const watchEvery = 20 * time.Millisecond

// measure runs a command of a project and looks at what it takes.
func (p project) measure(ctx context.Context, s *sandbox.Sandbox, args []string) (cost, error) {
	log, err := os.Create(filepath.Join(p.dir, "output.log"))
	if err != nil {
		return cost{}, err
	}
	defer log.Close()                                      //nolint:errcheck // only the command writes to it
	command := exec.CommandContext(ctx, p.engine, args...) //nolint:gosec // the engine that the sandbox found
	command.Dir, command.Env, command.Stdout, command.Stderr = p.dir, p.env, log, log
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	s.Endpoint.ResetCalls()
	started := time.Now()
	if err := process.StartCommand(command); err != nil {
		return cost{}, err
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	engine, program := p.watch(command.Process.Pid, ended)
	took := time.Since(started)
	if err := <-ended; err != nil {
		return cost{}, fmt.Errorf("%s %s: %w\n%s", filepath.Base(p.engine), strings.Join(args, " "), err, lastLines(log.Name(), 30))
	}
	state, err := p.stateSize()
	return cost{
		seconds: took.Seconds(), cpu: engine.cpu + program.cpu, calls: float64(len(s.Endpoint.Calls())),
		program: program.peak, engine: engine.peak, state: state,
	}, err
}

// watch looks at the engine and at the program that it runs, until the engine has ended.
func (p project) watch(pid int, ended chan error) (engine, program usage) {
	programPid := 0
	for {
		select {
		case err := <-ended:
			ended <- err
			return engine, program
		case <-time.After(watchEvery):
		}
		if found, ok := usageOf(pid); ok {
			engine = found
		}
		if programPid == 0 {
			programPid = pidOf(p.program)
		}
		if found, ok := usageOf(programPid); ok {
			program = found
		}
	}
}

// stateSize is the size of the file of the state, once there is one.
func (p project) stateSize() (float64, error) {
	files, err := filepath.Glob(p.state)
	if err != nil || len(files) == 0 {
		return 0, err
	}
	info, err := os.Stat(files[0])
	if err != nil {
		return 0, err
	}
	return float64(info.Size()) / megabyte, nil
}

func lastLines(file string, n int) string {
	text, _ := os.ReadFile(file) //nolint:gosec // a file of our own
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
