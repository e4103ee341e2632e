package session

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/syncml"
)

// TestServerPackages: a device that sends its package in parts is asked for the
// rest, gets no new commands meanwhile, and Results count when all are there.
func TestServerPackages(t *testing.T) {
	d := newDevice(t, serverAccount())
	part := func(m *syncml.Message) *syncml.Message { m.Final = false; return m }
	d.say(part(d.message(alert(syncml.AlertClientInitiated))), get("./a"), get("./b"))
	if outline(d.last) != lines("Status SyncHdr - 212", "Status Alert  200", "Alert 1222") {
		t.Error(outline(d.last))
	}
	d.say(d.message(devInfo("./DevInfo/Man", "Acme")))
	if outline(d.last) != lines("Status SyncHdr - 212", "Status Replace  200", "Get ./a", "Get ./b", "Final") {
		t.Error(outline(d.last))
	}
	asked := d.last.Header.MsgID
	d.say(part(d.message(&syncml.Status{MsgRef: asked, CmdRef: "0", Cmd: syncml.CmdSyncHdr, Code: 212},
		&syncml.Status{MsgRef: asked, CmdRef: "3", Cmd: syncml.CmdGet, Code: 200})), get("./c"))
	if outline(d.last) != lines("Status SyncHdr - 212", "Alert 1222") || len(d.got.Results) != 0 {
		t.Errorf("%s%v", outline(d.last), d.got.Results)
	}
	d.say(d.message(results(asked, "3", "./a", "A"), &syncml.Status{MsgRef: asked, CmdRef: "4", Cmd: syncml.CmdGet, Code: 404}))
	if len(d.got.Results) != 2 || string(d.got.Results[0].Found[0].Data) != "A" || d.got.Results[1].Code != 404 {
		t.Errorf("%+v", d.got.Results)
	}
	if outline(d.last) != lines("Status SyncHdr - 212", "Get ./c", "Final") {
		t.Error(outline(d.last))
	}
}

// TestServerNeverFinal: a package that does not end ends the session.
func TestServerNeverFinal(t *testing.T) {
	d := newDevice(t, serverAccount())
	for n := 1; ; n++ {
		m := d.message(alert(syncml.AlertNextMessage))
		m.Final = false
		if d.say(m); d.reply.End == EndTooManySent {
			break
		}
		if n >= MaxMessages {
			t.Fatal("no end")
		}
	}
}

// TestServerBatch: commands go out in batches, at the limit and one over it,
// and one that asks a user ends its batch.
func TestServerBatch(t *testing.T) {
	for _, tt := range []struct{ batch, n, want int }{{0, DefaultBatch, DefaultBatch}, {0, DefaultBatch + 1, DefaultBatch}, {3, 5, 3}} {
		cfg := serverAccount()
		cfg.Batch = tt.batch
		d := newDevice(t, cfg)
		var cmds []syncml.Command
		for i := range tt.n {
			cmds = append(cmds, get(fmt.Sprintf("./%d", i)))
		}
		d.say(d.message(), cmds...)
		if n := len(d.last.Body) - 1; n != tt.want {
			t.Errorf("%d of %d commands, want %d", n, tt.n, tt.want)
		}
		if d.say(d.answer(nil)); len(d.last.Body)-1 != tt.n-tt.want {
			t.Errorf("then %d", len(d.last.Body)-1)
		}
	}
}

