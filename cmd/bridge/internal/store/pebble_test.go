package store_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store/storetest"
)

// openPebble opens a store that the test closes, and checks at its end that no
// goroutine is left. (Pebble leaves some when opening fails.)
func openPebble(t testing.TB, dir string, opts store.Options) *store.Pebble {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	p, err := store.OpenPebble(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPebble(t *testing.T) {
	storetest.RunDurable(t, func(t *testing.T, dir string) store.Store { return openPebble(t, dir, store.Options{}) })
}
