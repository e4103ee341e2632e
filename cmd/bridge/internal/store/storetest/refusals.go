package storetest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
)

var refusals = []rule{
	{"a key at the limit is taken, one over it refused", func(t *testing.T, s store.Store) {
		limit := strings.Repeat("k", store.MaxKey)
		put(t, s, limit, "v")
		get(t, s, limit)
		_, err := s.Write(store.Change{Key: limit + "k", Value: []byte("v"), Expect: store.AnyRevision})
		wantError(t, "Write", err, store.ErrInvalid)
		_, err = s.Get(limit + "k")
		wantError(t, "Get", err, store.ErrInvalid)
	}},
	{"an empty key is refused", func(t *testing.T, s store.Store) {
		_, err := s.Write(store.Change{Value: []byte("v"), Expect: store.AnyRevision})
		wantError(t, "Write", err, store.ErrInvalid)
		_, err = s.Get("")
		wantError(t, "Get", err, store.ErrInvalid)
	}},
	{"a value at the limit is taken, one over it refused", func(t *testing.T, s store.Store) {
		value := make([]byte, store.MaxValue+1)
		write(t, s, store.Change{Key: "k", Value: value[:store.MaxValue], Expect: 0})
		if n := len(get(t, s, "k").Value); n != store.MaxValue {
			t.Errorf("read back %d bytes; want %d", n, store.MaxValue)
		}
		_, err := s.Write(store.Change{Key: "l", Value: value, Expect: 0})
		wantError(t, "Write", err, store.ErrInvalid)
	}},
	{"a batch at the limit is taken, one over it refused", func(t *testing.T, s store.Store) {
		batch := make([]store.Change, store.MaxBatch+1)
		for i := range batch {
			batch[i] = store.Change{Key: fmt.Sprintf("%04d", i), Value: []byte("v"), Expect: 0}
		}
		_, err := s.Write(batch...)
		wantError(t, "Write", err, store.ErrInvalid)
		wantScan(t, s, "")
		write(t, s, batch[:store.MaxBatch]...)
		if n := len(scan(t, s, "")); n != store.MaxBatch {
			t.Errorf("%d entries; want %d", n, store.MaxBatch)
		}
	}},
	{"the bytes of a batch at the limit are taken, one over refused", func(t *testing.T, s store.Store) {
		const n = store.MaxBatchBytes / store.MaxValue
		batch := make([]store.Change, n)
		value := make([]byte, store.MaxValue)
		for i := range batch { // one byte of key, the rest value: exactly the limit
			batch[i] = store.Change{Key: string(rune('a' + i)), Value: value[:store.MaxValue-1], Expect: 0}
		}
		write(t, s, batch...)
		batch[0] = store.Change{Key: "A", Value: value, Expect: 0}
		_, err := s.Write(batch...)
		wantError(t, "Write", err, store.ErrInvalid)
	}},
	{"a key that stands twice in a batch is refused", func(t *testing.T, s store.Store) {
		_, err := s.Write(store.Change{Key: "k", Value: []byte("1"), Expect: 0},
			store.Change{Key: "k", Value: []byte("2"), Expect: store.AnyRevision})
		wantError(t, "Write", err, store.ErrInvalid)
		wantScan(t, s, "")
	}},
	{"errors never show a value", func(t *testing.T, s store.Store) {
		const secret = "hunter2"
		rev := put(t, s, "k", secret)
		_, err := s.Write(store.Change{Key: "k", Value: []byte(secret), Expect: rev + 1})
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("got error %v; want one without the value", err)
		}
		if err != nil && !strings.Contains(err.Error(), `"k"`) {
			t.Errorf("error %v does not name the key", err)
		}
	}},
	{"after Close everything is refused, and Close is no error", func(t *testing.T, s store.Store) {
		put(t, s, "k", "v")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		_, err := s.Get("k")
		wantError(t, "Get", err, store.ErrClosed)
		_, err = s.Write(store.Change{Key: "k", Value: []byte("v"), Expect: store.AnyRevision})
		wantError(t, "Write", err, store.ErrClosed)
		n := 0
		for _, err := range s.Scan("") {
			n++
			wantError(t, "Scan", err, store.ErrClosed)
		}
		if n != 1 {
			t.Errorf("Scan of a closed store yields %d times; want once", n)
		}
	}},
}
