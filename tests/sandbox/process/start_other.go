//go:build unix && !linux

package process

import (
	"os/exec"
	"syscall"
)

// start starts the command in a process group of its own. Nothing here ends it when this program is killed: only Linux
// offers that.
func start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	}
	return cmd.Start()
}
