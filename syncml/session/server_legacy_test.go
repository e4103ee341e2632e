package session

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/syncml"
)

// TestLegacyClients is legacy-clients.md, line by line: what a deployed device
// does, and what we do about it. What concerns HTTP alone is tested there.
func TestLegacyClients(t *testing.T) {
	for _, tt := range []struct {
		peer, we string
		test     func(*testing.T)
	}{
		// What it sends
		{"chooses any text as session id", "echo it byte for byte", legacySessionID},
		{"sends CDATA, also in a LocURI", "read it like text", legacyCDATA},
		{"sends WBXML 02 A4 01 6A 00, Data as OPAQUE", "answer in WBXML with the same header", legacyWBXML},
		{"sends 1226 before 1201", "take both", legacyOrder},
		{"gives DevInfo by Source", "take it, one Status for the Replace", legacyDevInfo},
		{"answers a Get of n Items with n Statuses and one Results", "put it together", legacyManyItems},
		{"leaves Data out for an empty node", "take it as empty", legacyNoData},
		{"announces 16384 and sends 24 kB", "take it", legacyLongMessage},
		{"begins its CmdIDs at 1 in each message", "tell its commands apart by the message", legacyCmdIDs},
		{"leaves the ./ of a URI out, or not", "take both for one node", legacyDotSlash},
		{"ends without a message when only Statuses come", "expect none", legacySilentEnd},
		// What breaks it
		{"drops numeric character references", "write named ones", legacyReferences},
		{"drops xmlns on Meta, prefixes and unknown elements", "put xmlns on its children", legacyNamespaces},
		{"crashes on an Item of Add or Replace without Data", "write <Data/>", legacyEmptyData},
		{"crashes on Sequence", "send plain commands in order, unless the account says otherwise", legacySequence},
		{"crashes on Cred when it has no server account", "send none unless configured", legacyNoCred},
		{"breaks on a nonce whose base64 ends in one =", "give 16 bytes", legacyNonceSize},
		{"ends silently on a 401 for SyncHdr only", "answer 401 or 407 for every command", legacyRefuseAll},
		{"never sends Cred again after 212", "never ask again", legacyOnceIsEnough},
		{"drops what is over 40 kB", "send less, in batches", legacyLongReply},
		{"answers 500 to braces in a URI", "escape them", legacyBraces},
		// What a server must take
		{"repeats the refused commands with the 1226", "act on it once, and not before it is authenticated", legacyRepeats},
		{"tries a wrong password without limit", "count, and end the session", legacyWrongPassword},
		{"gives a new nonce in every message", "use the newest", legacyNewNonces},
		{"answers a stale nonce with 401 for every command", "repeat the commands once", legacyStaleNonce},
		{"answers 0 where it finds no Cred", "treat it as 407, once", legacyZero},
		{"answers 0 or an unknown code", "take it as failure", legacyStrangeCodes},
		{"gives no Status for an Atomic", "take those of its commands", legacyAtomic},
		{"answers 500 to 1222 and 1223 and goes on", "go on, or say nothing more", legacyNoAbort},
		{"answers 418 to a second chunk, or 200 to the first", "give the object up and say so", legacyNoChunks},
		{"swaps the bytes of a notified session id", "know it all the same", legacySwapped},
		{"answers 418, 404 and 405 for nodes", "report them as they are", legacyNodeCodes},
		{"counts messages in a signed byte", "stay below 128", legacyByteCounter},
		{"gives nonces in base64 of base64", "decode once", legacyNonceText},
	} {
		t.Run(tt.peer, tt.test)
	}
}

func legacySessionID(t *testing.T) {
	for _, id := range []string{"0", "2A7", "3412", "abc-é", "00012"} {
		d := newDevice(t, serverAccount())
		d.head = func(h *syncml.Header) { h.SessionID = id }
		if d.say(d.first()); d.last.Header.SessionID != id {
			t.Errorf("%q became %q", id, d.last.Header.SessionID)
		}
	}
}

