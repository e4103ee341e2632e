package report

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	errAway    = &delivery.Error{Kind: delivery.KindUnreachable, Reason: "no connection"}
	errRefused = &delivery.Error{Kind: delivery.KindRefused, Status: 404, Reason: "the package server answered 404"}
)

// world is a queue, its store and those who are told.
type world struct {
	t    *testing.T
	db   *flaky
	q    *Queue
	stop func()
	log  bytes.Buffer

	mu     sync.Mutex
	told   []string
	answer map[string]error // by host
	during func()           // called in each POST
	notes  []string
}

// flaky is a store that refuses to delete when it is told to.
type flaky struct {
	store.Store
	full atomic.Bool
}

func (f *flaky) Write(changes ...store.Change) ([]uint64, error) {
	if f.full.Load() {
		return nil, store.ErrFull
	}
	return f.Store.Write(changes...)
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, db: &flaky{Store: store.NewMemory()}, answer: map[string]error{}}
	w.start()
	return w
}

// start begins a life of the queue.
func (w *world) start() {
	w.t.Helper()
	q, err := New(Options{Store: w.db, Post: w.post, Note: w.note, Log: slog.New(slog.NewTextHandler(&w.log, nil))})
	if err != nil {
		w.t.Fatal(err)
	}
	w.q = q
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := q.Run(ctx); err != nil {
			w.t.Error(err)
		}
	}()
	w.stop = func() { cancel(); <-done }
}

func (w *world) post(ctx context.Context, uri string, s delivery.InstallStatus) error {
	w.mu.Lock()
	w.told = append(w.told, fmt.Sprint(uri, " ", s))
	answer, during := w.answer[report{URI: uri}.host()], w.during
	w.mu.Unlock()
	if during != nil {
		during()
	}
	if answer == context.Canceled {
		<-ctx.Done()
		return ctx.Err()
	}
	return answer
}

func (w *world) note(device, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notes = append(w.notes, device+": "+text)
}

// is sets how a host answers.
func (w *world) is(host string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer[host] = err
}

// meanwhile sets what happens in each POST.
func (w *world) meanwhile(during func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.during = during
}

// end ends an update.
func (w *world) end(uri string, s delivery.InstallStatus) {
	w.t.Helper()
	c, written, ok := w.q.Draft("dev", uri, s)
	if !ok {
		w.t.Fatalf("%s is not told", uri)
	}
	if _, err := w.db.Write(c); err != nil {
		w.t.Fatal(err)
	}
	written()
}

// posts is how many were told since the last time.
func (w *world) posts() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.told)
}

// expect compares what was told since the last time.
func (w *world) expect(want ...string) {
	w.t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if got := strings.Join(w.told, "; "); got != strings.Join(want, "; ") {
		w.t.Errorf("told %s; want %s", got, strings.Join(want, "; "))
	}
	w.told = nil
}

// stored is how many reports are in the store.
func (w *world) stored() (n int) {
	w.t.Helper()
	for _, err := range w.db.Scan(prefix) {
		if err != nil {
			w.t.Fatal(err)
		}
		n++
	}
	return n
}

func (w *world) counts(want Counts) {
	w.t.Helper()
	if got := w.q.Counts(); got != want || w.stored() != want.Waiting {
		w.t.Errorf("%+v and %d stored, want %+v", got, w.stored(), want)
	}
}

// run runs a test whose time is not real.
func run(t *testing.T, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		f(w)
		w.stop()
		if strings.Contains(w.log.String(), "secret") {
			t.Errorf("a URI is logged: %s", w.log.String())
		}
	})
}

func TestTaken(t *testing.T) {
	run(t, func(w *world) {
		w.end("http://a.example/r?secret", delivery.StatusSuccess)
		w.expect("http://a.example/r?secret 900 Success")
		w.counts(Counts{Accepted: 1})
		w.stop()
		w.start()
		w.expect()
	})
}

func TestRefused(t *testing.T) {
	run(t, func(w *world) {
		w.is("a.example", errRefused)
		w.end("http://a.example/r?secret", delivery.StatusLoaderError)
		w.expect("http://a.example/r?secret 954 Loader Error")
		w.counts(Counts{Refused: 1})
		if !strings.Contains(w.log.String(), "answered 404") {
			t.Error(w.log.String())
		}
	})
}

