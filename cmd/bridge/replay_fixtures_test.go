package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmserver"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/notify"
	"github.com/fwbridge/fwbridge/syncml/replay"
	"github.com/fwbridge/fwbridge/syncml/session"
)

var update = flag.Bool("update", false, "write testdata/sessions anew")

const (
	fixtureDevice = "IMEI:490154203237518"
	fixtureURL    = "http://dm.example.com/dm"
	fixtureServer = "dmserver"
)

var (
	clientPair = session.Credentials{User: "user", Secret: "pass"}
	serverPair = session.Credentials{User: fixtureServer, Secret: "srvpass"}
)

// flow is one fixture: how it is made.
type flow struct {
	name   string
	server dmserver.Config // of the simulated server; not used with script
	script []step          // of a scripted one
	client session.Credentials
	mutual bool // the device checks the server's credentials
	set    func(*session.Account)
	nonces session.Nonces
	run    func(g *generator)
	// own says that our own server, asked to do what the recorded one did, has
	// to say the same; ignore lists what it leaves out.
	own    bool
	ignore []string
}

// flows are all fixtures of testdata/sessions.
func flows() []flow {
	once := func(g *generator) { g.session(syncml.AlertClientInitiated) }
	md5 := auth(clientPair, session.SchemeMD5)
	wbxml := func(a *session.Account) { a.Encoding = syncml.WBXML }
	old := func(a *session.Account) { a.Version = syncml.DM112 }
	return []flow{
		{name: "auth-none", own: true, server: simulated(dmserver.AuthNone), run: once},
		{name: "auth-basic", own: true, ignore: []string{"Status/Chal"}, server: simulated(dmserver.AuthBasic), client: auth(clientPair, session.SchemeBasic), run: once},
		{name: "auth-md5", own: true, server: simulated(dmserver.AuthMD5), client: md5, run: func(g *generator) { once(g); once(g) }},
		{name: "auth-mac", own: true, script: []step{{code: 407, chal: "syncml:auth-MAC"}, {chal: "syncml:auth-MAC", cmds: gets("./DevDetail/FwV")}, {chal: "syncml:auth-MAC"}},
			client: auth(clientPair, session.SchemeMAC), run: once},
		{name: "challenge", own: true, server: simulated(dmserver.AuthMD5), client: md5,
			nonces: session.Nonces{Client: []byte("a nonce of before")}, run: once},
		{name: "server-auth", server: mutual(simulated(dmserver.AuthMD5)), client: md5, mutual: true, run: once},
		{name: "large-object", script: largeObject(), run: once},
		{name: "atomic-failure", own: true, script: []step{{cmds: atomicFailure()}, {}}, run: once},
		{name: "abort", own: true, script: []step{{cmds: []syncml.Command{&syncml.Alert{Code: syncml.AlertSessionAbort}}}}, run: once},
		{name: "messages", server: styled(dmserver.StyleSplit), run: once},
		{name: "sequence", own: true, server: styled(dmserver.StyleSequence), run: once},
		{name: "trigger", own: true, server: simulated(dmserver.AuthMD5), client: md5, run: (*generator).triggered},
		{name: "fwupdate-xml", own: true, server: campaign(dmserver.AuthMD5), client: md5, run: (*generator).update},
		{name: "fwupdate-wbxml", own: true, server: campaign(dmserver.AuthMD5), client: md5, set: wbxml, run: (*generator).update},
		{name: "dm112-polling", own: true, ignore: []string{"Status/Chal"}, server: campaign(dmserver.AuthBasic), client: auth(clientPair, session.SchemeBasic), set: old, run: (*generator).polled},
	}
}

func auth(c session.Credentials, s session.Scheme) session.Credentials { c.Scheme = s; return c }

func simulated(a dmserver.Auth) dmserver.Config {
	return dmserver.Config{Auth: a, Seed: 1, Accounts: []dmserver.Account{{Device: dmserver.AnyDevice, User: "user", Password: "pass"}},
		Campaigns: []dmserver.Campaign{{Package: "pkg1", Name: "Radio & Firmware", Version: "2.0", URL: "http://pkg.example.com/good.bin", Correlator: "corr-1"}}}
}

