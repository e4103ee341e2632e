package session

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/syncml"
)

// TestServerHeaders: which messages belong to a session, and what the others
// are answered: one status for the header and for every command.
func TestServerHeaders(t *testing.T) {
	for _, tt := range []struct {
		name   string
		second bool // not the first message
		change func(*syncml.Header)
		want   syncml.Code
		end    End
		items  string
	}{
		{"DM 1.1.2", false, func(h *syncml.Header) { h.Version = syncml.DM112 }, 212, EndDone, ""},
		{"an unknown VerDTD", false, func(h *syncml.Header) { h.Version = syncml.Version{DTD: "2.0", Proto: "DM/2.0"} }, 505, EndVersion, "1.2 1.1"},
		{"an unknown VerProto", false, func(h *syncml.Header) { h.Version = syncml.Version{DTD: "1.2", Proto: "DM/1.3"} }, 513, EndVersion, "DM/1.2 DM/1.1"},
		{"SyncML 1.2 for data", false, func(h *syncml.Header) { h.Version = syncml.Version{DTD: "1.2", Proto: "SyncML/1.2"} }, 513, EndVersion, "DM/1.2 DM/1.1"},
		{"another device", false, func(h *syncml.Header) { h.Source.URI = "IMEI:2" }, 400, EndNot, ""},
		{"the device in other letters", false, func(h *syncml.Header) { h.Source.URI = strings.ToLower(deviceID) }, 212, EndDone, ""},
		{"a first MsgID that is not 1", false, func(h *syncml.Header) { h.MsgID = "7" }, 212, EndDone, ""},
		{"another Target", false, func(h *syncml.Header) { h.Target.URI = "http://elsewhere/" }, 212, EndDone, ""},
		{"another session", true, func(h *syncml.Header) { h.SessionID = "2a7" }, 400, EndNot, ""},
		{"a version that changes", true, func(h *syncml.Header) { h.Version = syncml.DM112 }, 400, EndNot, ""},
		{"a MsgID that goes back", true, func(h *syncml.Header) { h.MsgID = "0" }, 400, EndNot, ""},
		{"a MsgID used before", true, func(h *syncml.Header) { h.MsgID = "1" }, 400, EndNot, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDevice(t, serverAccount())
			if tt.second {
				d.say(d.first(), get("./a"))
			}
			d.head = tt.change
			d.say(d.first(alert(syncml.AlertDisplay))) // other bytes than the first
			head := d.last.Body[0].(*syncml.Status)
			if head.Code != tt.want || d.reply.End != tt.end || (d.reply.Err != nil) != (tt.end == EndVersion) {
				t.Errorf("status %d, end %q (%v)", head.Code, d.reply.End, d.reply.Err)
			}
			var items []string
			for _, item := range head.Items {
				items = append(items, string(item.Data))
			}
			if got := strings.Join(items, " "); got != tt.items {
				t.Errorf("versions %q", got)
			}
			if tt.want >= 300 {
				want := fmt.Sprintf("Status Alert  %d\nStatus Replace  %d\nFinal\n", tt.want, tt.want)
				if got := outline(d.last); !strings.HasSuffix(got, want) || d.got.DevInfo != nil {
					t.Errorf("%s", got)
				}
			}
		})
	}
}

// TestServerVersion: the answer is in the version and encoding of the device,
// and DM 1.1.2 gets no Correlator.
func TestServerVersion(t *testing.T) {
	for _, v := range []syncml.Version{syncml.DM12, syncml.DM112} {
		d := newDevice(t, serverAccount())
		d.head = func(h *syncml.Header) { h.Version = v }
		x := exec("./a")
		x.Correlator = "c1"
		d.say(d.first(), x)
		got := d.last.Body[3].(*syncml.Op)
		if d.last.Header.Version != v || (got.Correlator == "c1") != (v == syncml.DM12) {
			t.Errorf("%v: answer in %v, Correlator %q", v, d.last.Header.Version, got.Correlator)
		}
	}
}

