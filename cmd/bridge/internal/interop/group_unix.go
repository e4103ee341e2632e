//go:build unix

package interop

import (
	"os/exec"
	"syscall"
)

// ownGroup keeps a signal from the terminal away from the program: its leash
// ends it.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}
