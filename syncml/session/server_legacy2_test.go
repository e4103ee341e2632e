package session

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/syncml"
)

// given is the nonce of the last Chal.
func (d *device) given() []byte {
	n, err := nextNonce(d.last.Body[0].(*syncml.Status).Chal)
	if err != nil {
		d.t.Fatal(err)
	}
	return n
}

// authenticated makes the device present itself with a nonce.
func (d *device) authenticated(acc Credentials, nonce []byte) {
	d.head = func(h *syncml.Header) { h.Cred = acc.cred(acc.Scheme, nonce) }
}

func legacyRepeats(t *testing.T) {
	cfg := serverAccount()
	cfg.Account.Client = clientMD5
	d := newDevice(t, cfg)
	d.say(d.first(generic("c", "200")))
	d.authenticated(clientMD5, d.given())
	d.say(d.first(generic("c", "200")), get("./a"))
	if d.got.Auth != AuthOK || len(d.got.Events) != 1 || len(d.got.DevInfo) != 2 {
		t.Errorf("%+v", d.got)
	}
	// The device takes our answer for a stranger's and reports once more.
	d.head = nil
	d.say(d.answer(nil, generic("c", "200"), generic("c", "410")))
	if len(d.got.Events) != 1 || d.got.Events[0].Data != "410" {
		t.Errorf("%+v", d.got.Events)
	}
}

func legacyWrongPassword(t *testing.T) {
	for _, tt := range []struct {
		acc  Credentials
		want []Auth
	}{
		{clientMD5, []Auth{AuthStale, AuthWrong, AuthWrong}},
		{clientBasic, []Auth{AuthWrong, AuthWrong, AuthWrong}},
	} {
		cfg := serverAccount()
		cfg.Account.Client, cfg.Nonces.Client = tt.acc, []byte("n0")
		d := newDevice(t, cfg)
		guess := tt.acc
		guess.Secret = "guess"
		d.authenticated(guess, []byte("n0"))
		for i, want := range tt.want {
			d.say(d.first())
			if d.got.Auth != want || d.last.Body[0].(*syncml.Status).Code != syncml.StatusUnauthorized {
				t.Errorf("message %d: %v, %s", i, d.got.Auth, outline(d.last))
			}
			if i < 2 {
				d.authenticated(guess, d.given())
			}
		}
		if d.reply.End != EndClientAuth || d.last.Body[0].(*syncml.Status).Chal != nil {
			t.Errorf("end %q, %s", d.reply.End, outline(d.last))
		}
		if d.say(d.first()); d.reply.Send != nil || d.reply.End != EndClientAuth {
			t.Errorf("after the end: %q, %s", d.reply.End, d.reply.Send)
		}
		if got := string(d.got.Nonces.Client); got != "n0" {
			t.Errorf("a stranger has changed the nonce to %q", got)
		}
	}
}

func legacyNewNonces(t *testing.T) {
	cfg := serverAccount()
	cfg.Account.Server, cfg.Nonces.Server = serverMD5, []byte("s0")
	d := newDevice(t, cfg)
	d.say(d.first(), get("./a"))
	if d := cmp.Diff(serverMD5.cred(SchemeMD5, []byte("s0")), d.last.Header.Cred); d != "" {
		t.Error(d)
	}
	for i := range 3 {
		d.say(challenge(d.answer(nil), "syncml:auth-md5", fmt.Sprint("s", i+1)), get("./a"))
	}
	if got := string(d.got.Nonces.Server); got != "s3" || d.last.Header.Cred != nil {
		t.Errorf("nonce %q, Cred %v", got, d.last.Header.Cred)
	}
}

