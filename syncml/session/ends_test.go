package session

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/syncml"
)

// TestAbort: giving a session up tells the server, and whatever it says to
// that, the session is over.
func TestAbort(t *testing.T) {
	for _, answer := range []string{"", "<html/>", "message"} {
		p, _ := start(t, account(), Nonces{}, Notification{Key: "k"})
		p.say(p.message(212, get("./FwUpdate")))
		why := errors.New("took too long")
		p.took(p.c.Abort(why))
		if d := cmp.Diff(lines("Alert 1223", "Final"), brief(p.last)); d != "" {
			t.Error(d)
		}
		if again := p.c.Abort(nil); again.Send == nil || len(decode(t, again.Send).Body) != 1 || again.End != EndNot {
			t.Errorf("a second Abort: %+v", again)
		}
		body := []byte(answer)
		if answer == "message" {
			body = encode(t, p.message(212, add(pkgName, "n")))
		}
		if out := p.c.Receive(body, p.tree, p.nonce); out.End != EndLeft || !errors.Is(out.Err, why) || len(p.tree.Packages()) != 0 {
			t.Errorf("answer %q: %+v", answer, out)
		}
		if out := p.c.Abort(nil); out.End != EndLeft || out.Send != nil {
			t.Errorf("after the end: %+v", out)
		}
	}
}

// TestServerThatNeverEnds is told so with the last message.
func TestServerThatNeverEnds(t *testing.T) {
	p, _ := start(t, account(), Nonces{})
	for n := 2; n < MaxMessages; n++ {
		if p.say(p.message(212, get("./FwUpdate"))); has(p.last, syncml.AlertSessionAbort) {
			t.Fatalf("aborted with message %d", n)
		}
	}
	p.say(p.message(212, get("./FwUpdate")))
	if d := cmp.Diff(lines("Status SyncHdr - 212", "Alert 1223", "Final"), brief(p.last)); d != "" {
		t.Error(d)
	}
	if out := p.say(p.message(212)); out.End != EndTooManySent {
		t.Errorf("end %q", out.End)
	}
}

// TestTooManyCommands: 10,000 commands in a message are not decoded, and one
// over the limit of the decoder is not either.
func TestTooManyCommands(t *testing.T) {
	for _, tt := range []struct {
		commands int
		end      End
	}{{syncml.DefaultMaxCommands - 1, EndNot}, {syncml.DefaultMaxCommands, EndProtocol}, {10_000, EndProtocol}} {
		p, _ := start(t, account(), Nonces{})
		var b strings.Builder
		for i := range tt.commands { // the Status for our header is one, too
			fmt.Fprintf(&b, "<Alert><CmdID>%d</CmdID></Alert>", i+1)
		}
		out := p.c.Receive(p.body(b.String()), p.tree, p.nonce)
		if _, ok := errors.AsType[*syncml.SyntaxError](out.Err); out.End != tt.end || ok != (tt.end != EndNot) {
			t.Errorf("%d commands: end %q (%v)", tt.commands, out.End, out.Err)
		}
		if int64(len(out.Send)) > MaxSend {
			t.Errorf("%d bytes are sent", len(out.Send))
		}
	}
}

// TestTwoSessions: two sessions of one device at once each carry out their own
// server's commands, once, and know each other's messages from their own.
func TestTwoSessions(t *testing.T) {
	tree := newTree()
	open := func(id string) *peer {
		p := &peer{t: t, c: NewClient(account(), Nonces{}, syncml.AlertClientInitiated, id, nil), tree: tree}
		p.took(p.c.Open(tree))
		return p
	}
	for _, ids := range [][2]string{{"1", "2"}, {"3", "4"}} {
		a, b := open(ids[0]), open(ids[1])
		uri := "./FwUpdate/x" + ids[0] + "/PkgName"
		m := a.message(212, add(uri, "a"))
		m.Header.SessionID = ids[0]
		n := b.message(212, get(uri), replace(uri, "b"))
		n.Header.SessionID = ids[1]
		b.took(b.c.Receive(encode(t, m), tree, b.nonce)) // A's message reaches B
		if d := cmp.Diff(lines("Status SyncHdr - 400", "Status Add "+uri+" 400", "Final"), brief(b.last)); d != "" {
			t.Error(d)
		}
		a.say(m)
		b.say(n)
		if d := cmp.Diff(lines("Status SyncHdr - 212", "Status Get "+uri+" 200", "Results "+uri+"=a", "Status Replace "+uri+" 200", "Final"), brief(b.last)); d != "" {
			t.Error(d)
		}
		if out := a.say(m); !out.Replayed {
			t.Error("a repeat is not seen as one")
		}
		if found, err := tree.Get(serverID, uri); err != nil || string(found[0].Data) != "b" {
			t.Errorf("%v, %v", found, err)
		}
	}
}

