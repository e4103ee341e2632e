//go:build !linux

package delivery

import (
	"io/fs"
	"os"
	"time"
)

// stampOf is the stamp of a file. Without the time of change, who sets the
// time of modification back is found out only by Verify.
func stampOf(info fs.FileInfo) stamp {
	return stamp{size: info.Size(), modified: info.ModTime().UnixNano()}
}

// lastAccess is when a file was last written.
func lastAccess(info fs.FileInfo) time.Time { return info.ModTime() }

// lockFileOf does nothing: the operator has to give each process a directory
// of its own.
func lockFileOf(*os.File) error { return nil }
