package bridge

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/config"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mserver"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/smsgate"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// legacyWorld is a bridge for direction B, configured by a file, between a
// simulated LwM2M server and simulated legacy devices, over loopback sockets.
type legacyWorld struct {
	t     *testing.T
	ctx   context.Context
	wg    sync.WaitGroup
	dir   string
	packs string      // base of the package server's URLs
	files *packServer // what is there
	dm    string      // address of the bridge's listener
	udp   net.PacketConn
	lwm2m *lwm2mserver.Server
	db    store.Store
	stop  func()          // of the bridge that runs
	set   func(*Packages) // changes what the configuration says

	mu      sync.Mutex
	events  []dmdevice.Event
	shown   []lwm2mserver.Event
	log     []string      // of the bridge
	changed chan struct{} // closed and replaced with each event
}

// listed is the device that the configuration of the tests lists.
const listed = "IMEI:350000000000001"

// legacyConfig has the places of the world in capitals.
const legacyConfig = `coap: {secure: {listen: ""}}
http: {listen: ""}
legacy:
  listen: "127.0.0.1:0"
  url: http://DMADDR/dm
  groups:
    - name: listed
      devices: [` + listed + `]
      account: {client: {scheme: md5, user: dev, secret: s1}, server: {scheme: md5, secret: s2}}
      address: UDPADDR
    - name: boxes
      devices: ["BOX:*"]
      adopt: true
      account: {client: {scheme: basic, user: box, secret: s3}}
      endpoint: "urn:dev:ops:1-{id}"
  campaign: {wake: 1s, poll: 1s, retry: 1s}
  lwm2m_servers:
    - {name: main, address: LWM2MADDR, devices: ["*"], lifetime: 60s}
packages:
  allow: {networks: [127.0.0.0/8], ports: ["0"]}
triggers: {out: {channel: udp}}
`

// packServer serves packages, and counts what is asked for.
type packServer struct {
	body []byte
	gate chan struct{} // a request for /slow waits for it
	came chan struct{} // one for each request for /slow
}

func (p *packServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/radio-2.0.bin":
	case "/slow":
		if r.Method == http.MethodGet {
			p.came <- struct{}{}
			select {
			case <-p.gate:
			case <-r.Context().Done():
				return
			}
		}
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream") // devices want nothing else
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(p.body))
}

// newLegacyWorld starts everything but the bridge and the devices. The script
// holds for every device; PACKS in it is the package server.
func newLegacyWorld(t *testing.T, steps ...string) *legacyWorld {
	t.Helper()
	return newSecureLegacyWorld(t, nil, steps...)
}

// newSecureLegacyWorld has an LwM2M server that wants DTLS with these keys,
// unless there are none.
func newSecureLegacyWorld(t *testing.T, keys lwm2mserver.Keys, steps ...string) *legacyWorld {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &legacyWorld{t: t, ctx: ctx, dir: t.TempDir(), db: store.NewMemory(), changed: make(chan struct{})}
	var err error
	if w.udp, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.udp.Close() }) // when nobody else has
	t.Cleanup(w.wg.Wait)
	t.Cleanup(cancel)
	w.files = &packServer{body: bytes.Repeat([]byte("firmware "), 20_000), gate: make(chan struct{}), came: make(chan struct{}, 16)}
	outer := &world{tb: t, ctx: ctx}
	t.Cleanup(outer.wg.Wait)
	t.Cleanup(cancel)
	w.packs = outer.serve(w.files)
	script := lwm2mserver.Script{Timeout: time.Minute}
	for _, text := range steps {
		step, err := lwm2mserver.ParseStep(strings.ReplaceAll(text, "PACKS", w.packs))
		if err != nil {
			t.Fatal(err)
		}
		script.Steps = append(script.Steps, step)
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.lwm2m, err = lwm2mserver.New(lwm2mserver.Config{Conn: conn, Keys: keys, Script: script, PackageURL: w.packs + "/radio-2.0.bin",
		Retry: 100 * time.Millisecond, AckTimeout: 200 * time.Millisecond, OnEvent: w.saw})
	if err != nil {
		t.Fatal(err)
	}
	w.run("LwM2M server", w.lwm2m.Run)
	return w
}

func (w *legacyWorld) run(what string, run func(context.Context) error) {
	w.wg.Go(func() {
		if err := run(w.ctx); err != nil {
			w.t.Errorf("%s: %v", what, err)
		}
	})
}

