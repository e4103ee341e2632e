package bridge

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/config"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmserver"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/pkgserver"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/trigger"
	"github.com/fwbridge/fwbridge/syncml"
)

const (
	triggeredDevice = "urn:imei-msisdn:356000000000001-4915112345678"
	triggeredID     = "IMEI:356000000000001"
)

// triggerWorld is a bridge with all channels, made from a configuration, whose
// DM server only asks by triggers.
type triggerWorld struct {
	*world
	b        *Bridge
	udp      string
	pap      string
	kannel   string
	mu       sync.Mutex
	sessions []string      // "1200 2A7" of every package 1; guarded by mu
	changed  chan struct{} // has room for one
}

func newTriggerWorld(t *testing.T) *triggerWorld {
	ctx, cancel := context.WithCancel(context.Background())
	w := &triggerWorld{world: &world{tb: t, ctx: ctx}, changed: make(chan struct{}, 1)}
	t.Cleanup(w.wg.Wait)
	t.Cleanup(cancel)
	w.packs = w.serve(pkgserver.New(pkgserver.Config{}))
	l := w.listen()
	w.dmURL = "http://" + l.Addr().String() + "/dm"
	var err error
	w.dm, err = dmserver.New(dmserver.Config{
		URL: w.dmURL, Auth: dmserver.AuthMD5, Accounts: []dmserver.Account{{Device: dmserver.AnyDevice, User: "fwbridge", Password: "secret"}},
		ServerAuth: dmserver.AuthMD5, ServerID: "legacy", ServerPassword: "server-secret",
	})
	if err != nil {
		t.Fatal(err)
	}
	w.serveOn(l, http.HandlerFunc(w.watch))
	w.start(t)
	return w
}

// watch is the DM server, seen by its package 1.
func (w *triggerWorld) watch(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.tb.Error(err)
	}
	if m, _, err := syncml.Decode(body, syncml.DefaultLimits); err == nil && m.Header.MsgID == "1" {
		for _, c := range m.Body {
			if a, ok := c.(*syncml.Alert); ok && a.Code != syncml.AlertGeneric {
				w.mu.Lock()
				w.sessions = append(w.sessions, fmt.Sprintf("%d %s", a.Code, m.Header.SessionID))
				w.mu.Unlock()
				select {
				case w.changed <- struct{}{}:
				default:
				}
			}
		}
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	w.dm.ServeHTTP(rw, r)
}

func (w *triggerWorld) begun() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.sessions)
}

// start runs the bridge as serve does.
func (w *triggerWorld) start(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bridge.yaml")
	text := fmt.Sprintf(`
drive: {poll: 1s, settle: 1s, retry: 1s}
triggers:
  in: {default_nonce: first}
dm_servers:
  - name: legacy
    url: %s
    server_id: legacy
    poll: 0s
    devices: ["*"]
    account:
      client: {scheme: md5, user: fwbridge, secret: secret}
      server: {scheme: md5, user: legacy, secret: server-secret}
`, w.dmURL)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	o := Configured(c)
	o.Engine.Store, o.Engine.RequestTimeout = store.NewMemory(), 2*time.Second
	packet := func() net.PacketConn {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	o.Devices = packet()
	w.addr = o.Devices.LocalAddr().String()
	udp := packet()
	w.udp = udp.LocalAddr().String()
	o.Triggers.UDP = []TriggerUDP{{Conn: udp}}
	o.Triggers.PAP, o.Triggers.Kannel = w.listen(), w.listen()
	w.pap, w.kannel = "http://"+o.Triggers.PAP.Addr().String()+"/pap", "http://"+o.Triggers.Kannel.Addr().String()+"/cgi-bin/sendsms"
	gate := trigger.Gate{User: "gateway", Secret: "gateway-secret"}
	o.Triggers.PAPGate, o.Triggers.KannelGate = gate, gate
	if w.b, err = New(o); err != nil {
		t.Fatal(err)
	}
	w.wg.Go(func() {
		if err := w.b.Run(w.ctx); err != nil {
			t.Error(err)
		}
	})
}

// channels are the senders, each with the address of the device.
func (w *triggerWorld) channels(t *testing.T) map[string]struct {
	sender trigger.Sender
	to     string
} {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	return map[string]struct {
		sender trigger.Sender
		to     string
	}{
		trigger.ChannelUDP:    {trigger.UDPSender{}, w.udp},
		trigger.ChannelPAP:    {&trigger.PAPSender{URL: w.pap, User: "gateway", Secret: "gateway-secret", Client: client}, "+4915112345678"},
		trigger.ChannelKannel: {&trigger.KannelSender{URL: w.kannel, User: "gateway", Secret: "gateway-secret", Client: client}, "+4915112345678"},
	}
}

// until waits for a condition that a session or a line of a device changes.
func (w *triggerWorld) until(what string, cond func() bool) {
	w.tb.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-w.changed:
		case <-tick.C:
		case <-ctx.Done():
			d, err := w.b.Engine().Device(triggeredDevice)
			w.tb.Fatalf("%s: never; sessions %v, triggers %v, %v %+v %+v %v", what, w.begun(), w.b.inbox.Counts(), err, d.DM, d.Triggers, d.Timeline)
		}
	}
}

// done says whether the last DM session of the device ended well.
func (w *triggerWorld) done(sessions uint64) func() bool {
	return func() bool {
		d, err := w.b.Engine().Device(triggeredDevice)
		return err == nil && d.DM.OK && d.DM.Sessions >= sessions && d.Triggers.Pending == ""
	}
}

