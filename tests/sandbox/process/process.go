//go:build unix

// Package process runs the programs that the sandbox is made of, so that none of them outlives it: each in a process
// group of its own, with a log file, a ready check, and an end that takes the whole group down.
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"
)

// stopGrace is the time between TERM and KILL for a process whose context ends.
const stopGrace = 5 * time.Second

// Command says what to run.
type Command struct {
	// Path is the program: a path, or a name to be looked up on PATH.
	Path string
	// Args are its arguments, the program's name not among them.
	Args []string
	// Env is its whole environment as KEY=value; nil means that of this program.
	Env []string
	// Dir is its working directory; empty means that of this program.
	Dir string
	// LogFile receives its standard output and error; a file that exists is emptied first. Required.
	LogFile string
}

// Process is a running child.
type Process struct {
	name     string
	logFile  string
	pid      int
	done     chan struct{}
	stopping atomic.Bool
	err      error // written before done is closed
}

// Start runs the command. Its life is bound to ctx, as with exec.CommandContext: when ctx ends, the process is stopped.
// So ctx must not be one that only spans the start, such as that of an errgroup.
func Start(ctx context.Context, command Command) (*Process, error) {
	name := filepath.Base(command.Path)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	log, err := os.OpenFile(command.LogFile, os.O_CREATE|os.O_TRUNC|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("starting %s: opening its log: %w", name, err)
	}
	defer log.Close() //nolint:errcheck // nothing was written through it: the child has a descriptor of its own

	cmd := exec.Command(command.Path, command.Args...) //nolint:gosec // running what the sandbox names is the purpose
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = command.Env, command.Dir, log, log
	if err := start(cmd); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}

	p := &Process{name: name, logFile: command.LogFile, pid: cmd.Process.Pid, done: make(chan struct{})}
	unbind := context.AfterFunc(ctx, func() {
		_ = p.Stop(stopGrace) // it cannot fail but for a process that is gone or not ours any more
	})
	go func() {
		defer unbind()
		p.reap(cmd)
	}()
	return p, nil
}

// StartCommand starts a command for a caller that looks after it itself: its streams, its end, and what it leaves behind
// in its group. As with Start it gets a process group of its own, unless its SysProcAttr asks for a session, and on Linux
// the kernel kills it when this program dies.
func StartCommand(cmd *exec.Cmd) error { return start(cmd) }

// reap waits for the child and ends what it leaves behind in its group.
func (p *Process) reap(cmd *exec.Cmd) {
	err := cmd.Wait()
	_ = syscall.Kill(-p.pid, syscall.SIGKILL) // ESRCH, the usual answer, means that nothing was left
	if !p.stopping.Load() {
		p.err = p.describe(endedUnasked(err))
	}
	close(p.done)
}

func endedUnasked(err error) error {
	if err == nil {
		err = errors.New("exit status 0")
	}
	return fmt.Errorf("ended unasked: %w", err)
}

// Pid is the process ID, which is that of its group as well.
func (p *Process) Pid() int { return p.pid }

// LogFile is the path of the file that receives the output.
func (p *Process) LogFile() string { return p.logFile }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait blocks until the process has ended and returns Err.
func (p *Process) Wait() error {
	<-p.done
	return p.err
}

// Err is nil while the process runs and after it was stopped. When it ended by itself, even with status 0 (what the
// sandbox runs are servers), the error says how and holds the last lines of the log.
func (p *Process) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}

// Stop ends the process and everything in its group: TERM first, and KILL when it is still there after the grace. It
// returns when the process is gone; stopping one that is gone already does nothing.
func (p *Process) Stop(grace time.Duration) error {
	p.stopping.Store(true)
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
		return nil
	case <-timer.C:
	}
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}

func (p *Process) signal(signal syscall.Signal) error {
	select {
	case <-p.done:
		return nil // the ID may belong to somebody else by now
	default:
	}
	if err := syscall.Kill(-p.pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("sending %s to %s (process %d): %w", signal, p.name, p.pid, err)
	}
	return nil
}

// WaitReady probes the process at once and then at every interval until a probe succeeds. It fails when ctx ends, and
// at once when the process does; the error then holds the reason and the last lines of the log.
func WaitReady(ctx context.Context, p *Process, probe func(context.Context) error, interval time.Duration) error {
	probing, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-p.done:
			cancel() // a probe under way must not delay the news
		case <-probing.Done():
		}
	}()

	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		unready := probe(probing)
		select {
		case <-p.done: // looked at after a success too: somebody else may have answered at its address
			return p.diedEarly()
		default:
		}
		if unready == nil {
			return nil
		}
		select {
		case <-p.done:
			return p.diedEarly()
		case <-ctx.Done():
			return p.describe(fmt.Errorf("is not ready: %w (the last probe: %w)", ctx.Err(), unready))
		case <-ticker.C:
		}
	}
}

func (p *Process) diedEarly() error {
	if p.err != nil {
		return p.err
	}
	return p.describe(errors.New("was stopped before it was ready"))
}

// describe is an error about the process that ends with the last lines of its log.
func (p *Process) describe(what error) error {
	tail := p.tail()
	if tail == "" {
		return fmt.Errorf("%s (process %d) %w; its log %s is empty", p.name, p.pid, what, p.logFile)
	}
	return fmt.Errorf("%s (process %d) %w; its log %s ends with:\n%s", p.name, p.pid, what, p.logFile, tail)
}

// tail returns the last lines of the log, as many as help and still fit a terminal.
func (p *Process) tail() string {
	const maxLines, maxBytes = 20, 4096
	log, err := os.Open(p.logFile)
	if err != nil {
		return err.Error()
	}
	defer log.Close() //nolint:errcheck // read only

	if size, err := log.Seek(0, io.SeekEnd); err == nil {
		_, err = log.Seek(max(0, size-maxBytes), io.SeekStart)
		if err != nil {
			return err.Error()
		}
	}
	content, err := io.ReadAll(io.LimitReader(log, maxBytes))
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(content), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-maxLines):], []byte("\n")))
}