func legacyCDATA(t *testing.T) {
	const body = `<?xml version="1.0" encoding="UTF-8"?><SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>` +
		`<SessionID>1</SessionID><MsgID>1</MsgID><Target><LocURI><![CDATA[http://dm.example/dm?a=1&b=2]]></LocURI></Target><Source><LocURI>` + deviceID +
		`</LocURI></Source></SyncHdr><SyncBody><Alert><CmdID>1</CmdID><Data>1201</Data></Alert><Replace><CmdID>2</CmdID><Item><Source><LocURI>` +
		`<![CDATA[./DevInfo/Man]]></LocURI></Source><Data><![CDATA[A & B]]></Data></Item></Replace><Final/></SyncBody></SyncML>`
	d := newDevice(t, serverAccount())
	d.post([]byte(body))
	if d.got.DevInfo["./DevInfo/Man"] != "A & B" || d.got.Kind != syncml.AlertClientInitiated {
		t.Errorf("%+v", d.got)
	}
}

func legacyWBXML(t *testing.T) {
	d := newDevice(t, serverAccount())
	d.enc = syncml.WBXML
	d.say(d.first(), get("./DevDetail/FwV"))
	header := []byte{0x02, 0xA4, 0x01, 0x6A, 0x00}
	if !bytes.HasPrefix(d.reply.Send, header) || d.got.DevInfo["./DevInfo/Man"] != "Acme" {
		t.Errorf("% x, %v", d.reply.Send[:5], d.got.DevInfo)
	}
}

func legacyOrder(t *testing.T) {
	d := newDevice(t, serverAccount())
	d.say(d.first(generic("c", "200")))
	want := []Event{{Code: syncml.AlertGeneric, Type: "Reversed-Domain-Name: org.example.update", Format: "chr", Source: "./FwUpdate/pkg1", Correlator: "c", Data: "200"}}
	if d := cmp.Diff(want, d.got.Events); d != "" {
		t.Error(d)
	}
	if d.got.Kind != syncml.AlertClientInitiated || d.got.Events[0].Name() != "org.example.update" {
		t.Errorf("kind %v, name %q", d.got.Kind, d.got.Events[0].Name())
	}
}

func legacyDevInfo(t *testing.T) {
	d := newDevice(t, serverAccount())
	d.say(d.first())
	if d := cmp.Diff(map[string]string{"./DevInfo/Man": "Acme", "./DevInfo/Mod": "R2"}, d.got.DevInfo); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(lines("Status SyncHdr - 212", "Status Alert  200", "Status Replace  200", "Final"), outline(d.last)); d != "" {
		t.Error(d)
	}
}

func legacyManyItems(t *testing.T) {
	d := newDevice(t, serverAccount())
	three := &syncml.Op{Cmd: syncml.CmdGet}
	for _, uri := range []string{"./a", "./b", "./c"} {
		three.Items = append(three.Items, syncml.Item{Target: syncml.Location{URI: uri}})
	}
	d.say(d.first(), three)
	ref := d.last.Body[len(d.last.Body)-1].ID()
	status := func(uri string, code syncml.Code) *syncml.Status {
		return &syncml.Status{MsgRef: "1", CmdRef: ref, Cmd: syncml.CmdGet, TargetRefs: []string{uri}, Code: code}
	}
	found := results("1", ref, "./a", "A")
	found.Items = append(found.Items, syncml.Item{Source: syncml.Location{URI: "./c"}, Data: []byte("C")})
	d.say(d.message(&syncml.Status{MsgRef: "1", CmdRef: "0", Cmd: syncml.CmdSyncHdr, Code: 200},
		status("./a", 200), status("./b", 404), status("./c", 200), found))
	r := d.got.Results[0]
	if r.Code != syncml.StatusNotFound || len(r.Statuses) != 3 || len(r.Found) != 2 || string(r.Found[1].Data) != "C" {
		t.Errorf("%+v", r)
	}
}

