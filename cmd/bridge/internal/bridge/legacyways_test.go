package bridge

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mserver"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/syncml"
)

// TestLegacyReports: however the end of an update comes to the bridge, or does
// not, Exec is carried out once and the LwM2M server sees INSTALLED.
func TestLegacyReports(t *testing.T) {
	alerts := func(n int) func(*legacyWorld) bool {
		return func(w *legacyWorld) bool { return w.count(of(dmdevice.EventAlert)) == n }
	}
	for _, c := range []struct {
		name   string
		fault  string
		change func(*dmdevice.Config)
		seen   func(*legacyWorld) bool
	}{
		{name: "DM 1.1.2 has no alert: State is asked for", change: func(c *dmdevice.Config) { c.Version = syncml.DM112 }, seen: alerts(0)},
		{name: "DM 1.1.2 in WBXML", change: func(c *dmdevice.Config) { c.Version, c.Encoding = syncml.DM112, syncml.WBXML }, seen: alerts(0)},
		{name: "alert never sent", fault: "no-alert", seen: alerts(0)},
		{name: "alert lost on its way", fault: "lose-alert"},
		{name: "alert twice", fault: "alert-twice"},
		{name: "power lost while updating", fault: "reboot@updating"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newLegacyWorld(t, wholeUpdate...)
			w.bridge()
			cfg := dmdevice.Config{}
			if c.fault != "" {
				f, err := dmdevice.ParseFault(c.fault)
				if err != nil {
					t.Fatal(err)
				}
				cfg.Faults = []dmdevice.Fault{f}
			}
			if c.change != nil {
				c.change(&cfg)
			}
			w.device(cfg)
			w.over(1)
			if n := w.count(of(dmdevice.EventExecuted)); n != 1 {
				t.Errorf("%d Execs, want 1", n)
			}
			if c.seen != nil && !c.seen(w) {
				t.Errorf("the device has done something else\n%s", w.story())
			}
		})
	}
}

// TestLegacyExecLost: the message with the Exec does not come to the device. It
// is not sent again, because nobody can know that; after doubt the LwM2M server
// is told, and may begin anew.
func TestLegacyExecLost(t *testing.T) {
	w := newLegacyWorld(t, "observe 7 9 12", "write 3", "wait state=DELIVERED", "install", "wait failed",
		"expect state=DELIVERED result="+words(lwm2m9.ResultDeviceError), "install", "wait installed")
	w.bridge("campaign: {", "campaign: {doubt: 1s, ")
	f, err := dmdevice.ParseFault("lose-answer@exec")
	if err != nil {
		t.Fatal(err)
	}
	w.device(dmdevice.Config{Faults: []dmdevice.Fault{f}})
	w.over(1)
	if n := w.count(of(dmdevice.EventExecuted)); n != 1 {
		t.Errorf("%d Execs, want that of the second campaign", n)
	}
}

// TestLegacyHalfADownload: the device is away when it has half of the package,
// the bridge is restarted meanwhile, and the rest comes from the same URL.
func TestLegacyHalfADownload(t *testing.T) {
	w := newLegacyWorld(t, wholeUpdate...)
	w.bridge()
	f, err := dmdevice.ParseFault("away@halfway=1s")
	if err != nil {
		t.Fatal(err)
	}
	w.device(dmdevice.Config{Faults: []dmdevice.Fault{f}})
	w.until("half a download", of(dmdevice.EventFault))
	before := w.count(of(dmdevice.EventDownload))
	w.stop()
	w.bridge()
	w.over(1)
	if n, all := w.count(of(dmdevice.EventExecuted)), w.count(of(dmdevice.EventDownload)); n != 1 || all <= before {
		t.Errorf("%d Execs, %d requests of which %d before: want one, and the rest after the restart", n, all, before)
	}
}

