package session

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/syncml"
)

// differences is where this client answers otherwise than the recorded one,
// line by line as brief writes them; "" is a line that we do not send.
var differences = []struct{ theirs, ours, why string }{
	{"Status Exec ./FwUpdate/pkg1/DownloadAndUpdate 200", "Status Exec ./FwUpdate/pkg1/DownloadAndUpdate 202",
		"the update has only begun; its end comes as a Generic Alert (FUMO 1.0)"},
	{"Results ./FwUpdate/pkg1/PkgVersion?prop=ACL=Get=*&Replace=*&Add=*&Delete=*", "Results ./FwUpdate/pkg1/PkgVersion?prop=ACL=",
		"a new node inherits; there it has a list of its own"},
	{"Results ./FwUpdate/pkg1=DownloadAndUpdate/State/PkgVersion/PkgName", "Results ./FwUpdate/pkg1=DownloadAndUpdate/PkgName/PkgVersion/State",
		"a list has no order"},
	{"Status SyncHdr - 212 Chal", "Status SyncHdr - 212", "one new nonce a session is enough; it goes with the first 212"},
}

// recorded is one message of a recording.
type recorded struct {
	name string
	enc  syncml.Encoding
	m    *syncml.Message
}

// loadRecording returns the sessions of a folder, each beginning with package 1.
func loadRecording(t testing.TB, dir string) [][]recorded {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*-*2*.*ml"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var sessions [][]recorded
	for _, f := range files {
		if strings.Contains(f, ".decoded.") {
			continue
		}
		body, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		m, enc, err := syncml.Decode(body, syncml.DefaultLimits)
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		if strings.Contains(f, "-c2s") && m.Header.MsgID == "1" {
			sessions = append(sessions, nil)
		}
		last := &sessions[len(sessions)-1]
		*last = append(*last, recorded{filepath.Base(f), enc, m})
	}
	return sessions
}

// TestRecordings gives our client what a real server sent to a real client,
// and compares the answers.
func TestRecordings(t *testing.T) {
	for _, tt := range []struct {
		folders  string // one after the other, with the same device
		server   Credentials
		sessions int
	}{
		{"life-1-install life-2-alert-state life-3-delete", Credentials{}, 3},
		{"xml-md5-challenge", Credentials{}, 2},
		{"wbxml-md5", Credentials{}, 2},
		{"srvcred-md5", Credentials{SchemeMD5, serverID, "srvpass"}, 2},
	} {
		t.Run(tt.folders, func(t *testing.T) {
			var sessions [][]recorded
			for _, f := range strings.Fields(tt.folders) {
				sessions = append(sessions, loadRecording(t, filepath.Join("..", "..", "testdata", "dm-client-recordings", f))...)
			}
			if len(sessions) != tt.sessions {
				t.Fatalf("%d sessions, want %d", len(sessions), tt.sessions)
			}
			id := identity
			id.FirmwareVersion = "TODO"
			r := &rerun{tree: fwupdate.NewTree(id), server: tt.server, nonces: Nonces{Client: []byte{}}}
			r.tree.SetRoles(map[string]fwupdate.Role{serverID: fwupdate.Manager})
			for _, s := range sessions {
				r.session(t, s)
			}
		})
	}
}

// rerun carries what outlives a session.
type rerun struct {
	tree   *fwupdate.Tree
	server Credentials
	nonces Nonces
	gave   []byte // the nonce that the recorded client gave the server last
}

func (r *rerun) session(t *testing.T, s []recorded) {
	first := s[0].m
	reason, notes := opening(first)
	acc := Account{
		DeviceID: first.Header.Source.URI, ServerID: serverID, URL: first.Header.Target.URI, Encoding: s[0].enc,
		Version: first.Header.Version, MaxMsgSize: first.Header.Meta.MaxMsgSize,
		Client: Credentials{SchemeMD5, "user", "pass"}, Server: r.server,
	}
	// The recorded client gave a new nonce in every message, and the server
	// used the last. Both began with an empty one.
	r.nonces.Server = append([]byte{}, r.gave...)
	c := NewClient(acc, r.nonces, reason, first.Header.SessionID, notes)
	out := c.Open(r.tree)
	for i, msg := range s {
		if i%2 == 0 {
			ours := decode(t, out.Send)
			compare(t, msg, ours)
			if d := cmp.Diff(msg.m.Header.Cred, ours.Header.Cred); d != "" {
				t.Errorf("%s: Cred: %s", msg.name, d)
			}
			if n := given(msg.m); n != nil {
				r.gave = n
			}
			continue
		}
		r.prepare(s, i)
		out = c.Receive(reply4us(t, msg, s[i-1].m, out.Send), r.tree, func() []byte { return given(s[i+1].m) })
		r.nonces = out.Nonces
	}
	if out.End != EndDone || out.Err != nil {
		t.Errorf("%s: end %q (%v)", s[len(s)-1].name, out.End, out.Err)
	}
	r.tree.SetBusy("pkg1", fwupdate.NotBusy)
}