func legacyNoData(t *testing.T) {
	d := newDevice(t, serverAccount())
	d.say(d.first(), get("./FwUpdate"))
	empty := results("1", "4", "./FwUpdate", "")
	empty.Items[0].Data = nil
	d.say(d.answer(nil, empty))
	if r := d.got.Results[0]; r.Code != syncml.StatusOK || len(r.Found) != 1 || len(r.Found[0].Data) != 0 {
		t.Errorf("%+v", r)
	}
}

func legacyLongMessage(t *testing.T) {
	cfg := serverAccount()
	cfg.Account.MaxMsgSize = 16384
	d := newDevice(t, cfg)
	d.say(d.first(), get("./a"))
	if d.last.Header.Meta.MaxMsgSize != 16384 {
		t.Errorf("announced %d", d.last.Header.Meta.MaxMsgSize)
	}
	d.say(d.answer(nil, results("1", "4", "./a", strings.Repeat("x", 24000))))
	if r := d.got.Results[0]; len(d.sent) <= 24000 || len(r.Found[0].Data) != 24000 {
		t.Errorf("%d bytes, %+v", len(d.sent), r.Code)
	}
}

func legacySilentEnd(t *testing.T) {
	d := newDevice(t, serverAccount())
	if d.say(d.first(), get("./a")); d.reply.End != EndNot {
		t.Errorf("end %q with a Get under way", d.reply.End)
	}
	if d.say(d.answer(nil)); d.reply.End != EndDone || outline(d.last) != lines("Status SyncHdr - 212", "Final") {
		t.Errorf("end %q, %s", d.reply.End, outline(d.last))
	}
}

const nasty = `<&'">` + "\n\t" + `é]]>`

func legacyReferences(t *testing.T) {
	d := newDevice(t, serverAccount())
	d.say(d.first(), add("./a/'b'", nasty))
	if bytes.Contains(d.reply.Send, []byte("&#")) {
		t.Errorf("%s", d.reply.Send)
	}
}

func legacyNamespaces(t *testing.T) {
	cfg := serverAccount()
	cfg.Account.Client, cfg.Account.Server, cfg.Account.MaxMsgSize = clientMD5, serverMD5, 16384
	d := newDevice(t, cfg)
	d.say(d.first(), add("./a", "b"))
	for _, bad := range []string{"<Meta xmlns", "xmlns:", ":Sync", "<MetInf"} {
		if bytes.Contains(d.reply.Send, []byte(bad)) {
			t.Errorf("%s in %s", bad, d.reply.Send)
		}
	}
	if !bytes.Contains(d.reply.Send, []byte(`<Type xmlns="syncml:metinf">`)) {
		t.Errorf("%s", d.reply.Send)
	}
}

func legacyEmptyData(t *testing.T) {
	d := newDevice(t, serverAccount())
	d.say(d.first(), op(syncml.CmdAdd, "./a"), op(syncml.CmdReplace, "./b"), op(syncml.CmdGet, "./c"))
	if n := bytes.Count(d.reply.Send, []byte("<Data/>")) + bytes.Count(d.reply.Send, []byte("<Data></Data>")); n != 2 {
		t.Errorf("%d empty Data in %s", n, d.reply.Send)
	}
}

func legacySequence(t *testing.T) {
	inOrder := sequence(add("./a", "1"), sequence(get("./b"), del("./c")), exec("./d"))
	for _, takes := range []bool{false, true} {
		cfg := serverAccount()
		cfg.Sequence = takes
		d := newDevice(t, cfg)
		d.say(d.first(), inOrder)
		want := lines("Status SyncHdr - 212", "Status Alert  200", "Status Replace  200", "Add ./a", "Get ./b", "Delete ./c", "Exec ./d", "Final")
		if takes {
			want = lines("Status SyncHdr - 212", "Status Alert  200", "Status Replace  200", "Sequence", "Final")
		}
		if d := cmp.Diff(want, outline(d.last)); d != "" {
			t.Error(d)
		}
		d.say(d.answer(map[string]syncml.Code{"Delete ./c": 404}))
		r := d.got.Results[0]
		if len(r.Parts) != 3 || len(r.Parts[1].Parts) != 2 || r.Parts[1].Parts[1].Code != 404 || !takes && r.Code != 404 || takes && r.Code != 200 {
			t.Errorf("%+v", r)
		}
	}
}