// TestSupported: what a server that refuses the version says that it speaks.
func TestSupported(t *testing.T) {
	for _, tt := range []struct {
		code  syncml.Code
		items []string
		want  []syncml.Version
	}{
		{505, nil, nil},
		{505, []string{"1.1"}, []syncml.Version{syncml.DM112}},
		{513, []string{"DM/1.1", "DM/1.2"}, []syncml.Version{syncml.DM12, syncml.DM112}},
		{513, []string{"DM/1.1", "1.1"}, []syncml.Version{syncml.DM112}},
		{513, []string{"DM/2.0", "x"}, nil},
		{404, []string{"DM/1.1"}, nil},
	} {
		p, _ := start(t, account(), Nonces{})
		m := p.message(212)
		head := m.Body[0].(*syncml.Status)
		head.Code = tt.code
		for _, s := range tt.items {
			head.Items = append(head.Items, syncml.Item{Data: []byte(s)})
		}
		if d := cmp.Diff(tt.want, p.say(m).Supported); d != "" {
			t.Errorf("%d %v: %s", tt.code, tt.items, d)
		}
	}
}

// atomicAnswers is what a client says to an Atomic of ten Adds, and how long
// that is. waits puts the Atomic behind other commands,
// so that its answers wait for an Alert 1222.
func atomicAnswers(t *testing.T, waits bool, max int64) (said string, packages int, length int64) {
	p, _ := start(t, account(), Nonces{})
	var cmds []syncml.Command
	for i := range 10 {
		cmds = append(cmds, add(fmt.Sprintf("./FwUpdate/x%d/PkgName", i), "n"))
	}
	cmds = []syncml.Command{atomic(cmds...)}
	if waits {
		cmds = []syncml.Command{sequence(append(slicesOf(3, get("./DevInfo")), cmds...)...)}
	}
	m := p.message(212, cmds...)
	m.Header.Meta.MaxMsgSize = max
	out := p.say(m)
	if waits {
		if strings.Contains(brief(p.last), "Atomic") {
			t.Errorf("the Atomic does not wait: %s", brief(p.last))
		}
		out = p.say(p.message(212, alert(syncml.AlertNextMessage)))
	}
	return brief(p.last), len(p.tree.Packages()), int64(len(out.Send))
}

// TestAtomicAnswers: the answers to an Atomic go out in one message, with the
// Status for the 1222 that asks for it if they had to wait. Those that cannot
// are a failure of it, with nothing kept.
func TestAtomicAnswers(t *testing.T) {
	for _, waits := range []bool{false, true} {
		_, _, length := atomicAnswers(t, waits, 3300)
		did := map[bool]int{}
		for max := length - 42; max < length+150; max += 3 {
			said, packages, sent := atomicAnswers(t, waits, max)
			done := strings.Contains(said, "Status Atomic  200\n")
			did[done]++
			switch {
			case done && (packages != 10 || strings.Count(said, "Status Add") != 10 || sent > max),
				!done && (packages != 0 || !strings.Contains(said, "Status Atomic  517\nStatus Add ./FwUpdate/x0/PkgName 216\n")):
				t.Errorf("%d bytes: %d packages\n%s", max, packages, said)
			}
		}
		if did[true] < 5 || did[false] < 5 {
			t.Errorf("waits %v: %v", waits, did)
		}
	}
}

// TestNextMessage: an Alert 1222 is answered at once, before what still waits;
// among other commands in its place.
func TestNextMessage(t *testing.T) {
	p, _ := start(t, account(), Nonces{})
	m := p.message(212, slicesOf(30, get("./DevInfo/DevId"))...)
	m.Header.Meta.MaxMsgSize = 4000
	p.say(m)
	for !p.last.Final {
		p.say(p.message(212, alert(syncml.AlertNextMessage)))
		if got := brief(p.last); !strings.HasPrefix(got, "Status SyncHdr - 212\nStatus Alert  200\n") || strings.Count(got, "Alert") != 1 {
			t.Fatal(got)
		}
	}
	p.say(p.message(212, get("./FwUpdate"), alert(syncml.AlertNextMessage)))
	if d := cmp.Diff(lines("Status SyncHdr - 212", "Status Get ./FwUpdate 200", "Results ./FwUpdate=", "Status Alert  200", "Final"), brief(p.last)); d != "" {
		t.Error(d)
	}
}

// TestNoteFits: a Generic Alert is never cut; at worst it has a message of its
// own.
func TestNoteFits(t *testing.T) {
	acc := account()
	acc.Client = clientMD5
	long := Notification{Key: "k", Type: "t", Format: "chr", Source: "./FwUpdate/x", Data: strings.Repeat("d", 900)}
	p, _ := start(t, acc, Nonces{Client: []byte("n0")}, long, long)
	m := challenge(p.message(401), "syncml:auth-md5", "n1")
	m.Header.Meta.MaxMsgSize = 2200
	alerts := 0
	for p.say(m); ; p.say(p.message(212, alert(syncml.AlertNextMessage))) {
		for _, cmd := range p.last.Body {
			if a, ok := cmd.(*syncml.Alert); ok && a.Code == syncml.AlertGeneric {
				if alerts++; len(a.Items[0].Data) != 900 || a.Items[0].MoreData {
					t.Errorf("the alert was cut: %d bytes", len(a.Items[0].Data))
				}
			}
		}
		if p.last.Final {
			break
		}
	}
	if alerts != 2 {
		t.Errorf("%d alerts", alerts)
	}
}
