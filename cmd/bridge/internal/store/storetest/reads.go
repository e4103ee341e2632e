package storetest

import (
	"fmt"
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
)

var reads = []rule{
	{"a key never written is not found", func(t *testing.T, s store.Store) {
		_, err := s.Get("nothing")
		wantError(t, "Get", err, store.ErrNotFound)
		wantScan(t, s, "")
	}},
	{"a value is read back with its key and revision", func(t *testing.T, s store.Store) {
		rev := put(t, s, "device/a", "one")
		e := get(t, s, "device/a")
		if e.Key != "device/a" || string(e.Value) != "one" || e.Revision != rev || rev == 0 {
			t.Errorf("got %q = %q at %d; want device/a = one at %d, not 0", e.Key, e.Value, e.Revision, rev)
		}
	}},
	{"a value of length zero is a value", func(t *testing.T, s store.Store) {
		put(t, s, "k", "")
		if e := get(t, s, "k"); len(e.Value) != 0 {
			t.Errorf("got %q; want an empty value", e.Value)
		}
	}},
	{"keys and values hold any byte", func(t *testing.T, s store.Store) {
		for _, text := range []string{"\x00", "\xff\xff", "a\x00b", "ü/\n", "\xff"} {
			put(t, s, text, text)
			if e := get(t, s, text); string(e.Value) != text {
				t.Errorf("key %q: got %q", text, e.Value)
			}
		}
		if n := len(scan(t, s, "")); n != 5 {
			t.Errorf("Scan of everything yields %d entries; want 5", n)
		}
		if n := len(scan(t, s, "\xff")); n != 2 {
			t.Errorf(`Scan of prefix \xff yields %d entries; want 2`, n)
		}
	}},
	{"Scan yields a prefix in key order, and nothing beside it", func(t *testing.T, s store.Store) {
		for _, key := range []string{"d/b", "d0", "d/a/x", "c/z", "d/c", "d/", "d", "e"} {
			put(t, s, key, "v:"+key)
		}
		var got []string
		for _, e := range scan(t, s, "d/") {
			got = append(got, e.Key)
			if string(e.Value) != "v:"+e.Key || e.Revision == 0 {
				t.Errorf("key %q has value %q, revision %d", e.Key, e.Value, e.Revision)
			}
		}
		if want := "[d/ d/a/x d/b d/c]"; fmt.Sprint(got) != want {
			t.Errorf("got %v; want %v", got, want)
		}
	}},
	{"a Scan can be left early, and begun again", func(t *testing.T, s store.Store) {
		put(t, s, "a", "1")
		put(t, s, "b", "2")
		all := s.Scan("")
		for range 2 {
			for e, err := range all {
				if err != nil || e.Key != "a" {
					t.Errorf("got %q, %v; want a", e.Key, err)
				}
				break
			}
		}
	}},
	{"a Scan shows the store as it was when the loop began", func(t *testing.T, s store.Store) {
		put(t, s, "a", "old")
		put(t, s, "c", "old")
		var got []string
		for e, err := range s.Scan("") {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, e.Key+"="+string(e.Value))
			put(t, s, "b", "new")
			put(t, s, "c", "new")
		}
		if want := "[a=old c=old]"; fmt.Sprint(got) != want {
			t.Errorf("got %v; want %v", got, want)
		}
	}},
}
