package legacy

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/fwbridge/fwbridge/mapping"
)

// holds are what the device holds in the store.
func (w *world) holds() []string { return slices.Sorted(maps.Keys(w.packs.held)) }

// stops carries out an operation that ends the fetch under way, and its effects.
func (w *world) stops(ev mapping.VirtualEvent) {
	w.t.Helper()
	if err := w.e.operate(device, ev, nil); err != nil {
		w.t.Fatal(err)
	}
	for _, perform := range w.e.effects.take() {
		perform(w.t.Context())
	}
}

// TestStoppedFetch: a fetch that is stopped when it has come keeps nothing, but
// what another instance of the device needs stays.
func TestStoppedFetch(t *testing.T) {
	for name, shared := range map[string]bool{"alone": false, "another instance has it": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			var want []string
			if shared {
				w.deliver()
				want = w.holds()
			}
			w.must(mapping.CreateAsked{})
			w.packs.during = func(string) { w.stops(mapping.DeleteAsked{Instance: 1}) }
			w.must(mapping.WroteURI{Instance: 1, URI: "http://h.example/fw.bin"})
			if got := w.holds(); !slices.Equal(got, want) || len(want) > 1 {
				t.Errorf("held %q, want %q", got, want)
			}
		})
	}
}

// TestReceivedHolds: what a device gets to need it holds, although another fetch
// of it has let go of the same package meanwhile.
func TestReceivedHolds(t *testing.T) {
	w := newWorld(t)
	w.packs.during = func(digest string) {
		if !w.e.letGo(device, digest) || len(w.holds()) != 0 {
			t.Errorf("before anybody needs it: %q", w.holds())
		}
	}
	w.deliver()
	if got := w.holds(); len(got) != 1 {
		t.Errorf("held %q", got)
	}
}

// TestLostFetchStops: a lost package is fetched again only as long as the device
// needs it.
func TestLostFetchStops(t *testing.T) {
	w := newWorld(t)
	w.deliver()
	lost, end, ok := w.e.effects.fetching(t.Context(), fetchKey{device, lostSeq})
	if !ok {
		t.Fatal("it is under way")
	}
	defer end()
	w.must(mapping.CreateAsked{})
	if lost.Err() != nil {
		t.Error("it is stopped, and the device needs it")
	}
	w.must(mapping.UninstallAsked{})
	if lost.Err() == nil {
		t.Error("it goes on, and nobody needs it")
	}
}

// TestLetGo: what is needed, and what cannot be told, stays.
func TestLetGo(t *testing.T) {
	w := newWorld(t)
	w.deliver()
	digest := w.slot().Package.Digest
	if w.e.letGo(device, digest) || len(w.holds()) != 1 {
		t.Errorf("needed, and held are %q", w.holds())
	}
	w.packs.Hold(device, "other")
	seat := w.e.lane(device).seats[device]
	seat.rec, seat.broken = nil, errors.Join(ErrRecord, errors.New("torn"))
	if w.e.letGo(device, "other") || len(w.holds()) != 2 {
		t.Errorf("nobody knows, and held are %q", w.holds())
	}
	if !w.e.Needs(device, "other") || w.e.Needs("IMEI:nobody", "other") {
		t.Error("nobody knows, and the device is refused; or one that is not there is not")
	}
	w.packs.Hold("IMEI:nobody", "other")
	if !w.e.letGo("IMEI:nobody", "other") || len(w.holds()) != 2 {
		t.Errorf("of no device, and held are %q", w.holds())
	}
}
