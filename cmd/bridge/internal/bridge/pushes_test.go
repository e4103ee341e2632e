package bridge

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/transfer"
)

// someFile is a file of n bytes.
func someFile(t *testing.T, n int64) file {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "package"))
	if err == nil {
		err = f.Truncate(n)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() }) // a push closes it before
	return file{f, n}
}

// send takes a push block by block, as package coap does.
func send(ctx context.Context, p *push, block int) error {
	for at := int64(0); at < p.Size(); {
		n := int(min(int64(block), p.Size()-at))
		if err := p.Pace(ctx, n); err != nil {
			return err
		}
		if _, err := p.ReadAt(make([]byte, n), at); err != nil && err != io.EOF {
			return err
		}
		at += int64(n)
	}
	return nil
}

func nobodySleeps(string) bool { return false }

// TestPushRate: a push keeps its pace, and does not make up for time lost.
func TestPushRate(t *testing.T) {
	for _, test := range []struct {
		rate int64
		want time.Duration
	}{{0, 0}, {-1, 0}, {1000, 9 * time.Second}, {10_000, 900 * time.Millisecond}} {
		synctest.Test(t, func(t *testing.T) {
			ps := newPushes(1, func(endpoint string) int64 {
				if endpoint != "dev" {
					t.Errorf("asked for the pace of %q", endpoint)
				}
				return test.rate
			}, nobodySleeps, newWatch())
			p := ps.begin("dev", someFile(t, 10_000))
			began := time.Now()
			if err := send(t.Context(), p, 1000); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took != test.want { // the first block goes at once
				t.Errorf("%d bytes a second: it took %v, want %v", test.rate, took, test.want)
			}
			p.Done(nil)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		p := newPushes(1, func(string) int64 { return 1000 }, nobodySleeps, newWatch()).begin("dev", someFile(t, 10))
		for i, want := range []time.Duration{0, time.Second, time.Second} {
			if i == 1 {
				<-time.After(time.Hour) // a device that was slow, once
				want = 0
			}
			began := time.Now()
			if err := p.Pace(t.Context(), 1000); err != nil || time.Since(began) != want {
				t.Errorf("block %d: after %v, want %v; %v", i, time.Since(began), want, err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second-1)
		defer cancel()
		if err := p.Pace(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		p.Done(nil)
	})
}

// TestMaxPushes: at the limit the next one waits, is shown so, and goes on when
// one is over; first come, first served.
func TestMaxPushes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 3
		w := newWatch()
		var lines []string
		w.board.Tell = func(e transfer.Event) { lines = append(lines, e.Device+": "+e.Text()) }
		ps := newPushes(most, nil, nobodySleeps, w)
		var running []*push
		for _, name := range []string{"a", "b", "c"} {
			p := ps.begin(name, someFile(t, 10))
			if err := p.Pace(t.Context(), 10); err != nil {
				t.Fatal(err)
			}
			running = append(running, p)
		}
		var order []string
		later := func(name string) {
			p := ps.begin(name, someFile(t, 10))
			go func() {
				if err := send(t.Context(), p, 10); err != nil {
					t.Error(err)
				}
				order = append(order, name)
				p.Done(nil)
			}()
			synctest.Wait()
		}
		later("d")
		later("e")
		if all := w.board.List(); len(order) != 0 || len(all) != 2 || !all[0].Waiting || all[0].Device != "d" || all[0].Total != 10 {
			t.Errorf("done: %v, shown: %+v", order, all)
		}
		given := ps.begin("f", someFile(t, 10))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := given.Pace(ctx, 10); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		given.Done(context.DeadlineExceeded)
		running[1].Done(nil)
		synctest.Wait()
		if want := []string{"d", "e"}; !slices.Equal(order, want) {
			t.Errorf("done: %v, want %v", order, want)
		}
		running[0].Done(errors.New("x"))
		running[2].Done(nil)
		if len(ps.places) != 0 {
			t.Errorf("%d places are taken still", len(ps.places))
		}
		if want := []string{"d: package pushed, 10 B", "e: package pushed, 10 B"}; !slices.Equal(lines[len(lines)-2:], want) {
			t.Errorf("told %q", lines)
		}
	})
}

// TestPushToSleeper: a device that sleeps is not kept waiting until it does not
// listen any more.
func TestPushToSleeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ps := newPushes(1, nil, func(endpoint string) bool { return endpoint == "sleepy" }, newWatch())
		first := ps.begin("dev", someFile(t, 10))
		if err := first.Pace(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
		p := ps.begin("sleepy", someFile(t, 10))
		began := time.Now()
		if err := p.Pace(t.Context(), 10); err != errNoPlace || time.Since(began) != placeWait {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		p.Done(errNoPlace)
		first.Done(nil)
		p = ps.begin("sleepy", someFile(t, 10))
		if err := p.Pace(t.Context(), 10); err != nil {
			t.Error(err)
		}
		p.Done(nil)
	})
}
