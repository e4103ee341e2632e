package session

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/syncml"
)

// TestTooManyMessages: at the limit and one over it.
func TestTooManyMessages(t *testing.T) {
	p, _ := start(t, account(), Nonces{})
	for n := 2; n <= MaxMessages; n++ {
		if out := p.say(p.message(212, get("./FwUpdate"))); out.End != EndNot {
			t.Fatalf("message %d: end %q", n, out.End)
		}
	}
	if out := p.say(p.message(212, get("./FwUpdate"))); out.End != EndTooManySent {
		t.Errorf("end %q", out.End)
	}
	p, _ = start(t, account(), Nonces{})
	m := p.message(212, get("./FwUpdate"))
	p.say(m)
	for n := 3; n <= MaxMessages; n++ {
		if out := p.say(m); out.End != EndNot {
			t.Fatalf("repeat %d: end %q", n, out.End)
		}
	}
	if out := p.say(m); out.End != EndTooManySent {
		t.Errorf("end %q", out.End)
	}
}

// TestSplit: answers longer than the server's messages go out in parts, in
// order, each when the server asks for the next; only the last has Final. The
// parts outlive a message that does not belong to the session.
func TestSplit(t *testing.T) {
	const most = 3000
	for _, tt := range []struct {
		name      string
		open      bool // the server's package is open when the parts begin
		disturbed bool
	}{{"asked for by 1222", false, false}, {"in an open package", true, false}, {"disturbed", false, true}} {
		t.Run(tt.name, func(t *testing.T) {
			p, _ := start(t, account(), Nonces{})
			var cmds []syncml.Command
			var want strings.Builder
			for i := range 20 {
				uri := fmt.Sprintf("./FwUpdate/x%d/PkgName", i)
				cmds = append(cmds, add(uri, strings.Repeat("n", 100)), get(uri))
				fmt.Fprintf(&want, "Status Add %s 200\nStatus Get %s 200\nResults %s=%s\n", uri, uri, uri, strings.Repeat("n", 100))
			}
			m := p.message(212, cmds...)
			m.Header.Meta.MaxMsgSize = most
			m.Final = !tt.open
			out := p.say(m)
			var got strings.Builder
			parts := 1
			for ; !p.last.Final; parts++ {
				if len(out.Send) > most {
					t.Errorf("part %d has %d bytes", parts, len(out.Send))
				}
				got.WriteString(answersOnly(p.last))
				m := p.message(212, alert(syncml.AlertNextMessage))
				m.Final = false
				if tt.disturbed && parts == 1 {
					m.Header.SessionID = "other"
					p.msgID--
				}
				out = p.say(m)
			}
			got.WriteString(answersOnly(p.last))
			if d := cmp.Diff(want.String(), got.String()); d != "" || parts < 3 {
				t.Errorf("%d parts: %s", parts, d)
			}
		})
	}
}

// answersOnly is brief without what concerns headers and alerts.
func answersOnly(m *syncml.Message) string {
	var b strings.Builder
	for line := range strings.Lines(brief(m)) {
		if !strings.HasPrefix(line, "Status SyncHdr") && !strings.HasPrefix(line, "Status Alert") && line != "Final\n" {
			b.WriteString(line)
		}
	}
	return b.String()
}

// TestManyCommands: MaxCommands fit one message, one more does not.
func TestManyCommands(t *testing.T) {
	for _, over := range []int{0, 1} {
		p, _ := start(t, account(), Nonces{})
		var cmds []syncml.Command
		for range MaxCommands - 1 + over { // the Status for the SyncHdr is one, too
			cmds = append(cmds, alert(syncml.AlertDisplay))
		}
		out := p.say(p.message(212, cmds...))
		if len(p.last.Body) != MaxCommands || p.last.Final != (over == 0) || len(out.Send) > MaxSend {
			t.Errorf("%d over: %d commands, final %v, %d bytes", over, len(p.last.Body), p.last.Final, len(out.Send))
		}
	}
}

// TestQueueLimit: a server that asks and asks is given up.
func TestQueueLimit(t *testing.T) {
	p, _ := start(t, account(), Nonces{})
	var cmds []syncml.Command
	for range 900 {
		cmds = append(cmds, alert(syncml.AlertDisplay))
	}
	aborts := 0
	for n := 1; ; n++ {
		m := p.message(0, cmds...)
		m.Header.Meta.MaxMsgSize = 1000
		out := p.say(m)
		if out.End == EndNot && n > 5 {
			t.Fatal("the queue has no limit")
		}
		if out.End == EndNot && has(p.last, syncml.AlertSessionAbort) {
			aborts++
		}
		if out.End == EndNot {
			continue
		}
		if out.End != EndTooManySent || n != 6 || aborts != 1 {
			t.Errorf("message %d: end %q, %d aborts", n, out.End, aborts)
		}
		return
	}
}

// TestItemsApart: Items that do not fit together come one by one.
func TestItemsApart(t *testing.T) {
	p, _ := start(t, account(), Nonces{})
	for i := range 8 {
		if err := p.tree.Add(serverID, item(fmt.Sprintf("./FwUpdate/x%d/PkgName", i), "", strings.Repeat("n", 400))); err != nil {
			t.Fatal(err)
		}
	}
	two := &syncml.Op{Cmd: syncml.CmdGet}
	for i := range 3 {
		two.Items = append(two.Items, syncml.Item{Target: syncml.Location{URI: fmt.Sprintf("./FwUpdate/x%d/PkgName", i)}})
	}
	m := p.message(212, two)
	m.Header.Meta.MaxMsgSize = 2000
	p.say(m)
	got := brief(p.last)
	if n := strings.Count(got, "Results"); n < 1 || strings.Contains(got, "n ./FwUpdate") {
		t.Errorf("%d Results: %s", n, got)
	}
}

// TestMaxSend: a server that announces more than MaxSend, or nothing, gets
// messages of MaxSend at most.
func TestMaxSend(t *testing.T) {
	for _, announced := range []int64{0, 10 * MaxSend} {
		p, _ := start(t, account(), Nonces{})
		if err := p.tree.Add(serverID, item(pkgURL, "", strings.Repeat("u", 2000))); err != nil {
			t.Fatal(err)
		}
		var cmds []syncml.Command
		for range 40 {
			cmds = append(cmds, get(pkgURL))
		}
		m := p.message(212, cmds...)
		m.Header.Meta.MaxMsgSize = announced
		if out := p.say(m); p.last.Final || len(out.Send) > MaxSend || len(out.Send) < MaxSend/2 {
			t.Errorf("announced %d: %d bytes, final %v", announced, len(out.Send), p.last.Final)
		}
	}
}
