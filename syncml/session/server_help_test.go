package session

import (
	"fmt"
	"testing"

	"github.com/fwbridge/fwbridge/syncml"
)

// serverAccount is the account of the other tests as the server has it.
func serverAccount() ServerConfig {
	acc := account()
	acc.MaxMsgSize = 0
	return ServerConfig{Account: acc}
}

// device plays the device of a session by hand: it numbers messages and
// commands, and repeats nothing by itself.
type device struct {
	t     *testing.T
	s     *Server
	msgID int
	count int // nonces
	got   Received
	reply Reply
	last  *syncml.Message // what the server sent last
	sent  []byte
	head  func(*syncml.Header) // changes each header, may be nil
	hmac  func(body []byte) string
	enc   syncml.Encoding
}

func newDevice(t *testing.T, cfg ServerConfig) *device { return &device{t: t, s: NewServer(cfg)} }

func (d *device) nonce() []byte {
	d.count++
	return fmt.Appendf(nil, "nonce-%010d", d.count)
}

// message is the device's next message; commands are numbered from 1.
func (d *device) message(cmds ...syncml.Command) *syncml.Message {
	d.msgID++
	m := &syncml.Message{Final: true, Header: syncml.Header{
		Version: syncml.DM12, SessionID: "2A7", MsgID: fmt.Sprint(d.msgID),
		Target: syncml.Location{URI: dmURL}, Source: syncml.Location{URI: deviceID}, Meta: syncml.Meta{MaxMsgSize: 16384},
	}}
	for i, cmd := range cmds {
		m.Body = append(m.Body, withID(cmd, i+1))
	}
	if d.head != nil {
		d.head(&m.Header)
	}
	return m
}

// say gives the server a message, queues what is to follow and takes the reply.
func (d *device) say(m *syncml.Message, queue ...syncml.Command) {
	d.t.Helper()
	b, err := syncml.Encode(m, d.enc)
	if err != nil {
		d.t.Fatal(err)
	}
	d.post(b, queue...)
}

func (d *device) post(body []byte, queue ...syncml.Command) {
	d.t.Helper()
	hmac := ""
	if d.hmac != nil {
		hmac = d.hmac(body)
	}
	var err error
	d.sent = body
	if d.got, err = d.s.Receive(body, hmac, d.nonce); err != nil {
		d.t.Fatal(err)
	}
	for i, cmd := range queue {
		d.s.Queue(fmt.Sprintf("k%d", i+1), cmd)
	}
	d.reply = d.s.Reply()
	d.last = nil
	if d.reply.Send != nil {
		d.last = decode(d.t, d.reply.Send)
		checkNested(d.t, d.last)
	}
	noServerSecrets(d.t, d.s, d.got, d.reply)
}

// first is package 1, in the order of real devices: events before the 1201.
func (d *device) first(events ...syncml.Command) *syncml.Message {
	return d.message(append(events, alert(syncml.AlertClientInitiated), devInfo("./DevInfo/Man", "Acme", "./DevInfo/Mod", "R2"))...)
}

// answer answers every command of the server's last message with 200, and what
// codes says instead; then come more commands.
func (d *device) answer(codes map[string]syncml.Code, more ...syncml.Command) *syncml.Message {
	code := func(what string) syncml.Code {
		if c, ok := codes[what]; ok {
			return c
		}
		if what == "SyncHdr" {
			return syncml.StatusAuthenticated
		}
		return syncml.StatusOK
	}
	ref := d.last.Header.MsgID
	cmds := []syncml.Command{&syncml.Status{MsgRef: ref, CmdRef: "0", Cmd: syncml.CmdSyncHdr, Code: code("SyncHdr")}}
	var walk func(body []syncml.Command)
	walk = func(body []syncml.Command) {
		for _, cmd := range body {
			switch cmd.(type) {
			case *syncml.Status, *syncml.Results:
				continue
			}
			cmds = append(cmds, &syncml.Status{MsgRef: ref, CmdRef: cmd.ID(), Cmd: cmd.Name(), Code: code(what(cmd))})
			walk(children(cmd))
		}
	}
	walk(d.last.Body)
	return d.message(append(cmds, more...)...)
}

// what names a command: "Add ./a/b", "Alert 1100", "Atomic".
func what(cmd syncml.Command) string {
	switch cmd := cmd.(type) {
	case *syncml.Op:
		return string(cmd.Cmd) + " " + cmd.Items[0].Target.URI
	case *syncml.Alert:
		return "Alert " + cmd.Code.String()
	}
	return string(cmd.Name())
}

// outline is brief with the targets of commands.
func outline(m *syncml.Message) string {
	if m == nil {
		return "nothing\n"
	}
	text := ""
	for _, cmd := range m.Body {
		switch cmd.(type) {
		case *syncml.Status, *syncml.Results:
			text += brief(&syncml.Message{Body: []syncml.Command{cmd}})
		default:
			text += what(cmd) + "\n"
		}
	}
	if m.Final {
		text += "Final\n"
	}
	return text
}

// devInfo is the Replace of package 1: pairs of URI and value.
func devInfo(pairs ...string) *syncml.Op {
	o := &syncml.Op{Cmd: syncml.CmdReplace}
	for i := 0; i+1 < len(pairs); i += 2 {
		o.Items = append(o.Items, syncml.Item{Source: syncml.Location{URI: pairs[i]}, Data: []byte(pairs[i+1])})
	}
	return o
}

// generic is a Generic Alert.
func generic(correlator, data string) *syncml.Alert {
	return &syncml.Alert{Code: syncml.AlertGeneric, Correlator: correlator, Items: []syncml.Item{{
		Source: syncml.Location{URI: "./FwUpdate/pkg1"}, Data: []byte(data),
		Meta: syncml.Meta{Type: "Reversed-Domain-Name: org.example.update", Format: "chr"},
	}}}
}

func results(msg, cmd, uri, data string) *syncml.Results {
	return &syncml.Results{MsgRef: msg, CmdRef: cmd, Items: []syncml.Item{{Source: syncml.Location{URI: uri}, Data: []byte(data)}}}
}

// checkNested checks that CmdIDs count from 1, nested commands included.
func checkNested(t *testing.T, m *syncml.Message) {
	t.Helper()
	n := 0
	var walk func([]syncml.Command)
	walk = func(cmds []syncml.Command) {
		for _, cmd := range cmds {
			if n++; cmd.ID() != fmt.Sprint(n) {
				t.Errorf("CmdID %s at place %d", cmd.ID(), n)
			}
			walk(children(cmd))
		}
	}
	walk(m.Body)
}

// noServerSecrets looks for secrets in all that goes to a log.
func noServerSecrets(t *testing.T, s *Server, got Received, r Reply) {
	t.Helper()
	text := fmt.Sprintf("%v %+v %#v %+v %v %v %v", s, s, s, s.cfg.Account, got.Nonces, got.Failures, r.Err)
	checkSecrets(t, text)
}
