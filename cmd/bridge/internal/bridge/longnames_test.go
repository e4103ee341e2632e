package bridge

import (
	"context"
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/pkgserver"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// named is an owner of packages with a name of n bytes.
func named(prefix string, n int) string { return prefix + strings.Repeat("x", n-len(prefix)) }

// TestLongNames: a name that fits is in the grant; one that does not is found
// by its hash for as long as it holds a package.
func TestLongNames(t *testing.T) {
	n := newLongNames()
	one, two := delivery.Digest{1}, delivery.Digest{2}
	for size, wantHash := range map[int]bool{1: false, delivery.MaxDevice: false, delivery.MaxDevice + 1: true, 1000: true} {
		of := named("", size)
		g := delivery.Grant{Device: grantee(of)}
		if hash := g.Device != of; hash != wantHash || len(g.Device) > delivery.MaxDevice {
			t.Errorf("%d bytes: %q in the grant", size, g.Device)
		}
		if _, known := n.owner(g); known == wantHash {
			t.Errorf("%d bytes: before: %t", size, known)
		}
		n.hold(of, one)
		n.hold(of, one)
		n.hold(of, two)
		n.release(of, one)
		if got, known := n.owner(g); !known || got != of {
			t.Errorf("%d bytes: %q, %t", size, got, known)
		}
		n.release(of, two)
		n.release(of, two)
	}
	if len(n.owners) != 0 {
		t.Errorf("left: %v", n.owners)
	}
	sum := sha256.Sum256(nil)
	liar := hashed + string(sum[:])
	if g := grantee(liar); g == liar {
		t.Error("a name that looks like a hash is taken for one")
	}
}

// TestLongNamesOfDevices: what a grant is good for does not hang on the length
// of the device's name (direction A): while it is needed, and when it is lost,
// by CoAP and by HTTP, also after a restart.
func TestLongNamesOfDevices(t *testing.T) {
	for _, size := range []int{delivery.MaxDevice, delivery.MaxDevice + 1} {
		endpoint := strings.TrimPrefix(named(owner(""), size), owner(""))
		w := newWaysWorld(t)
		w.start(mapping.WayPush)
		uri := w.packs + pkgserver.Path("ok", "radio", "2.0")
		if err := w.b.routes.Fetch(t.Context(), endpoint, uri); err != nil {
			t.Fatal(err)
		}
		w.b.watch.names.owners = map[string]*longName{} // as after a start
		if _, err := newRoutes(*w.b.o.Ways, w.b.packs, w.db, w.b.o.Log); err != nil {
			t.Fatal(err)
		}
		token, path := w.links(endpoint, uri)
		if code := w.head(path); code != http.StatusOK {
			t.Errorf("%d bytes: HTTP %d", size, code)
		}
		p, err := w.b.routes.serve(t.Context(), token, "")
		if err != nil {
			t.Fatalf("%d bytes: CoAP: %v", size, err)
		}
		p.Release()
		for _, ask := range []func() bool{
			func() bool { return w.head(path) == http.StatusOK },
			func() bool {
				p, err := w.b.routes.serve(t.Context(), token, "")
				if err == nil {
					p.Release()
				}
				return err == nil
			},
		} {
			w.lose()
			if ask() {
				t.Fatalf("%d bytes: what was deleted is there", size)
			}
			w.comes(ask)
		}
		w.b.routes.Release(endpoint, uri, mapping.WayPush, fwupdate.CodeSuccess)
		if code := w.head(path); code != http.StatusNotFound {
			t.Errorf("%d bytes: HTTP %d when nobody needs it", size, code)
		}
		if g, ok := w.b.packs.server.Grant(token); ok {
			t.Errorf("%d bytes: %+v when nobody needs it", size, g)
		}
	}
}

// links are the token for CoAP and the path for HTTP of a device's package.
func (w *waysWorld) links(endpoint, uri string) (token, path string) {
	w.tb.Helper()
	coap, err := w.b.routes.URI(endpoint, uri, mapping.WayProxyCoAP)
	if err != nil {
		w.tb.Fatal(err)
	}
	link, err := w.b.routes.URI(endpoint, uri, mapping.WayProxyHTTP)
	if err != nil {
		w.tb.Fatal(err)
	}
	return coap[strings.LastIndexByte(coap, '/')+1:], strings.TrimPrefix(link, w.b.routes.o.HTTP)
}

func (w *waysWorld) head(path string) int {
	r := httptest.NewRecorder()
	w.b.packs.server.ServeHTTP(r, httptest.NewRequest(http.MethodHead, path, nil))
	return r.Code
}

// lose deletes the one package of the store.
func (w *waysWorld) lose() {
	w.tb.Helper()
	files, err := filepath.Glob(filepath.Join(w.dir, "packages", "*"))
	if err != nil || len(files) != 1 {
		w.tb.Fatalf("%v, %v", files, err)
	}
	if err := os.Remove(files[0]); err != nil {
		w.tb.Fatal(err)
	}
}

// comes asks again and again, as devices do.
func (w *waysWorld) comes(there func() bool) {
	w.tb.Helper()
	ctx, cancel := context.WithTimeout(w.tb.Context(), time.Minute) // against hanging, no verdict
	defer cancel()
	for !there() {
		select {
		case <-ctx.Done():
			w.tb.Fatal("it never comes again")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// TestLongNamesOfLegacyDevices is the same for direction B, with a restart
// between Exec and download.
func TestLongNamesOfLegacyDevices(t *testing.T) {
	for _, size := range []int{delivery.MaxDevice, delivery.MaxDevice + 1} {
		id := named("BOX:", size)
		change := []string{"[" + listed + "]", "[" + id + "]", "name: listed\n", "name: listed\n      endpoint: \"urn:dev:ops:1-{id}\"\n"}
		w := newLegacyWorld(t, wholeUpdate[:4]...)
		w.bridge(change...)
		w.device(dmdevice.Config{
			DeviceID: id, Quiet: true, Timing: dmdevice.Timing{Download: 300 * time.Millisecond},
			Auth: session.SchemeMD5, User: "dev", Secret: "s1", ServerAuth: session.SchemeMD5, ServerSecret: "s2",
		})
		w.until("Exec", of(dmdevice.EventExecuted))
		w.stop()
		kept, err := filepath.Glob(filepath.Join(w.dir, "packages", "packages", "*"))
		if err != nil || len(kept) != 1 {
			t.Fatalf("%d bytes: in the store: %v, %v", size, kept, err)
		}
		if err := os.Remove(kept[0]); err != nil {
			t.Fatal(err)
		}
		b := w.bridge(change...)
		w.logged("package fetched again")
		digest := filepath.Base(kept[0])
		url, err := b.legacy.packages.URL(id, mapping.PackageInfo{Digest: digest})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRecorder()
		b.legacy.packages.server.ServeHTTP(r, httptest.NewRequest(http.MethodHead, url, nil))
		if r.Code != http.StatusOK {
			t.Errorf("%d bytes: HTTP %d", size, r.Code)
		}
		if b.legacy.wanted(delivery.Grant{Device: grantee(id), Digest: delivery.Digest{1}}) {
			t.Errorf("%d bytes: wants what it never wanted", size)
		}
		w.stop()
	}
}