// TestServerRefusals: the session is given up after MaxRefusals messages that
// do not belong to it, and goes on after fewer.
func TestServerRefusals(t *testing.T) {
	d := newDevice(t, serverAccount())
	d.say(d.first(), get("./a"))
	last := d.last
	for range MaxRefusals {
		d.head = func(h *syncml.Header) { h.SessionID = "other" }
		if d.say(d.message(alert(syncml.AlertDisplay))); d.reply.End != EndNot {
			t.Fatalf("end %q", d.reply.End)
		}
	}
	d.head, d.last = nil, last
	if d.say(d.answer(nil)); len(d.got.Results) != 1 || d.reply.End != EndDone {
		t.Errorf("the session is lost: %q, %v", d.reply.End, d.got.Results)
	}
	d.head = func(h *syncml.Header) { h.SessionID = "other" }
	if d.say(d.message(alert(syncml.AlertDisplay))); d.reply.End != EndProtocol {
		t.Errorf("end %q", d.reply.End)
	}
}

// TestServerRepeats: a repeated message gets the same bytes, and nothing is
// acted on; not for ever.
func TestServerRepeats(t *testing.T) {
	d := newDevice(t, serverAccount())
	d.say(d.first(generic("c", "1")), get("./a"))
	want, body := d.reply.Send, d.sent
	for n := 2; n <= MaxMessages; n++ {
		d.post(body)
		if !d.got.Replayed || len(d.got.Events) != 0 || !bytes.Equal(d.reply.Send, want) || d.reply.End != EndNot {
			t.Fatalf("repeat %d: %+v, end %q", n, d.got, d.reply.End)
		}
	}
	if d.post(body); d.reply.Send != nil || d.reply.End != EndTooManySent {
		t.Errorf("end %q", d.reply.End)
	}
}

// TestServerLastWord: also the last message of a session may be repeated, and a
// device with more to report goes on.
func TestServerLastWord(t *testing.T) {
	d := newDevice(t, serverAccount())
	d.say(d.first())
	want, body := d.reply, d.sent
	if d.post(body); want.End != EndDone || !bytes.Equal(d.reply.Send, want.Send) || d.reply.End != EndDone {
		t.Errorf("end %q, then %q", want.End, d.reply.End)
	}
	d.say(d.answer(nil, generic("c", "200")), get("./a"))
	if len(d.got.Events) != 1 || d.reply.End != EndNot || !strings.Contains(outline(d.last), "Get ./a") {
		t.Errorf("%+v, end %q, %s", d.got, d.reply.End, outline(d.last))
	}
	// A repeated refusal of the version is the same refusal.
	d = newDevice(t, serverAccount())
	d.head = func(h *syncml.Header) { h.Version.Proto = "DM/9" }
	d.say(d.first())
	want, body = d.reply, d.sent
	if d.post(body); want.Send == nil || !bytes.Equal(d.reply.Send, want.Send) {
		t.Error("another answer")
	}
}

// TestServerCommands: what a device may not send is refused, what it may gets
// its answer; NoResp is honoured.
func TestServerCommands(t *testing.T) {
	quiet := alert(syncml.AlertDisplay)
	quiet.NoResp = true
	typeless := generic("", "1")
	typeless.Items[0].Meta.Type = ""
	mixed := generic("", "2")
	mixed.Items = append(mixed.Items, typeless.Items[0])
	for _, tt := range []struct {
		cmd  syncml.Command
		want string
	}{
		{alert(syncml.AlertServerInitiated), "Status Alert  200"},
		{alert(syncml.AlertNextMessage), "Status Alert  200"},
		{alert(syncml.AlertDisplay), "Status Alert  406"},
		{alert(1221), "Status Alert  406"},
		{generic("", "1"), "Status Alert  200"},
		{typeless, "Status Alert  412"},
		{mixed, "Status Alert  412"},
		{alert(syncml.AlertGeneric), "Status Alert  412"},
		{quiet, ""},
		{get("./a"), "Status Get  405"},
		{exec("./a"), "Status Exec  405"},
		{replace("./a", "b"), "Status Replace  405"},
		{devInfo("DevInfo/Man", "x"), "Status Replace  200"},
		{devInfo("./DevDetail/FwV", "x"), "Status Replace  405"},
		{atomic(get("./a")), "Status Atomic  405\nStatus Get  215"},
		{&syncml.Unknown{Cmd: "Map"}, "Status Map  400"},
		{results("9", "9", "./a", "x"), ""},
	} {
		d := newDevice(t, serverAccount())
		d.say(d.message(tt.cmd))
		want := "Status SyncHdr - 212\n" + tt.want + "\nFinal\n"
		if d := cmp.Diff(strings.ReplaceAll(want, "\n\n", "\n"), outline(d.last)); d != "" {
			t.Error(d)
		}
	}
	d := newDevice(t, serverAccount())
	d.head = func(h *syncml.Header) { h.NoResp = true }
	if d.say(d.first()); outline(d.last) != lines("Status SyncHdr - 212", "Final") || d.got.DevInfo == nil {
		t.Errorf("NoResp in the header: %s", outline(d.last))
	}
}