// bridge starts the bridge, on the store of the one before and at its address.
// More goes behind the configuration.
func (w *legacyWorld) bridge(change ...string) *Bridge {
	w.t.Helper()
	if w.dm == "" {
		w.dm = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", w.dm)
	if err != nil {
		w.t.Fatal(err)
	}
	w.dm = l.Addr().String()
	text := strings.NewReplacer("DMADDR", w.dm, "UDPADDR", w.udp.LocalAddr().String(), "LWM2MADDR", w.lwm2m.Addr().String()).Replace(legacyConfig)
	text = strings.NewReplacer(change...).Replace(text) + "store: {dir: " + w.dir + "}\n"
	file := filepath.Join(w.dir, "bridge.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	c, err := config.Load(file)
	if err != nil {
		w.t.Fatal(err)
	}
	o := Configured(c)
	o.Engine.Store, o.Legacy, o.Log = w.db, ConfiguredLegacy(c), slog.New(logSpy{slog.DiscardHandler, w})
	o.Packages, o.Ways = ConfiguredPackages(c)
	if w.set != nil {
		w.set(o.Packages)
	}
	o.Legacy.Listener, o.Legacy.Host.AckTimeout = l, 200*time.Millisecond
	b, err := New(o)
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
	})
	w.stop = func() { cancel(); <-done }
	return b
}

// device starts a device that waits for triggers.
func (w *legacyWorld) device(c dmdevice.Config) *dmdevice.Fleet {
	w.t.Helper()
	if c.DeviceID == "" {
		c.DeviceID, c.Quiet = listed, true
		c.Auth, c.User, c.Secret, c.ServerAuth, c.ServerSecret = session.SchemeMD5, "dev", "s1", session.SchemeMD5, "s2"
	}
	c.Server, c.ServerID, c.OnEvent = "http://"+w.dm+"/dm", "fwbridge", w.heard
	c.Timing.Retry = 100 * time.Millisecond
	f, err := dmdevice.New(c)
	if err != nil {
		w.t.Fatal(err)
	}
	w.run("devices", f.Run)
	if c.Quiet {
		udp := w.udp
		w.run("triggers", func(ctx context.Context) error { return smsgate.New(f, nil).RunUDP(ctx, udp) })
	}
	return f
}

func (w *legacyWorld) heard(e dmdevice.Event) {
	w.note(func() { w.events = append(w.events, e) })
}

// note keeps something and wakes those that wait.
func (w *legacyWorld) note(keep func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	keep()
	close(w.changed)
	w.changed = make(chan struct{})
}

// logSpy notes what the bridge logs.
type logSpy struct {
	slog.Handler
	w *legacyWorld
}

func (l logSpy) Enabled(context.Context, slog.Level) bool { return true }

func (l logSpy) Handle(_ context.Context, r slog.Record) error {
	l.w.note(func() { l.w.log = append(l.w.log, r.Message) })
	return nil
}

func (w *legacyWorld) saw(e lwm2mserver.Event) {
	w.note(func() { w.shown = append(w.shown, e) })
}

// until waits for an event of the devices.
func (w *legacyWorld) until(what string, is func(dmdevice.Event) bool) (found dmdevice.Event) {
	w.t.Helper()
	w.wait(what, func() bool {
		i := slices.IndexFunc(w.events, is)
		if i >= 0 {
			found = w.events[i]
		}
		return i >= 0
	})
	return found
}

// logged waits until the bridge has logged a message.
func (w *legacyWorld) logged(text string) {
	w.t.Helper()
	w.wait("log "+text, func() bool { return slices.Contains(w.log, text) })
}

func (w *legacyWorld) wait(what string, holds func() bool) {
	w.t.Helper()
	hang := time.NewTimer(2 * time.Minute) // against hanging, no verdict
	defer hang.Stop()
	for {
		w.mu.Lock()
		changed, held := w.changed, holds()
		w.mu.Unlock()
		if held {
			return
		}
		select {
		case <-changed:
		case <-hang.C:
			w.t.Fatalf("no %s; %s", what, w.story())
		}
	}
}

// over waits for the end of the script at n devices, and that it went well.
func (w *legacyWorld) over(n int) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, 2*time.Minute) // against hanging, no verdict
	defer cancel()
	err := w.lwm2m.Wait(ctx, n)
	for _, r := range w.lwm2m.Results() {
		if !r.OK() {
			w.t.Errorf("%s: step %q: %v", r.Endpoint, r.Step, r.Err)
			err = r.Err
		}
	}
	if err != nil {
		w.t.Fatalf("%v\n%s", err, w.story())
	}
}

// count is how many events of the devices are so.
func (w *legacyWorld) count(is func(dmdevice.Event) bool) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		if is(e) {
			n++
		}
	}
	return n
}

// story is all that was seen, for a test that fails.
func (w *legacyWorld) story() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	for _, e := range w.events {
		fmt.Fprintln(&b, e)
	}
	for _, e := range w.shown {
		fmt.Fprintln(&b, e)
	}
	return b.String()
}

func of(k dmdevice.EventKind) func(dmdevice.Event) bool {
	return func(e dmdevice.Event) bool { return e.Kind == k }
}