// prepare gives the package the State that the recorded device shows next.
func (r *rerun) prepare(s []recorded, i int) {
	if i+1 >= len(s) {
		return
	}
	for _, cmd := range s[i+1].m.Body {
		if res, ok := cmd.(*syncml.Results); ok && strings.HasSuffix(res.Items[0].Source.URI, "/State") {
			var n uint8
			fmt.Sscan(string(res.Items[0].Data), &n)
			r.tree.SetState("pkg1", fwupdate.State(n))
		}
	}
}

// opening reads why the session was begun.
func opening(m *syncml.Message) (reason syncml.AlertCode, notes []Notification) {
	for _, cmd := range m.Body {
		a, ok := cmd.(*syncml.Alert)
		if !ok {
			continue
		}
		if a.Code != syncml.AlertGeneric {
			reason = a.Code
			continue
		}
		it := a.Items[0]
		notes = append(notes, Notification{Key: it.Source.URI, Type: it.Meta.Type, Format: it.Meta.Format, Mark: it.Meta.Mark,
			Source: it.Source.URI, Correlator: a.Correlator, Data: string(it.Data)})
	}
	return reason, notes
}

// given is the nonce that a client's message gives to the server.
func given(m *syncml.Message) []byte {
	for _, cmd := range m.Body {
		if s, ok := cmd.(*syncml.Status); ok && s.Chal != nil {
			n, _ := base64.StdEncoding.DecodeString(string(s.Chal.Meta.NextNonce))
			return n
		}
	}
	return nil
}

// reply4us is the server's message with its references turned to what our
// client sent instead of the recorded one.
func reply4us(t *testing.T, server recorded, recordedClient *syncml.Message, sent []byte) []byte {
	t.Helper()
	ours := decode(t, sent)
	m := *server.m
	m.Body = nil
	for _, cmd := range server.m.Body {
		s, ok := cmd.(*syncml.Status)
		if !ok || s.CmdRef == "0" {
			m.Body = append(m.Body, cmd)
			continue
		}
		if ref, ok := counterpart(s.CmdRef, recordedClient, ours); ok {
			turned := *s
			turned.CmdRef = ref
			m.Body = append(m.Body, &turned)
		}
	}
	b, err := syncml.Encode(&m, server.enc)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// counterpart finds the command of ours that says what theirs with that CmdID
// said.
func counterpart(id string, theirs, ours *syncml.Message) (string, bool) {
	key := func(cmd syncml.Command) string {
		switch cmd := cmd.(type) {
		case *syncml.Alert:
			return "Alert " + cmd.Code.String()
		case *syncml.Results:
			return "Results " + cmd.Items[0].Source.URI
		}
		return string(cmd.Name())
	}
	i := slices.IndexFunc(theirs.Body, func(cmd syncml.Command) bool { return cmd.ID() == id })
	if i < 0 {
		return "", false
	}
	want := key(theirs.Body[i])
	for _, cmd := range ours.Body {
		if key(cmd) == want {
			return cmd.ID(), true
		}
	}
	return "", false
}

// compare checks an answer, the known differences aside.
func compare(t *testing.T, theirs recorded, ours *syncml.Message) {
	t.Helper()
	if ours.Header.SessionID != theirs.m.Header.SessionID || ours.Header.MsgID != theirs.m.Header.MsgID {
		t.Errorf("%s: session %s message %s", theirs.name, ours.Header.SessionID, ours.Header.MsgID)
	}
	want := brief(theirs.m)
	for _, d := range differences {
		line := d.ours
		if line != "" {
			line += "\n"
		}
		want = strings.ReplaceAll(want, d.theirs+"\n", line)
	}
	got := strings.ReplaceAll(brief(ours), "212 Chal", "212")
	if theirs.m.Body[0].Name() != syncml.CmdStatus || hasAlert(theirs.m) {
		want, got = sorted(want), sorted(got) // package 1: 1226 comes first there, last here
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s: recorded -, ours +\n%s", theirs.name, d)
	}
}

func hasAlert(m *syncml.Message) bool {
	return slices.ContainsFunc(m.Body, func(cmd syncml.Command) bool { return cmd.Name() == syncml.CmdAlert })
}

func sorted(s string) string {
	l := strings.Split(s, "\n")
	slices.Sort(l)
	return strings.Join(l, "\n")
}
