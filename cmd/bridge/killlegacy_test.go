package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mserver"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/smsgate"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// legacyKills are the steps of a campaign at which the bridge is killed. What
// is told and what is lost is certain where the relay holds a message.
var legacyKills = []struct{ at, what string }{
	{"fetch", "the bridge has asked for the package"},
	{"delivered", "the LwM2M server sees DELIVERED"},
	{"install", "Install was answered 2.04"},
	{"trigger", "the trigger has reached the device"},
	{"session", "the device's package 1 waits before the bridge"},
	{"offer", "the message with the Adds has gone out"},
	{"exec", "the message with the Exec has gone out"},
	{"exec-lost", "the message with the Exec has gone out, and does not arrive"},
	{"executed", "the device has carried out the Exec, the Status has not gone out"},
	{"download", "half of the package is at the device"},
	{"alert", "the alert waits before the bridge"},
	{"alert-lost", "the alert was taken, and the answer does not arrive"},
	{"installed", "the LwM2M server sees INSTALLED"},
	{"delete-lost", "the message with the Delete has gone out, and does not arrive"},
}

// TestKillLegacy kills the bridge with SIGKILL at a step of a campaign, starts it
// again on the same directory, and looks at both sides: the Exec was carried out
// once, the LwM2M server has observed anew and has seen the end.
func TestKillLegacy(t *testing.T) {
	for _, c := range legacyKills {
		t.Run(c.at, func(t *testing.T) {
			t.Parallel()
			k := newLegacyKill(t, c.at)
			k.start()
			k.device()
			k.killAndRestart()
			k.mu.Lock()
			k.before = len(k.events)
			k.mu.Unlock()
			close(k.dead)
			ctx, cancel := context.WithTimeout(k.ctx, 90*time.Second) // against hanging, no verdict
			defer cancel()
			if err := errors.Join(k.lwm2m.Wait(ctx, 1), k.fleet.Wait(ctx, 1)); err != nil {
				t.Errorf("when %s: no end: %v", c.what, err)
			}
			k.judge()
		})
	}
}

type legacyKill struct {
	*killTest
	packs, dm string
	relay     http.RoundTripper
	udp       net.PacketConn
	lwm2m     *lwm2mserver.Server
	fleet     *dmdevice.Fleet
	dead      chan struct{} // closed when the next bridge was started

	mu     sync.Mutex
	events []string // of both sides, in order; guarded by mu
	execs  int      // carried out; guarded by mu
	before int      // events when the bridge was dead; guarded by mu
}

const legacyKillDevice = "IMEI:350000000000001"

func newLegacyKill(t *testing.T, at string) *legacyKill {
	k := &legacyKill{killTest: newKillBase(t, at), relay: &http.Transport{DisableKeepAlives: true}, dead: make(chan struct{})}
	k.packs = k.serve(http.HandlerFunc(k.servePackage))
	script := lwm2mserver.Script{Timeout: 2 * time.Minute, Retries: 50}
	steps := "observe 7 9 12,write 3,wait state=DELIVERED,install,wait installed,activate,wait active"
	if at == "exec-lost" { // the device shows nothing of it: it fails, and is installed anew
		steps = strings.Replace(steps, "wait installed", "wait failed,expect state=DELIVERED,install,wait installed", 1)
	}
	for text := range strings.SplitSeq(steps, ",") {
		step, err := lwm2mserver.ParseStep(text)
		if err != nil {
			t.Fatal(err)
		}
		script.Steps = append(script.Steps, step)
	}
	var err error
	if k.udp, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if k.lwm2m, err = lwm2mserver.New(lwm2mserver.Config{
		Conn: conn, Script: script, PackageURL: k.packs + "/radio-2.0.bin", Retry: 200 * time.Millisecond, AckTimeout: 200 * time.Millisecond, OnEvent: k.saw,
	}); err != nil {
		t.Fatal(err)
	}
	k.run(k.lwm2m.Run)
	k.configure()
	return k
}

func (k *legacyKill) run(run func(context.Context) error) {
	k.wg.Go(func() {
		if err := run(k.ctx); err != nil {
			k.t.Error(err)
		}
	})
}

// configure writes the bridge's configuration. Devices reach it through the
// relay, whose address it gives out as its own.
func (k *legacyKill) configure() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		k.t.Fatal(err)
	}
	k.dm = l.Addr().String()
	l.Close()
	relay := k.serve(http.HandlerFunc(k.carry))
	k.install(fmt.Sprintf(`coap: {secure: {listen: ""}}
http: {listen: ""}
log: {level: debug}
store: {reserve: 16MiB}
legacy:
  listen: %q
  url: %s/dm
  groups:
    - name: phones
      devices: [%s]
      account: {client: {scheme: md5, user: dev, secret: s1}, server: {scheme: md5, secret: s2}}
      address: %s
  campaign: {wake: 1s, poll: 1s, retry: 1s, doubt: 2s}
  lwm2m_servers: [{name: main, address: %q, devices: ["*"], lifetime: 60s}]
packages: {allow: {networks: [127.0.0.0/8], ports: ["0"]}}
triggers: {out: {channel: udp}}
`, k.dm, relay, legacyKillDevice, k.udp.LocalAddr(), k.lwm2m.Addr()))
	k.dm, k.packs = "http://"+k.dm, relay
}