func legacyStaleNonce(t *testing.T) {
	cfg := serverAccount()
	cfg.Account.Server, cfg.Nonces.Server = serverMD5, []byte("s0")
	d := newDevice(t, cfg)
	d.say(d.first(), add("./a", "1"), get("./b"))
	all := map[string]syncml.Code{"SyncHdr": 401, "Add ./a": 401, "Get ./b": 401}
	d.say(challenge(d.answer(all), "syncml:auth-md5", "s1"))
	want := lines("Status SyncHdr - 212", "Add ./a", "Get ./b", "Final")
	if diff := cmp.Diff(want, outline(d.last)); diff != "" || len(d.got.Results) != 0 {
		t.Errorf("%s%+v", diff, d.got.Results)
	}
	if d := cmp.Diff(serverMD5.cred(SchemeMD5, []byte("s1")), d.last.Header.Cred); d != "" {
		t.Error(d)
	}
	d.say(challenge(d.answer(nil), "syncml:auth-md5", "s2"))
	if len(d.got.Results) != 2 || d.got.Results[0].Code != 200 || string(d.got.Nonces.Server) != "s2" {
		t.Errorf("%+v", d.got)
	}
	// And not for ever.
	d = newDevice(t, cfg)
	d.say(d.first(), add("./a", "1"), get("./b"))
	for n := 0; d.reply.End == EndNot; n++ {
		if n > MaxAuthTries {
			t.Fatal("no end")
		}
		d.say(challenge(d.answer(all), "syncml:auth-md5", "s1"))
	}
	if d.reply.End != EndRefused || d.reply.Send == nil || len(d.got.Results) != 2 || d.got.Results[0].Code != 401 {
		t.Errorf("end %q, %+v", d.reply.End, d.got.Results)
	}
}

func legacyZero(t *testing.T) {
	cfg := serverAccount()
	cfg.Account.Client, cfg.Account.Server = clientBasic, serverBasic
	d := newDevice(t, cfg)
	d.say(d.first()) // no Cred: refused, and our secret is not shown to a stranger
	if d.last.Header.Cred != nil {
		t.Error("a basic Cred for anybody")
	}
	zero := func() *syncml.Message {
		return d.message(&syncml.Status{MsgRef: d.last.Header.MsgID, CmdRef: "0", Cmd: syncml.CmdSyncHdr}, alert(syncml.AlertClientInitiated))
	}
	d.authenticated(clientBasic, nil)
	if d.say(zero(), get("./a")); d.last.Header.Cred == nil || d.reply.End != EndNot {
		t.Errorf("end %q (%v), Cred %v", d.reply.End, d.reply.Err, d.last.Header.Cred)
	}
	if d.say(zero()); d.reply.End != EndRefused {
		t.Errorf("end %q", d.reply.End)
	}
}

func legacyStrangeCodes(t *testing.T) {
	d := newDevice(t, serverAccount())
	d.say(d.first(), get("./a"), get("./b"), get("./c"))
	d.say(d.answer(map[string]syncml.Code{"Get ./a": 0, "Get ./b": 777, "Get ./c": 217}))
	for i, want := range []syncml.Code{0, 777, 217} {
		if r := d.got.Results[i]; r.Code != want || r.Code.Success() != (i == 2) {
			t.Errorf("%+v", r)
		}
	}
}

func legacyAtomic(t *testing.T) {
	for _, last := range []syncml.Code{200, 404} {
		d := newDevice(t, serverAccount())
		d.say(d.first(), atomic(add("./a", "1"), del("./b")))
		m := d.answer(map[string]syncml.Code{"Delete ./b": last})
		m.Body = append(m.Body[:1], m.Body[2:]...)
		d.say(m)
		if r := d.got.Results[0]; r.Code != last || len(r.Statuses) != 0 || len(r.Parts) != 2 || r.Parts[0].Code != 200 {
			t.Errorf("%+v", r)
		}
	}
}

func legacyNoAbort(t *testing.T) {
	d := newDevice(t, serverAccount())
	m := d.first()
	m.Final = false
	if d.say(m, get("./a")); outline(d.last) != lines("Status SyncHdr - 212", "Status Alert  200", "Status Replace  200", "Alert 1222") {
		t.Error(outline(d.last))
	}
	if d.say(d.answer(map[string]syncml.Code{"Alert 1222": 500})); outline(d.last) != lines("Status SyncHdr - 212", "Get ./a", "Final") {
		t.Error(outline(d.last))
	}
	d.s.Abort()
	if d.say(d.answer(nil)); outline(d.last) != lines("Status SyncHdr - 212", "Alert 1223", "Final") || d.reply.End != EndAborted {
		t.Errorf("end %q, %s", d.reply.End, outline(d.last))
	}
	if d.say(d.answer(map[string]syncml.Code{"Alert 1223": 500})); d.reply.Send != nil || d.reply.End != EndAborted {
		t.Errorf("end %q, %s", d.reply.End, outline(d.last))
	}
}

