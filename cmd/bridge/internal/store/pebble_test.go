package store_test

import (
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store/storetest"
)

func openPebble(t testing.TB, dir string, opts store.Options) *store.Pebble {
	t.Helper()
	p, err := store.OpenPebble(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPebble(t *testing.T) {
	storetest.RunDurable(t, func(t *testing.T, dir string) store.Store { return openPebble(t, dir, store.Options{}) })
}
