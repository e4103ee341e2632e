package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/pkgserver"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/mapping"
)

// TestHoldAgain: what is held is replaced only while it is what it was.
func TestHoldAgain(t *testing.T) {
	w := newWaysWorld(t)
	w.start(mapping.WayPush)
	routes, was := w.b.routes, held{URI: "u", Digest: delivery.Digest{1}, Notify: "n"}
	again := held{URI: "u", Digest: delivery.Digest{2}, Notify: "n"}
	still := func(h held) func(held) bool { return func(now held) bool { return now == h } }
	routes.hold("dev", was, nil)
	if kept := routes.hold("dev", again, still(was)); !kept || routes.held["dev"] != again {
		t.Errorf("%t, %+v", kept, routes.held)
	}
	if kept := routes.hold("dev", was, still(was)); kept || routes.held["dev"] != again { // it is another one now
		t.Errorf("%t, %+v", kept, routes.held)
	}
	routes.Release("dev", "u", mapping.WayDirect, fwupdate.CodeSuccess)
	if kept := routes.hold("dev", was, still(again)); kept || len(routes.held) != 0 { // it is over
		t.Errorf("%t, %+v", kept, routes.held)
	}
	for entry := range w.db.Scan(heldPrefix) {
		t.Errorf("still stored: %s", entry.Key)
	}
}

// TestHoldsOfFetches: a fetch that nobody waits for lets go of what the next
// drive's fetch has brought for the same device; the drive has it all the same.
func TestHoldsOfFetches(t *testing.T) {
	w := newWaysWorld(t)
	w.start(mapping.WayPush)
	routes := w.b.routes
	info, err := w.b.packs.Put(t.Context(), owner("dev"), []byte("package")) // both fetches have come
	if err != nil {
		t.Fatal(err)
	}
	d, err := delivery.ParseDigest(info.Digest)
	if err != nil {
		t.Fatal(err)
	}
	h := held{URI: "u", Digest: d}
	routes.hold("dev", h, func(held) bool { return false }) // of the drive before
	if all := w.b.packs.store.List(); len(all) != 1 || len(all[0].Owners) != 0 {
		t.Errorf("nobody waits, and: %+v", all)
	}
	routes.hold("dev", h, nil)
	if all := w.b.packs.store.List(); len(all) != 1 || !slices.Equal(all[0].Owners, []string{owner("dev")}) {
		t.Errorf("the drive has %+v", all)
	}
}

// TestFetchNobodyWaits: a package that has come when nobody waits any more is not
// kept, but the one that the drive has is.
func TestFetchNobodyWaits(t *testing.T) {
	w := newWaysWorld(t)
	w.start(mapping.WayPush)
	uri := w.packs + pkgserver.Path("ok", "radio", "2.0")
	if err := w.b.routes.Fetch(t.Context(), "dev", uri); err != nil {
		t.Fatal(err)
	}
	known := uri + "#sha256=" + w.b.routes.held["dev"].Digest.String() // it is there, so the context ends nothing
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, endpoint := range []string{"dev", "other"} {
		if err := w.b.routes.Fetch(ctx, endpoint, known); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
	if held := w.b.routes.held; len(held) != 1 || held["dev"].URI != uri {
		t.Errorf("held are %+v", held)
	}
	if all := w.b.packs.store.List(); len(all) != 1 || !slices.Equal(all[0].Owners, []string{owner("dev")}) {
		t.Errorf("in the store: %+v", all)
	}
}

// slowStore does something else before a write of a key.
type slowStore struct {
	store.Store
	key    string
	before func()
}

func (s *slowStore) Write(changes ...store.Change) ([]uint64, error) {
	if before := s.before; before != nil && changes[0].Key == s.key {
		s.before = nil
		before()
	}
	return s.Store.Write(changes...)
}

// TestHoldStored: what happens to a device's package while another change of it
// is being stored is stored in the end, whichever write comes last.
func TestHoldStored(t *testing.T) {
	w := newWaysWorld(t)
	db := &slowStore{Store: w.db, key: heldKey("dev")}
	w.db = db
	w.start(mapping.WayPush)
	one, two := held{URI: "u", Digest: delivery.Digest{1}}, held{URI: "v", Digest: delivery.Digest{2}}
	hold := func(h held) func() { return func() { w.b.routes.hold("dev", h, nil) } }
	release := func(h held) func() {
		return func() { w.b.routes.Release("dev", h.URI, mapping.WayDirect, fwupdate.CodeUserCancelled) }
	}
	for name, row := range map[string]struct {
		already  *held
		do, then func()
		want     string
	}{
		"released while it is stored":  {nil, hold(one), release(one), ""},
		"another while it is stored":   {nil, hold(one), hold(two), "v"},
		"another while it is released": {&one, release(one), hold(two), "v"},
		"another, and released":        {&one, release(one), func() { hold(two)(); release(two)() }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			delete(w.b.routes.held, "dev")
			if row.already != nil {
				hold(*row.already)()
			}
			db.before = row.then
			row.do()
			var got held
			if entry, err := w.db.Get(db.key); err == nil {
				_ = json.Unmarshal(entry.Value, &got)
			}
			if got.URI != row.want {
				t.Errorf("stored is %q, want %q", got.URI, row.want)
			}
		})
	}
}