func legacyNoCred(t *testing.T) {
	for _, own := range []Credentials{{}, serverBasic, serverMD5, serverMAC} {
		cfg := serverAccount()
		cfg.Account.Server = own
		d := newDevice(t, cfg)
		d.say(d.first())
		if (d.last.Header.Cred != nil) != (own.Scheme == SchemeBasic || own.Scheme == SchemeMD5) || (d.reply.HMAC != "") != (own.Scheme == SchemeMAC) {
			t.Errorf("scheme %d: %v, HMAC %q", own.Scheme, d.last.Header.Cred, d.reply.HMAC)
		}
	}
}

func legacyNonceSize(t *testing.T) {
	cfg := serverAccount()
	cfg.Account.Client = clientMD5
	d := newDevice(t, cfg)
	d.say(d.first())
	nonce := string(d.last.Body[0].(*syncml.Status).Chal.Meta.NextNonce)
	if b, err := base64.StdEncoding.DecodeString(nonce); err != nil || len(b) != 16 || !strings.HasSuffix(nonce, "==") {
		t.Errorf("a nonce of %d bytes: %v", len(b), err)
	}
}

func legacyRefuseAll(t *testing.T) {
	cfg := serverAccount()
	cfg.Account.Client = clientMD5
	d := newDevice(t, cfg)
	d.say(d.first(generic("", "1"), atomic(get("./a"))))
	want := lines("Status SyncHdr - 407 Chal", "Status Alert  407", "Status Atomic  407", "Status Get  407", "Status Alert  407", "Status Replace  407", "Final")
	if d := cmp.Diff(want, outline(d.last)); d != "" {
		t.Error(d)
	}
	if d.reply.End != EndNot || len(d.got.Events) != 0 || d.got.Kind != 0 || d.got.DevInfo != nil {
		t.Errorf("%q %+v", d.reply.End, d.got)
	}
}

func legacyOnceIsEnough(t *testing.T) {
	for _, acc := range []Credentials{clientBasic, clientMD5} {
		cfg := serverAccount()
		cfg.Account.Client, cfg.Nonces.Client = acc, []byte("n0")
		d := newDevice(t, cfg)
		d.head = func(h *syncml.Header) { h.Cred = acc.cred(acc.Scheme, []byte("n0")) }
		d.say(d.first(), get("./a"))
		d.head = nil
		for range 3 {
			d.say(d.answer(nil), get("./a"))
			if s := d.last.Body[0].(*syncml.Status); s.Code != syncml.StatusAuthenticated || s.Chal != nil {
				t.Errorf("status %v, %v", s.Code, s.Chal)
			}
		}
	}
}

func legacyLongReply(t *testing.T) {
	d := newDevice(t, serverAccount())
	d.head = func(h *syncml.Header) { h.Meta.MaxMsgSize = 1 << 20 }
	var cmds []syncml.Command
	for i := range 2 * DefaultBatch {
		cmds = append(cmds, add(fmt.Sprintf("./a/%d", i), strings.Repeat("x", 2000)))
	}
	d.say(d.first(), cmds...)
	n := 0
	for ; d.reply.End == EndNot; n++ {
		if len(d.reply.Send) > MaxServerSend || len(d.last.Body) > 3+DefaultBatch {
			t.Errorf("%d commands in %d bytes", len(d.last.Body), len(d.reply.Send))
		}
		d.say(d.answer(nil))
		cmds = cmds[len(d.got.Results):]
	}
	if n < 4 || len(cmds) != 0 {
		t.Errorf("%d messages, %d commands left", n, len(cmds))
	}
}

func legacyBraces(t *testing.T) {
	d := newDevice(t, serverAccount())
	d.say(d.first(), get("./a/{b}"), atomic(add("./{", "")))
	if got := outline(d.last); !strings.Contains(got, "Get ./a/%7Bb%7D\n") || bytes.ContainsAny(d.reply.Send, "{}") {
		t.Errorf("%s %s", got, d.reply.Send)
	}
}