func (w *triggerWorld) delivered() bool {
	d, err := w.b.Engine().Device(triggeredDevice)
	return err == nil && d.DM.OK && d.DM.Sessions >= 3 && len(d.Outbox) == 0
}

// TestTriggersEndToEnd: by each channel, the DM server asks for a session, has
// it under its id, and runs a campaign in it. What it repeats starts no other.
func TestTriggersEndToEnd(t *testing.T) {
	for _, channel := range []string{trigger.ChannelUDP, trigger.ChannelPAP, trigger.ChannelKannel} {
		t.Run(channel, func(t *testing.T) {
			t.Parallel()
			w := newTriggerWorld(t)
			w.device(lwm2mdevice.Config{Endpoint: triggeredDevice, Seed: 1, Timing: lwm2mdevice.Timing{Ack: 200 * time.Millisecond}})
			w.until("first session", w.done(1))
			if err := w.dm.AddCampaign(w.campaign("ok")); err != nil {
				t.Fatal(err)
			}
			by := w.channels(t)[channel]
			// Each has the nonce of the session before it.
			for n, session := range []uint16{0x2A7, 0x2A8} {
				package0, err := w.dm.Trigger(triggeredID, session)
				if err != nil {
					t.Fatal(err)
				}
				for range 3 {
					if err := by.sender.Send(t.Context(), by.to, package0); err != nil {
						t.Fatal(err)
					}
				}
				want := fmt.Sprintf("1200 %X", session)
				w.until(want, func() bool { return slices.Contains(w.begun(), want) })
				if n == 0 {
					w.wait(1)
					w.until("the result is delivered", w.delivered) // that session changes the nonce too
				}
				w.until("three counted", func() bool {
					c := w.b.inbox.Counts()
					return c["taken"] == uint64(n+1) && c["replayed"] == uint64(2*(n+1))
				})
				w.until("served", w.done(2))
			}
			if r := w.dm.Campaigns()[0]; r.Code != 200 {
				t.Errorf("the campaign ended with %d", r.Code)
			}
			w.checkRefusal(by.sender, by.to)
		})
	}
}

// checkRefusal sends a trigger with a wrong digest: it starts no session.
func (w *triggerWorld) checkRefusal(s trigger.Sender, to string) {
	package0, err := w.dm.Trigger(triggeredID, 0x2A9)
	if err != nil {
		w.tb.Fatal(err)
	}
	package0[0] ^= 1
	before := len(w.begun())
	if err := s.Send(w.ctx, to, package0); err != nil {
		w.tb.Errorf("wrong digest: %v; a gateway cannot know", err)
	}
	w.until("refused", func() bool { return w.b.inbox.Counts()["refused"] == 1 })
	d, err := w.b.Engine().Device(triggeredDevice)
	if err != nil || d.Triggers.Refused != 1 || d.Triggers.Pending != "" || len(w.begun()) != before {
		w.tb.Errorf("%v %+v, %d more sessions", err, d.Triggers, len(w.begun())-before)
	}
	if h := (seen{w.b.engine, w.b.inbox, nil}).Health(); h.Triggers["refused"] != 1 {
		w.tb.Errorf("health shows %v", h.Triggers)
	}
}

// TestFinder: how devices are found.
func TestFinder(t *testing.T) {
	c := config.Default()
	c.Servers = []config.Server{
		{Name: "a", ServerID: "dm-a", Devices: []config.Pattern{"urn:*"}, Account: config.Account{MSISDN: "{msisdn}"}},
		{Name: "b", ServerID: "dm-b", Devices: []config.Pattern{"meter-*"}, Account: config.Account{MSISDN: "+49151"}},
	}
	f := newFinder(c)
	if _, ok := f.Only("dm-a"); ok {
		t.Error("found a device before there is one")
	}
	for _, endpoint := range []string{triggeredDevice, triggeredDevice, "meter-1", "nobody"} {
		f.learn(endpoint)
	}
	for _, server := range []string{"dm-a", "dm-b"} {
		if _, ok := f.Only(server); !ok || !f.Serves(server) {
			t.Errorf("%s: its only device is not found", server)
		}
	}
	f.learn("meter-2")
	f.learn("meter-1")
	if got, ok := f.Only("dm-b"); ok {
		t.Errorf("of several devices %s is the only one", got)
	}
	for _, tt := range []struct{ server, number, want string }{
		{"dm-a", "+49 151 12345678", triggeredDevice}, {"dm-a", "004915112345678", triggeredDevice},
		{"dm-a", "+49151", ""}, {"dm-b", "+4915112345678", ""}, {"dm-a", "hello", ""}, {"dm-b", "49151", "meter-1"},
	} {
		if got, _ := f.ByNumber(tt.server, tt.number); got != tt.want {
			t.Errorf("%s at %s is %q; want %q", tt.number, tt.server, got, tt.want)
		}
	}
	if f.Serves("dm-c") {
		t.Error("serves everybody")
	}
}

// TestHealthWithoutTriggers: without a listener there is nothing to show.
func TestHealthWithoutTriggers(t *testing.T) {
	if h := (seen{engine.New(engine.Options{}), nil, nil}).Health(); h.Triggers != nil {
		t.Errorf("shows %v", h.Triggers)
	}
}
