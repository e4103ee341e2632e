package bridge

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/pkgserver"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/mapping"
)

// waysWorld is a world whose bridge has packages of its own.
type waysWorld struct {
	*world
	dir  string
	db   store.Store
	b    *Bridge
	mu   sync.Mutex
	told []string // the time line
}

func newWaysWorld(t *testing.T) *waysWorld {
	return &waysWorld{world: newWorld(t), dir: t.TempDir(), db: store.NewMemory()}
}

// start starts the bridge; way 0 tries one after the other.
func (w *waysWorld) start(way mapping.Way) { w.startWith(way, nil) }

// startWith is the same with other options of packages.
func (w *waysWorld) startWith(way mapping.Way, set func(*Packages)) {
	w.tb.Helper()
	files := w.listen()
	seen := func(e engine.Entry) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.told = append(w.told, e.Note)
	}
	w.b = w.bridge(w.db, engine.Options{OnTimeline: seen}, func(o *Options) {
		o.Files = files
		o.Packages = &Packages{
			Store: delivery.StoreOptions{Dir: w.dir}, Lifetime: time.Hour,
			Fetcher: delivery.FetcherOptions{Backoff: time.Millisecond, MaxBackoff: time.Millisecond, Allow: delivery.Allow{
				Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Ports: []uint16{0}}},
		}
		if set != nil {
			set(o.Packages)
		}
		o.Ways = &Ways{
			Way: func(string) mapping.Way { return way }, CoAP: "coap://" + o.Devices.LocalAddr().String(),
			HTTP: "http://" + files.Addr().String(), Push: true, Lifetime: time.Hour,
		}
	})
}

// story is the time line so far.
func (w *waysWorld) story() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.told)
}

// campaignAt updates a device with the package at a URL.
func (w *waysWorld) campaignAt(url string) {
	w.tb.Helper()
	c := w.campaign("ok")
	c.URL = url
	if err := w.dm.AddCampaign(c); err != nil {
		w.tb.Fatal(err)
	}
}

// code is the result of the one campaign.
func (w *waysWorld) code() int {
	w.tb.Helper()
	w.wait(1)
	return int(w.dm.Campaigns()[0].Code)
}

func faults(t *testing.T, texts ...string) (all []lwm2mdevice.Fault) {
	t.Helper()
	for _, text := range texts {
		f, err := lwm2mdevice.ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	return all
}

// movedLines begin what the time line says of a package that has come, by the
// way that it took.
var movedLines = map[mapping.Way]string{
	mapping.WayDirect: "", mapping.WayProxyCoAP: "device fetched the package over CoAP, ",
	mapping.WayProxyHTTP: "device fetched the package over HTTP, ", mapping.WayPush: "package pushed, ",
}

// TestWays gets a package to devices that take it by one way or another.
func TestWays(t *testing.T) {
	for _, test := range []struct {
		name   string
		way    mapping.Way
		device lwm2mdevice.Config
		faults []string
		query  string // behind the URL
		code   int
		used   mapping.Way
	}{
		{name: "direct", way: mapping.WayDirect, code: 200, used: mapping.WayDirect},
		{name: "proxy-http", way: mapping.WayProxyHTTP, code: 200, used: mapping.WayProxyHTTP},
		{name: "proxy-coap", way: mapping.WayProxyCoAP, device: lwm2mdevice.Config{Schemes: []string{"coap"}}, code: 200, used: mapping.WayProxyCoAP},
		{name: "push", way: mapping.WayPush, code: 200, used: mapping.WayPush},
		{name: "auto, a device that can", code: 200, used: mapping.WayDirect},
		{name: "auto, a device with CoAP only", device: lwm2mdevice.Config{Schemes: []string{"coap"}}, code: 200, used: mapping.WayProxyCoAP},
		{name: "auto, a device that fetches nothing", device: lwm2mdevice.Config{Schemes: []string{"none"}}, code: 200, used: mapping.WayPush},
		{name: "auto, a URL that is too long", query: "?" + strings.Repeat("x", 255), code: 200, used: mapping.WayProxyHTTP},
		{name: "direct, a device with CoAP only", way: mapping.WayDirect, device: lwm2mdevice.Config{Schemes: []string{"coap"}}, code: 411, used: mapping.WayDirect},
		{name: "no Package URI", faults: []string{"refuse@write-uri=4.05*100"}, code: 200, used: mapping.WayPush},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWaysWorld(t)
			w.start(test.way)
			w.campaignAt(w.packs + pkgserver.Path("ok", "radio", "2.0") + test.query)
			test.device.Endpoint, test.device.Faults = "dev", faults(t, test.faults...)
			w.device(test.device)
			if got := w.code(); got != test.code {
				t.Errorf("result %d, want %d; %q", got, test.code, w.told)
			}
			d, err := w.b.Engine().Device("dev")
			if err != nil || d.Drive == nil || d.Drive.Way != test.used.String() {
				t.Errorf("by way of %+v, want %v; %v", d.Drive, test.used, err)
			}
			if test.code == 200 {
				if test.used != mapping.WayDirect {
					w.tells("package fetched, ")
				}
				w.tells(movedLines[test.used])
			}
			if test.code == 200 && test.way == 0 {
				route := w.b.routes.Route("dev", "fwbridge/simulated device")
				if route.Worked != test.used {
					t.Errorf("remembered is %v", route.Worked)
				}
			}
			if len(w.b.routes.held) != 0 {
				t.Errorf("still held: %v", w.b.routes.held)
			}
		})
	}
}