// hung is a package server that says nothing until it is closed. asked has a
// line for each request.
func hung(t *testing.T) (url string, asked chan string) {
	asked = make(chan string, 100)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- r.Method
		<-r.Context().Done()
	}))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s.URL + "/radio-2.0.pkg", asked
}

// grantOf is what a device of direction A may have.
func grantOf(endpoint string, d delivery.Digest) delivery.Grant {
	return delivery.Grant{Device: grantee(owner(endpoint)), Digest: d}
}

// TestLostReleased: a server that does not answer holds up no other package, a
// device that comes again is fetched for once, and when a drive ends, the fetch
// of its lost package does too: nothing is kept.
func TestLostReleased(t *testing.T) {
	w := newWaysWorld(t)
	w.start(mapping.WayPush)
	routes := w.b.routes
	url, asked := hung(t)
	endpoints := []string{"one", "two"}
	for i, endpoint := range endpoints {
		h := held{URI: url + "?" + endpoint, Digest: delivery.Digest{byte(i + 1)}}
		routes.hold(endpoint, h, nil)
		for range 3 {
			routes.missing(grantOf(endpoint, h.Digest))
		}
	}
	<-asked
	<-asked
	for _, endpoint := range endpoints {
		routes.Release(endpoint, url+"?"+endpoint, mapping.WayPush, fwupdate.CodeUserCancelled)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // against hanging, no verdict
	defer cancel()
	for n := -1; n != 0; {
		routes.mu.Lock()
		n = len(routes.again)
		routes.mu.Unlock()
		select {
		case <-ctx.Done():
			t.Fatalf("%d are being fetched still", n)
		case <-time.After(time.Millisecond):
		}
	}
	if n := w.b.packs.fetcher.Counts(); n.Running != 0 || len(asked) != 0 || len(routes.held) != 0 {
		t.Errorf("%+v, asked %d times more, held %+v", n, len(asked), routes.held)
	}
}

// TestLostBound: at the limit of lost packages a further one is not lined up, and
// nobody waits for a place.
func TestLostBound(t *testing.T) {
	w := newWaysWorld(t)
	w.start(mapping.WayPush)
	alone, err := newRoutes(*w.b.o.Ways, w.b.packs, w.db, w.b.o.Log) // it does not run
	if err != nil {
		t.Fatal(err)
	}
	for i := range maxLost + 1 {
		if !alone.missing(grantOf(fmt.Sprint("dev", i), delivery.Digest{1})) {
			t.Fatal("it is none of direction A")
		}
	}
	if len(alone.again) != maxLost || len(alone.lost) != maxLost {
		t.Errorf("%d and %d of %d", len(alone.again), len(alone.lost), maxLost)
	}
}
