package storetest

import (
	"errors"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
)

const (
	writers = 16 // at once
	rounds  = 25 // writes of each
)

var concurrency = []rule{
	{"of concurrent writers of one revision one wins: no update is lost", func(t *testing.T, s store.Store) {
		put(t, s, "n", "0")
		together(func(int) {
			for range rounds {
				if err := increment(s, "n"); err != nil {
					t.Error(err)
					return
				}
			}
		})
		if got, want := string(get(t, s, "n").Value), strconv.Itoa(writers*rounds); got != want {
			t.Errorf("counted to %s; want %s", got, want)
		}
	}},
	{"revisions are given out once", func(t *testing.T, s store.Store) {
		var mu sync.Mutex
		seen := map[uint64]bool{}
		together(func(i int) {
			for range rounds {
				revisions, err := s.Write(store.Change{Key: strconv.Itoa(i), Value: []byte("v"), Expect: store.AnyRevision},
					store.Change{Key: "all", Value: []byte("v"), Expect: store.AnyRevision})
				mu.Lock()
				if err != nil || seen[revisions[0]] || seen[revisions[1]] {
					t.Errorf("revisions %v (%v): seen before or failed", revisions, err)
				} else {
					seen[revisions[0]], seen[revisions[1]] = true, true
				}
				mu.Unlock()
			}
		})
	}},
	{"what Write returned can be read", func(t *testing.T, s store.Store) {
		together(func(i int) {
			key := strconv.Itoa(i)
			for range rounds {
				rev, err := s.Write(store.Change{Key: key, Value: []byte("v"), Expect: store.AnyRevision})
				e, gerr := s.Get(key)
				if err != nil || gerr != nil || e.Revision != rev[0] {
					t.Errorf("wrote %v (%v), read %d (%v)", rev, err, e.Revision, gerr)
					return
				}
			}
		})
	}},
	{"a Scan never sees half a batch", func(t *testing.T, s store.Store) {
		write(t, s, store.Change{Key: "x", Value: []byte("0"), Expect: 0}, store.Change{Key: "y", Value: []byte("0"), Expect: 0})
		together(func(i int) {
			for n := range rounds {
				v := []byte(strconv.Itoa(i*rounds + n))
				if _, err := s.Write(store.Change{Key: "x", Value: v, Expect: store.AnyRevision},
					store.Change{Key: "y", Value: v, Expect: store.AnyRevision}); err != nil {
					t.Error(err)
				}
				values := map[string]bool{}
				for e, err := range s.Scan("") {
					if err != nil {
						t.Error(err)
					}
					values[string(e.Value)] = true
				}
				if len(values) != 1 {
					t.Errorf("x and y differ: %v", values)
				}
			}
		})
	}},
}

// closing is a rule of concurrency: see Scan.
var closing = rule{"a loop that is under way when Close is called ends well", func(t *testing.T, s store.Store) {
	put(t, s, "a", "1")
	put(t, s, "b", "2")
	closed := make(chan error, 1)
	var got []string
	for e, err := range s.Scan("") {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, e.Key); len(got) > 1 {
			continue
		}
		go func() { closed <- s.Close() }()
		for err := error(nil); !errors.Is(err, store.ErrClosed); _, err = s.Get("a") {
			runtime.Gosched() // until Close has begun
		}
	}
	if len(got) != 2 {
		t.Errorf("the loop saw %q; want a and b", got)
	}
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
}}

// together runs f in as many goroutines as there are writers and waits.
func together(f func(i int)) {
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

// increment adds one to the number under key, however often it must try.
func increment(s store.Store, key string) error {
	for {
		e, err := s.Get(key)
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(string(e.Value))
		if err != nil {
			return err
		}
		_, err = s.Write(store.Change{Key: key, Value: []byte(strconv.Itoa(n + 1)), Expect: e.Revision})
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}