func mutual(c dmserver.Config) dmserver.Config {
	c.ServerAuth, c.ServerID, c.ServerPassword = dmserver.AuthMD5, fixtureServer, "srvpass"
	return c
}

func styled(s dmserver.Style) dmserver.Config {
	c := simulated(dmserver.AuthNone)
	c.Campaigns[0].Style = s
	return c
}

func campaign(a dmserver.Auth) dmserver.Config {
	c := simulated(a)
	c.Campaigns[0].Poll, c.Campaigns[0].Delete = true, true
	return c
}

// generator makes one fixture: our own client with a ./FwUpdate tree, against
// a server in this process.
type generator struct {
	t      *testing.T
	acc    session.Account
	nonces session.Nonces
	tree   *fwupdate.Tree
	server replay.Server
	given  int // nonces
	id     int
	rec    replay.Recording
}

func (f flow) generator(t *testing.T) *generator {
	t.Helper()
	g := &generator{t: t, server: &scripted{steps: f.script}, nonces: f.nonces, acc: session.Account{
		DeviceID: fixtureDevice, ServerID: fixtureServer, URL: fixtureURL, Version: syncml.DM12, MaxMsgSize: 16384, Client: f.client}}
	if f.script == nil {
		g.server = f.simulator(t)
	}
	if f.mutual {
		g.acc.Server = auth(serverPair, session.SchemeMD5)
	}
	if f.set != nil {
		f.set(&g.acc)
	}
	g.tree = fwupdate.NewTree(fwupdate.Identity{DeviceID: fixtureDevice, Manufacturer: "Acme", Model: "R2", Language: "en", DMVersion: "1.2",
		DeviceType: "router", OEM: "Acme", FirmwareVersion: "1.0", SoftwareVersion: "1.0", HardwareVersion: "A"})
	g.tree.SetRoles(map[string]fwupdate.Role{fixtureServer: fwupdate.Manager})
	return g
}

// simulator is the simulated server of the flow.
func (f flow) simulator(t *testing.T) replay.Server {
	t.Helper()
	s, err := dmserver.New(f.server)
	if err != nil {
		t.Fatal(err)
	}
	return replay.Handler(s, fixtureURL)
}

func (g *generator) nonce() []byte {
	g.given++
	return fmt.Appendf(nil, "client nonce %03d", g.given)
}

// session runs one session and records it.
func (g *generator) session(reason syncml.AlertCode, notes ...session.Notification) {
	g.t.Helper()
	g.id++
	s := replay.Session{}
	c := session.NewClient(g.acc, g.nonces, reason, strconv.Itoa(g.id), notes)
	for out := c.Open(g.tree); out.End == session.EndNot; {
		g.nonces = out.Nonces
		request := replay.Message{URL: "/dm", Header: http.Header{"Content-Type": {g.acc.Encoding.MIME()}}, Body: out.Send}
		if out.HMAC != "" {
			request.Header.Set(session.HMACHeader, out.HMAC)
		}
		sent := request
		sent.URL = ""
		answer, err := g.server.Answer(g.t.Context(), sent)
		if err != nil {
			g.t.Fatal(err)
		}
		s.Exchanges = append(s.Exchanges, replay.Exchange{Request: request, Response: answer})
		out = c.ReceiveHMAC(answer.Body, answer.Header.Get(session.HMACHeader), g.tree, g.nonce)
		g.nonces = out.Nonces
		if out.End != session.EndNot && out.End != session.EndDone && out.End != session.EndAborted {
			g.t.Fatalf("the session ended with %s: %v", out.End, out.Err)
		}
	}
	g.rec.Sessions = append(g.rec.Sessions, s)
	g.tree.TakeExecutions()
	g.tree.TakeDeletions()
}

// triggered is a session that a Package 0 asked for.
func (g *generator) triggered() {
	m := &notify.Message{Version: notify.Version11, Initiator: notify.ByServer, SessionID: 1, ServerID: fixtureServer}
	m.Sign(notify.Key{User: serverPair.User, Secret: serverPair.Secret}, notify.Nonce("a trigger nonce."))
	b, err := m.Append(nil)
	if err != nil {
		g.t.Fatal(err)
	}
	g.session(syncml.AlertServerInitiated)
	g.rec.Sessions[0].Trigger = b
}

