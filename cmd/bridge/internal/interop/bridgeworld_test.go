package interop

import (
	"bytes"
	"context"
	"encoding/hex"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/bridge"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/config"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/simpackage"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/smsgate"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// shownDevice is a legacy device that the bridge shows.
type shownDevice struct {
	id, endpoint string
	adopted      bool   // by a pattern and a secret for all, not listed
	key          []byte // of DTLS; nil has none
}

// bridgeWorld is a bridge configured by a file, with a store on disk, a package
// server and one legacy device, over loopback.
type bridgeWorld struct {
	t      *testing.T
	ctx    context.Context
	wg     sync.WaitGroup
	d      shownDevice
	dir    string
	config string
	packs  string        // base of the package server's URLs
	front  string        // where the device gets packages: before the bridge
	gate   chan struct{} // one for each package that may be fetched
	dm     net.Listener  // the next bridge's
	udp    net.PacketConn
	stop   func() // of the bridge that runs

	mu      sync.Mutex
	events  []dmdevice.Event
	held    chan struct{} // until it is closed the device gets nothing; nil does not hold
	changed chan struct{} // closed and replaced with each event
}

// bridgeConfig has the places in capitals.
const bridgeConfig = `coap: {listen: "", secure: {listen: ""}}
http: {listen: ""}
legacy:
  listen: "127.0.0.1:0"
  url: http://DMADDR/dm
  groups:
    - {name: phones, DEVICES, account: {client: {scheme: md5, user: dev, secret: s1}, server: {scheme: md5, secret: s2}}, address: UDPADDR}
  lwm2m_servers:
    - {name: leshan, address: LWM2M, devices: ["urn:imei:*"], lifetime: 60s}
packages:
  url: FRONT
  allow: {networks: [127.0.0.0/8], ports: ["0"]}
triggers: {out: {channel: udp}}
store: {dir: DATA}
`

func newBridgeWorld(t *testing.T, l *Leshan, d shownDevice) *bridgeWorld {
	t.Helper()
	w := &bridgeWorld{t: t, d: d, dir: t.TempDir(), gate: make(chan struct{}), changed: make(chan struct{})}
	var cancel context.CancelFunc
	w.ctx, cancel = context.WithCancel(context.Background())
	t.Cleanup(w.wg.Wait)
	w.udp = udp(t)
	w.listen("127.0.0.1:0")
	files := httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(files.Close)
	front := httptest.NewServer(w.inFront(w.dm.Addr().String()))
	t.Cleanup(front.Close)
	t.Cleanup(cancel)
	w.packs, w.front = files.URL, front.URL
	devices, server := "devices: ["+d.id+"]", l.CoAP.String()
	if d.adopted {
		devices = `devices: ["IMEI:*"], adopt: true`
	}
	if d.key != nil {
		if err := os.WriteFile(filepath.Join(w.dir, "key"), []byte(hex.EncodeToString(d.key)), 0o600); err != nil {
			t.Fatal(err)
		}
		server = l.CoAPS.String() + `, security: psk, identity: "urn:imei:{imei}", key_file: key`
	}
	text := strings.NewReplacer("DMADDR", w.dm.Addr().String(), "UDPADDR", w.udp.LocalAddr().String(), "LWM2M", server,
		"FRONT", w.front, "DEVICES", devices, "DATA", w.dir).Replace(bridgeConfig)
	w.config = filepath.Join(w.dir, "bridge.yaml")
	if err := os.WriteFile(w.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

// serve is the package server; a package waits for the gate.
func (w *bridgeWorld) serve(r http.ResponseWriter, q *http.Request) {
	version, ok := strings.CutPrefix(strings.TrimSuffix(q.URL.Path, ".bin"), "/radio-")
	if !ok {
		http.NotFound(r, q)
		return
	}
	if q.Method == http.MethodGet {
		select {
		case <-w.gate:
		case <-q.Context().Done():
			return
		}
	}
	r.Header().Set("Content-Type", "application/octet-stream")
	body := simpackage.Build(simpackage.Package{Name: "radio", Version: version, Payload: bytes.Repeat([]byte("firmware "), 10_000)})
	http.ServeContent(r, q, "", time.Time{}, bytes.NewReader(body))
}

// inFront passes requests on to the bridge, unless they are held.
func (w *bridgeWorld) inFront(bridge string) http.Handler {
	pass := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: bridge})
	return http.HandlerFunc(func(r http.ResponseWriter, q *http.Request) {
		w.mu.Lock()
		held := w.held
		w.mu.Unlock()
		if held != nil {
			select {
			case <-held:
			case <-w.ctx.Done():
			}
		}
		pass.ServeHTTP(r, q)
	})
}

func (w *bridgeWorld) listen(addr string) {
	w.t.Helper()
	var err error
	if w.dm, err = net.Listen("tcp", addr); err != nil {
		w.t.Fatal(err)
	}
}

// start runs the bridge that the file describes, as bridge serve does.
func (w *bridgeWorld) start() {
	w.t.Helper()
	c, err := config.Load(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	db, err := store.OpenPebble(c.Store.Dir, store.Options{Reserve: 1 << 20})
	if err != nil {
		w.t.Fatal(err)
	}
	o := bridge.Configured(c)
	o.Legacy = bridge.ConfiguredLegacy(c)
	o.Packages, o.Ways = bridge.ConfiguredPackages(c)
	o.Engine.Store, o.Legacy.Listener = db, w.dm
	b, err := bridge.New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan struct{})
	w.wg.Go(func() {
		defer close(done)
		if err := b.Run(ctx); err != nil {
			w.t.Errorf("bridge: %v", err)
		}
		if err := db.Close(); err != nil {
			w.t.Errorf("store: %v", err)
		}
	})
	w.stop = func() { cancel(); <-done }
}

// restart ends the bridge and starts it again on its store, at its address.
func (w *bridgeWorld) restart() {
	w.t.Helper()
	w.stop()
	w.listen(w.dm.Addr().String())
	w.start()
}

// device starts the legacy device: it comes once by itself, then when it is
// triggered.
func (w *bridgeWorld) device(fault string) {
	w.t.Helper()
	f, err := dmdevice.ParseFault(fault)
	if err != nil {
		w.t.Fatal(err)
	}
	fleet, err := dmdevice.New(dmdevice.Config{
		DeviceID: w.d.id, Server: "http://" + w.dm.Addr().String() + "/dm", ServerID: "fwbridge",
		Auth: session.SchemeMD5, User: "dev", Secret: "s1", ServerAuth: session.SchemeMD5, ServerSecret: "s2",
		Timing: dmdevice.Timing{Retry: 100 * time.Millisecond}, Faults: []dmdevice.Fault{f}, OnEvent: w.heard,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.run(fleet.Run)
	conn := w.udp
	w.run(func(ctx context.Context) error { return smsgate.New(fleet, nil).RunUDP(ctx, conn) })
}

func (w *bridgeWorld) run(run func(context.Context) error) {
	w.wg.Go(func() {
		if err := run(w.ctx); err != nil {
			w.t.Error(err)
		}
	})
}

// hold lets the device wait for its packages until release.
func (w *bridgeWorld) hold() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = make(chan struct{})
}

func (w *bridgeWorld) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.held)
	w.held = nil
}

// heard keeps what happened at the device.
func (w *bridgeWorld) heard(e dmdevice.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
	close(w.changed)
	w.changed = make(chan struct{})
}

// until waits for an event, also one that was before.
func (w *bridgeWorld) until(what string, is func(dmdevice.Event) bool) {
	w.t.Helper()
	hang := time.NewTimer(patience)
	defer hang.Stop()
	for {
		w.mu.Lock()
		changed, events := w.changed, slices.Clone(w.events)
		w.mu.Unlock()
		if slices.ContainsFunc(events, is) {
			return
		}
		select {
		case <-changed:
		case <-hang.C:
			w.t.Fatalf("no %s of %s; events: %v", what, w.d.id, events)
		}
	}
}

func (w *bridgeWorld) count(k dmdevice.EventKind) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		if e.Kind == k {
			n++
		}
	}
	return n
}

func (w *bridgeWorld) executed() int { return w.count(dmdevice.EventExecuted) }
func (w *bridgeWorld) overs() int    { return w.count(dmdevice.EventOver) }

// requests are those of the device for packages.
func (w *bridgeWorld) requests() (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		if e.Kind == dmdevice.EventDownload {
			all = append(all, e.Text)
		}
	}
	return all
}