// TestWaysFail: a package that the bridge cannot get ends the update as
// mapping.md, 4 says, and the device is asked for nothing.
func TestWaysFail(t *testing.T) {
	for behaviour, code := range map[string]int{"status-404": 500, "status-403": 406, "status-500": 500} {
		t.Run(behaviour, func(t *testing.T) {
			w := newWaysWorld(t)
			w.start(mapping.WayPush)
			w.campaignAt(w.packs + pkgserver.Path(behaviour, "radio", "2.0"))
			w.device(lwm2mdevice.Config{Endpoint: "dev"})
			if got := w.code(); got != code {
				t.Errorf("result %d, want %d; %q", got, code, w.told)
			}
		})
	}
}

// TestWaysDigest: what was announced and did not come is not offered.
func TestWaysDigest(t *testing.T) {
	w := newWaysWorld(t)
	w.start(mapping.WayProxyHTTP)
	w.campaignAt(w.packs + pkgserver.Path("ok", "radio", "2.0") + "#sha256=" + strings.Repeat("01", 32))
	w.device(lwm2mdevice.Config{Endpoint: "dev"})
	if got := w.code(); got != 402 {
		t.Errorf("result %d; %q", got, w.told)
	}
}

// TestWaysRestart: what is held and remembered is so in the next life.
func TestWaysRestart(t *testing.T) {
	w := newWaysWorld(t)
	w.start(mapping.WayPush)
	uri := w.packs + pkgserver.Path("ok", "radio", "2.0")
	if err := w.b.routes.Fetch(t.Context(), "dev", uri); err != nil {
		t.Fatal(err)
	}
	w.b.routes.Worked("dev", "ACME/1", mapping.WayPush)
	again, err := newRoutes(*w.b.o.Ways, w.b.packs, w.db, w.b.o.Log)
	if err != nil {
		t.Fatal(err)
	}
	if r := again.Route("dev", "ACME/1"); r.Worked != mapping.WayPush {
		t.Errorf("%+v", r)
	}
	body, err := again.openFor("dev", uri)
	if err != nil || body.Size() == 0 {
		t.Fatalf("%v", err)
	}
	if err := body.Close(); err != nil {
		t.Error(err)
	}
	again.Release("dev", uri, mapping.WayPush, fwupdate.CodeSuccess)
	if _, err := again.openFor("dev", uri); err == nil {
		t.Error("a package that was released is opened")
	}
	for entry := range w.db.Scan(heldPrefix) {
		t.Errorf("still stored: %s", entry.Key)
	}
}

// TestWaysLost: a package that somebody deletes while a device wants it comes
// again.
func TestWaysLost(t *testing.T) {
	w := newWaysWorld(t)
	w.start(mapping.WayPush)
	uri := w.packs + pkgserver.Path("ok", "radio", "2.0")
	r := w.b.routes
	if err := r.Fetch(t.Context(), "dev", uri); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(w.dir, "packages", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	link, err := r.URI("dev", uri, mapping.WayProxyCoAP)
	if err != nil {
		t.Fatal(err)
	}
	token := link[strings.LastIndexByte(link, '/')+1:]
	if _, err := r.serve(t.Context(), token, ""); err == nil {
		t.Fatal("it is there")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // against hanging, no verdict
	defer cancel()
	for {
		if p, err := r.serve(ctx, token, ""); err == nil {
			p.Release()
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal("it never comes again")
		case <-time.After(5 * time.Millisecond):
		}
	}
}