// TestDraft: what is not written is not told, and what cannot be told is not to
// be written.
func TestDraft(t *testing.T) {
	run(t, func(w *world) {
		if _, _, ok := w.q.Draft("dev", "http://a.example/r", delivery.StatusSuccess); !ok {
			t.Error("no draft")
		}
		long := "http://a.example/" + strings.Repeat("x", MaxURI-len("http://a.example/"))
		for uri, want := range map[string]bool{"": false, "/nowhere": false, "http://%zz/secret": false, long: true, long + "x": false} {
			if _, _, ok := w.q.Draft("dev", uri, delivery.StatusSuccess); ok != want {
				t.Errorf("%.20s, %d bytes: %v", uri, len(uri), ok)
			}
		}
		w.expect()
		w.counts(Counts{Dropped: 3})
	})
}

// TestAway: what a server does not take now is told in the next life, and once.
func TestAway(t *testing.T) {
	run(t, func(w *world) {
		w.is("a.example", errAway)
		w.end("http://a.example/r", delivery.StatusSuccess)
		w.expect("http://a.example/r 900 Success")
		w.counts(Counts{Waiting: 1})
		w.stop()
		w.is("a.example", nil)
		w.start()
		w.expect("http://a.example/r 900 Success")
		w.counts(Counts{Accepted: 1})
		time.Sleep(2 * Life)
		w.expect()
	})
}

// TestPauses: a host that fails is asked less and less, until it answers; then
// what waits goes out at once.
func TestPauses(t *testing.T) {
	run(t, func(w *world) {
		w.is("a.example", errAway)
		w.end("http://a.example/1", delivery.StatusSuccess)
		w.expect("http://a.example/1 900 Success")
		w.end("http://a.example/2", delivery.StatusSuccess)
		for i, pause := 0, FirstPause; i < 10; i, pause = i+1, min(2*pause, MaxPause) {
			time.Sleep(pause - 1)
			w.expect()
			time.Sleep(time.Nanosecond)
			w.expect(fmt.Sprintf("http://a.example/%d 900 Success", 1+i%2))
		}
		w.is("a.example", nil)
		time.Sleep(MaxPause)
		w.expect("http://a.example/1 900 Success", "http://a.example/2 900 Success")
		w.counts(Counts{Accepted: 2})
	})
}

// TestPauseBegins: after a success the pauses begin anew.
func TestPauseBegins(t *testing.T) {
	run(t, func(w *world) {
		w.is("a.example", errAway)
		w.end("http://a.example/0", delivery.StatusSuccess)
		w.expect("http://a.example/0 900 Success")
		w.end("http://a.example/1", delivery.StatusSuccess)
		w.end("http://a.example/2", delivery.StatusSuccess)
		w.is("a.example", nil)
		w.meanwhile(func() { w.is("a.example", errAway) }) // from the next one on
		time.Sleep(FirstPause)
		w.expect("http://a.example/0 900 Success", "http://a.example/1 900 Success")
		time.Sleep(FirstPause)
		w.expect("http://a.example/2 900 Success")
	})
}

// TestStopped: what is under way when the bridge stops has not failed.
func TestStopped(t *testing.T) {
	run(t, func(w *world) {
		w.is("a.example", context.Canceled)
		w.end("http://a.example/r", delivery.StatusSuccess)
		synctest.Wait()
		w.stop()
		if w.log.Len() > 0 || len(w.notes) > 0 || w.stored() != 1 {
			t.Errorf("%d stored; %s %q", w.stored(), w.log.String(), w.notes)
		}
	})
}

// TestNotes: the time line says what becomes of a report, and once that it was
// not taken.
func TestNotes(t *testing.T) {
	run(t, func(w *world) {
		w.is("a.example", errAway)
		w.end("http://a.example/r?secret", delivery.StatusSuccess)
		time.Sleep(5 * FirstPause)
		w.is("a.example", nil)
		w.is("b.example", errRefused)
		w.end("http://b.example/r?secret", delivery.StatusLoaderError)
		time.Sleep(MaxPause)
		synctest.Wait()
		want := []string{
			"dev: install report 900 Success to a.example: not taken, comes again (unreachable: no connection)",
			"dev: install report 954 Loader Error to b.example: refused (refused: the package server answered 404)",
			"dev: install report 900 Success to a.example: taken",
		}
		if !slices.Equal(w.notes, want) {
			t.Errorf("%q", w.notes)
		}
	})
}

