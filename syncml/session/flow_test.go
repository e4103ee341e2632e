package session

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/syncml"
)

// TestOpen is package 1, whole.
func TestOpen(t *testing.T) {
	acc := account()
	acc.Client = clientMD5
	note := Notification{Key: "k", Type: "org.openmobilealliance.dm.firmwareupdate.downloadandupdate", Format: "int", Mark: "critical",
		Source: "./FwUpdate/x/DownloadAndUpdate", Correlator: "c1", Data: "410"}
	p, out := start(t, acc, Nonces{Client: []byte("n0")}, note)
	leaf := func(name, value string) syncml.Item {
		return syncml.Item{Source: syncml.Location{URI: "./DevInfo/" + name},
			Meta: syncml.Meta{Format: "chr", Type: "text/plain"}, Data: []byte(value)}
	}
	want := &syncml.Message{
		Header: syncml.Header{
			Version: syncml.DM12, SessionID: "2A7", MsgID: "1", Target: syncml.Location{URI: dmURL},
			Source: syncml.Location{URI: deviceID, Name: "user"}, Cred: clientMD5.cred(SchemeMD5, []byte("n0")),
			Meta: syncml.Meta{MaxMsgSize: 16384},
		},
		Body: []syncml.Command{
			&syncml.Alert{CmdID: "1", Code: syncml.AlertClientInitiated},
			&syncml.Op{CmdID: "2", Cmd: syncml.CmdReplace, Items: []syncml.Item{
				leaf("DevId", deviceID), leaf("Man", "Acme"), leaf("Mod", "R2"), leaf("DmV", "1.2"), leaf("Lang", "en")}},
			&syncml.Alert{CmdID: "3", Code: syncml.AlertGeneric, Correlator: "c1", Items: []syncml.Item{{
				Source: syncml.Location{URI: note.Source},
				Meta:   syncml.Meta{Type: note.Type, Format: "int", Mark: "critical"},
				Data:   []byte("410"),
			}}},
		},
		Final: true,
	}
	if d := cmp.Diff(want, p.last); d != "" {
		t.Error(d)
	}
	if out.URL != dmURL {
		t.Errorf("URL %q", out.URL)
	}
}

// TestOpen112: no Generic Alert in DM 1.1.2, which has none.
func TestOpen112(t *testing.T) {
	acc := account()
	acc.Version = syncml.DM112
	acc.Encoding = syncml.WBXML
	c := NewClient(acc, Nonces{}, syncml.AlertServerInitiated, "1", []Notification{{Key: "k"}})
	out := c.Open(newTree())
	m, enc, err := syncml.Decode(out.Send, syncml.DefaultLimits)
	if err != nil || enc != syncml.WBXML || m.Header.Version != syncml.DM112 {
		t.Fatalf("%v %v %v", enc, m.Header.Version, err)
	}
	if d := cmp.Diff(lines("Alert 1200", "Replace", "Final"), brief(m)); d != "" {
		t.Error(d)
	}
}

// TestEnds: how sessions end, by the server's message.
func TestEnds(t *testing.T) {
	for _, tt := range []struct {
		name string
		code syncml.Code
		cmds []syncml.Command
		end  End
	}{
		{"nothing left", 212, nil, EndDone},
		{"nothing left, 200", 200, nil, EndDone},
		{"in progress", 101, nil, EndDone},
		{"abort", 212, []syncml.Command{alert(syncml.AlertSessionAbort)}, EndAborted},
		{"abort with commands", 212, []syncml.Command{add(pkgName, "n"), alert(syncml.AlertSessionAbort)}, EndAborted},
		{"unknown device", 404, nil, EndUnknown},
		{"forbidden", 403, nil, EndUnknown},
		{"DTD", 505, nil, EndVersion},
		{"protocol", 513, nil, EndVersion},
		{"server trouble", 500, nil, EndProtocol},
		{"libdmclient's zero", 0, nil, EndProtocol},
		{"goes on", 212, []syncml.Command{get("./FwUpdate")}, EndNot},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, _ := start(t, account(), Nonces{})
			m := p.message(212, tt.cmds...)
			m.Body[0].(*syncml.Status).Code = tt.code
			out := p.say(m)
			if out.End != tt.end {
				t.Fatalf("end %q, want %q (%v)", out.End, tt.end, out.Err)
			}
			if failed := tt.end != EndDone && tt.end != EndNot; failed != (out.Err != nil) {
				t.Errorf("error %v", out.Err)
			}
			if len(p.tree.Packages()) != 0 {
				t.Error("commands beside an abort were carried out")
			}
			if again := p.c.Receive([]byte("x"), p.tree, p.nonce); tt.end != EndNot && again.End != tt.end {
				t.Errorf("after the end: %q, want %q", again.End, tt.end)
			}
		})
	}
}

