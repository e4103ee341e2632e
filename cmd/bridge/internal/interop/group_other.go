//go:build !unix

package interop

import "os/exec"

// ownGroup does nothing: there are no groups, and no sh to get here.
func ownGroup(*exec.Cmd) {}
