package delivery

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// stampOf is the stamp of a file.
func stampOf(info fs.FileInfo) stamp {
	st := stamp{size: info.Size(), modified: info.ModTime().UnixNano()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		st.inode, st.change = sys.Ino, sys.Ctim.Nano()
	}
	return st
}

// lastAccess is when a file was last read or written, as well as the file
// system keeps it: with relatime, to the day.
func lastAccess(info fs.FileInfo) time.Time {
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		if at := time.Unix(sys.Atim.Unix()); at.After(info.ModTime()) {
			return at
		}
	}
	return info.ModTime()
}

// lockFileOf keeps other processes out for as long as f is open.
func lockFileOf(f *os.File) error {
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("another process has it: %w", err)
	}
	return nil
}