func TestUndecodable(t *testing.T) {
	for _, body := range []string{"", "<html>502</html>", "<SyncML", "\x02\xa4\x01\x6a\x00\xff"} {
		p, _ := start(t, account(), Nonces{})
		out := p.c.Receive([]byte(body), p.tree, p.nonce)
		if _, ok := errors.AsType[*syncml.SyntaxError](out.Err); out.End != EndProtocol || !ok {
			t.Errorf("%q: end %q, error %v", body, out.End, out.Err)
		}
	}
}

// TestHeaders: messages that do not belong to the session.
func TestHeaders(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*syncml.Header)
		code   string // on the wire; "" when the message is taken
	}{
		{"as it should be", func(*syncml.Header) {}, ""},
		{"another session", func(h *syncml.Header) { h.SessionID = "2a7" }, "400"},
		{"number goes back", func(h *syncml.Header) { h.MsgID = "0" }, "400"},
		{"number jumps", func(h *syncml.Header) { h.MsgID = "10" }, ""},
		{"number is none", func(h *syncml.Header) { h.MsgID = "m-a" }, ""},
		{"another device", func(h *syncml.Header) { h.Target.URI = "IMEI:1" }, "404"},
		{"target in small letters", func(h *syncml.Header) { h.Target.URI = strings.ToLower(deviceID) }, ""},
		{"no target", func(h *syncml.Header) { h.Target.URI = "" }, ""},
		{"another source", func(h *syncml.Header) { h.Source.URI = "x" }, ""},
		{"DM 1.1.2", func(h *syncml.Header) { h.Version = syncml.DM112 }, ""},
		{"an unknown DTD", func(h *syncml.Header) { h.Version.DTD = "2.0" }, "505"},
		{"an unknown protocol", func(h *syncml.Header) { h.Version.Proto = "SyncML/1.2" }, "513"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, _ := start(t, account(), Nonces{})
			p.say(p.message(212, get("./FwUpdate")))
			m := p.message(212, add(pkgName, "n"))
			tt.change(&m.Header)
			p.say(m)
			code, done := tt.code, tt.code == ""
			head := code
			if done {
				code, head = "200", "212"
			}
			if d := cmp.Diff(lines("Status SyncHdr - "+head, "Status Add "+pkgName+" "+code, "Final"), brief(p.last)); d != "" {
				t.Error(d)
			}
			if got := len(p.tree.Packages()) == 1; got != done {
				t.Errorf("carried out: %v", got)
			}
			if done {
				return
			}
			p.say(p.message(0, add(pkgName, "n"))) // the session goes on
			if d := cmp.Diff(lines("Status SyncHdr - 212", "Status Add "+pkgName+" 200", "Final"), brief(p.last)); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestWrongHeadersEnd: at most MaxRefusals are answered, and none without
// commands.
func TestWrongHeadersEnd(t *testing.T) {
	p, _ := start(t, account(), Nonces{})
	m := p.message(212, get("./FwUpdate"))
	m.Header.SessionID = "1"
	for range MaxRefusals {
		if out := p.say(m); out.End != EndNot {
			t.Fatalf("end %q too early", out.End)
		}
	}
	if out := p.say(m); out.End != EndProtocol || out.Err == nil {
		t.Errorf("end %q (%v)", out.End, out.Err)
	}
	p, _ = start(t, account(), Nonces{})
	m = p.message(212)
	m.Header.SessionID = "1"
	if out := p.say(m); out.End != EndProtocol {
		t.Errorf("end %q", out.End)
	}
}

func TestRespURI(t *testing.T) {
	for _, tt := range []struct{ account, resp, want string }{
		{"http://dm.example/dm", "http://dm.example/dm?sid=7", "http://dm.example/dm?sid=7"},
		{"http://dm.example/dm", "https://other.example/s", "https://other.example/s"},
		{"http://dm.example/dm", "/s?sid=7", "http://dm.example/s?sid=7"},
		{"https://dm.example/dm", "http://dm.example/dm", ""},
		{"http://dm.example/dm", "ftp://dm.example/dm", ""},
		{"http://dm.example/dm", "http://%zz", ""},
	} {
		acc := account()
		acc.URL = tt.account
		p, _ := start(t, acc, Nonces{})
		m := p.message(212, get("./FwUpdate"))
		m.Header.RespURI = tt.resp
		out := p.say(m)
		if out.URL != tt.want || (out.End == EndProtocol) != (tt.want == "") {
			t.Errorf("%s: goes to %q with end %q, want %q", tt.resp, out.URL, out.End, tt.want)
		}
		if tt.want == "" {
			continue
		}
		if out = p.say(p.message(212, get("./FwUpdate"))); out.URL != tt.want {
			t.Errorf("%s is forgotten: %q", tt.resp, out.URL)
		}
	}
}

// TestRepeated: a server message that comes again is answered with the same
// bytes, and nothing is carried out twice.
func TestRepeated(t *testing.T) {
	p, _ := start(t, account(), Nonces{}, Notification{Key: "k"})
	body := encode(t, p.message(212, add(pkgName, "n"), del(pkgName), add(pkgName, "m")))
	first := p.c.Receive(body, p.tree, p.nonce)
	if len(first.Answers) != 1 || first.Replayed {
		t.Fatalf("%+v", first)
	}
	p.tree.SetState("x", fwupdate.StateDownloading)
	before := asJSON(t, p.tree)
	again := p.c.Receive(body, p.tree, p.nonce)
	if !again.Replayed || !bytes.Equal(again.Send, first.Send) || again.URL != first.URL || len(again.Answers) != 0 {
		t.Errorf("%+v", again)
	}
	if d := cmp.Diff(before, asJSON(t, p.tree)); d != "" {
		t.Error(d)
	}
	p.msgID = 1
	if out := p.say(p.message(0, get(pkgName))); out.Replayed || !strings.Contains(brief(p.last), "=m") {
		t.Errorf("the session does not go on: %+v", out)
	}
}

// TestConstantMsgID: a server that cannot count is understood all the same.
func TestConstantMsgID(t *testing.T) {
	p, _ := start(t, account(), Nonces{})
	for range 3 {
		m := p.message(212, get("./FwUpdate"))
		m.Header.MsgID = "1"
		m.Body[0].(*syncml.Status).CmdRef = "" // some leave it out
		if out := p.say(m); out.Replayed || out.End != EndNot {
			t.Fatalf("replayed %v, end %q", out.Replayed, out.End)
		}
	}
	m := p.message(212)
	m.Header.MsgID = "1"
	if out := p.say(m); out.End != EndDone {
		t.Errorf("end %q", out.End)
	}
}

// TestOpenPackage: a server that has not closed its package gets a 1222.
func TestOpenPackage(t *testing.T) {
	p, _ := start(t, account(), Nonces{})
	m := p.message(212, get("./FwUpdate"))
	m.Final = false
	p.say(m)
	if d := cmp.Diff(lines("Status SyncHdr - 212", "Status Get ./FwUpdate 200", "Results ./FwUpdate=", "Alert 1222"), brief(p.last)); d != "" {
		t.Error(d)
	}
	p.say(p.message(212, get(pkgName)))
	if d := cmp.Diff(lines("Status SyncHdr - 212", "Status Get "+pkgName+" 404", "Final"), brief(p.last)); d != "" {
		t.Error(d)
	}
}

// TestAnswers: each Generic Alert is answered once, by the Status for its last
// sending.
func TestAnswers(t *testing.T) {
	acc := account()
	acc.Client = clientMD5
	p, _ := start(t, acc, Nonces{Client: []byte("n0")}, Notification{Key: "a"}, Notification{Key: "b"})
	out := p.say(challenge(p.message(401), "syncml:auth-md5", "n1"))
	if len(out.Answers) != 0 {
		t.Errorf("401 is taken for an answer: %v", out.Answers)
	}
	stale := &syncml.Status{MsgRef: "1", CmdRef: "4", Cmd: syncml.CmdAlert, Code: 200}
	progress := &syncml.Status{MsgRef: "2", CmdRef: "5", Cmd: syncml.CmdAlert, Code: 101}
	m := p.message(0, p.status("0", syncml.CmdSyncHdr, 212), stale, progress, get("./FwUpdate"))
	if out = p.say(m); len(out.Answers) != 0 {
		t.Errorf("answers to an earlier sending: %v", out.Answers)
	}
	real := &syncml.Status{MsgRef: "2", CmdRef: "4", Cmd: syncml.CmdAlert, Code: 200}
	late := &syncml.Status{MsgRef: "2", CmdRef: "5", Cmd: syncml.CmdAlert, Code: 500}
	out = p.say(p.message(0, real, late, get("./FwUpdate")))
	if d := cmp.Diff([]Answer{{"a", 200}, {"b", 500}}, out.Answers); d != "" {
		t.Error(d)
	}
	if out = p.say(p.message(0, real, late)); len(out.Answers) != 0 || out.End != EndDone {
		t.Errorf("answered twice: %v, end %q", out.Answers, out.End)
	}
}

// TestAnswerWithTheEnd: the Status that ends the session still answers.
func TestAnswerWithTheEnd(t *testing.T) {
	p, _ := start(t, account(), Nonces{}, Notification{Key: "a"})
	out := p.say(p.message(212))
	if d := cmp.Diff([]Answer{{"a", 200}}, out.Answers); d != "" || out.End != EndDone {
		t.Errorf("end %q: %s", out.End, d)
	}
}

// TestQuietHeader: NoResp in the header leaves the Status for the header, for a
// message must hold something, and the Results.
func TestQuietHeader(t *testing.T) {
	p, _ := start(t, account(), Nonces{})
	m := p.message(212, add(pkgName, "n"), get(pkgName))
	m.Header.NoResp = true
	p.say(m)
	if d := cmp.Diff(lines("Status SyncHdr - 212", "Results "+pkgName+"=n", "Final"), brief(p.last)); d != "" {
		t.Error(d)
	}
}

// TestNoMsgID: such a message cannot be answered.
func TestNoMsgID(t *testing.T) {
	p, _ := start(t, account(), Nonces{})
	m := p.message(212, get("./FwUpdate"))
	m.Header.MsgID = ""
	if out := p.c.receive(m, evidence{}, p.tree, p.nonce); out.End != EndProtocol || out.Replayed {
		t.Errorf("%+v", out)
	}
}

// TestEmptyCmdRef: a Status for a command without CmdID has the element, empty.
func TestEmptyCmdRef(t *testing.T) {
	p, _ := start(t, account(), Nonces{})
	cmd := get("./FwUpdate")
	cmd.CmdID = "-"
	out := p.say(p.message(212, cmd))
	if !strings.Contains(string(out.Send), "<CmdRef></CmdRef>") && !strings.Contains(string(out.Send), "<CmdRef/>") {
		t.Errorf("%s", out.Send)
	}
}
