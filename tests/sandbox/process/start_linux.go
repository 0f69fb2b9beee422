package process

import (
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// start starts the command in a process group of its own and has the kernel kill it when this program dies, however it
// dies.
//
// PR_SET_PDEATHSIG follows the thread that forked, not the process (prctl(2)), and Go ends threads: that of a goroutine
// which returns while locked to it, for one. So every child is forked on one thread that lives as long as the program.
func start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	started := make(chan error)
	forkThread() <- func() { started <- cmd.Start() }
	return <-started
}

var forkThread = sync.OnceValue(func() chan<- func() {
	forks := make(chan func())
	go func() {
		runtime.LockOSThread() // for good: unlocked or ended, the thread could die before the program
		for fork := range forks {
			fork()
		}
	}()
	return forks
})
