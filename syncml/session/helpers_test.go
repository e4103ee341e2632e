package session

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/syncml"
)

// The tree of the bridge is what these sessions are for.
var _ Tree = (*fwupdate.Tree)(nil)

const (
	deviceID = "IMEI:490154203237518"
	serverID = "dmserver"
	dmURL    = "http://dm.example/dm"
)

var identity = fwupdate.Identity{
	DeviceID: deviceID, Manufacturer: "Acme", Model: "R2", Language: "en", DMVersion: "1.2", FirmwareVersion: "1.0",
}

func newTree() *fwupdate.Tree {
	t := fwupdate.NewTree(identity)
	t.SetRoles(map[string]fwupdate.Role{serverID: fwupdate.Manager})
	return t
}

// account is one without any authentication.
func account() Account {
	return Account{DeviceID: deviceID, ServerID: serverID, URL: dmURL, Version: syncml.DM12, MaxMsgSize: 16384}
}

// peer plays the server of one session: it numbers messages and commands.
type peer struct {
	t      *testing.T
	c      *Client
	tree   *fwupdate.Tree
	msgID  int
	nonces int
	last   *syncml.Message // what the client sent last
	cred   *syncml.Cred
}

func start(t *testing.T, acc Account, n Nonces, notes ...Notification) (*peer, Output) {
	t.Helper()
	p := &peer{t: t, c: NewClient(acc, n, syncml.AlertClientInitiated, "2A7", notes), tree: newTree()}
	return p, p.took(p.c.Open(p.tree))
}

// nonce gives 16 bytes, different each time.
func (p *peer) nonce() []byte {
	p.nonces++
	return fmt.Appendf(nil, "nonce-%010d", p.nonces)
}

// took remembers and decodes what the client sends.
func (p *peer) took(out Output) Output {
	p.t.Helper()
	p.last = nil
	if out.Send != nil {
		p.last = decode(p.t, out.Send)
	}
	if (out.Send == nil) == (out.End == EndNot) {
		p.t.Fatalf("an output that neither sends nor ends, or does both: %+v", out)
	}
	return out
}

// message is the server's next message: Status for the header and for every
// command of the client's last message with the given code, then cmds.
func (p *peer) message(code syncml.Code, cmds ...syncml.Command) *syncml.Message {
	p.msgID++
	m := &syncml.Message{Final: true, Header: syncml.Header{
		Version: syncml.DM12, SessionID: "2A7", MsgID: fmt.Sprint(p.msgID),
		Target: syncml.Location{URI: deviceID}, Source: syncml.Location{URI: dmURL}, Cred: p.cred,
	}}
	if code != 0 {
		m.Body = append(m.Body, p.status("0", syncml.CmdSyncHdr, code))
		for _, cmd := range p.last.Body {
			switch cmd.(type) {
			case *syncml.Status, *syncml.Results:
				continue
			}
			each := syncml.StatusOK
			if !code.Success() {
				each = code
			}
			m.Body = append(m.Body, p.status(cmd.ID(), cmd.Name(), each))
		}
	}
	m.Body = append(m.Body, cmds...)
	for i, cmd := range m.Body {
		m.Body[i] = withID(cmd, i+1)
	}
	return m
}

func (p *peer) status(ref string, name syncml.Name, code syncml.Code) *syncml.Status {
	return &syncml.Status{MsgRef: p.last.Header.MsgID, CmdRef: ref, Cmd: name, Code: code}
}

// withID numbers a command that has no number; "-" asks for none.
func withID(cmd syncml.Command, n int) syncml.Command {
	id := fmt.Sprint(n)
	switch {
	case cmd.ID() == "-":
		id = ""
	case cmd.ID() != "":
		return cmd
	}
	switch cmd := cmd.(type) {
	case *syncml.Block:
		b := *cmd
		b.CmdID = id
		for i := range b.Body {
			b.Body[i] = withID(b.Body[i], n*100+i+1)
		}
		return &b
	case *syncml.Unknown:
		u := *cmd
		u.CmdID = id
		return &u
	}
	return numbered(cmd, id)
}

// say sends a message to the client.
func (p *peer) say(m *syncml.Message) Output {
	p.t.Helper()
	return p.took(p.c.Receive(encode(p.t, m), p.tree, p.nonce))
}

func encode(t *testing.T, m *syncml.Message) []byte {
	t.Helper()
	b, err := syncml.Encode(m, syncml.XML)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func decode(t *testing.T, b []byte) *syncml.Message {
	t.Helper()
	m, _, err := syncml.Decode(b, syncml.DefaultLimits)
	if err != nil {
		t.Fatalf("the client sends what cannot be decoded: %v\n%s", err, b)
	}
	return m
}

// brief writes the body of a message in one line a command, without CmdIDs:
// "Status Add ./FwUpdate/x 200", "Results ./FwUpdate/x/State=10".
func brief(m *syncml.Message) string {
	if m == nil {
		return "nothing\n"
	}
	var b strings.Builder
	for _, cmd := range m.Body {
		switch cmd := cmd.(type) {
		case *syncml.Status:
			target := strings.Join(cmd.TargetRefs, ",")
			if cmd.Cmd == syncml.CmdSyncHdr {
				target = "-"
			}
			fmt.Fprintf(&b, "Status %s %s %s", cmd.Cmd, target, cmd.Code)
			if cmd.Chal != nil {
				b.WriteString(" Chal")
			}
			b.WriteByte('\n')
		case *syncml.Results:
			b.WriteString("Results")
			for _, item := range cmd.Items {
				fmt.Fprintf(&b, " %s=%s", item.Source.URI, item.Data)
			}
			b.WriteByte('\n')
		case *syncml.Alert:
			fmt.Fprintf(&b, "Alert %s\n", cmd.Code)
		default:
			fmt.Fprintf(&b, "%s\n", cmd.Name())
		}
	}
	if m.Final {
		b.WriteString("Final\n")
	}
	return b.String()
}

// Commands of a server.

func item(uri, format, data string) syncml.Item {
	return syncml.Item{Target: syncml.Location{URI: uri}, Meta: syncml.Meta{Format: format}, Data: []byte(data)}
}

func op(name syncml.Name, uri string) *syncml.Op {
	return &syncml.Op{Cmd: name, Items: []syncml.Item{{Target: syncml.Location{URI: uri}}}}
}

func add(uri, data string) *syncml.Op {
	return &syncml.Op{Cmd: syncml.CmdAdd, Items: []syncml.Item{item(uri, "chr", data)}}
}

func replace(uri, data string) *syncml.Op {
	return &syncml.Op{Cmd: syncml.CmdReplace, Items: []syncml.Item{item(uri, "chr", data)}}
}

func get(uri string) *syncml.Op { return op(syncml.CmdGet, uri) }

func del(uri string) *syncml.Op { return op(syncml.CmdDelete, uri) }

func exec(uri string) *syncml.Op { return op(syncml.CmdExec, uri) }

func atomic(cmds ...syncml.Command) *syncml.Block {
	return &syncml.Block{Cmd: syncml.CmdAtomic, Body: cmds}
}

func sequence(cmds ...syncml.Command) *syncml.Block {
	return &syncml.Block{Cmd: syncml.CmdSequence, Body: cmds}
}

func alert(code syncml.AlertCode) *syncml.Alert { return &syncml.Alert{Code: code} }

// lines joins the expectation of brief.
func lines(s ...string) string { return strings.Join(s, "\n") + "\n" }

func prefixed(prefix, text string) string {
	return prefix + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+prefix) + "\n"
}

func asJSON(t *testing.T, tree *fwupdate.Tree) string {
	t.Helper()
	b, err := tree.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