func (k *legacyKill) device() {
	var err error
	k.fleet, err = dmdevice.New(dmdevice.Config{
		DeviceID: legacyKillDevice, Server: k.packs + "/dm", ServerID: "fwbridge", Quiet: true, OnEvent: k.heard,
		Auth: session.SchemeMD5, User: "dev", Secret: "s1", ServerAuth: session.SchemeMD5, ServerSecret: "s2",
		Timing: dmdevice.Timing{Begin: 100 * time.Millisecond, Install: 200 * time.Millisecond, Retry: 300 * time.Millisecond},
	})
	if err != nil {
		k.t.Fatal(err)
	}
	k.run(k.fleet.Run)
	gate := smsgate.New(k.fleet, nil)
	k.run(func(ctx context.Context) error { return gate.RunUDP(ctx, k.udp) })
}

func (k *legacyKill) note(text string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.events = append(k.events, text)
}

func (k *legacyKill) saw(e lwm2mserver.Event) {
	k.note("server: " + e.String())
	switch {
	case e.Kind == lwm2mserver.EventShown:
		k.reached(strings.ToLower(e.Instance.State.String()))
	case e.Kind == lwm2mserver.EventAnswered && strings.HasPrefix(e.Text, "Execute /9/0/4"):
		k.reached("install")
	}
}

func (k *legacyKill) heard(e dmdevice.Event) {
	k.note("device: " + e.String())
	switch e.Kind {
	case dmdevice.EventTriggered:
		k.reached("trigger")
	case dmdevice.EventExecuted:
		k.mu.Lock()
		k.execs++
		k.mu.Unlock()
		k.hold("executed")
	}
}

// hold has the bridge killed, the first time that the step comes, and returns
// when there is another one.
func (k *legacyKill) hold(step string) (first bool) {
	if step != k.at {
		return false
	}
	k.once.Do(func() {
		first = true
		close(k.strike)
	})
	select {
	case <-k.dead:
	case <-k.ctx.Done():
	}
	return first
}

var legacyKillPackage = bytes.Repeat([]byte("firmware "), 20_000)

func (k *legacyKill) servePackage(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		k.hold("fetch")
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(legacyKillPackage))
}

// carry is the relay between device and bridge. A request waits until there is
// a bridge.
func (k *legacyKill) carry(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	isDM, alert := r.URL.Path == "/dm", bytes.Contains(body, []byte("<Data>1226<"))
	switch {
	case isDM && alert:
		k.hold("alert")
	case isDM:
		k.hold("session")
	case strings.HasPrefix(r.Header.Get("Range"), "bytes=") && !strings.HasPrefix(r.Header.Get("Range"), "bytes=0-"):
		k.hold("download")
	}
	resp, err := k.forward(r, body)
	if err != nil {
		panic(http.ErrAbortHandler) // the connection breaks
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if isDM && k.lost(answer, alert) {
		panic(http.ErrAbortHandler)
	}
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = w.Write(answer)
}

// lost holds an answer of the bridge if it is the one, and says whether it
// does not arrive.
func (k *legacyKill) lost(answer []byte, toAlert bool) bool {
	has := func(cmd string) bool { return bytes.Contains(answer, []byte("<"+cmd+">")) }
	if has("Add") {
		k.hold("offer")
	}
	if has("Exec") {
		k.hold("exec")
	}
	return has("Exec") && k.hold("exec-lost") || toAlert && k.hold("alert-lost") || has("Delete") && k.hold("delete-lost")
}

func (k *legacyKill) forward(r *http.Request, body []byte) (*http.Response, error) {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		out, err := http.NewRequestWithContext(k.ctx, r.Method, k.dm+r.URL.RequestURI(), bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		out.Header = r.Header
		resp, err := k.relay.RoundTrip(out)
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return resp, err
		}
		select {
		case <-again.C:
		case <-k.ctx.Done():
			return nil, k.ctx.Err()
		}
	}
}

func (k *legacyKill) judge() {
	k.t.Helper()
	for _, r := range k.lwm2m.Results() {
		if !r.OK() {
			k.t.Errorf("the LwM2M server's script ended at %q: %v", r.Step, r.Err)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.execs != 1 {
		k.t.Errorf("the Exec was carried out %d times", k.execs)
	}
	if rs := k.fleet.Results(); len(rs) != 1 || rs[0].Code != 200 {
		k.t.Errorf("at the device: %+v", rs)
	}
	// What happened after the death: registered, and then values again, unless
	// the server had nothing more to wait for.
	after := k.events[k.before:]
	registered := slices.IndexFunc(after, func(e string) bool { return strings.HasPrefix(e, "server: ") && strings.Contains(e, " registered") })
	over := slices.ContainsFunc(k.events[:k.before], func(e string) bool { return strings.HasPrefix(e, "server: ") && strings.Contains(e, " ended") })
	if !over && (registered < 0 || !slices.ContainsFunc(after[registered:], func(e string) bool { return strings.Contains(e, "/9/0 INSTALLED") })) {
		k.t.Error("the LwM2M server did not observe anew")
	}
	if k.t.Failed() {
		k.t.Logf("before:\n%s\nafter:\n%s\nbridge:\n%s", strings.Join(k.events[:k.before], "\n"), strings.Join(after, "\n"), k.log())
	}
}
