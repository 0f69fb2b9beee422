package kubelet

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// containerProcess is the process of a container, in a session of its own.
type containerProcess struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// drainTime is how long what a process has written may take to be read after its end. More than that takes only a program
// that left the session and keeps the streams.
const drainTime = time.Second

// startLogged starts a command whose streams go to the log, which is closed when the command has ended.
func (n *Node) startLogged(cmd *exec.Cmd, log *containerLog) (*containerProcess, error) {
	var copying sync.WaitGroup
	readers, writers := make([]*os.File, 2), make([]*os.File, 2)
	for i := range readers {
		reader, writer, err := os.Pipe()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("creating its streams: %w", err), closeAll(readers[:i]), closeAll(writers[:i]))
		}
		readers[i], writers[i] = reader, writer
	}
	cmd.Stdout, cmd.Stderr = writers[0], writers[1]
	err := n.guard.start(cmd)
	if err = errors.Join(err, closeAll(writers)); err != nil {
		return nil, errors.Join(err, closeAll(readers))
	}
	for i, stream := range []string{"stdout", "stderr"} {
		copying.Go(func() { log.copyFrom(stream, readers[i]) })
	}
	p := &containerProcess{cmd: cmd, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // the exit code is in the process state
		n.guard.end(cmd)
		for _, reader := range readers {
			_ = reader.SetReadDeadline(time.Now().Add(drainTime)) // pipes have deadlines
		}
		copying.Wait()
		_ = closeAll(readers) // nothing was written through them
		_ = log.close()
		close(p.done)
	}()
	return p, nil
}

func closeAll(files []*os.File) error {
	var faults []error
	for _, file := range files {
		faults = append(faults, file.Close())
	}
	return errors.Join(faults...)
}

// terminate sends TERM to the program alone, as a container runtime does, if it handles it: a container's program is process
// 1 there, to which the kernel gives no signal that would end a program by default (pid_namespaces(7)). So a shell without
// a trap uses its grace period up.
func (p *containerProcess) terminate() {
	if handles(p.cmd.Process.Pid, syscall.SIGTERM) {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	}
}

// handles tells whether a process handles the signal. Where there is no /proc it is taken to.
func handles(process int, signal syscall.Signal) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", process))
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(status), "\nSigCgt:\t") // a mask of 64 bits in hexadecimal digits
	mask, _, _ := strings.Cut(rest, "\n")
	caught, err := strconv.ParseUint(mask, 16, 64)
	return err != nil || caught&(1<<(signal-1)) != 0
}

func (p *containerProcess) kill() {
	select {
	case <-p.done: // the ID may belong to somebody else by now
	default:
		killSession(p.cmd)
	}
}

// exitCode is the code as a shell and a container runtime count it: 128 and the signal for what a signal ended.
func (p *containerProcess) exitCode() int32 { return exitCode(p.cmd.ProcessState) }

func exitCode(state *os.ProcessState) int32 {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int32(status.Signal()) //nolint:gosec // signals are small
	}
	return int32(state.ExitCode()) //nolint:gosec // exit codes are small
}
