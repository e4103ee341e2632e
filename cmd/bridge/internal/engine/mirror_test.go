package engine

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// mirrored is a world with one registered device, whose mirror has been filled.
func mirrored(t *testing.T) (*world, *fakeDevice) {
	w := newWorld(t)
	dev := w.net.add(devA)
	w.start()
	if err := dev.register(t.Context(), w.engine); err != nil {
		t.Fatal(err)
	}
	w.until("the device is known", time.Minute, func() bool {
		d := w.detail(devA)
		return d.Identity.Firmware == "fw1" && len(d.Instances) == 1
	})
	return w, dev
}

// TestMirrorFromNotifications: what a device tells without being asked is in
// the mirror, and in the management tree, without a reading; what is not of its
// resource's type, or of an instance that nobody has seen, is not.
func TestMirrorFromNotifications(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, dev := mirrored(t)
		defer func() { w.stop() }()
		reads := func() int { return dev.ran("GET /9") + dev.ran("GET /9/0") + dev.ran("GET /3/0") }
		before := reads()
		senml, err := wire.Append(nil, wire.FormatSenMLCBOR, wire.Path{},
			wire.Entry{Path: wire.PathOf(3, 0, 3), Value: wire.String("fw7")},
			wire.Entry{Path: wire.PathOf(9, 0, 1), Value: wire.String("2.0")},
			wire.Entry{Path: wire.PathOf(9, 0, 0), Value: wire.Integer(5)},
			wire.Entry{Path: wire.PathOf(9, 8, 7), Value: wire.Integer(4)})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []server.Notification{
			{Path: "/9/0/7", Format: server.TextPlain, Payload: []byte("3")},
			{Path: "/9/0/9", Format: server.TLV, Payload: []byte("\xc1\x09\x03")},
			{Path: "/", Format: server.SenMLCBOR, Payload: senml},
			{Path: "/9/0/7", Format: server.TLV, Payload: []byte("\xff")}, // garbage
			{Path: "/9/0/9", Format: server.TextPlain, Payload: []byte("x")},
		} {
			n.Endpoint = devA
			w.engine.Notified(t.Context(), n)
		}
		synctest.Wait()
		d := w.detail(devA)
		if i := d.Instances[0]; len(d.Instances) != 1 || i.RawState != 3 || i.RawResult != 3 || i.Version != "2.0" || i.Name != "" {
			t.Errorf("instances %+v", d.Instances)
		}
		if d.Identity.Firmware != "fw7" || d.Identity.Manufacturer != "ACME" {
			t.Errorf("identity %+v", d.Identity)
		}
		if n := reads() - before; n != 0 {
			t.Errorf("%d readings", n)
		}
		// A Send is answered when it is durable, and says the same things.
		sent := server.Sent{Endpoint: devA, Entries: []wire.Entry{{Path: wire.PathOf(3, 0, 19), Value: wire.String("sw3")}}}
		if err := w.engine.Sent(t.Context(), sent); err != nil || w.detail(devA).Identity.Software != "sw3" {
			t.Errorf("%v, %+v", err, w.detail(devA).Identity)
		}
	})
}

// TestChangedDevice: a device with new firmware may speak the other dialect: it
// is read again at its registration, and one pair decides.
func TestChangedDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, dev := mirrored(t)
		defer func() { w.stop() }()
		if d := w.detail(devA); d.Dialect != "registered" {
			t.Fatalf("dialect %s", d.Dialect)
		}
		dev.change(func() {
			dev.dialect = lwm2m9.Draft
			dev.instances[0].State, dev.instances[0].Result = lwm2m9.Installed, lwm2m9.ResultInstalled // and the firmware is fw2
		})
		if err := dev.register(t.Context(), w.engine); err != nil {
			t.Fatal(err)
		}
		w.until("it is detected again", time.Minute, func() bool { return w.detail(devA).Dialect == "draft" })
		if d := w.detail(devA); d.Identity.Firmware != "fw2" || !strings.Contains(w.story(), `firmware "fw1" to "fw2"`) {
			t.Errorf("firmware %s\n%s", d.Identity.Firmware, w.story())
		}
		w.until("DevDetail has it", 2*time.Hour, func() bool {
			return slices.ContainsFunc(w.detail(devA).Tree, func(n Node) bool {
				return n.URI == "./DevDetail/FwV" && n.Value != nil && *n.Value == "fw2"
			})
		})
	})
}

// TestNewInstances: an Update that lists other instances has them read.
func TestNewInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, dev := mirrored(t)
		defer func() { w.stop() }()
		dev.change(func() {
			dev.instances[1] = &software{Machine: lwm2m9.NewMachine(), name: "radio"}
			dev.reg.Paths = []string{"/3/0", "/9/0", "/9/1"}
		})
		r := dev.reg
		if err := w.engine.Update(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		w.until("it is read", time.Minute, func() bool { return len(w.detail(devA).Instances) == 2 })
	})
}