// another starts a further LwM2M server; addr is its address, stop ends it.
func (w *legacyWorld) another(addr string, steps ...string) (s *lwm2mserver.Server, stop func()) {
	w.t.Helper()
	conn, err := net.ListenPacket("udp", addr)
	if err != nil {
		w.t.Fatal(err)
	}
	script := lwm2mserver.Script{Timeout: time.Minute}
	for _, text := range steps {
		step, err := lwm2mserver.ParseStep(text)
		if err != nil {
			w.t.Fatal(err)
		}
		script.Steps = append(script.Steps, step)
	}
	s, err = lwm2mserver.New(lwm2mserver.Config{Conn: conn, Script: script, PackageURL: w.packs + "/radio-2.0.bin",
		Retry: 100 * time.Millisecond, AckTimeout: 200 * time.Millisecond, OnEvent: w.saw})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan struct{})
	w.wg.Go(func() {
		defer close(done)
		if err := s.Run(ctx); err != nil {
			w.t.Error(err)
		}
	})
	return s, func() { cancel(); <-done }
}

// told waits until a device's script at a server is over, and well.
func (w *legacyWorld) told(s *lwm2mserver.Server) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, time.Minute) // against hanging, no verdict
	defer cancel()
	if err := s.Wait(ctx, 1); err != nil {
		w.t.Fatalf("%v\n%s", err, w.story())
	}
	if r := s.Results()[0]; !r.OK() {
		w.t.Fatalf("%s: step %q: %v\n%s", r.Endpoint, r.Step, r.Err, w.story())
	}
}

// TestLegacySeveralServers: a device is shown at every server whose pattern
// takes it; what one does the others see.
func TestLegacySeveralServers(t *testing.T) {
	w := newLegacyWorld(t, wholeUpdate...)
	watching, _ := w.another("127.0.0.1:0", "observe 7 9 12", "wait state=DELIVERED", "refused 4.05 write 3", "wait installed", "wait active")
	b := w.bridge("  lwm2m_servers:\n", `  lwm2m_servers:
    - {name: watching, address: "`+watching.Addr().String()+`", devices: ["urn:imei:*"], lifetime: 60s}
    - {name: others, address: "`+watching.Addr().String()+`", devices: ["urn:dev:*"], lifetime: 60s}
`)
	w.device(dmdevice.Config{})
	w.over(1)
	w.told(watching)
	var names []string
	for _, s := range b.legacy.Shown(listed) {
		names = append(names, s.Server)
		if !s.Registered {
			t.Errorf("not registered: %+v", s)
		}
	}
	if got := strings.Join(names, " "); got != "watching main" {
		t.Errorf("shown at %s", got)
	}
}

// TestLegacyServerVanishes: the LwM2M server is gone after Install. The campaign
// goes on, and the server that comes back finds how it ended.
func TestLegacyServerVanishes(t *testing.T) {
	w := newLegacyWorld(t, "observe 7")
	first, vanish := w.another("127.0.0.1:0", "observe 7 9 12", "write 3", "wait state=DELIVERED", "install")
	at := []string{w.lwm2m.Addr().String(), first.Addr().String()}
	b := w.bridge(at...)
	w.told(first)
	vanish()
	w.device(dmdevice.Config{})
	w.until("trigger", of(dmdevice.EventTriggered))
	w.until("the end of the update", of(dmdevice.EventOver))
	if v, err := b.legacy.View(listed); err != nil || v.Instances[0].State != lwm2m9.Installed.String() || v.Instances[0].FwUpdate == "" && v.Instances[0].Phase != "over" {
		t.Errorf("%+v, %v", v, err)
	}
	w.stop() // the next one registers at once
	again, _ := w.another(first.Addr().String(), "observe 7 9 12", "wait installed", "activate", "wait active")
	w.bridge(at...)
	w.told(again)
	if n := w.count(func(e dmdevice.Event) bool {
		return e.State == fwupdate.StateUpdateSuccessful && e.Kind == dmdevice.EventState
	}); n != 1 {
		t.Errorf("installed %d times", n)
	}
}

// TestLegacyNoRedirects: whatever a device asks for, it is not sent elsewhere.
func TestLegacyNoRedirects(t *testing.T) {
	w := newLegacyWorld(t, "observe 7")
	w.bridge()
	for _, path := range []string{"/packages//x", "//packages/x", "/a/../packages/x", "/packages/x/", "/packages", "/dm/", "//dm", "/"} {
		for _, method := range []string{http.MethodHead, http.MethodGet, http.MethodPost} {
			r, err := http.NewRequestWithContext(t.Context(), method, "http://"+w.dm+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode/100 != 4 || resp.Header.Get("Location") != "" {
				t.Errorf("%s %s: %s, %q", method, path, resp.Status, resp.Header.Get("Location"))
			}
		}
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}
