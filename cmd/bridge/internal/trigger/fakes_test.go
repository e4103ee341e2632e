package trigger

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/fwbridge/fwbridge/syncml/notify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeEngine takes triggers and remembers them.
type fakeEngine struct {
	mu    sync.Mutex
	taken []string // "endpoint session"
	err   error
	block chan struct{} // closed to go on; nil does not wait
	came  chan struct{} // one for every trigger
}

func newFakeEngine() *fakeEngine { return &fakeEngine{came: make(chan struct{}, 10_000)} }

// Trigger implements Engine.
func (e *fakeEngine) Trigger(ctx context.Context, endpoint string, m *notify.Message) error {
	defer func() { e.came <- struct{}{} }()
	e.mu.Lock()
	block := e.block
	e.mu.Unlock()
	if block != nil {
		select {
		case <-block:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.taken = append(e.taken, endpoint+" "+m.SessionText())
	return e.err
}

// set changes what it does.
func (e *fakeEngine) set(err error, block chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.err, e.block = err, block
}

func (e *fakeEngine) all() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.taken...)
}

// fakeDirectory knows server "dm" with device "dev" at number +49151.
type fakeDirectory struct{}

func (fakeDirectory) Serves(id string) bool { return id == "dm" || id == "two" }
func (fakeDirectory) ByNumber(id, number string) (string, bool) {
	return "dev", id == "dm" && number == "+49151"
}
func (fakeDirectory) Only(id string) (string, bool) { return "dev", id == "dm" }

// package0 is a trigger of a server; nobody here looks at its digest.
func package0(t testing.TB, server string, vendor int) []byte {
	t.Helper()
	m := notify.Message{Version: notify.Version11, SessionID: 0x2A7, ServerID: server, Vendor: make([]byte, vendor)}
	b, err := m.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// bed is an inbox with every channel open.
type bed struct {
	engine  *fakeEngine
	inbox   *Inbox
	client  *http.Client
	udp     string
	pap     string
	kannel  string
	senders map[string]Sender
	to      map[string]string
}

func newBed(t *testing.T, rate int, g Gate) *bed {
	b := &bed{engine: newFakeEngine()}
	b.inbox = NewInbox(b.engine, fakeDirectory{}, rate, nil)
	pap, kannel := httptest.NewServer(NewPAP(b.inbox, g)), httptest.NewServer(NewKannel(b.inbox, g))
	t.Cleanup(pap.Close)
	t.Cleanup(kannel.Close)
	b.pap, b.kannel = pap.URL, kannel.URL+"/cgi-bin/sendsms"
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.udp = conn.LocalAddr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	u := &UDP{Conn: conn, Allowed: g.Allowed, Inbox: b.inbox}
	go func() { done <- u.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	b.client = &http.Client{Transport: transport}
	b.senders = map[string]Sender{
		ChannelUDP:    UDPSender{},
		ChannelPAP:    &PAPSender{URL: b.pap, User: g.User, Secret: g.Secret, Client: b.client},
		ChannelKannel: &KannelSender{URL: b.kannel, User: g.User, Secret: g.Secret, From: "1", Client: b.client},
	}
	b.to = map[string]string{ChannelUDP: b.udp, ChannelPAP: "+49151", ChannelKannel: "+49151"}
	return b
}