// TestServerDeclined: a user who declines ends a Sequence that is sent command
// by command, and nothing else.
func TestServerDeclined(t *testing.T) {
	for _, code := range []syncml.Code{200, 304, 214, 408} {
		d := newDevice(t, serverAccount())
		d.say(d.message(), sequence(add("./a", ""), alert(syncml.AlertConfirm), add("./b", ""), sequence(del("./c"))), get("./d"))
		if outline(d.last) != lines("Status SyncHdr - 212", "Add ./a", "Alert 1101", "Final") {
			t.Error(outline(d.last))
		}
		d.say(d.answer(map[string]syncml.Code{"Alert 1101": code}))
		want := lines("Status SyncHdr - 212", "Get ./d", "Final")
		if code == 200 {
			want = lines("Status SyncHdr - 212", "Add ./b", "Delete ./c", "Get ./d", "Final")
		} else if r := d.got.Results[0]; r.Code != code || r.Parts[2].Code != 215 || r.Parts[3].Parts[0].Code != 215 {
			t.Errorf("%+v", r)
		}
		if d := cmp.Diff(want, outline(d.last)); d != "" {
			t.Errorf("%d: %s", code, d)
		}
	}
}

// TestServerLarge: a large object goes out in parts of the device's size, with
// Size on the first and Final on the last, and nothing in between.
func TestServerLarge(t *testing.T) {
	for _, enc := range []syncml.Encoding{syncml.XML, syncml.WBXML} {
		cfg := serverAccount()
		cfg.LargeObjects = true
		d := newDevice(t, cfg)
		d.enc = enc
		d.head = func(h *syncml.Header) { h.Meta.MaxMsgSize, h.Meta.MaxObjSize = 1500, 5000 }
		text := strings.Repeat("é&<>x", 800)
		d.say(d.first(), get("./a"), replace("./b", text), get("./c"))
		var got strings.Builder
		d.say(d.answer(nil))
		parts := 0
		for ; !d.last.Final; parts++ {
			item := d.last.Body[len(d.last.Body)-1].(*syncml.Op).Items[0]
			if (item.Meta.Size == int64(len(text))) != (parts == 0) || !item.MoreData || len(d.reply.Send) > 1500 {
				t.Fatalf("part %d: Size %d, more %v, %d bytes", parts, item.Meta.Size, item.MoreData, len(d.reply.Send))
			}
			got.Write(item.Data)
			d.say(d.answer(map[string]syncml.Code{"Replace ./b": 213}, alert(syncml.AlertNextMessage)))
		}
		last := d.last.Body[len(d.last.Body)-1].(*syncml.Op).Items[0]
		if got.Write(last.Data); got.String() != text || last.MoreData || parts < 3 {
			t.Errorf("%d parts, %d bytes of %d", parts, got.Len(), len(text))
		}
		if d.say(d.answer(nil)); len(d.got.Results) != 1 || d.got.Results[0].Code != 200 || !strings.Contains(outline(d.last), "Get ./c\n") {
			t.Errorf("%+v %s", d.got.Results, outline(d.last))
		}
	}
}

