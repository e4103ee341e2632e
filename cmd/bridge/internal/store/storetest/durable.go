package storetest

import (
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
)

// durability is what a store must keep over Close and a new open.
var durability = []struct {
	name  string
	check func(t *testing.T, open func() store.Store)
}{
	{"values, revisions and deletions outlive Close", func(t *testing.T, open func() store.Store) {
		s := open()
		a, b := put(t, s, "a", "1"), put(t, s, "b", "")
		write(t, s, store.Change{Key: "c", Value: []byte("3"), Expect: 0})
		write(t, s, store.Change{Key: "c", Expect: store.AnyRevision})
		shut(t, s)

		s = open()
		defer shut(t, s)
		wantScan(t, s, "", store.Entry{Key: "a", Value: []byte("1"), Revision: a},
			store.Entry{Key: "b", Value: []byte{}, Revision: b})
	}},
	{"the expected revision is checked after a new open too", func(t *testing.T, open func() store.Store) {
		s := open()
		old := put(t, s, "k", "1")
		now := put(t, s, "k", "2")
		shut(t, s)

		s = open()
		defer shut(t, s)
		_, err := s.Write(store.Change{Key: "k", Value: []byte("3"), Expect: old})
		wantError(t, "Write", err, store.ErrConflict)
		write(t, s, store.Change{Key: "k", Value: []byte("3"), Expect: now})
	}},
	{"a revision does not come back after a deletion and a new open", func(t *testing.T, open func() store.Store) {
		s := open()
		old := put(t, s, "k", "1")
		write(t, s, store.Change{Key: "k", Expect: old})
		shut(t, s)

		s = open()
		defer shut(t, s)
		if again := put(t, s, "k", "2"); again <= old {
			t.Errorf("revision %d after %d", again, old)
		}
	}},
}

func shut(t *testing.T, s store.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
}
