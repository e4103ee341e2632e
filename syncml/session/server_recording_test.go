package session

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/syncml"
)

// TestServerRecordings gives our server what a real client sent, queues what
// the recorded server wanted done, and compares what it sends.
func TestServerRecordings(t *testing.T) {
	for _, tt := range []struct {
		folder string
		server Credentials
		client []byte // the nonce that the recorded server knew: none, or an empty one
	}{
		{"life-1-install", Credentials{}, []byte{}},
		{"life-2-alert-state", Credentials{}, nil},
		{"life-3-delete", Credentials{}, nil},
		{"xml-md5-challenge", Credentials{}, nil},
		{"wbxml-md5", Credentials{}, nil},
		{"srvcred-md5", Credentials{SchemeMD5, serverID, "srvpass"}, []byte{}},
	} {
		t.Run(tt.folder, func(t *testing.T) {
			r := &serverRerun{t: t, server: tt.server, nonces: Nonces{Client: tt.client, Server: []byte{}}}
			for _, s := range loadRecording(t, filepath.Join("..", "..", "testdata", "dm-client-recordings", tt.folder)) {
				r.session(s)
			}
		})
	}
}

// serverRerun carries what outlives a session.
type serverRerun struct {
	t      *testing.T
	server Credentials
	nonces Nonces
	count  int

	results map[string]Result
	events  []Event
}

func (r *serverRerun) session(s []recorded) {
	first := s[0].m.Header
	acc := Account{DeviceID: first.Source.URI, ServerID: serverID, URL: first.Target.URI,
		Client: Credentials{SchemeMD5, "user", "pass"}, Server: r.server}
	server := NewServer(ServerConfig{Account: acc, Nonces: r.nonces, Sequence: true})
	r.results, r.events = map[string]Result{}, nil
	refs := map[string]map[string]string{} // message -> CmdID there -> CmdID of ours
	keys := map[string]syncml.Command{}
	var end End
	for i := 0; i < len(s); i += 2 {
		got, err := server.Receive(r.turned(s[i], refs), "", func() []byte { return r.nonce(s, i) })
		if err != nil {
			r.t.Fatalf("%s: %v", s[i].name, err)
		}
		r.take(got)
		if i+1 >= len(s) {
			break
		}
		for _, cmd := range askedOf(s[i+1].m) {
			keys[fmt.Sprint(len(keys))] = cmd
			server.Queue(fmt.Sprint(len(keys)-1), withoutIDs(cmd))
		}
		reply := server.Reply()
		end = reply.End
		ours := decode(r.t, reply.Send)
		r.compare(s[i+1], ours)
		refs[s[i+1].m.Header.MsgID] = counterparts(s[i+1].m, ours)
	}
	if end != EndDone || len(r.results) != len(keys) {
		r.t.Errorf("%s: end %q, %d results for %d commands", s[0].name, end, len(r.results), len(keys))
	}
	for key, res := range r.results {
		if res.Code == 0 || (keys[key].Name() == syncml.CmdGet && res.Code.Success()) != (len(res.Found) > 0) {
			r.t.Errorf("%s: %s: %+v", s[0].name, what(keys[key]), res)
		}
	}
}

// nonce is what the recorded server gave at this point.
func (r *serverRerun) nonce(s []recorded, i int) []byte {
	if i+1 < len(s) {
		if n := given(s[i+1].m); n != nil {
			return n
		}
	}
	r.count++
	return fmt.Appendf(nil, "nonce-%010d", r.count)
}

func (r *serverRerun) take(got Received) {
	r.nonces = got.Nonces
	r.events = append(r.events, got.Events...)
	for _, res := range got.Results {
		r.results[res.Key] = res
	}
}

// turned is a client's message with its references turned to our CmdIDs.
func (r *serverRerun) turned(msg recorded, refs map[string]map[string]string) []byte {
	m := *msg.m
	m.Body = nil
	for _, cmd := range msg.m.Body {
		switch c := cmd.(type) {
		case *syncml.Status:
			st := *c
			if st.CmdRef != "0" {
				st.CmdRef = refs[st.MsgRef][st.CmdRef]
			}
			cmd = &st
		case *syncml.Results:
			res := *c
			res.CmdRef = refs[res.MsgRef][res.CmdRef]
			cmd = &res
		}
		m.Body = append(m.Body, cmd)
	}
	b, err := syncml.Encode(&m, msg.enc)
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

// askedOf is the commands of a message, without Status.
func askedOf(m *syncml.Message) []syncml.Command {
	var cmds []syncml.Command
	for _, cmd := range m.Body {
		if cmd.Name() != syncml.CmdStatus {
			cmds = append(cmds, cmd)
		}
	}
	return cmds
}

// counterparts pairs the commands of two messages by their order.
func counterparts(theirs, ours *syncml.Message) map[string]string {
	ids := map[string]string{}
	var pair func(a, b []syncml.Command)
	pair = func(a, b []syncml.Command) {
		for i := range min(len(a), len(b)) {
			ids[a[i].ID()] = b[i].ID()
			pair(children(a[i]), children(b[i]))
		}
	}
	pair(askedOf(theirs), askedOf(ours))
	for _, cmd := range theirs.Body {
		if cmd.Name() == syncml.CmdStatus {
			ids[cmd.ID()] = "none"
		}
	}
	return ids
}

// withoutIDs is a command as its caller would queue it.
func withoutIDs(cmd syncml.Command) syncml.Command {
	if b, ok := cmd.(*syncml.Block); ok {
		c := *b
		c.CmdID, c.Body = "", nil
		for _, kid := range b.Body {
			c.Body = append(c.Body, withoutIDs(kid))
		}
		return &c
	}
	return numbered(cmd, "")
}

// compare checks a reply. Known differences: we answer no Results with 200, and
// send no Cred any more once the device has answered 212.
func (r *serverRerun) compare(theirs recorded, ours *syncml.Message) {
	r.t.Helper()
	if ours.Header.SessionID != theirs.m.Header.SessionID || ours.Header.MsgID != theirs.m.Header.MsgID {
		r.t.Errorf("%s: session %s message %s", theirs.name, ours.Header.SessionID, ours.Header.MsgID)
	}
	var want strings.Builder
	for line := range strings.Lines(outline(theirs.m)) {
		if line != "Status Results  200\n" {
			want.WriteString(line)
		}
	}
	if d := cmp.Diff(want.String(), outline(ours)); d != "" {
		r.t.Errorf("%s: recorded -, ours +\n%s", theirs.name, d)
	}
	if d := cmp.Diff(theirs.m.Header.Cred, ours.Header.Cred); d != "" && ours.Header.Cred != nil {
		r.t.Errorf("%s: Cred: %s", theirs.name, d)
	}
}
