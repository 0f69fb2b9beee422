package kubelet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/process"
)

// guard ends the sessions of containers when the sandbox dies without having ended them: the kernel does that for a
// container's first process only, and only on Linux. It is a shell that hears of every session that starts and ends, and
// whose standard input ends with the sandbox.
type guard struct {
	cmd *exec.Cmd
	mu  sync.Mutex
	in  io.WriteCloser
}

// In /proc/<process>/stat, what follows the name in brackets is the state, the parent, the group and the session:
// proc_pid_stat(5). A second look finds what was started during the first.
const guardProgram = `
sessions=' '
while read -r change session; do
	case $change in
	+) sessions="$sessions$session " ;;
	-) case $sessions in *" $session "*) sessions="${sessions%% $session *} ${sessions#* $session }" ;; esac ;;
	esac
done
for session in $sessions; do
	kill -KILL "-$session"
done
for look in 1 2; do
	for stat in /proc/[0-9]*/stat; do
		read -r line <"$stat" || continue
		process=${stat#/proc/}
		set -- ${line##*)}
		case $sessions in *" ${4:-none} "*) kill -KILL "${process%/stat}" ;; esac
	done
done 2>/dev/null
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

// start starts a command in a session of its own.
func (g *guard) start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	}
	if err := process.StartCommand(cmd); err != nil {
		return err
	}
	g.send("+", cmd)
	return nil
}

// end ends what a command that has ended leaves behind in its session.
func (g *guard) end(cmd *exec.Cmd) {
	killSession(cmd)
	g.send("-", cmd)
}

func (g *guard) send(change string, cmd *exec.Cmd) {
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

// killSession ends a command and everything that it has started, also what is in a process group of its own, as what
// timeout(1) starts and the jobs of a terminal. Where there is no /proc, those stay. What has ended already is no fault.
func killSession(leader *exec.Cmd) {
	signalled := map[int]bool{}
	for {
		_ = syscall.Kill(-leader.Process.Pid, syscall.SIGKILL)
		before := len(signalled)
		for _, member := range sessionMembers(leader.Process.Pid) {
			if !signalled[member] {
				signalled[member] = true
				_ = syscall.Kill(member, syscall.SIGKILL)
			}
		}
		if len(signalled) == before { // nothing was started meanwhile
			return
		}
	}
}

// sessionMembers are the processes of a session.
func sessionMembers(session int) []int {
	var members []int
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well formed
	for _, file := range files {
		stat, err := os.ReadFile(file) // #nosec G304 -- a file of the kernel
		if err != nil {
			continue // the process has ended
		}
		// proc_pid_stat(5): the name is in brackets and may hold some, then come state, parent, group and session.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		process, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil && len(fields) > 3 && fields[3] == strconv.Itoa(session) {
			members = append(members, process)
		}
	}
	return members
}
