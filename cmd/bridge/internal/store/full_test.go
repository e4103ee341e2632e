package store_test

import (
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
)

// disk is a file system in memory that can be full. While it is, giving up
// RESERVE makes room for everything else, unless it is crowded: then another
// process takes that room.
type disk struct {
	vfs.FS
	mu       sync.Mutex
	full     bool // guarded by mu
	crowded  bool // guarded by mu
	released bool // guarded by mu
	errno    syscall.Errno
	// refused gets the name of each file that met the full disk and was not
	// the reserve, as far as there is someone to read it.
	refused chan string
}

// errnos are the ways in which a disk is full.
var errnos = map[string]syscall.Errno{"no space": syscall.ENOSPC, "over quota": syscall.EDQUOT}

func newDisk() *disk { return newDiskWith(syscall.ENOSPC) }

func newDiskWith(errno syscall.Errno) *disk {
	d := &disk{errno: errno, refused: make(chan string, 1)}
	d.FS = errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(d.fail))
	return d
}

func (d *disk) set(full, crowded bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full, d.crowded, d.released = full, crowded, false
}

func (d *disk) fail(op errorfs.Op) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := filepath.Base(op.Path)
	if op.Kind == errorfs.OpRemove && name == "RESERVE" {
		d.released = true
	}
	if !d.full {
		return nil
	}
	switch op.Kind {
	case errorfs.OpCreate, errorfs.OpReuseForWrite, errorfs.OpFileWrite, errorfs.OpFilePreallocate:
		if name == "RESERVE" || d.crowded || !d.released {
			if name != "RESERVE" {
				select {
				case d.refused <- name:
				default:
				}
			}
			return d.errno
		}
	}
	return nil
}

func TestFullDisk(t *testing.T) {
	for name, errno := range errnos {
		t.Run(name, func(t *testing.T) { testFullDisk(t, errno) })
	}
}

func testFullDisk(t *testing.T, errno syscall.Errno) {
	d := newDiskWith(errno)
	s := openPebble(t, "data", store.Options{FS: d})
	mustPut(t, s, "before")

	d.set(true, false)
	mustPut(t, s, "under way") // the reserve carries it
	for range 3 {
		_, err := put(s, "refused")
		if !errors.Is(err, store.ErrFull) || !errors.Is(err, errno) || !strings.Contains(err.Error(), "data needs 64 MiB free") {
			t.Fatalf("Write on a full disk: %v; want ErrFull that says what is needed, and %v", err, errno)
		}
	}
	mustHold(t, s, "before", "under way")

	d.set(false, false)
	mustPut(t, s, "after")
	mustClose(t, s)
	s = openPebble(t, "data", store.Options{FS: d})
	defer mustClose(t, s)
	mustHold(t, s, "after", "before", "under way")
}

func TestFullDiskWithoutReserve(t *testing.T) {
	for name, errno := range errnos {
		t.Run(name, func(t *testing.T) { testFullDiskWithoutReserve(t, errno) })
	}
}

func testFullDiskWithoutReserve(t *testing.T, errno syscall.Errno) {
	d := newDiskWith(errno)
	s := openPebble(t, "data", store.WithPause(store.Options{FS: d}, time.Millisecond))
	mustPut(t, s, "before")

	d.set(true, true)
	waiting := make(chan error, 1)
	go func() {
		_, err := put(s, "waits")
		waiting <- err
	}()
	for name := range d.refused {
		if name == "PROBE" { // the reserve was given up in vain
			break
		}
	}
	if _, err := put(s, "refused"); !errors.Is(err, store.ErrFull) {
		t.Fatalf("Write behind one that waits for room: %v; want ErrFull", err)
	}
	select {
	case err := <-waiting:
		t.Fatalf("the write that met the full disk returned %v; it must wait, for its outcome is open", err)
	default:
	}

	d.set(false, false)
	if err := <-waiting; err != nil {
		t.Fatalf("the write that waited for room: %v", err)
	}
	mustPut(t, s, "after")
	mustHold(t, s, "after", "before", "waits")
	mustClose(t, s)
}

func TestCloseOnFullDisk(t *testing.T) {
	d := newDisk()
	s := openPebble(t, "data", store.WithPause(store.Options{FS: d}, time.Millisecond))
	mustPut(t, s, "before")
	d.set(true, true)
	waiting := make(chan error, 1)
	go func() {
		_, err := put(s, "waits")
		waiting <- err
	}()
	for name := range d.refused {
		if name == "PROBE" {
			break
		}
	}
	if err := s.Close(); !errors.Is(err, store.ErrFull) || !strings.Contains(err.Error(), "data") {
		t.Errorf("Close: %v; want ErrFull that names the directory", err)
	}
	if err := <-waiting; !errors.Is(err, store.ErrClosed) {
		t.Errorf("the write that waited: %v; want ErrClosed", err)
	}
	d.set(false, false) // lets what is still under way end
}

func TestOpenOnFullDisk(t *testing.T) {
	d := newDisk()
	d.set(true, true)
	for range 20 { // a disk fills up at any moment of the opening
		_, err := store.OpenPebble("data", store.Options{FS: d})
		if !errors.Is(err, store.ErrFull) || !strings.Contains(err.Error(), "data") {
			t.Fatalf("got %v; want ErrFull that names the directory", err)
		}
	}
	d.set(false, false)
	s := openPebble(t, "data", store.Options{FS: d})
	mustPut(t, s, "k")
	mustClose(t, s)
}

// TestOpenOnFillingDisk lets the disk be full from the n-th write of the
// opening on.
func TestOpenOnFillingDisk(t *testing.T) {
	for name, errno := range errnos {
		t.Run(name, func(t *testing.T) { testOpenOnFillingDisk(t, errno) })
	}
}

func testOpenOnFillingDisk(t *testing.T, errno syscall.Errno) {
	for n := 0; ; n++ {
		var mu sync.Mutex
		writes, ended := 0, false // guarded by mu
		fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
			mu.Lock()
			defer mu.Unlock()
			switch op.Kind {
			case errorfs.OpCreate, errorfs.OpFileWrite, errorfs.OpFilePreallocate, errorfs.OpMkdirAll:
				if writes++; writes > n && !ended {
					return errno
				}
			}
			return nil
		}))
		s, err := store.OpenPebble("data", store.Options{FS: fs})
		if err == nil {
			if n < 5 {
				t.Errorf("opened after %d writes: the disk was never full", n)
			}
			if _, err := put(s, "k"); n > 0 && err != nil && !errors.Is(err, store.ErrFull) {
				t.Errorf("Write after %d: %v; want ErrFull", n, err)
			}
			mu.Lock()
			ended = true
			mu.Unlock()
			mustClose(t, s)
			return
		}
		if !errors.Is(err, store.ErrFull) || !strings.Contains(err.Error(), "data") {
			t.Fatalf("full after %d writes: %v; want ErrFull that names the directory", n, err)
		}
	}
}

func put(s store.Store, key string) ([]uint64, error) {
	return s.Write(store.Change{Key: key, Value: []byte(key), Expect: store.AnyRevision})
}

func mustPut(t *testing.T, s store.Store, key string) {
	t.Helper()
	if _, err := put(s, key); err != nil {
		t.Fatalf("Write %q: %v", key, err)
	}
}

func mustClose(t *testing.T, s store.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

// mustHold checks that these keys and no others are stored.
func mustHold(t *testing.T, s store.Store, want ...string) {
	t.Helper()
	var got []string
	for e, err := range s.Scan("") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Key)
	}
	if strings.Join(got, ",") != strings.Join(want, ",") {
		t.Errorf("stored are %q; want %q", got, want)
	}
}
