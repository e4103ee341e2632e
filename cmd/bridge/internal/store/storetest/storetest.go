// Package storetest is the promise of [store.Store] as a test: what every
// implementation must do, one sentence each. It belongs to tests only and
// holds no store of its own but [Fault], which makes one fail.
package storetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
)

// rule is one sentence of the contract.
type rule struct {
	name  string
	check func(t *testing.T, s store.Store)
}

// Run holds an implementation against the contract. Open returns a new, empty
// store; Run closes it.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, rules := range [][]rule{reads, writes, refusals, concurrency, {closing}} {
		for _, r := range rules {
			t.Run(r.name, func(t *testing.T) {
				s := open(t)
				t.Cleanup(func() {
					if err := s.Close(); err != nil {
						t.Errorf("Close: %v", err)
					}
				})
				r.check(t, s)
			})
		}
	}
}

// RunDurable is Run for a store that lives in a directory, and what it must
// keep when it is opened again. Open opens the store of dir, new or not.
func RunDurable(t *testing.T, open func(t *testing.T, dir string) store.Store) {
	Run(t, func(t *testing.T) store.Store { return open(t, t.TempDir()) })
	for _, r := range durability {
		t.Run(r.name, func(t *testing.T) {
			dir := t.TempDir()
			r.check(t, func() store.Store { return open(t, dir) })
		})
	}
}

// put writes one value whatever is there, and returns its revision.
func put(t *testing.T, s store.Store, key, value string) uint64 {
	t.Helper()
	return write(t, s, store.Change{Key: key, Value: []byte(value), Expect: store.AnyRevision})[0]
}

func write(t *testing.T, s store.Store, changes ...store.Change) []uint64 {
	t.Helper()
	revisions, err := s.Write(changes...)
	if err != nil {
		t.Fatalf("Write: %v", err)
	}
	return revisions
}

func get(t *testing.T, s store.Store, key string) store.Entry {
	t.Helper()
	e, err := s.Get(key)
	if err != nil {
		t.Fatalf("Get(%q): %v", key, err)
	}
	return e
}

// scan collects a Scan.
func scan(t *testing.T, s store.Store, prefix string) []store.Entry {
	t.Helper()
	var all []store.Entry
	for e, err := range s.Scan(prefix) {
		if err != nil {
			t.Fatalf("Scan(%q): %v", prefix, err)
		}
		all = append(all, e)
	}
	return all
}

// wantError reports an error that is not the wanted one.
func wantError(t *testing.T, what string, got, want error) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateErrors()); diff != "" {
		t.Errorf("%s: got error %v, want %v", what, got, want)
	}
}

// wantScan reports entries under prefix that are not the wanted ones.
func wantScan(t *testing.T, s store.Store, prefix string, want ...store.Entry) {
	t.Helper()
	if diff := cmp.Diff(want, scan(t, s, prefix)); diff != "" {
		t.Errorf("Scan(%q) (-want +got):\n%s", prefix, diff)
	}
}