// update is a whole life of a package: order, progress, result, removal.
func (g *generator) update() {
	g.session(syncml.AlertClientInitiated)
	g.tree.SetState("pkg1", 30)
	g.session(syncml.AlertServerInitiated)
	g.tree.SetState("pkg1", 100)
	g.session(syncml.AlertClientInitiated, session.Notification{
		Key: "1", Type: "org.openmobilealliance.dm.firmwareupdate.downloadandupdate", Format: "int", Mark: "informational",
		Source: "./FwUpdate/pkg1/DownloadAndUpdate", Correlator: "corr-1", Data: "200"})
	g.session(syncml.AlertClientInitiated)
}

// polled is the same in DM 1.1.2, which has no Generic Alerts: the server asks.
func (g *generator) polled() {
	g.session(syncml.AlertClientInitiated)
	for _, state := range []fwupdate.State{30, 50, 100} {
		g.tree.SetState("pkg1", state)
		g.session(syncml.AlertClientInitiated)
	}
}

// write writes the fixture: one folder, its sessions one after the other.
func (g *generator) write(dir string) {
	g.t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		g.t.Fatal(err)
	}
	next := 1
	for _, s := range g.rec.Sessions {
		if err := s.WriteFolder(dir, next); err != nil {
			g.t.Fatal(err)
		}
		next += 2 * len(s.Exchanges)
	}
}

// TestFixtures makes every fixture anew and compares it with the one in
// testdata: by playing the server of the one to the client, and the client of
// the one to the server.
func TestFixtures(t *testing.T) {
	for _, f := range flows() {
		t.Run(f.name, func(t *testing.T) {
			dir := filepath.Join("..", "..", "testdata", "sessions", f.name)
			if *update {
				g := f.generator(t)
				f.run(g)
				g.write(dir)
			}
			rec, err := replay.Load(dir)
			if err != nil {
				t.Fatal(err)
			}
			t.Run("as server", func(t *testing.T) { f.asServer(t, rec) })
			if f.script == nil {
				t.Run("as client", func(t *testing.T) { f.asClient(t, rec) })
			}
			if f.own {
				t.Run("own server", func(t *testing.T) { f.ownServer(t, rec) })
			}
		})
	}
}

func fixtureOptions() replay.Options {
	return replay.Options{Client: replay.Credentials{User: clientPair.User, Secret: clientPair.Secret},
		Server: replay.Credentials{User: serverPair.User, Secret: serverPair.Secret}}
}

func (f flow) asServer(t *testing.T, rec *replay.Recording) {
	o := fixtureOptions()
	device := newReplayDevice(rec, fixtureServer)
	o.Prepare = device.prepare
	r := replay.New(o)
	for _, s := range rec.Sessions {
		c, err := r.NewClient(s, device.tree)
		if err != nil {
			t.Fatal(err)
		}
		device.settle()
		check(t, func(ctx context.Context) (*replay.Result, error) { return r.AsServer(ctx, s, c) })
	}
}

func (f flow) asClient(t *testing.T, rec *replay.Recording) {
	r, server := replay.New(fixtureOptions()), f.simulator(t)
	for _, s := range rec.Sessions {
		check(t, func(ctx context.Context) (*replay.Result, error) { return r.AsClient(ctx, s, server) })
	}
}

// ownServer plays the client to our server. Those that it is not asked to do
// put a package into messages of their choice, or send credentials on demand
// only: the specification leaves that open, and our server does it otherwise.
func (f flow) ownServer(t *testing.T, rec *replay.Recording) {
	o := fixtureOptions()
	o.Ignore = f.ignore
	r := replay.New(o)
	for _, s := range rec.Sessions {
		server, err := r.NewServer(s)
		if err != nil {
			t.Fatal(err)
		}
		check(t, func(ctx context.Context) (*replay.Result, error) { return r.AsClient(ctx, s, server) })
	}
}

func check(t *testing.T, play func(context.Context) (*replay.Result, error)) {
	t.Helper()
	result, err := play(t.Context())
	if err != nil {
		t.Error(err)
	}
	if !result.OK() {
		var text testWriter
		_ = result.WriteText(&text, false)
		t.Errorf("%s differs:\n%s", result.Session, text)
	}
}

type testWriter []byte

func (w *testWriter) Write(b []byte) (int, error) { *w = append(*w, b...); return len(b), nil }
