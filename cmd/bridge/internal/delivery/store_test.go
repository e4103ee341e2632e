package delivery

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStoreKeepsPackagesByDigest(t *testing.T) {
	dir := t.TempDir()
	b := random(100_000)
	s := openStore(t, StoreOptions{Dir: dir})
	d := put(t, s, "dev/1", b)
	if got := content(t, s, d); !bytes.Equal(got, b) {
		t.Error("other bytes came out")
	}
	if p, ok := s.Stat(d); !ok || p.Size != 100_000 || !cmp.Equal(p.Owners, []string{"dev/1"}) {
		t.Errorf("Stat = %+v, %v", p, ok)
	}
	if again := put(t, s, "", b); again != d || s.Usage().Packages != 1 || s.Usage().Bytes != 100_000 {
		t.Errorf("the same bytes are another package: %v, %+v", again, s.Usage())
	}
	if got := files(t, s, partialDir); got != nil {
		t.Errorf("left over: %v", got)
	}
	if s.Remove(d) != true || s.Remove(d) != false {
		t.Error("Remove")
	}
	if _, err := s.Open(t.Context(), d); err != ErrMissing || s.Usage().Bytes != 0 || len(files(t, s, packagesDir)) != 0 {
		t.Errorf("after Remove: %v, %+v", err, s.Usage())
	}
}

func TestStoreSurvivesRestart(t *testing.T) {
	dir := t.TempDir()
	s, err := OpenStore(StoreOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	b := random(1000)
	d := put(t, s, "", b)
	if _, err := OpenStore(StoreOptions{Dir: dir}); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a second one on the same directory: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	foreign := dir + "/" + packagesDir + "/README"
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, StoreOptions{Dir: dir})
	if got := content(t, s, d); !bytes.Equal(got, b) || s.Usage().Bytes != 1000 {
		t.Error("the package is not there")
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Error("a file that is not the store's was removed")
	}
}

func TestStoreLimits(t *testing.T) {
	for _, row := range []struct {
		name string
		o    StoreOptions
		size int64
		want Kind // KindInternal: none
	}{
		{"one package, at the limit", StoreOptions{MaxPackage: 100}, 100, KindInternal},
		{"one package, one over", StoreOptions{MaxPackage: 100}, 101, KindTooLarge},
		{"all bytes, at the limit", StoreOptions{MaxBytes: 100 + 50}, 100, KindInternal},
		{"all bytes, one over", StoreOptions{MaxBytes: 99 + 50}, 100, KindStorage},
		{"number, at the limit", StoreOptions{MaxPackages: 2}, 100, KindInternal},
		{"number, one over", StoreOptions{MaxPackages: 1}, 100, KindStorage},
	} {
		for _, announced := range []bool{true, false} {
			s := openStore(t, row.o)
			put(t, s, "held", random(50))
			size := int64(0)
			if announced {
				size = row.size
			}
			w, err := s.Begin(size)
			if err == nil {
				_, err = w.Write(random(int(row.size)))
				if _, err2 := w.Commit(""); err == nil {
					err = err2
				}
			}
			if err == nil != (row.want == KindInternal) || err != nil && KindOf(err) != row.want {
				t.Errorf("%s (announced %v): %v", row.name, announced, err)
			}
			if u := s.Usage(); err != nil && (u.Bytes != 50 || u.Packages != 1 || u.Writing != 0) || len(files(t, s, partialDir)) != 0 {
				t.Errorf("%s (announced %v): left over %+v", row.name, announced, u)
			}
		}
	}
}

func TestStoreDropsLeastRecentlyUsed(t *testing.T) {
	var dropped []Digest
	needed := map[Digest]bool{}
	now := time.Unix(1e9, 0) // stands still: the order of uses counts
	s := openStore(t, StoreOptions{MaxPackages: 5, Now: func() time.Time { return now }, Needed: func(d Digest) bool { return needed[d] },
		Dropped: func(p Package, err error) {
			if err != nil {
				t.Error(err)
			}
			dropped = append(dropped, p.Digest)
		}})
	a, b, c := put(t, s, "", random(1)), put(t, s, "owner", random(2)), put(t, s, "", random(3))
	d, e := put(t, s, "", random(4)), put(t, s, "", random(5))
	needed[d] = true
	content(t, s, a) // now c is the oldest that may go
	put(t, s, "", random(6))
	put(t, s, "", random(7))
	if want := []Digest{c, e}; !cmp.Equal(dropped, want) {
		t.Fatalf("dropped %v, want %v", dropped, want)
	}
	s.Hold("x", a)
	s.Hold("y", a)
	s.Retain("x") // nothing
	s.Release("owner", b)
	put(t, s, "", random(8))
	if dropped[len(dropped)-1] != b {
		t.Error("released, and not dropped; or held by y, and dropped")
	}
	s.Retain("y", d)
	if p, _ := s.Stat(a); len(p.Owners) != 0 {
		t.Errorf("still held by %v", p.Owners)
	}
	if list := s.List(); len(list) != 5 || list[0].Size != 8 {
		t.Errorf("List = %+v", list)
	}
}