// TestServerUnsendable: what a device cannot be sent comes back from the Reply,
// and the rest goes out.
func TestServerUnsendable(t *testing.T) {
	long := strings.Repeat("x", 3000)
	for _, tt := range []struct {
		name  string
		large bool
		cmd   syncml.Command
		code  syncml.Code
	}{
		{"too long", false, add("./a", long[:2500]), 413},
		{"too long in a Sequence", false, sequence(del("./z"), add("./a", long), del("./y")), 413},
		{"longer than MaxObjSize", true, add("./a", long), 413},
		{"a Get that is too long", true, get("./" + long), 413},
		{"two long Items", true, &syncml.Op{Cmd: syncml.CmdAdd, Items: []syncml.Item{item("./a", "", long), item("./b", "", long)}}, 413},
		{"what XML cannot carry", false, add("./a", "\x01"), 0},
		{"no Item", false, &syncml.Op{Cmd: syncml.CmdGet}, 0},
		{"an empty Atomic", false, atomic(), 0},
		{"a Sequence in an Atomic", false, atomic(sequence(get("./a"))), 0},
		{"a Status", false, &syncml.Status{}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := serverAccount()
			cfg.LargeObjects = tt.large
			d := newDevice(t, cfg)
			d.head = func(h *syncml.Header) { h.Meta.MaxMsgSize, h.Meta.MaxObjSize = 1500, 2999 }
			d.say(d.first(), tt.cmd, get("./b"))
			got := append([]Result(nil), d.reply.Unsent...)
			if d.post(d.sent); len(d.reply.Unsent) != 0 {
				t.Errorf("told again: %+v", d.reply.Unsent)
			}
			for d.reply.End == EndNot {
				d.say(d.answer(nil))
				for _, r := range append(d.got.Results, d.reply.Unsent...) {
					if r.Key == "k1" {
						got = append(got, r)
					} else if r.Code != 200 {
						t.Errorf("%+v", r)
					}
				}
			}
			if len(got) != 1 || got[0].Err == nil || got[0].Code.Success() || len(d.s.Pending()) != 0 {
				t.Fatalf("%+v", got)
			}
			if r := got[0]; r.Code != tt.code && len(r.Parts) == 0 || len(r.Parts) == 3 && r.Parts[1].Code != tt.code {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestServerManyAnswers: Statuses that do not fit go out in parts; commands
// come after them.
func TestServerManyAnswers(t *testing.T) {
	d := newDevice(t, serverAccount())
	d.head = func(h *syncml.Header) { h.Meta.MaxMsgSize = 2000 }
	var alerts []syncml.Command
	for range 50 {
		alerts = append(alerts, alert(syncml.AlertDisplay))
	}
	d.say(d.message(alerts...), get("./a"))
	n := 0
	for parts := 1; ; parts++ {
		n += strings.Count(outline(d.last), "Status Alert  406")
		if len(d.reply.Send) > 2000 {
			t.Errorf("%d bytes", len(d.reply.Send))
		}
		if d.last.Final {
			if parts < 3 {
				t.Errorf("%d parts", parts)
			}
			break
		}
		d.say(d.message(alert(syncml.AlertNextMessage)))
	}
	if n != 50 || !strings.Contains(outline(d.last), "Get ./a\n") {
		t.Errorf("%d answers, %s", n, outline(d.last))
	}
}

// TestServerSlow: 101 is not an answer; the real one comes later.
func TestServerSlow(t *testing.T) {
	d := newDevice(t, serverAccount())
	d.say(d.message(), exec("./a"), get("./b"))
	ref := d.last.Header.MsgID
	d.say(d.answer(map[string]syncml.Code{"Exec ./a": 101}), get("./c"))
	if len(d.got.Results) != 1 || d.got.Results[0].Key != "k2" || cmp.Diff([]string{"k1", "k1"}, d.s.Pending()) != "" {
		t.Errorf("%+v, pending %v", d.got.Results, d.s.Pending())
	}
	d.say(d.answer(nil, &syncml.Status{MsgRef: ref, CmdRef: "2", Cmd: syncml.CmdExec, Code: 202}))
	if len(d.got.Results) != 2 || d.got.Results[0].Code != 202 {
		t.Errorf("%+v", d.got.Results)
	}
}

// What is known to fit with alertRoom to spare is not tried with an Alert.
func TestAlertRoom(t *testing.T) {
	for _, enc := range []syncml.Encoding{syncml.XML, syncml.WBXML} {
		s := NewServer(ServerConfig{Account: account()})
		s.cfg.Account.Encoding, s.cfg.Account.Version, s.id = enc, syncml.DM12, "1"
		s.in = arrival{m: &syncml.Message{}, head: &syncml.Status{MsgRef: "1", CmdRef: "0", Cmd: syncml.CmdSyncHdr, Code: 200}}
		answers := make([]syncml.Command, 10_000) // the CmdID is as long as can be
		for i := range answers {
			answers[i] = s.in.head
		}
		without, err := s.encode(draft{answers: answers})
		if err != nil {
			t.Fatal(err)
		}
		with, err := s.encode(draft{answers: answers, alert: syncml.AlertSessionAbort})
		if err != nil {
			t.Fatal(err)
		}
		if n := len(with.body) - len(without.body); n < 5 || n > alertRoom {
			t.Errorf("%v: an Alert takes %d bytes", enc, n)
		}
	}
}
