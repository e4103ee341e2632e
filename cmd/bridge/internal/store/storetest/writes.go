package storetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
)

var writes = []rule{
	{"revisions grow with every write of a key", func(t *testing.T, s store.Store) {
		last := uint64(0)
		for range 3 {
			rev := put(t, s, "k", "v")
			if rev <= last {
				t.Errorf("revision %d after %d", rev, last)
			}
			last = rev
		}
	}},
	{"revisions grow over a deletion: an old one never fits again", func(t *testing.T, s store.Store) {
		old := put(t, s, "k", "v")
		write(t, s, store.Change{Key: "k", Expect: old})
		if again := put(t, s, "k", "v"); again <= old {
			t.Errorf("revision %d after the deletion of revision %d", again, old)
		}
		_, err := s.Write(store.Change{Key: "k", Value: []byte("w"), Expect: old})
		wantError(t, "Write", err, store.ErrConflict)
	}},
	{"Write returns the revisions in the order of the changes, 0 for a deletion", func(t *testing.T, s store.Store) {
		put(t, s, "gone", "v")
		revisions := write(t, s,
			store.Change{Key: "b", Value: []byte("1"), Expect: 0},
			store.Change{Key: "gone", Expect: store.AnyRevision},
			store.Change{Key: "a", Value: []byte("2"), Expect: 0})
		want := []uint64{get(t, s, "b").Revision, 0, get(t, s, "a").Revision}
		if diff := cmp.Diff(want, revisions); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}},
	{"a deleted key is not found and not scanned", func(t *testing.T, s store.Store) {
		rev := put(t, s, "k", "v")
		write(t, s, store.Change{Key: "k", Expect: rev})
		_, err := s.Get("k")
		wantError(t, "Get", err, store.ErrNotFound)
		wantScan(t, s, "")
	}},
	{"deleting what is not there is no error, unless it was expected", func(t *testing.T, s store.Store) {
		write(t, s, store.Change{Key: "k", Expect: store.AnyRevision}, store.Change{Key: "l", Expect: 0})
		_, err := s.Write(store.Change{Key: "k", Expect: 7})
		wantError(t, "Write", err, store.ErrConflict)
	}},
	{"the expected revision is written over", func(t *testing.T, s store.Store) {
		rev := put(t, s, "k", "one")
		write(t, s, store.Change{Key: "k", Value: []byte("two"), Expect: rev})
		if got := get(t, s, "k"); string(got.Value) != "two" {
			t.Errorf("got %q; want two", got.Value)
		}
	}},
	{"an empty batch is no error and no revision", func(t *testing.T, s store.Store) {
		if revisions := write(t, s); len(revisions) != 0 {
			t.Errorf("got %v; want none", revisions)
		}
	}},
	{"a batch that conflicts in one key changes none", func(t *testing.T, s store.Store) {
		a, b := put(t, s, "a", "1"), put(t, s, "b", "1")
		for name, bad := range map[string]store.Change{
			"other revision":      {Key: "b", Value: []byte("2"), Expect: a},
			"should not exist":    {Key: "b", Value: []byte("2"), Expect: 0},
			"should exist":        {Key: "c", Value: []byte("2"), Expect: b},
			"delete other":        {Key: "b", Expect: a},
			"revision not yet":    {Key: "b", Value: []byte("2"), Expect: b + 100},
			"delete of a missing": {Key: "c", Expect: b},
		} {
			revisions, err := s.Write(store.Change{Key: "a", Value: []byte("2"), Expect: a},
				bad, store.Change{Key: "d", Value: []byte("2"), Expect: 0})
			wantError(t, name, err, store.ErrConflict)
			if revisions != nil {
				t.Errorf("%s: revisions %v of a batch that failed", name, revisions)
			}
			wantScan(t, s, "", store.Entry{Key: "a", Value: []byte("1"), Revision: a},
				store.Entry{Key: "b", Value: []byte("1"), Revision: b})
		}
	}},
}