func TestHoldBeforeItComes(t *testing.T) {
	s := openStore(t, StoreOptions{MaxPackages: 1})
	b := random(10)
	s.Hold("campaign", sha256.Sum256(b))
	put(t, s, "", b)
	if _, err := s.Begin(1); KindOf(err) != KindStorage {
		t.Errorf("Begin = %v", err)
	}
}

func TestAlteredByHand(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(t *testing.T, s *Store, d Digest)
		want error
	}{
		{"a bit", alter, ErrAltered},
		{"longer", func(t *testing.T, s *Store, d Digest) {
			f, err := os.OpenFile(s.o.Dir+"/"+fileOf(d), os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = f.WriteString("x")
			f.Close()
		}, ErrAltered},
		{"empty", func(t *testing.T, s *Store, d Digest) {
			if err := os.Truncate(s.o.Dir+"/"+fileOf(d), 0); err != nil {
				t.Fatal(err)
			}
		}, ErrAltered},
		{"deleted", func(t *testing.T, s *Store, d Digest) {
			if err := os.Remove(s.o.Dir + "/" + fileOf(d)); err != nil {
				t.Fatal(err)
			}
		}, ErrMissing},
	} {
		for _, how := range []string{"open", "look", "verify", "open after restart"} {
			var told []error
			o := StoreOptions{Dir: t.TempDir(), Dropped: func(_ Package, err error) { told = append(told, err) }}
			s, err := OpenStore(o)
			if err != nil {
				t.Fatal(err)
			}
			b := random(5000)
			d := put(t, s, "held", b)
			content(t, s, d)
			row.do(t, s, d)
			if how == "open after restart" && row.want == ErrAltered {
				_ = s.Close()
				if s, err = OpenStore(o); err != nil {
					t.Fatal(err)
				}
			}
			switch how {
			case "verify":
				err = s.Verify(t.Context(), d)
			case "look":
				_, err = s.Look(t.Context(), d)
			default:
				_, err = s.Open(t.Context(), d)
			}
			if err != row.want || !errors.Is(err, ErrMissing) || !cmp.Equal(told, []error{row.want}, cmp.Comparer(func(a, b error) bool { return a == b })) {
				t.Errorf("%s, %s: %v, told %v", row.name, how, err, told)
			}
			if _, ok := s.Stat(d); ok || s.Usage().Bytes != 0 {
				t.Errorf("%s, %s: still there", row.name, how)
			}
			put(t, s, "", b) // comes again
			if !bytes.Equal(content(t, s, d), b) {
				t.Errorf("%s, %s: not healed", row.name, how)
			}
			_ = s.Close()
		}
	}
}

func TestVerifyFindsWhatTheClockHides(t *testing.T) {
	s := openStore(t, StoreOptions{})
	d := put(t, s, "", random(5000))
	alter(t, s, d)
	s.mu.Lock() // as if the file system had noticed nothing
	info, err := os.Stat(s.o.Dir + "/" + fileOf(d))
	if err != nil {
		t.Fatal(err)
	}
	s.entries[d].known = stampOf(info)
	s.mu.Unlock()
	if err := s.Verify(t.Context(), d); err != ErrAltered {
		t.Errorf("Verify = %v", err)
	}
}

