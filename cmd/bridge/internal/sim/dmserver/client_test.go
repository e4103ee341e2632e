package dmserver

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fwbridge/fwbridge/syncml"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience only keeps a broken test from hanging.
const patience = 20 * time.Second

// client is a small DM client by hand: a flat tree, one session at a time.
type client struct {
	t       *testing.T
	url     string
	id      string
	version syncml.Version
	enc     syncml.Encoding
	auth    Auth
	user    string
	pass    string
	nonce   []byte
	name    string // LocName
	// checks the server's credentials with this nonce, if serverID is set
	serverID, serverPass string
	serverNonce          []byte

	tree     map[string]string
	execs    []string // correlators of the Execs carried out
	state    string
	running  bool
	sessions int
	refuse   func(*syncml.Op) syncml.Code // 0: carry out
	zero     []syncml.Name                // of commands that are answered 0

	seen   []string // commands as they came: "Add uri"
	finals []bool   // Final of each server message
	alerts []syncml.Command
	codes  []syncml.Code // of SyncHdr, in the order of messages
	codeOf map[string]syncml.Code
	retry  int // how often a message that got no answer is repeated
}

func newClient(t *testing.T, url string) *client {
	return &client{t: t, url: url, id: "IMEI:1", version: syncml.DM12, user: "IMEI:1", pass: "pw",
		tree: map[string]string{"./FwUpdate": "", "./DevDetail/FwV": "1.0"}, state: "10"}
}

