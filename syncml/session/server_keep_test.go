package session

import (
	"runtime"
	"testing"
	"weak"

	"github.com/fwbridge/fwbridge/syncml"
)

// A session keeps nothing of a message once it has its Reply: neither while it
// waits for the next one nor after its end.
func TestServerKeepsNothing(t *testing.T) {
	cfg := serverAccount()
	cfg.Account.Client, cfg.Account.Server = Credentials{}, Credentials{}
	d := newDevice(t, cfg)
	head := func(ref string) syncml.Command {
		return &syncml.Status{MsgRef: ref, CmdRef: "0", Cmd: syncml.CmdSyncHdr, Code: 200}
	}
	item := syncml.Item{Source: syncml.Location{URI: "./DevInfo/Mod"}, Data: []byte("R2")}
	for _, step := range []struct {
		m     *syncml.Message
		queue []syncml.Command
		end   End
	}{
		{d.message(&syncml.Alert{Code: syncml.AlertClientInitiated}, &syncml.Op{Cmd: syncml.CmdReplace, Items: []syncml.Item{item}}),
			[]syncml.Command{&syncml.Op{Cmd: syncml.CmdGet, Items: []syncml.Item{{Target: item.Source}}}}, EndNot},
		{d.message(head("1"), &syncml.Status{MsgRef: "1", CmdRef: "4", Cmd: syncml.CmdGet, Code: 200},
			&syncml.Results{MsgRef: "1", CmdRef: "4", Items: []syncml.Item{item}}), nil, EndDone},
	} {
		body, err := syncml.Encode(step.m, syncml.XML)
		if err != nil {
			t.Fatal(err)
		}
		m, enc, err := syncml.Decode(body, syncml.DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]func() bool{"the message": kept(m)}
		for _, cmd := range m.Body {
			switch cmd := cmd.(type) {
			case *syncml.Status:
				all["a Status"] = kept(cmd)
			case *syncml.Results:
				all["the Results"], all["what was found"] = kept(cmd), kept(&cmd.Items[0].Data[0])
			case *syncml.Op:
				all["the Replace"] = kept(cmd)
			}
		}
		got := d.s.ReceiveMessage(m, enc, body, "", d.nonce)
		for _, cmd := range step.queue {
			d.s.Queue("k", cmd)
		}
		if r := d.s.Reply(); r.End != step.end || len(got.Results) != 1-len(step.queue) {
			t.Fatal(r.End, got)
		}
		m, got = nil, Received{}
		runtime.GC()
		for what, still := range all {
			if still() {
				t.Errorf("message %s: %s is kept", step.m.Header.MsgID, what)
			}
		}
	}
	runtime.KeepAlive(d)
}

// kept returns a function that says whether the garbage collector has left p.
func kept[T any](p *T) func() bool {
	w := weak.Make(p)
	return func() bool { return w.Value() != nil }
}
