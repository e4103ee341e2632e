package store

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	reserveName = "RESERVE"
	probeName   = "PROBE"
	probeSize   = 1 << 20     // bytes that must be free before a failed write is tried again
	probePause  = time.Second // between two probes
)

// orFull marks an error that says "no space" as ErrFull.
func orFull(err error) error {
	if vfs.IsNoSpaceError(err) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// room keeps Pebble from ever seeing a full disk, because it cannot recover
// from one: a write to its log that fails is already visible to readers.
//
// First a reserve is given up, and Write refuses until it is back. Should even
// that not be enough, because another process takes the space, the write that
// failed waits until there is room.
type room struct {
	fs     vfs.FS // the real one
	dir    string
	size   int64
	log    *slog.Logger
	wait   time.Duration // between two probes
	refuse func(error)   // answers the writes not begun yet

	mu      sync.Mutex
	open    bool // guarded by mu; before, nothing may wait
	full    bool // guarded by mu; the reserve is gone
	waiting bool // guarded by mu; a write waits for room

	closing   chan struct{} // closed by Close
	abandoned chan struct{} // closed when Close need not wait for the write
	giveUp    sync.Once     // closes abandoned
}

func newRoom(opts Options, dir string, refuse func(error)) *room {
	return &room{fs: opts.FS, dir: dir, size: opts.Reserve, log: opts.Logger, wait: opts.pause, refuse: refuse,
		closing: make(chan struct{}), abandoned: make(chan struct{})}
}

func (r *room) path(name string) string { return r.fs.PathJoin(r.dir, name) }

// opened makes the reserve. Without it the store is readable only.
func (r *room) opened() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open, r.full = true, true
	if err := r.fill(); err != nil {
		r.log.Error("no room for the store's reserve: it can be read, not written", "dir", r.dir, "bytes", r.size, "err", err)
	}
}

// check lets writes through while the reserve is there, and tries to get it
// back when it is not.
func (r *room) check() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.full {
		return nil
	}
	if err := r.fill(); err != nil {
		return r.fullError(err)
	}
	r.log.Info("the disk has room again", "dir", r.dir)
	return nil
}

// stuck is ErrFull while a write waits for room.
func (r *room) stuck() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting {
		return r.fullError(nil)
	}
	return nil
}

// blame marks an error of the opening as ErrFull if the disk was full.
func (r *room) blame(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.full {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

func (r *room) fullError(cause error) error {
	err := fmt.Errorf("%w: %s needs %d MiB free to write again", ErrFull, r.dir, max(1, r.size>>20))
	if cause != nil {
		err = fmt.Errorf("%w (%w)", err, cause)
	}
	return err
}

// fill makes the reserve; the caller holds mu.
func (r *room) fill() error {
	if err := allocate(r.fs, r.path(reserveName), r.size); err != nil {
		return err
	}
	r.full = false
	return nil
}

// onFull is called by [vfs.OnDiskFull] after a write failed for lack of room
// and before it is tried once more; all other writes wait meanwhile.
func (r *room) onFull() {
	r.mu.Lock()
	if !r.full {
		r.log.Error("the disk is full: the store's reserve is given up, writes are refused until there is room", "dir", r.dir)
	}
	r.full = true
	_ = r.fs.Remove(r.path(reserveName)) // not there: the probe decides
	err := r.probe()
	mayWait := r.open
	r.waiting = err != nil && mayWait
	refusal := r.fullError(err)
	r.mu.Unlock()
	if err == nil || !mayWait {
		return
	}
	r.refuse(refusal)
	for err != nil {
		r.pause()
		err = r.probe()
	}
	r.mu.Lock()
	r.waiting = false
	r.mu.Unlock()
}

// pause lets time pass; from Close on it also tells Close not to wait.
func (r *room) pause() {
	timer := time.NewTimer(r.wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return
	case <-r.closing:
		r.giveUp.Do(func() { close(r.abandoned) })
	}
	<-timer.C
}

// probe finds out whether the disk has room.
func (r *room) probe() error {
	name := r.path(probeName)
	if err := allocate(r.fs, name, probeSize); err != nil {
		return err
	}
	return r.fs.Remove(name)
}

// allocate makes a file that takes size bytes of the disk without writing
// them, or leaves none.
func allocate(fs vfs.FS, name string, size int64) error {
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	err = f.Preallocate(0, size)
	if err != nil && !vfs.IsNoSpaceError(err) {
		err = nil // this file system cannot; an empty file is all there is to have
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		_ = fs.Remove(name)
	}
	return err
}
