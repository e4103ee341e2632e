package dmlisten

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmhttp"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

func TestMain(m *testing.M) {
	if os.Getenv(benchChild) != "" {
		if err := benchServe(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

const (
	dmXML    = "application/vnd.syncml.dm+xml"
	serverID = "bridge"
)

// account is what device n and we know of each other.
func account(n int, scheme session.Scheme) session.Account {
	id := fmt.Sprintf("IMEI:35%013d", n)
	acc := session.Account{DeviceID: id, ServerID: serverID, Version: syncml.DM12, MaxMsgSize: 16 << 10}
	if scheme != session.SchemeNone {
		acc.Client = session.Credentials{Scheme: scheme, User: id, Secret: syncml.Secret("pw-of-" + id)}
		acc.Server = session.Credentials{Scheme: scheme, User: serverID, Secret: "pw-of-bridge"}
	}
	return acc
}

// serverSide is the same account as the server has it: its address is found out.
func serverSide(acc session.Account) session.ServerConfig { return session.ServerConfig{Account: acc} }

// server is a Handler on loopback.
type server struct {
	*Handler
	work *Memory
	url  string
}

// newServer knows the devices 0 to devices-1.
func newServer(t testing.TB, o Options, scheme session.Scheme, devices int) *server {
	t.Helper()
	work := NewMemory()
	for n := range devices {
		work.Add(serverSide(account(n, scheme)))
	}
	if o.Work == nil {
		o.Work = work
	}
	h := New(o)
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return &server{Handler: h, work: work, url: s.URL + DefaultPath}
}

// simDevice is a simulated legacy device.
type simDevice struct {
	acc    session.Account
	nonces session.Nonces
	tree   *fwupdate.Tree
	http   *dmhttp.Client
	last   uint64 // session
	// messages that it has sent, in all, and their bytes
	messages, bytes int
	notes           []session.Notification
	// post replaces http.
	post func(context.Context, dmhttp.Request) (dmhttp.Response, error)
	// fresh makes the nonces that it gives.
	fresh func() []byte
	// ignoreRespURI is for a device that ignores RespURI.
	ignoreRespURI bool
}

func newDevice(t testing.TB, n int, scheme session.Scheme, url string) *simDevice {
	t.Helper()
	acc := account(n, scheme)
	acc.URL = url
	tree := fwupdate.NewTree(fwupdate.Identity{DeviceID: acc.DeviceID, Manufacturer: "Acme", Model: "R2", Language: "en", DMVersion: "1.2"})
	tree.SetRoles(map[string]fwupdate.Role{serverID: fwupdate.Manager})
	d := &simDevice{acc: acc, tree: tree, http: dmhttp.New(dmhttp.Options{}), fresh: newNonce}
	t.Cleanup(d.http.Close)
	d.post = d.http.Post
	return d
}

// run holds one session and returns how it ended.
func (d *simDevice) run(ctx context.Context) (session.End, error) {
	d.last++
	c := session.NewClient(d.acc, d.nonces, syncml.AlertClientInitiated, fmt.Sprintf("%X", d.last), d.notes)
	out := c.Open(d.tree)
	for out.End == session.EndNot {
		d.nonces = out.Nonces
		to := out.URL
		if d.ignoreRespURI {
			to = d.acc.URL
		}
		d.messages++
		d.bytes += len(out.Send)
		answer, err := d.post(ctx, dmhttp.Request{URL: to, Encoding: d.acc.Encoding, HMAC: out.HMAC, Body: out.Send})
		switch {
		case err != nil:
			return session.EndNot, err
		case answer.Status != http.StatusOK:
			return session.EndNot, fmt.Errorf("HTTP %d", answer.Status)
		case len(answer.Body) == 0:
			return session.EndDone, nil
		}
		out = c.ReceiveHMAC(answer.Body, answer.HMAC, d.tree, d.fresh)
	}
	d.nonces = out.Nonces
	return out.End, out.Err
}

func get(uri string) syncml.Command {
	return &syncml.Op{Cmd: syncml.CmdGet, Items: []syncml.Item{{Target: syncml.Location{URI: uri}}}}
}

// hand writes messages by hand.
type hand struct {
	t       testing.TB
	s       http.Handler
	id      string // of the device
	session string
	msg     int
	url     string
	cred    *syncml.Cred
	behind  string // its address, as a proxy tells it
}

func byHand(t testing.TB, s http.Handler, n int) *hand {
	return &hand{t: t, s: s, id: account(n, session.SchemeNone).DeviceID, session: "1", url: DefaultPath}
}

func (h *hand) message(cmds ...syncml.Command) []byte {
	h.t.Helper()
	h.msg++
	m := &syncml.Message{Final: true, Body: cmds, Header: syncml.Header{Version: syncml.DM12, SessionID: h.session, MsgID: fmt.Sprint(h.msg),
		Target: syncml.Location{URI: "http://bridge.test/dm"}, Source: syncml.Location{URI: h.id}, Cred: h.cred, Meta: syncml.Meta{MaxMsgSize: 16 << 10}}}
	body, err := syncml.Encode(m, syncml.XML)
	if err != nil {
		h.t.Fatal(err)
	}
	return body
}

// open is package 1.
func (h *hand) open() []byte {
	return h.message(&syncml.Alert{CmdID: "1", Code: syncml.AlertClientInitiated})
}

// head is a message that answers the server's last header and nothing else.
func (h *hand) next(ref string, more ...syncml.Command) []byte {
	return h.message(append([]syncml.Command{&syncml.Status{CmdID: "1", MsgRef: ref, CmdRef: "0", Cmd: syncml.CmdSyncHdr, Code: 200}}, more...)...)
}

// send posts a body and returns the whole response.
func (h *hand) send(body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, h.url, strings.NewReader(string(body)))
	r.Header.Set("Content-Type", dmXML)
	if h.behind != "" {
		r.Header.Set(forwarded, h.behind)
	}
	r.Header.Set("Content-Length", fmt.Sprint(len(body)))
	w := httptest.NewRecorder()
	h.s.ServeHTTP(w, r)
	return w
}

// say posts a body and returns the answer, which must be a message, and the
// Status for the header.
func (h *hand) say(body []byte) (*syncml.Message, syncml.Code) {
	h.t.Helper()
	w := h.send(body)
	if w.Code != http.StatusOK {
		h.t.Fatalf("HTTP %d: %s", w.Code, w.Body)
	}
	m, _, err := syncml.Decode(w.Body.Bytes(), syncml.DefaultLimits)
	if err != nil {
		h.t.Fatal(err)
	}
	if st, ok := m.Body[0].(*syncml.Status); ok && st.CmdRef == "0" {
		return m, st.Code
	}
	h.t.Fatalf("no Status for the header: %s", w.Body)
	return nil, 0
}

// follow goes on at the RespURI of a message.
func (h *hand) follow(m *syncml.Message) {
	_, after, ok := strings.Cut(m.Header.RespURI, "://")
	if !ok {
		h.t.Fatalf("RespURI %q", m.Header.RespURI)
	}
	_, path, _ := strings.Cut(after, "/")
	h.url = "/" + path
}

func statuses(m *syncml.Message) (all []syncml.Code) {
	for _, cmd := range m.Body {
		if st, ok := cmd.(*syncml.Status); ok {
			all = append(all, st.Code)
		}
	}
	return all
}

func drain(r *http.Response) { _, _ = io.Copy(io.Discard, r.Body); r.Body.Close() }

func listenLoopback(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}
