package store_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
)

// crashDir names the environment variable that makes the test binary the
// process that is killed.
const crashDir = "STORE_CRASH_DIR"

// brokenDir is the same for a process whose disk breaks.
const brokenDir = "STORE_BROKEN_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		os.Exit(writeUntilKilled(dir))
	}
	if dir := os.Getenv(brokenDir); dir != "" {
		os.Exit(writeOnBrokenDisk(dir))
	}
	os.Exit(m.Run())
}

// writeUntilKilled writes batches of two keys and prints each pair that was
// acknowledged.
func writeUntilKilled(dir string) int {
	s, err := store.OpenPebble(dir, store.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for n := 0; ; n++ {
				key := fmt.Sprintf("%d/%06d", w, n)
				if _, err := s.Write(store.Change{Key: "a/" + key, Value: []byte(key), Expect: 0},
					store.Change{Key: "b/" + key, Value: []byte(key), Expect: 0}); err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
				fmt.Println(key)
			}
		})
	}
	wg.Wait()
	return 1
}

func TestKilledProcess(t *testing.T) {
	dir := t.TempDir()
	for round := range 3 {
		acknowledged := killWriter(t, dir, 400)
		s := openPebble(t, dir, store.Options{})
		for _, key := range acknowledged {
			for _, side := range []string{"a/", "b/"} {
				if e, err := s.Get(side + key); err != nil || string(e.Value) != key {
					t.Errorf("round %d: %s was acknowledged, now %q, %v", round, side+key, e.Value, err)
				}
			}
		}
		var clear []store.Change
		pairs := map[string]int{}
		for e, err := range s.Scan("") {
			if err != nil {
				t.Fatal(err)
			}
			pairs[e.Key[2:]]++
			clear = append(clear, store.Change{Key: e.Key, Expect: e.Revision})
		}
		for key, n := range pairs {
			if n != 2 {
				t.Errorf("round %d: half of batch %s is stored", round, key)
			}
		}
		for len(clear) > 0 { // the next round begins with an empty store
			n := min(len(clear), store.MaxBatch)
			if _, err := s.Write(clear[:n]...); err != nil {
				t.Fatal(err)
			}
			clear = clear[n:]
		}
		mustClose(t, s)
	}
}

// writeOnBrokenDisk writes once, then again on a disk that fails.
func writeOnBrokenDisk(dir string) int {
	var broken atomic.Bool
	fs := errorfs.Wrap(vfs.Default, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken.Load() && strings.HasSuffix(op.Path, ".log") && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return syscall.EIO
		}
		return nil
	}))
	s, err := store.OpenPebble(dir, store.Options{FS: fs})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	_, err = put(s, "before")
	fmt.Fprintln(os.Stderr, "before:", err)
	broken.Store(true)
	_, err = put(s, "after")
	fmt.Fprintln(os.Stderr, "after:", err)
	return 0
}

// TestBrokenDisk: no write is acknowledged that may not be there; the process
// ends and says what to do.
func TestBrokenDisk(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), brokenDir+"="+dir)
	out, err := cmd.CombinedOutput()
	text := string(out)
	if err == nil || !strings.Contains(text, "before: <nil>") || strings.Contains(text, "after:") ||
		!strings.Contains(text, "start the bridge again to recover") || !strings.Contains(text, syscall.EIO.Error()) {
		t.Errorf("the process ended with %v and said\n%s", err, text)
	}
	s := openPebble(t, dir, store.Options{})
	defer mustClose(t, s)
	if _, err := s.Get("before"); err != nil {
		t.Errorf("what was acknowledged before: %v", err)
	}
}

// killWriter starts the writing process, kills it after n acknowledgements
// and returns all that it printed.
func killWriter(t *testing.T, dir string, n int) []string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var acknowledged []string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		acknowledged = append(acknowledged, lines.Text())
		if len(acknowledged) == n {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // killed: that is its error
	if len(acknowledged) < n {
		t.Fatalf("the writer acknowledged %d writes; want %d", len(acknowledged), n)
	}
	return acknowledged
}

// TestPowerLoss keeps of the file system only what was synced.
func TestPowerLoss(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := openPebble(t, "data", store.Options{FS: fs})
	var want []string
	for i := range 20 {
		key := fmt.Sprintf("%02d", i)
		want = append(want, key)
		mustPut(t, s, key)
		after := openPebble(t, "data", store.Options{FS: fs.CrashClone(vfs.CrashCloneCfg{})})
		mustHold(t, after, want...)
		mustClose(t, after)
	}
	mustClose(t, s)
}