func TestWriterEnds(t *testing.T) {
	s := openStore(t, StoreOptions{})
	w, err := s.Begin(0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write([]byte("old"))
	if err := w.Reset(); err != nil || w.Size() != 0 {
		t.Fatal(err)
	}
	_, _ = w.Write([]byte("new"))
	p, err := w.Commit("")
	if err != nil || p.Digest != sha256.Sum256([]byte("new")) {
		t.Fatalf("%+v, %v", p, err)
	}
	w.Abort()
	if _, err := w.Write(nil); err != ErrWriterClosed {
		t.Errorf("Write after Commit: %v", err)
	}
	if _, err := w.Commit(""); err != ErrWriterClosed {
		t.Errorf("Commit again: %v", err)
	}
	if got := content(t, s, p.Digest); string(got) != "new" {
		t.Errorf("%q", got)
	}
	w, err = s.Begin(0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(""); KindOf(err) != KindUnsupported {
		t.Errorf("nothing at all: %v", err)
	}
	if u := s.Usage(); u.Bytes != 3 || u.Packages != 1 || u.Writing != 0 {
		t.Errorf("%+v", u)
	}
}

// fullDisk takes some bytes.
type fullDisk struct {
	w    io.Writer
	left int
	err  error
}

func (f *fullDisk) Write(p []byte) (int, error) {
	n := min(len(p), f.left)
	f.left -= n
	n, _ = f.w.Write(p[:n])
	if n < len(p) {
		return n, &fs.PathError{Op: "write", Path: "/secret/place", Err: f.err}
	}
	return n, nil
}

func TestDiskFull(t *testing.T) {
	for _, errno := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		s := openStore(t, StoreOptions{})
		held := put(t, s, "held", random(100))
		w, err := s.Begin(0)
		if err != nil {
			t.Fatal(err)
		}
		disk := &fullDisk{w.f, 700, errno}
		w.file = disk
		n, err := w.Write(random(1000))
		if e := asError(err); n != 700 || e.Kind != KindStorage || strings.Contains(e.Reason, "secret") {
			t.Errorf("Write = %d, %v", n, err)
		}
		if _, err := w.Commit(""); KindOf(err) != KindStorage {
			t.Errorf("Commit = %v", err)
		}
		if len(files(t, s, partialDir)) != 0 || s.Usage().Bytes != 100 {
			t.Errorf("left over %+v", s.Usage())
		}
		// With one that nobody needs, it goes on.
		s.Release("held", held)
		if w, err = s.Begin(0); err != nil {
			t.Fatal(err)
		}
		w.file = writerFunc(func(p []byte) (int, error) {
			if _, ok := s.Stat(held); ok {
				return (&fullDisk{w.f, 10, errno}).Write(p)
			}
			return w.f.Write(p)
		})
		b := random(1000)
		_, err = w.Write(b)
		p, err2 := w.Commit("")
		if err != nil || err2 != nil || !bytes.Equal(content(t, s, p.Digest), b) {
			t.Errorf("%v, %v", err, err2)
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestRealDiskFull needs root for a file system of 1 MiB.
func TestRealDiskFull(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=1m", "fwbridge-test", dir).CombinedOutput(); err != nil {
		t.Skipf("no small file system can be mounted here: %v %s", err, out)
	}
	t.Cleanup(func() {
		if err := exec.Command("umount", dir).Run(); err != nil {
			t.Error(err)
		}
	})
	s, err := OpenStore(StoreOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	kept := put(t, s, "held", random(600<<10))
	w, err := s.Begin(0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = w.Write(random(600 << 10)); KindOf(err) != KindStorage {
		t.Errorf("Write = %v", err)
	}
	w.Abort()
	if err := s.Verify(t.Context(), kept); err != nil {
		t.Error(err)
	}
	put(t, s, "", random(300<<10)) // what the other had is free again
}

// TestKilledWhileWriting runs itself, and kills that in the middle.
func TestKilledWhileWriting(t *testing.T) {
	const env = "FWBRIDGE_STORE_TO_DIE_IN"
	if dir := os.Getenv(env); dir != "" {
		s, err := OpenStore(StoreOptions{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		put(t, s, "", random(1000))
		w, err := s.Begin(0)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(random(2000))
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWhileWriting$")
	cmd.Env = append(os.Environ(), env+"="+dir)
	err := cmd.Run()
	if ee, ok := errors.AsType[*exec.ExitError](err); !ok || ee.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("it was not killed: %v", err)
	}
	if n, _ := os.ReadDir(dir + "/" + partialDir); len(n) != 1 {
		t.Fatalf("nothing was in the middle: %v", n)
	}
	s := openStore(t, StoreOptions{Dir: dir})
	if len(files(t, s, partialDir)) != 0 || s.Usage().Bytes != 1000 {
		t.Errorf("left over %+v", s.Usage())
	}
	if got := content(t, s, sha256.Sum256(random(1000))); len(got) != 1000 {
		t.Error("the one before is lost")
	}
}