// start starts a server.
func start(t *testing.T, cfg Config) (*Server, string) {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	srv.Config.ErrorLog = nil
	t.Cleanup(func() {
		srv.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return s, srv.URL + "/dm"
}

var errHTTP = errors.New("HTTP error")

// post posts bytes; a broken connection is retried with the same bytes.
func (c *client) post(url string, body []byte) ([]byte, error) {
	var err error
	for range c.retry + 1 {
		var resp *http.Response
		resp, err = http.Post(url, "application/vnd.syncml.dm+xml", bytes.NewReader(body))
		if err != nil {
			continue
		}
		b, readErr := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			err = errHTTP
			continue
		}
		if _, _, bad := syncml.Decode(b, syncml.Limits{}); bad != nil {
			err = bad
			continue
		}
		return b, readErr
	}
	return nil, err
}

func (c *client) cred() *syncml.Cred {
	b64 := base64.StdEncoding.EncodeToString
	switch c.auth {
	case AuthBasic:
		return &syncml.Cred{Meta: syncml.Meta{Format: "b64", Type: "syncml:auth-basic"}, Data: syncml.Secret(b64([]byte(c.user + ":" + c.pass)))}
	case AuthMD5:
		a := md5.Sum([]byte(c.user + ":" + c.pass))
		b := md5.Sum(append([]byte(b64(a[:])+":"), c.nonce...))
		return &syncml.Cred{Meta: syncml.Meta{Format: "b64", Type: "syncml:auth-md5"}, Data: syncml.Secret(b64(b[:]))}
	}
	return nil
}

// session runs a session to its end and returns the last server message.
func (c *client) session(alerts ...*syncml.Alert) (*syncml.Message, error) {
	c.t.Helper()
	c.sessions++
	url := c.url
	body := c.package1(alerts)
	var last *syncml.Message
	for msg := 1; msg < 40; msg++ {
		m := &syncml.Message{Final: true, Body: body, Header: syncml.Header{
			Version: c.version, SessionID: strconv.Itoa(c.sessions), MsgID: strconv.Itoa(msg),
			Target: syncml.Location{URI: c.url}, Source: syncml.Location{URI: c.id, Name: c.name},
		}}
		if msg == 1 || c.challenged(last) {
			m.Header.Cred = c.cred()
		}
		b, err := syncml.Encode(m, c.enc)
		if err != nil {
			c.t.Fatal(err)
		}
		answer, err := c.post(url, b)
		if err != nil {
			return last, err
		}
		last = c.decode(answer)
		if last.Header.RespURI != "" {
			url = last.Header.RespURI
		}
		if body = c.answer(last, alerts); body == nil {
			return last, nil
		}
	}
	c.t.Fatal("the session has no end")
	return nil, nil
}

func (c *client) decode(b []byte) *syncml.Message {
	c.t.Helper()
	m, enc, err := syncml.Decode(b, syncml.Limits{})
	if err != nil || enc != c.enc {
		c.t.Fatalf("answer in %s: %v", enc, err)
	}
	return m
}

func (c *client) package1(alerts []*syncml.Alert) []syncml.Command {
	body := []syncml.Command{&syncml.Alert{CmdID: "1", Code: syncml.AlertClientInitiated}}
	for _, a := range alerts {
		a.CmdID = strconv.Itoa(len(body) + 1)
		body = append(body, a)
	}
	return append(body, &syncml.Op{Cmd: syncml.CmdReplace, CmdID: strconv.Itoa(len(body) + 1), Items: []syncml.Item{
		{Source: syncml.Location{URI: "./DevInfo/DevId"}, Data: []byte(c.id)}}})
}

// header is the Status for the client's SyncHdr.
func header(m *syncml.Message) *syncml.Status {
	for _, c := range m.Body {
		if st, ok := c.(*syncml.Status); ok && st.Cmd == syncml.CmdSyncHdr {
			return st
		}
	}
	return &syncml.Status{}
}

func (c *client) challenged(m *syncml.Message) bool {
	code := header(m).Code
	return code == 401 || code == 407
}

// answer makes the next message; nil ends the session.
func (c *client) answer(m *syncml.Message, alerts []*syncml.Alert) []syncml.Command {
	c.finals = append(c.finals, m.Final)
	st := header(m)
	c.codes = append(c.codes, st.Code)
	if st.Chal != nil {
		c.nonce, _ = base64.StdEncoding.DecodeString(string(st.Chal.Meta.NextNonce))
	}
	c.codeOf = map[string]syncml.Code{}
	for _, cmd := range m.Body {
		if st, ok := cmd.(*syncml.Status); ok {
			c.codeOf[string(st.Cmd)+" "+st.CmdRef] = st.Code
		}
	}
	w := &writer{in: m}
	own := c.checkServer(m)
	w.status(w.header(own, nil))
	if own != 200 && own != 212 {
		w.body[0].(*syncml.Status).Chal = &syncml.Chal{Meta: syncml.Meta{Format: "b64", Type: "syncml:auth-md5",
			NextNonce: syncml.Secret(base64.StdEncoding.EncodeToString(c.serverNonce))}}
	}
	for _, cmd := range m.Body {
		c.carryOut(w, cmd, own)
	}
	if !m.Final {
		w.add(&syncml.Alert{CmdID: w.id(), Code: syncml.AlertNextMessage})
	}
	if c.challenged(m) && st.Chal != nil {
		for _, cmd := range c.package1(alerts) {
			switch cmd := cmd.(type) {
			case *syncml.Alert:
				cmd.CmdID = w.id()
			case *syncml.Op:
				cmd.CmdID = w.id()
			}
			w.add(cmd)
		}
	}
	if len(w.body) == 1 {
		return nil
	}
	return w.body
}

// checkServer judges the server's credentials.
func (c *client) checkServer(m *syncml.Message) syncml.Code {
	if c.serverID == "" {
		return 200
	}
	commands := false
	for _, cmd := range m.Body {
		commands = commands || cmd.Name() != syncml.CmdStatus
	}
	if !commands {
		return 200
	}
	cred := m.Header.Cred
	if cred == nil {
		return 407
	}
	want := digest(AuthMD5, c.serverID, syncml.Secret(c.serverPass), c.serverNonce)
	if cred.Data != want || m.Header.Source.Name != c.serverID {
		return 401
	}
	return 200
}

func (c *client) carryOut(w *writer, cmd syncml.Command, own syncml.Code) {
	switch cmd := cmd.(type) {
	case *syncml.Op:
		uri := cmd.Items[0].Target.URI
		c.seen = append(c.seen, string(cmd.Cmd)+" "+uri)
		code, data := own, ""
		if own == 200 {
			code, data = c.op(cmd, uri)
		}
		if slices.Contains(c.zero, cmd.Cmd) {
			code = 0
		}
		w.answer(cmd, code)
		if cmd.Cmd == syncml.CmdGet && code == 200 {
			w.add(&syncml.Results{CmdID: w.id(), MsgRef: w.in.Header.MsgID, CmdRef: cmd.CmdID,
				Items: []syncml.Item{{Source: syncml.Location{URI: uri}, Data: []byte(data)}}})
		}
	case *syncml.Block:
		c.seen = append(c.seen, string(cmd.Cmd))
		w.answer(cmd, own)
		for _, inner := range cmd.Body {
			c.carryOut(w, inner, own)
		}
		c.seen = append(c.seen, "/"+string(cmd.Cmd))
	case *syncml.Alert:
		c.alerts = append(c.alerts, cmd)
	}
}

func (c *client) op(op *syncml.Op, uri string) (syncml.Code, string) {
	if c.refuse != nil {
		if code := c.refuse(op); code != 0 {
			return code, ""
		}
	}
	value, exists := c.tree[uri]
	switch op.Cmd {
	case syncml.CmdGet:
		if strings.HasSuffix(uri, "/State") {
			return 200, c.state
		}
		if !exists {
			return 404, ""
		}
		return 200, value
	case syncml.CmdAdd:
		if exists {
			return 418, ""
		}
		c.tree[uri] = string(op.Items[0].Data)
	case syncml.CmdReplace:
		if !exists {
			return 404, ""
		}
		c.tree[uri] = string(op.Items[0].Data)
	case syncml.CmdDelete:
		for node := range c.tree {
			if node == uri || strings.HasPrefix(node, uri+"/") {
				delete(c.tree, node)
			}
		}
	case syncml.CmdExec:
		if c.running {
			return 417, ""
		}
		c.execs = append(c.execs, op.Correlator)
		c.running, c.state = true, "30"
		return 202, ""
	}
	return 200, ""
}

// final is the final alert of package x.
func final(x, code, correlator string) *syncml.Alert {
	return &syncml.Alert{Code: syncml.AlertGeneric, Correlator: correlator, Items: []syncml.Item{{
		Source: syncml.Location{URI: "./FwUpdate/" + x + "/DownloadAndUpdate"},
		Meta:   syncml.Meta{Type: "org.openmobilealliance.dm.firmwareupdate.downloadandupdate", Format: "int"},
		Data:   []byte(code),
	}}}
}

// must is a session that has to go through.
func (c *client) must(alerts ...*syncml.Alert) *syncml.Message {
	c.t.Helper()
	m, err := c.session(alerts...)
	if err != nil {
		c.t.Fatal(err)
	}
	return m
}

func wait(t *testing.T, s *Server, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Wait(ctx, n); err != nil {
		t.Fatalf("Wait: %v; campaigns %+v", err, s.Campaigns())
	}
}
