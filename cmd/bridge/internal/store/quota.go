package store

import (
	"errors"
	"os"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// quotaFS is a file system whose user or project may run out of its quota
// (EDQUOT). To the store that is a full disk, and Pebble knows only ENOSPC: so
// what fails for the quota also is ENOSPC here, and still says what it was.
// Only what can take space is looked at. It stands below [vfs.OnDiskFull].
type quotaFS struct{ vfs.FS }

// Unwrap implements [vfs.FS].
func (q quotaFS) Unwrap() vfs.FS { return q.FS }

// Create implements [vfs.FS].
func (q quotaFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return quotaOpened(q.FS.Create(name, c))
}

// OpenReadWrite implements [vfs.FS].
func (q quotaFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return quotaOpened(q.FS.OpenReadWrite(name, c, opts...))
}

// ReuseForWrite implements [vfs.FS].
func (q quotaFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return quotaOpened(q.FS.ReuseForWrite(from, to, c))
}

// OpenDir implements [vfs.FS]: a directory is synced like a file.
func (q quotaFS) OpenDir(name string) (vfs.File, error) { return quotaOpened(q.FS.OpenDir(name)) }

// Link implements [vfs.FS].
func (q quotaFS) Link(from, to string) error { return noSpace(q.FS.Link(from, to)) }

// Rename implements [vfs.FS].
func (q quotaFS) Rename(from, to string) error { return noSpace(q.FS.Rename(from, to)) }

// MkdirAll implements [vfs.FS].
func (q quotaFS) MkdirAll(dir string, perm os.FileMode) error {
	return noSpace(q.FS.MkdirAll(dir, perm))
}

func quotaOpened(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, noSpace(err)
	}
	return quotaFile{f}, nil
}

// quotaFile is a file of a quotaFS. A network file system may find out as late
// as in a sync or a close.
type quotaFile struct{ vfs.File }

func (f quotaFile) Write(b []byte) (int, error) {
	n, err := f.File.Write(b)
	return n, noSpace(err)
}

func (f quotaFile) WriteAt(b []byte, at int64) (int, error) {
	n, err := f.File.WriteAt(b, at)
	return n, noSpace(err)
}

func (f quotaFile) Preallocate(at, n int64) error { return noSpace(f.File.Preallocate(at, n)) }
func (f quotaFile) Sync() error                   { return noSpace(f.File.Sync()) }
func (f quotaFile) SyncData() error               { return noSpace(f.File.SyncData()) }
func (f quotaFile) Close() error                  { return noSpace(f.File.Close()) }

func (f quotaFile) SyncTo(n int64) (bool, error) {
	full, err := f.File.SyncTo(n)
	return full, noSpace(err)
}

// quotaError is EDQUOT in its text, and ENOSPC at the bottom: that is where
// Pebble looks.
type quotaError struct{ error }

func (e quotaError) Unwrap() error        { return syscall.ENOSPC }
func (e quotaError) Is(target error) bool { return errors.Is(e.error, target) }

func noSpace(err error) error {
	if err != nil && errors.Is(err, syscall.EDQUOT) {
		return quotaError{err}
	}
	return err
}