func legacyNoChunks(t *testing.T) {
	for _, tt := range []struct {
		codes []syncml.Code
		want  syncml.Code
	}{{[]syncml.Code{213, 418}, 418}, {[]syncml.Code{200}, syncml.StatusSizeMismatch}} {
		cfg := serverAccount()
		cfg.LargeObjects = true
		d := newDevice(t, cfg)
		d.head = func(h *syncml.Header) { h.Meta.MaxMsgSize = 2000 }
		d.say(d.first(), add("./a", strings.Repeat("x", 6000)), get("./b"))
		for _, code := range tt.codes {
			if d.last.Final || !strings.Contains(outline(d.last), "Add ./a\n") {
				t.Fatal(outline(d.last))
			}
			d.say(d.answer(map[string]syncml.Code{"Add ./a": code}))
		}
		if r := d.got.Results[0]; r.Code != tt.want || r.Code == syncml.StatusSizeMismatch && r.Err == nil {
			t.Errorf("%+v", r)
		}
		if outline(d.last) != lines("Status SyncHdr - 212", "Get ./b", "Final") {
			t.Error(outline(d.last))
		}
	}
}

func legacySwapped(t *testing.T) {
	for _, tt := range []struct {
		id       string
		notified uint16
		want     bool
	}{
		{"1234", 0x1234, true}, {"3412", 0x1234, true}, {"2a7", 0x2A7, true}, {"02A7", 0x2A7, true}, {"A702", 0x2A7, true},
		{"1235", 0x1234, false}, {"", 0, false}, {"0", 0, true}, {"4321", 0x1234, false}, {"x", 0x1234, false}, {"000000000", 0, false}, {"11234", 0x1234, false},
	} {
		if got := SameSession(tt.id, tt.notified); got != tt.want {
			t.Errorf("%q for %#x: %v", tt.id, tt.notified, got)
		}
	}
}

func legacyNodeCodes(t *testing.T) {
	d := newDevice(t, serverAccount())
	d.say(d.first(), add("./a", ""), replace("./b", ""), replace("./c", ""))
	d.say(d.answer(map[string]syncml.Code{"Add ./a": 418, "Replace ./b": 404, "Replace ./c": 405}))
	for i, want := range []syncml.Code{418, 404, 405} {
		if r := d.got.Results[i]; r.Code != want || r.Key != fmt.Sprintf("k%d", i+1) {
			t.Errorf("%+v", r)
		}
	}
}

func legacyByteCounter(t *testing.T) {
	d := newDevice(t, serverAccount())
	d.say(d.first(), get("./a"))
	n := 1
	for ; d.reply.End == EndNot; n++ {
		if n > 127 {
			t.Fatal("no end")
		}
		d.say(d.answer(nil), get("./a"))
	}
	if d.reply.End != EndTooManySent || n != MaxMessages || !strings.Contains(outline(d.last), "Alert 1223\nFinal\n") {
		t.Errorf("%d messages, end %q, %s", n, d.reply.End, outline(d.last))
	}
	if d.say(d.answer(nil)); d.reply.Send != nil {
		t.Error("an answer after the end")
	}
}

func legacyNonceText(t *testing.T) {
	cfg := serverAccount()
	cfg.Account.Server = serverMD5
	d := newDevice(t, cfg)
	d.say(d.first(), get("./a"))
	text := base64.StdEncoding.EncodeToString([]byte("some bytes"))
	d.say(challenge(d.answer(nil), "syncml:auth-md5", text))
	if string(d.got.Nonces.Server) != text {
		t.Errorf("decoded more than once: %d bytes", len(d.got.Nonces.Server))
	}
}
