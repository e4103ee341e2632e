package client_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/message/pool"
	"github.com/plgd-dev/go-coap/v3/mux"
	coapnet "github.com/plgd-dev/go-coap/v3/net"
	"github.com/plgd-dev/go-coap/v3/options"
	"github.com/plgd-dev/go-coap/v3/udp"

	"github.com/fwbridge/fwbridge/lwm2m9/client"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// registering tells of each registration.
type registering struct {
	handler
	endpoints chan string
	notes     chan string
}

func (h *registering) Register(ctx context.Context, r server.Registration) error {
	h.endpoints <- r.Endpoint
	return nil
}

func (h *registering) Notified(_ context.Context, n server.Notification) {
	h.notes <- n.Endpoint + " " + string(n.Payload)
}

// loopback is a server on a socket.
func loopback(t testing.TB) (*server.Server, *registering) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &registering{endpoints: make(chan string, 100), notes: make(chan string, 100)}
	s := server.New(server.Options{Conn: conn, Handler: h})
	t.Cleanup(background(t, s.Run))
	return s, h
}

// TestUDP: devices on sockets of their own, before and after the host runs;
// each is asked for its own value and notifies; blocks both ways; and a
// stranger's datagram is not seen.
func TestUDP(t *testing.T) {
	s, h := loopback(t)
	host := client.New(client.Options{})
	things := map[string]*thing{}
	clients := map[string]*client.Client{}
	add := func(i int) {
		name := fmt.Sprint("dev", i)
		things[name] = newThing()
		things[name].set(0, wire.Integer(int64(i)))
		c, err := host.Add(client.Config{Endpoint: name, Server: s.Addr().(*net.UDPAddr).AddrPort()}, things[name])
		if err != nil {
			t.Fatal(err)
		}
		clients[name] = c
	}
	const devices = 20
	for i := range devices / 2 {
		add(i)
	}
	t.Cleanup(background(t, host.Run))
	for i := devices / 2; i < devices; i++ {
		add(i)
	}
	for range devices {
		<-h.endpoints
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	big := bytes.Repeat([]byte("0123456789abcdef."), 1000)
	for name, c := range clients {
		stranger(t, c.Status().Local)
		r, err := s.Do(ctx, name, server.Observe("/42/0/0", server.TextPlain))
		if err != nil || "dev"+string(r.Payload) != name || !r.Observed {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		c.Changed(things[name].set(0, wire.Integer(-1)))
		check(t, "notification", <-h.notes, name+" -1")
		if _, err := s.Do(ctx, name, server.Write("/42/0/7", server.OctetStream, big)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if r, err := s.Do(ctx, name, server.Read("/42/0/7", server.OctetStream)); err != nil || !bytes.Equal(r.Payload, big) {
			t.Errorf("%s: %d bytes, %v", name, len(r.Payload), err)
		}
		check(t, "a stranger's Execute", things[name].did(), "W /42/0/7 replace ["+show([]wire.Entry{{Path: at(0, 7), Value: wire.Opaque(big)}})+"]")
		if err := c.Remove(ctx); err != nil {
			t.Error(err)
		}
	}
}

// stranger sends an Execute of /42/0/3 to an address.
func stranger(t *testing.T, to string) {
	t.Helper()
	c, err := net.Dial("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Write([]byte("\x40\x02\x00\x01\xb242\x010\x013"))
}

// TestNobodyThere: a port that nobody listens on costs no processor time and
// nothing breaks: the socket reports errors, and the device comes when the
// server does.
func TestNobodyThere(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := conn.LocalAddr().String()
	conn.Close()
	host := client.New(client.Options{AckTimeout: 10 * time.Millisecond})
	t.Cleanup(background(t, host.Run))
	kept := make(chan struct{})
	once := sync.OnceFunc(func() { close(kept) })
	_, err = host.Add(client.Config{
		Endpoint: "d", Server: netip.MustParseAddrPort(addr), MinBackoff: time.Millisecond, MaxBackoff: time.Millisecond,
		Keep: func(client.State) error { once(); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if conn, err = net.ListenPacket("udp", addr); err != nil {
		t.Skip("the port was taken meanwhile: ", err)
	}
	h := &registering{endpoints: make(chan string, 100)}
	t.Cleanup(background(t, server.New(server.Options{Conn: conn, Handler: h}).Run))
	check(t, "registered", <-h.endpoints, "d")
	<-kept
}

// TestInterop: the server is plain go-coap and nothing of ours.
func TestInterop(t *testing.T) {
	registered := make(chan string, 1)
	conns := make(chan mux.Conn, 1)
	router := mux.NewRouter()
	router.HandleFunc("/rd", func(w mux.ResponseWriter, m *mux.Message) {
		body, _ := m.ReadBody()
		queries, _ := m.Options().Queries()
		w.SetResponse(codes.Created, message.TextPlain, nil,
			message.Option{ID: message.LocationPath, Value: []byte("rd")}, message.Option{ID: message.LocationPath, Value: []byte("x1")})
		registered <- strings.Join(queries, "&") + " " + string(body)
		conns <- w.Conn()
	})
	deleted := make(chan codes.Code, 1)
	router.HandleFunc("/rd/x1", func(w mux.ResponseWriter, m *mux.Message) {
		w.SetResponse(codes.Deleted, message.TextPlain, nil)
		deleted <- m.Code()
	})
	l, err := coapnet.NewListenUDP("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	noTimer := options.WithPeriodicRunner(func(func(time.Time) bool) {})
	foreign := udp.NewServer(options.WithMux(router), options.WithErrors(func(error) {}), noTimer)
	served := make(chan error, 1)
	go func() { served <- foreign.Serve(l) }()
	t.Cleanup(func() { foreign.Stop(); <-served; l.Close() })

	host := client.New(client.Options{})
	t.Cleanup(background(t, host.Run))
	o := newThing()
	c, err := host.Add(client.Config{Endpoint: "urn:imei:1", Server: l.LocalAddr().(*net.UDPAddr).AddrPort(), Lifetime: time.Minute}, o)
	if err != nil {
		t.Fatal(err)
	}
	check(t, "register", <-registered, `ep=urn:imei:1&lwm2m=1.2&lt=60&b=U </>;rt="oma.lwm2m";ct="60 110 112 11542 11543",</1>;ver=1.1,</1/0>,</42/0>`)
	conn := <-conns
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	m, err := conn.Get(ctx, "/42/0/1")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := m.ReadBody()
	check(t, "read", string(body), "seven")
	big := strings.Repeat("0123456789", 1000)
	if m, err = conn.Put(ctx, "/42/0/1", message.TextPlain, strings.NewReader(big)); err != nil || m.Code() != codes.Changed {
		t.Errorf("write of 10,000 bytes: %v, %v", m, err)
	}
	if m, err = conn.Get(ctx, "/42/0/1"); err != nil {
		t.Fatal(err)
	}
	if body, _ = m.ReadBody(); string(body) != big {
		t.Errorf("read of 10,000 bytes: %d", len(body))
	}
	notes := make(chan string, 10)
	if _, err := conn.Observe(ctx, "/42/0/0", func(m *pool.Message) {
		body, _ := m.ReadBody()
		notes <- string(body)
	}); err != nil {
		t.Fatal(err)
	}
	check(t, "first value", <-notes, "7")
	for i := range 5 {
		c.Changed(o.set(0, wire.Integer(int64(10+i))))
		check(t, "notification", <-notes, fmt.Sprint(10+i))
	}
	if err := c.Remove(ctx); err != nil || <-deleted != codes.DELETE {
		t.Errorf("de-register: %v", err)
	}
}