// TestLife: after a day nobody is told any more.
func TestLife(t *testing.T) {
	run(t, func(w *world) {
		w.is("a.example", errAway)
		w.end("http://a.example/r?secret", delivery.StatusSuccess)
		time.Sleep(Life - 1)
		synctest.Wait()
		w.counts(Counts{Waiting: 1})
		w.is("a.example", nil)
		w.told = nil
		time.Sleep(MaxPause)
		w.expect()
		w.counts(Counts{Dropped: 1})
		if !strings.Contains(w.log.String(), "not taken in time") {
			t.Error(w.log.String())
		}
	})
}

// TestOthers: a host that hangs holds up its own reports only, and is given up
// after PostTime.
func TestOthers(t *testing.T) {
	run(t, func(w *world) {
		w.is("slow.example", context.Canceled)
		w.end("http://slow.example/1", delivery.StatusSuccess)
		w.end("http://slow.example/2", delivery.StatusSuccess)
		w.expect("http://slow.example/1 900 Success")
		w.end("http://a.example/r", delivery.StatusSuccess)
		w.expect("http://a.example/r 900 Success")
		time.Sleep(PostTime + FirstPause - 1)
		w.expect()
		time.Sleep(time.Nanosecond)
		w.expect("http://slow.example/2 900 Success")
		w.counts(Counts{Waiting: 2, Accepted: 1})
	})
}

// TestMaxPosts: so many hosts are told at once, and no more.
func TestMaxPosts(t *testing.T) {
	run(t, func(w *world) {
		for i := range MaxPosts + 1 {
			host := fmt.Sprintf("h%d.example", i)
			w.is(host, context.Canceled)
			w.end("http://"+host+"/", delivery.StatusSuccess)
		}
		synctest.Wait()
		if w.posts() != MaxPosts {
			t.Errorf("%d at once", w.posts())
		}
		time.Sleep(PostTime)
		synctest.Wait()
		if w.posts() != MaxPosts+1 {
			t.Errorf("%d in the end", w.posts())
		}
	})
}

// TestMaxWaiting: over the limit nobody is told.
func TestMaxWaiting(t *testing.T) {
	run(t, func(w *world) {
		w.is("a.example", errAway)
		for range MaxWaiting {
			w.q.add(waiting{report: report{URI: "http://a.example/r", Since: time.Now()}})
		}
		w.q.mu.Lock()
		w.q.counts.Waiting--
		w.q.mu.Unlock()
		w.end("http://a.example/r", delivery.StatusSuccess)
		if _, _, ok := w.q.Draft("dev", "http://a.example/r", delivery.StatusSuccess); ok || w.q.Counts().Dropped != 1 {
			t.Errorf("%+v", w.q.Counts())
		}
	})
}

// TestNotDeleted: a report that was taken while the store is full is not told
// again in this life, and goes when there is room.
func TestNotDeleted(t *testing.T) {
	run(t, func(w *world) {
		w.meanwhile(func() { w.db.full.Store(true) })
		w.end("http://a.example/r?secret", delivery.StatusSuccess)
		w.expect("http://a.example/r?secret 900 Success")
		w.counts(Counts{Waiting: 1, Accepted: 1})
		w.db.full.Store(false)
		time.Sleep(FirstPause)
		w.expect()
		w.counts(Counts{Accepted: 1})
	})
}

// TestUnreadable: what cannot be read is left alone, and said.
func TestUnreadable(t *testing.T) {
	run(t, func(w *world) {
		w.stop()
		for i, value := range []string{"{", `{"uri":"x"}`} {
			if _, err := w.db.Write(store.Change{Key: fmt.Sprint(prefix, i), Value: []byte(value)}); err != nil {
				t.Fatal(err)
			}
		}
		w.start()
		w.expect()
		if w.stored() != 2 || strings.Count(w.log.String(), "left alone") != 2 {
			t.Errorf("%d stored; %s", w.stored(), w.log.String())
		}
	})
	if _, err := New(Options{Store: broken{}}); !errors.Is(err, store.ErrClosed) {
		t.Error(err)
	}
}

// broken is a store that cannot be read.
type broken struct{ store.Store }

func (broken) Scan(string) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) { yield(store.Entry{}, store.ErrClosed) }
}