// TestServerJudge: the owner decides on events; only what is taken is told.
func TestServerJudge(t *testing.T) {
	cfg := serverAccount()
	cfg.Judge = func(e Event) syncml.Code {
		return map[string]syncml.Code{"now": 200, "later": 202, "what": 415}[e.Data]
	}
	d := newDevice(t, cfg)
	d.say(d.message(generic("", "now"), generic("", "later"), generic("", "what")))
	want := lines("Status SyncHdr - 212", "Status Alert  200", "Status Alert  202", "Status Alert  415", "Final")
	if diff := cmp.Diff(want, outline(d.last)); diff != "" || len(d.got.Events) != 2 {
		t.Errorf("%s%+v", diff, d.got.Events)
	}
}

// TestServerAbort: a device that aborts gets Statuses and no commands.
func TestServerAbort(t *testing.T) {
	d := newDevice(t, serverAccount())
	d.say(d.first(), get("./a"), get("./b"))
	d.say(d.message(alert(syncml.AlertSessionAbort)), get("./c"))
	if outline(d.last) != lines("Status SyncHdr - 212", "Status Alert  200", "Final") || d.reply.End != EndAborted {
		t.Errorf("end %q, %s", d.reply.End, outline(d.last))
	}
	if len(d.got.Results) != 2 || d.got.Results[0].Code != 0 || cmp.Diff([]string{"k1"}, d.s.Pending()) != "" {
		t.Errorf("%+v, pending %v", d.got.Results, d.s.Pending())
	}
}

// TestServerRespURI: every message names the place of the next.
func TestServerRespURI(t *testing.T) {
	cfg := serverAccount()
	cfg.RespURI, cfg.Account.MaxObjSize = "http://dm.example/dm?s=1", 70000
	cfg.Account.Server = serverMD5
	d := newDevice(t, cfg)
	d.say(d.first(), get("./a"))
	d.say(d.answer(nil))
	if h := d.last.Header; h.Source.Name != serverID || h.RespURI != cfg.RespURI || h.Meta.MaxObjSize != 70000 || h.Source.URI != dmURL || h.Target.URI != deviceID {
		t.Errorf("%+v", h)
	}
}

// TestPeek: a header is read before anything is known.
func TestPeek(t *testing.T) {
	d := newDevice(t, serverAccount())
	d.head = func(h *syncml.Header) { h.Source.Name, h.Version = "user", syncml.DM112 }
	for _, enc := range []syncml.Encoding{syncml.XML, syncml.WBXML} {
		d.msgID = 0
		b, err := syncml.Encode(d.first(), enc)
		if err != nil {
			t.Fatal(err)
		}
		got, err := PeekClient(b)
		want := Peek{DeviceID: deviceID, User: "user", Target: dmURL, SessionID: "2A7", MsgID: "1", Version: syncml.DM112, Encoding: enc}
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%v: %s", err, d)
		}
	}
	if _, err := PeekClient([]byte("hunter2")); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
	s := NewServer(serverAccount())
	if _, err := s.Receive([]byte("<no"), "", d.nonce); err == nil || s.Reply().Send != nil {
		t.Error("a body that is no message was taken")
	}
}
