package session

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/syncml"
)

// TestServerOtherScheme: credentials of another scheme are no wrong password:
// the device has to be told first.
func TestServerOtherScheme(t *testing.T) {
	cfg := serverAccount()
	cfg.Account.Client = clientMD5
	d := newDevice(t, cfg)
	d.head = func(h *syncml.Header) { h.Cred = clientBasic.cred(SchemeBasic, nil) }
	if d.say(d.first()); d.got.Auth != AuthMissing || d.last.Body[0].(*syncml.Status).Chal == nil {
		t.Errorf("%v, %s", d.got.Auth, outline(d.last))
	}
}

// TestServerDefaultNonceKept: one that the device accepts and does not replace
// is not kept.
func TestServerDefaultNonceKept(t *testing.T) {
	cfg := serverAccount()
	cfg.Account.Server, cfg.DefaultNonce, cfg.Nonces.Server = serverMD5, true, []byte("s0")
	d := newDevice(t, cfg)
	d.say(d.first(), get("./a"))
	if diff := cmp.Diff(serverMD5.cred(SchemeMD5, DefaultNonces()[0]), d.last.Header.Cred); diff != "" {
		t.Error(diff)
	}
	if d.say(d.answer(nil)); string(d.got.Nonces.Server) != "s0" {
		t.Errorf("kept %q", d.got.Nonces.Server)
	}
}

// TestServerKindOnce: a device that repeats package 1 begins no second session,
// and interior nodes of DevInfo are no values.
func TestServerKindOnce(t *testing.T) {
	d := newDevice(t, serverAccount())
	info := devInfo("./DevInfo/Ext", "a/b", "./DevInfo/Man", "Acme")
	info.Items[0].Meta.Format = "node"
	d.say(d.message(alert(syncml.AlertServerInitiated), info), get("./a"))
	if diff := cmp.Diff(map[string]string{"./DevInfo/Man": "Acme"}, d.got.DevInfo); diff != "" || d.got.Kind != syncml.AlertServerInitiated {
		t.Errorf("%v %s", d.got.Kind, diff)
	}
	if d.say(d.answer(nil, alert(syncml.AlertServerInitiated))); d.got.Kind != 0 {
		t.Errorf("%v again", d.got.Kind)
	}
}

// TestServerObjectFromDevice: Results in parts are put together; 213 and 1222
// ask for more, 1225 tells of an object that another one interrupts or that has
// no end, 424 of one that is too short.
func TestServerObjectFromDevice(t *testing.T) {
	chunk := func(uri, data string, size int64, more bool) *syncml.Results {
		r := results("1", "2", uri, data)
		r.Items[0].Meta.Size, r.Items[0].MoreData = size, more
		return r
	}
	open := func(d *device, cmds ...syncml.Command) {
		m := d.message(cmds...)
		m.Final = false
		d.say(m)
	}
	ok := &syncml.Status{MsgRef: "1", CmdRef: "2", Cmd: syncml.CmdGet, Code: 200}
	for _, tt := range []struct {
		name string
		next *syncml.Results
		want string
		data string
	}{
		{"whole", chunk("./a", "def", 0, false), "Final", "abcdef"},
		{"too short", chunk("./a", "d", 0, false), "Status Results  424 Final", ""},
		{"another object", chunk("./b", "xyz", 0, false), "Alert 1225 Final", "xyz"},
		{"no end", nil, "Alert 1225 Final", ""},
	} {
		d := newDevice(t, serverAccount())
		d.say(d.message(), get("./a"))
		open(d, ok, chunk("./a", "abc", 6, true))
		if outline(d.last) != lines("Status SyncHdr - 212", "Status Results  213", "Alert 1222") {
			t.Error(outline(d.last))
		}
		if tt.next == nil {
			d.say(d.message())
		} else {
			d.say(d.message(tt.next))
		}
		if got := strings.TrimPrefix(outline(d.last), "Status SyncHdr - 212\n"); got != strings.ReplaceAll(tt.want, " Final", "\nFinal")+"\n" {
			t.Errorf("%s: %s", tt.name, got)
		}
		var data string
		for _, item := range d.got.Results[0].Found {
			data += string(item.Data)
		}
		if data != tt.data {
			t.Errorf("%s: %q", tt.name, data)
		}
	}
}

// TestServerLateChunkStatus: a device whose answer to a part does not fit its
// message is asked for it, and the object goes on.
func TestServerLateChunkStatus(t *testing.T) {
	cfg := serverAccount()
	cfg.LargeObjects = true
	d := newDevice(t, cfg)
	d.head = func(h *syncml.Header) { h.Meta.MaxMsgSize = 1500 }
	d.say(d.message(), add("./a", strings.Repeat("x", 2000)))
	status := d.answer(map[string]syncml.Code{"Add ./a": 213}).Body[1].(*syncml.Status)
	m := d.message(alert(syncml.AlertNextMessage))
	m.Final = false
	if d.say(m); outline(d.last) != lines("Status SyncHdr - 212", "Status Alert  200", "Alert 1222") {
		t.Error(outline(d.last))
	}
	again := *status
	again.CmdID = ""
	if d.say(d.message(&again)); !strings.Contains(outline(d.last), "Add ./a\n") {
		t.Error(outline(d.last))
	}
	for n := 0; !d.last.Final && n < 5; n++ {
		d.say(d.answer(map[string]syncml.Code{"Add ./a": 213}))
	}
	if d.say(d.answer(nil)); len(d.got.Results) != 1 || !d.got.Results[0].OK() {
		t.Errorf("%+v", d.got.Results)
	}
}
