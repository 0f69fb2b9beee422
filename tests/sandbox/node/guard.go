package node

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/process"
)

// guard ends the process groups of containers when the sandbox dies without having ended them: the kernel does that for
// a container's first process only, and only on Linux. It is a shell that hears of every group that starts and ends, and
// whose standard input ends with the sandbox.
type guard struct {
	cmd *exec.Cmd
	mu  sync.Mutex
	in  io.WriteCloser
}

const guardProgram = `
groups=' '
while read -r change group; do
	case $change in
	+) groups="$groups$group " ;;
	-) case $groups in *" $group "*) groups="${groups%% $group *} ${groups#* $group }" ;; esac ;;
	esac
done
for group in $groups; do
	kill -KILL "-$group"
done
`

func startGuard() (*guard, error) {
	cmd := exec.Command("/bin/sh", "-c", guardProgram)
	cmd.Env = []string{} // not the sandbox's
	// What is sent to the sandbox's own group, such as an interrupt by its terminal, must not end the guard first.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("creating the streams of the guard: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the guard: %w", err)
	}
	return &guard{cmd: cmd, in: in}, nil
}

// start starts a command in a group, or a session, of its own.
func (g *guard) start(cmd *exec.Cmd) error {
	if err := process.StartCommand(cmd); err != nil {
		return err
	}
	g.tell("+", cmd)
	return nil
}

// end ends what a command that has ended leaves behind in its group.
func (g *guard) end(cmd *exec.Cmd) {
	killGroup(cmd)
	g.tell("-", cmd)
}

func (g *guard) tell(change string, cmd *exec.Cmd) {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, _ = fmt.Fprintf(g.in, "%s %d\n", change, cmd.Process.Pid) // without a guard, things are as they would be without one
}

func (g *guard) stop() error {
	if g == nil {
		return nil
	}
	if err := errors.Join(g.in.Close(), g.cmd.Wait()); err != nil {
		return fmt.Errorf("stopping the guard: %w", err)
	}
	return nil
}
