package dmdevice_test

import (
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmserver"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// quirky is a bed with one quirk and MD5 both ways.
func quirky(t *testing.T, quirks ...dmdevice.Quirk) *bed {
	t.Helper()
	return newBed(t, func(c *dmdevice.Config) {
		c.Quirks, c.Auth, c.ServerAuth, c.Secret, c.ServerSecret = quirks, session.SchemeMD5, session.SchemeMD5, "pw", "spw"
	})
}

// TestQuirksThatUpdate: with these a device is unlike others and an update goes
// well all the same; shows finds the difference in what was posted.
func TestQuirksThatUpdate(t *testing.T) {
	anywhere := func(b *bed, text string) bool {
		return slices.ContainsFunc(b.posted(), func(p post) bool { return strings.Contains(p.body, text) })
	}
	requests := func(b *bed, text string) bool {
		return slices.ContainsFunc(b.log.texts(dmdevice.EventDownload), func(e string) bool { return strings.HasPrefix(e, text) })
	}
	for q, shows := range map[dmdevice.Quirk]func(*bed) bool{
		dmdevice.ExecIsDone:     func(b *bed) bool { return !anywhere(b, "<Data>202</Data>") },
		dmdevice.TargetDevInfo:  func(b *bed) bool { return anywhere(b, "<Target><LocURI>./DevInfo/DevId") },
		dmdevice.AlertFirst:     func(b *bed) bool { return alertBefore(b, "<Data>1201</Data>") },
		dmdevice.ChallengeFirst: func(b *bed) bool { return strings.Count(bodies(b), "<Data>1226</Data>") > 1 },
		dmdevice.SessionOne:     func(b *bed) bool { return !anywhere(b, "<SessionID>2</SessionID>") },
		dmdevice.IgnoreRespURI: func(b *bed) bool {
			return !slices.ContainsFunc(b.posted(), func(p post) bool { return p.query != "" })
		},
		dmdevice.SyncMLType:         func(b *bed) bool { return b.posted()[0].contentType == "application/vnd.syncml+xml" },
		dmdevice.LoseNonce:          func(b *bed) bool { return strings.Count(bodies(b), "<NextNonce") > 2 },
		dmdevice.NoHead:             func(b *bed) bool { return !requests(b, "HEAD") && requests(b, "GET bytes=0-65535: 206") },
		dmdevice.NoRange:            func(b *bed) bool { return requests(b, "HEAD") && requests(b, "GET: 200") },
		dmdevice.NoImplicitAdd:      func(*bed) bool { return true }, // the campaign adds the parents first
		dmdevice.CorrelatorRequired: func(*bed) bool { return true }, // the campaign has one
		dmdevice.CredOnce:           func(*bed) bool { return true },
		dmdevice.IgnoreMaxMsgSize:   func(*bed) bool { return true },
		dmdevice.AtomicFlat:         func(*bed) bool { return true },
		dmdevice.ReferenceDrop:      func(b *bed) bool { return b.Counts().Crashes == 0 },
		dmdevice.MetaDrop:           func(b *bed) bool { return b.Counts().Crashes == 0 },
		dmdevice.LongDrop:           func(b *bed) bool { return b.Counts().Crashes == 0 },
		dmdevice.SequenceCrash:      func(b *bed) bool { return b.Counts().Crashes == 0 },
		dmdevice.DataCrash:          func(b *bed) bool { return b.Counts().Crashes == 0 },
		dmdevice.HeaderOnly:         func(b *bed) bool { return b.Counts().Crashes == 0 },
		dmdevice.BadNonce:           func(b *bed) bool { return b.Counts().SessionsFailed == 0 },
	} {
		t.Run(q.String(), func(t *testing.T) {
			t.Parallel()
			b := quirky(t, q)
			b.work.Send(b.device, campaign(b.files+"/ok/radio-2.0.pkg?size=70000")...)
			b.start(t)
			same(t, "results", b.waits(t, 1), []dmdevice.Result{{Device: b.device, Package: "x", State: 100, Code: 200}})
			if !shows(b) {
				t.Errorf("the quirk does not show\n%s", bodies(b))
			}
		})
	}
}

func bodies(b *bed) string {
	var all strings.Builder
	for _, p := range b.posted() {
		all.WriteString(p.body + "\n")
	}
	return all.String()
}

func alertBefore(b *bed, other string) bool {
	for _, p := range b.posted() {
		if i := strings.Index(p.body, "<Data>1226</Data>"); i >= 0 {
			return i < strings.Index(p.body, other)
		}
	}
	return false
}

// TestQuirksThatRefuse: what the server is told.
func TestQuirksThatRefuse(t *testing.T) {
	leaf := add("./FwUpdate/x/PkgName", "chr", "n")
	bare := exec("x").(*syncml.Op)
	bare.Correlator = ""
	for _, tc := range []struct {
		quirks []dmdevice.Quirk
		send   syncml.Command
		want   syncml.Code
	}{
		{nil, leaf, 200},
		{[]dmdevice.Quirk{dmdevice.NoImplicitAdd}, leaf, 404},
		{nil, bare, 404},
		{[]dmdevice.Quirk{dmdevice.CorrelatorRequired}, bare, 412},
		{nil, get("./FwUpdate/y"), 404},
		{[]dmdevice.Quirk{dmdevice.BracesFail}, get("./FwUpdate/{y}"), 404}, // our server escapes them
		{[]dmdevice.Quirk{dmdevice.StatusZero}, get("./FwUpdate/y"), 0},
	} {
		b := quirky(t, tc.quirks...)
		key := b.work.Send(b.device, tc.send)[0]
		b.start(t)
		b.log.happens(t, dmdevice.EventEnded, 1)
		if got, ok := b.work.Seen(b.device).Results[key]; !ok || got.Code != tc.want {
			t.Errorf("%v: %d (%v), want %d", tc.quirks, got.Code, ok, tc.want)
		}
	}
}

// TestBraces: another server does not escape them.
func TestBraces(t *testing.T) {
	r := otherServer(t, syncml.DM12, dmserver.StylePlain, []dmdevice.Quirk{dmdevice.BracesFail}, func(c *dmserver.Config) { c.Campaigns[0].Package = "{x}" })
	if r.Phase != dmserver.Failed || r.ExecStatus == syncml.StatusAccepted {
		t.Errorf("%+v", r)
	}
}

// TestQuirksOfSequence: a server that sends one meets a device that refuses it,
// or dies of it.
func TestQuirksOfSequence(t *testing.T) {
	for _, tc := range []struct {
		quirks  []dmdevice.Quirk
		code    syncml.Code
		crashes int
	}{{nil, 200, 0}, {[]dmdevice.Quirk{dmdevice.NoSequence}, 501, 0}, {[]dmdevice.Quirk{dmdevice.SequenceCrash}, 0, 1}} {
		c := dmdevice.Config{DeviceID: "IMEI:35%d"}
		b := newBed(t, func(bc *dmdevice.Config) { bc.Quirks = tc.quirks })
		known := accountOf(c, "1")
		known.Sequence = true
		b.work.Add(known)
		key := b.work.Send(b.device, &syncml.Block{Cmd: syncml.CmdSequence, Body: []syncml.Command{add("./FwUpdate/x", "node", "")}})[0]
		b.start(t)
		b.log.happens(t, dmdevice.EventEnded, 1)
		if got := b.work.Seen(b.device).Results[key].Code; got != tc.code || b.Counts().Crashes != tc.crashes {
			t.Errorf("%v: %d, %d crashes; want %d, %d", tc.quirks, got, b.Counts().Crashes, tc.code, tc.crashes)
		}
	}
}

// TestCrashes: the session breaks off and the device reboots.
func TestCrashes(t *testing.T) {
	b := newBed(t, func(c *dmdevice.Config) { c.Quirks = []dmdevice.Quirk{dmdevice.DataCrash} })
	b.work.Send(b.device, &syncml.Op{Cmd: syncml.CmdAdd, Items: []syncml.Item{{Target: syncml.Location{URI: "./FwUpdate/x"}, Meta: syncml.Meta{Format: "node"}}}})
	b.start(t)
	b.log.happens(t, dmdevice.EventEnded, 1)
	// Our server sends <Data/> also where there is none, as it has to.
	if n := b.Counts(); n.Crashes != 0 {
		t.Errorf("%+v", n)
	}
	r := newBed(t, func(c *dmdevice.Config) { c.Quirks = []dmdevice.Quirk{dmdevice.CredCrash} })
	known := accountOf(dmdevice.Config{DeviceID: "IMEI:35%d"}, "1")
	known.Account.Server = session.Credentials{Scheme: session.SchemeBasic, User: serverID, Secret: "spw"}
	r.work.Add(known)
	r.work.Send(r.device, get("./DevInfo"))
	r.start(t)
	r.log.happens(t, dmdevice.EventBooted, 1)
	if n := r.Counts(); n.Crashes == 0 || n.SessionsFailed == 0 {
		t.Errorf("%+v", n)
	}
}

func TestParseQuirk(t *testing.T) {
	seen := map[string]bool{}
	for _, q := range dmdevice.Quirks() {
		got, err := dmdevice.ParseQuirk(q.String())
		if err != nil || got != q || q.About() == "" || seen[q.String()] {
			t.Errorf("%s: %v, %v, %q", q, got, err, q.About())
		}
		seen[q.String()] = true
	}
	if _, err := dmdevice.ParseQuirk("odd"); err == nil || !strings.Contains(err.Error(), "known: no-implicit-add, ") {
		t.Error(err)
	}
}

// TestFleetIsIdle: 5,000 devices that wait have no goroutine each.
func TestFleetIsIdle(t *testing.T) {
	const n = 5000
	before := runtime.NumGoroutine()
	b := newBed(t, func(c *dmdevice.Config) { c.Count, c.Quiet = n, true })
	b.start(t)
	if more := runtime.NumGoroutine() - before; more > 50 {
		t.Errorf("%d goroutines more for %d devices", more, n)
	}
}

// TestFleetUpdates: many devices are updated by fewer workers, each once.
func TestFleetUpdates(t *testing.T) {
	const n = 100
	b := newBed(t, func(c *dmdevice.Config) { c.Count, c.Workers = n, 8 })
	for _, i := range numbers(n) {
		b.work.Send("IMEI:35"+i, campaign(b.files+"/ok/radio-2.0.pkg")...)
	}
	b.start(t)
	seen := map[string]bool{}
	for _, r := range b.waits(t, n) {
		if !r.Code.Success() || seen[r.Device] {
			t.Errorf("%+v", r)
		}
		seen[r.Device] = true
	}
	if c := b.Counts(); c.Executions != n || c.Answered != n || c.SessionsFailed != 0 {
		t.Errorf("%+v", c)
	}
}
