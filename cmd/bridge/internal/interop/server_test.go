package interop

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// told passes what the server is told on to the test.
type told struct {
	registered, updated chan server.Registration
	notified            chan server.Notification
	sent                chan server.Sent
}

func newTold() *told {
	return &told{make(chan server.Registration, 8), make(chan server.Registration, 8), make(chan server.Notification, 64), make(chan server.Sent, 8)}
}

func (h *told) Register(_ context.Context, r server.Registration) error {
	h.registered <- r
	return nil
}

func (h *told) Update(_ context.Context, r server.Registration) error {
	h.updated <- r
	return nil
}
func (h *told) Deregister(context.Context, server.Registration) error { return nil }
func (h *told) Expired(context.Context, server.Registration)          {}
func (h *told) Notified(_ context.Context, n server.Notification)     { h.notified <- n }
func (h *told) Sent(_ context.Context, s server.Sent) error {
	h.sent <- s
	return nil
}

// startOurs runs a server of ours.
func startOurs(t *testing.T, conn net.PacketConn, h server.Handler) *server.Server {
	s := server.New(server.Options{Conn: conn, Handler: h})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

func addrOf(c net.PacketConn) netip.AddrPort { return netip.MustParseAddrPort(c.LocalAddr().String()) }

func TestLeshanDevice(t *testing.T) {
	conn := udp(t)
	at := addrOf(conn)
	h := newTold()
	s := startOurs(t, conn, h)
	d := StartDevice(t, at, "leshan", PSK{})
	everyRequest(t, s, h, d)
}

// keys knows one pre-shared key.
type keys PSK

func (k keys) PSK(_ context.Context, identity string) (dtls.Key, bool) {
	return dtls.Key(k.Key), identity == k.Identity
}

// TestLeshanDeviceDTLS: one handshake is enough, also when the device's address
// changes, for the device says its Connection ID in what it sends.
func TestLeshanDeviceDTLS(t *testing.T) {
	psk := PSK{Identity: "leshan", Key: []byte("0123456789abcdef")}
	socket := udp(t)
	at := addrOf(socket)
	conn, err := dtls.Listen(socket, dtls.Options{Keys: keys(psk)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- conn.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	h := newTold()
	s := startOurs(t, conn, h)
	n := newNAT(t, at)
	d := StartDevice(t, n.addr(), "leshan", psk)
	everyRequest(t, s, h, d)

	n.move()
	if r, err := s.Do(t.Context(), "leshan", server.Read("/3/0/0", server.NoFormat)); err != nil || r.Code != lwm2m9.CodeContent {
		t.Errorf("read, answered from another address: %+v, %v", r, err)
	}
	if r, ok := s.Lookup("leshan"); !ok || r.Identity != "leshan" {
		t.Errorf("registered as %+v", r)
	}
	if got := conn.Stats(); got.Completed != 1 || got.Moved != 1 || got.Failed != 0 || got.Discarded != 0 {
		t.Errorf("%+v; want one handshake, one move", got)
	}
}

// everyRequest waits for the registration and then does what a server can do.
func everyRequest(t *testing.T, s *server.Server, h *told, d *Device) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r := receive(ctx, t, h.registered, "registration")
	if r.Endpoint != "leshan" || r.Version != "1.1" || len(r.Instances()) != 1 {
		t.Errorf("registered as %+v", r)
	}
	readEveryFormat(ctx, t, s, r.Formats())
	drive(ctx, t, s, h)
	composites(ctx, t, s, h)
	if _, err := s.Do(ctx, "leshan", server.Execute("/9/0/11", "0='/9/0'")); err != nil {
		t.Errorf("execute: %v", err)
	}
	sent := receive(ctx, t, h.sent, "Send")
	if got := valueAt(t, sent.Entries, "/9/0/7", wire.TypeInteger); sent.Endpoint != "leshan" || got != wire.Integer(4) {
		t.Errorf("sent %+v", sent)
	}
	if err := d.jvm.await("answer of the Send", func() bool { return strings.Contains(d.Log(), "Send answered CHANGED") }); err != nil {
		t.Error(err)
	}
	for _, c := range d.Complaints() {
		t.Errorf("the device complains: %s", c)
	}
}

// readEveryFormat reads an instance in the device's own choice of format and
// in all that it says it has.
func readEveryFormat(ctx context.Context, t *testing.T, s *server.Server, formats []server.ContentFormat) {
	t.Logf("the device says that it has %v", formats)
	for _, f := range []server.ContentFormat{server.NoFormat, server.TLV, server.SenMLJSON, server.SenMLCBOR, server.LwM2MJSON} {
		resp, err := s.Do(ctx, "leshan", server.Read("/3/0", f))
		if err != nil || f != server.NoFormat && resp.Format != f {
			t.Errorf("read as %d: %+v, %v", f, resp, err)
			continue
		}
		entries, err := resp.Entries("/3/0", nil)
		if got := valueAt(t, entries, "/3/0/1", wire.TypeString); err != nil || got != wire.String("MC70 ü") {
			t.Errorf("read as %d: %v, %v of %x", f, got, err, resp.Payload)
		}
	}
	if resp, err := s.Do(ctx, "leshan", server.Discover("/9/0")); err != nil || !strings.Contains(string(resp.Payload), "</9/0/7>") {
		t.Errorf("discover: %q, %v", resp.Payload, err)
	}
	_, err := s.Do(ctx, "leshan", server.Read("/9/0/4", server.NoFormat))
	if refused, ok := errors.AsType[*server.Refused](err); !ok || refused.Code != lwm2m9.CodeMethodNotAllowed {
		t.Errorf("read of what can be executed: %v", err)
	}
}

// drive is the main job: a package in blocks, Install, Activate, and the
// notifications of each.
func drive(ctx context.Context, t *testing.T, s *server.Server, h *told) {
	do := func(r server.Request) server.Response {
		t.Helper()
		resp, err := s.Do(ctx, "leshan", r)
		if err != nil {
			t.Fatalf("%+v: %v", r, err)
		}
		return resp
	}
	for _, path := range []string{"/9/0/7", "/9/0/9", "/9/0/12"} {
		if resp := do(server.Observe(path, server.NoFormat)); !resp.Observed {
			t.Errorf("%s is not observed: %+v", path, resp)
		}
	}
	do(server.WriteAttributes("/9/0/7", "pmin=0", "pmax=60"))
	early := make(map[string]server.Notification) // two observations have no order between them
	notified := func(path string, want wire.Value) {
		t.Helper()
		n, ok := early[path]
		for !ok {
			n = receive(ctx, t, h.notified, "notification of "+path)
			if ok = n.Path == path; !ok {
				early[n.Path] = n
			}
		}
		delete(early, path)
		entries, err := n.Entries(nil)
		if got := valueAt(t, entries, path, want.Type); err != nil || got != want {
			t.Errorf("notified of %s %+v, %v; want %+v", path, got, err, want)
		}
	}
	do(server.Write("/9/0/2", server.OctetStream, make([]byte, 3000)))
	notified("/9/0/7", wire.Integer(3))
	do(server.Write("/9/0/3", server.TextPlain, []byte("http://127.0.0.1/ü")))
	do(server.Execute("/9/0/4", ""))
	notified("/9/0/9", wire.Integer(2))
	notified("/9/0/7", wire.Integer(4))
	do(server.Execute("/9/0/10", ""))
	notified("/9/0/12", wire.Boolean(true))
	entries, err := do(server.Read("/9/0", server.TLV)).Entries("/9/0", nil)
	if err != nil {
		t.Error(err)
	}
	for path, want := range map[string]wire.Value{
		"/9/0/0": wire.String("http://127.0.0.1/ü"), "/9/0/1": wire.String("3000"),
		"/9/0/7": wire.Integer(4), "/9/0/9": wire.Integer(2), "/9/0/12": wire.Boolean(true),
	} {
		if got := valueAt(t, entries, path, want.Type); got != want {
			t.Errorf("%s: %+v; want %+v", path, got, want)
		}
	}
	for _, path := range []string{"/9/0/7", "/9/0/9", "/9/0/12"} {
		do(server.CancelObserve(path, server.NoFormat))
	}
}

// composites are the operations on several paths.
func composites(ctx context.Context, t *testing.T, s *server.Server, h *told) {
	for _, f := range []server.ContentFormat{server.SenMLJSON, server.SenMLCBOR} {
		on := f == server.SenMLJSON
		must := func(r server.Request, err error) server.Response {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			resp, err := s.Do(ctx, "leshan", r)
			if err != nil {
				t.Fatalf("%+v: %v", r, err)
			}
			return resp
		}
		resp := must(server.ReadComposite(f, "/3/0/1", "/9/0/7"))
		entries, err := resp.Entries("/", nil)
		if err != nil || valueAt(t, entries, "/3/0/1", wire.TypeString) != wire.String("MC70 ü") ||
			valueAt(t, entries, "/9/0/7", wire.TypeInteger) != wire.Integer(4) {
			t.Errorf("read as %d: %+v, %v", f, entries, err)
		}
		if resp := must(server.ObserveComposite(f, "/9/0/8", "/9/0/9")); !resp.Observed {
			t.Errorf("not observed: %+v", resp)
		}
		must(server.WriteComposite(f, wire.Entry{Path: wire.PathOf(9, 0, 8), Value: wire.Boolean(on)}))
		n := receive(ctx, t, h.notified, "notification of several")
		entries, err = n.Entries(nil)
		if got := valueAt(t, entries, "/9/0/8", wire.TypeBoolean); err != nil || n.Path != "/" || got != wire.Boolean(on) {
			t.Errorf("notified of %s %+v, %v", n.Path, entries, err)
		}
		must(server.CancelObserveComposite(f, "/9/0/8", "/9/0/9"))
	}
}

// valueAt is the value at a path as a type; the test goes on without it.
func valueAt(t *testing.T, entries []wire.Entry, path string, as wire.Type) wire.Value {
	t.Helper()
	p, _ := wire.ParsePath(path)
	for _, e := range entries {
		if e.Path == p {
			v, err := e.Value.As(as)
			if err != nil {
				t.Errorf("%s: %v", path, err)
			}
			return v
		}
	}
	t.Errorf("no %s in %+v", path, entries)
	return wire.Value{}
}

// receive is the next thing that the server is told.
func receive[T any](ctx context.Context, t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-ctx.Done():
		t.Fatalf("no %s", what)
		panic("unreachable")
	}
}