// TestWrongServer: who cannot prove to be the DM server is asked less and less
// often, and the operator sees it, once an hour in the time line.
func TestWrongServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.acc.Server = session.Credentials{Scheme: session.SchemeBasic, User: "dm.test", Secret: "right"}
		w.dm.cred = &syncml.Cred{Meta: syncml.Meta{Format: "b64", Type: "syncml:auth-basic"}, Data: "ZG0udGVzdDp3cm9uZw=="} // dm.test:wrong
		dev := w.net.add(devA)
		w.start()
		defer func() { w.stop() }()
		if err := dev.register(t.Context(), w.engine); err != nil {
			t.Fatal(err)
		}
		var waits []time.Duration
		for n := range 4 {
			for range session.MaxAuthTries + 1 { // one in each message: who says nothing needs no proof
				w.dm.orders(imeiA, op(syncml.CmdGet, "./DevInfo/Man", "", ""))
			}
			w.until("a session fails", 24*time.Hour, func() bool { return w.detail(devA).DM.Failures == n+1 })
			d := w.detail(devA).DM
			waits = append(waits, d.Next.Sub(d.Last))
		}
		if !slices.IsSorted(waits) || waits[3] < 4*waits[0] {
			t.Errorf("waits %v do not grow", waits)
		}
		h := w.engine.Health()
		if h.Suspects != 4 || len(h.Conditions) != 1 || h.Conditions[0].Name != "server-auth" || !strings.Contains(h.Conditions[0].Text, "4 times") || !h.OK {
			t.Errorf("health %+v", h)
		}
		if n := strings.Count(w.story(), "did not prove"); n != 1 {
			t.Errorf("%d lines in the time line, want 1\n%s", n, w.story())
		}
	})
}

// TestNote: others than the engine have something for the time line too.
func TestNote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		dev := w.net.add(devA)
		w.start()
		defer func() { w.stop() }()
		w.register(dev)
		synctest.Wait()
		w.engine.Note(devA, "package fetched, 1 B")
		w.engine.Note("nobody", "package fetched, 2 B")
		synctest.Wait()
		lines := w.detail(devA).Timeline
		if last := lines[len(lines)-1]; last.Note != "package fetched, 1 B" || strings.Contains(w.story(), "2 B") {
			t.Errorf("%+v\n%s", last, w.story())
		}
	})
}

// TestNotesLeaveRoom: they take no more than half of the inbox.
func TestNotesLeaveRoom(t *testing.T) {
	for inbox, want := range map[int]int{1: 1, 5: 2, 6: 3} {
		e := New(Options{Inbox: inbox, Shards: 1})
		for range inbox + 1 {
			e.Note(devA, "package fetched, 1 B")
		}
		if got := len(e.shards[0].box.events); got != want {
			t.Errorf("of an inbox of %d they take %d, want %d", inbox, got, want)
		}
	}
}

// TestSuspects: there is an end to what is remembered of those who claim to be
// somebody else.
func TestSuspects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := mirrored(t)
		defer func() { w.stop() }()
		for n := range maxSuspects + 1 {
			w.engine.Impostor(server.Impostor{Operation: "register", Endpoint: devA, Identity: strings.Repeat("x", n+1)})
			w.engine.Impostor(server.Impostor{Operation: "register", Endpoint: "nobody"})
		}
		// The same one from many ports is one, shown where it was last.
		for port := range uint16(500) {
			w.engine.Impostor(server.Impostor{Operation: "update", Endpoint: devA, Identity: "mallory", Remote: netip.AddrPortFrom(netip.MustParseAddr("198.51.100.7"), port+1)})
		}
		synctest.Wait()
		h := w.engine.Health()
		if len(h.Conditions) != maxSuspects || h.Suspects != 2*(maxSuspects+1)+500 || h.Devices != 1 {
			t.Errorf("%d conditions, %d suspects, %d devices", len(h.Conditions), h.Suspects, h.Devices)
		}
		if last := h.Conditions[len(h.Conditions)-1].Text; !strings.Contains(last, `"mallory" (500 times`) || !strings.HasSuffix(last, " at 198.51.100.7:500)") {
			t.Errorf("condition %q", last)
		}
		if n := strings.Count(w.story(), `it came from identity "mallory" at 198.51.100.7:1`); n != 1 {
			t.Errorf("%d lines in the time line, want 1\n%s", n, w.story())
		}
		<-time.After(suspectMemory + time.Second)
		if h := w.engine.Health(); len(h.Conditions) != 0 {
			t.Errorf("%d conditions a day later", len(h.Conditions))
		}
	})
}
