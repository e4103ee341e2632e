package server_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/message/pool"
	"github.com/plgd-dev/go-coap/v3/mux"
	"github.com/plgd-dev/go-coap/v3/options"
	"github.com/plgd-dev/go-coap/v3/udp"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

// plain is a device made of go-coap's own client and nothing of ours.
type plain struct {
	observer chan mux.Conn
	token    message.Token
	written  chan []byte
	large    []byte
}

func (p *plain) router() *mux.Router {
	r := mux.NewRouter()
	r.HandleFunc("/9/0/7", func(w mux.ResponseWriter, m *mux.Message) {
		if o, err := m.Options().Observe(); err != nil || o != 0 {
			w.SetResponse(codes.Content, message.TextPlain, strings.NewReader("0"))
			return
		}
		w.SetResponse(codes.Content, message.TextPlain, strings.NewReader("1"), message.Option{ID: message.Observe, Value: []byte{2}})
		p.token = append(message.Token(nil), m.Token()...)
		p.observer <- w.Conn()
	})
	r.HandleFunc("/3/0", func(w mux.ResponseWriter, _ *mux.Message) {
		w.SetResponse(codes.Content, message.AppLwm2mTLV, bytes.NewReader(p.large))
	})
	r.HandleFunc("/9/0/2", func(w mux.ResponseWriter, m *mux.Message) {
		body, _ := m.ReadBody()
		p.written <- body
		w.SetResponse(codes.Changed, message.TextPlain, nil)
	})
	return r
}

// notify sends a notification with a sequence number.
func (p *plain) notify(t *testing.T, c mux.Conn, sequence uint32, body io.ReadSeeker) {
	t.Helper()
	m := pool.NewMessage(c.Context())
	m.SetCode(codes.Content)
	m.SetToken(p.token)
	m.SetObserve(sequence)
	m.SetContentFormat(message.TextPlain)
	m.SetBody(body)
	if err := c.WriteMessage(m); err != nil {
		t.Errorf("notify: %v", err)
	}
}

// TestInterop: a device made of plain go-coap, over loopback.
func TestInterop(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &handler{}
	notes := make(chan server.Notification, 10)
	s := server.New(server.Options{Conn: conn, Handler: &noting{handler: h, notes: notes}})
	t.Cleanup(background(t, s.Run))

	p := &plain{observer: make(chan mux.Conn, 1), written: make(chan []byte, 1), large: bytes.Repeat([]byte("0123456789abcdef."), 300)}
	closed := make(chan struct{})
	// Its own timer is a goroutine that sleeps on after the end: on loopback
	// nothing needs to be sent twice.
	noTimer := options.WithPeriodicRunner(func(func(time.Time) bool) {})
	dev, err := udp.Dial(s.Addr().String(), options.WithMux(p.router()), options.WithErrors(func(error) {}), noTimer)
	if err != nil {
		t.Fatal(err)
	}
	dev.AddOnClose(func() { close(closed) })
	t.Cleanup(func() { dev.Close(); <-closed })

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	resp, err := dev.Post(ctx, "/rd", message.AppLinkFormat, strings.NewReader(links), query("ep=plain"), query("lt=60"), query("lwm2m=1.1"))
	if err != nil || resp.Code() != codes.Created {
		t.Fatalf("register: %v, %v", resp, err)
	}
	location, _ := resp.Options().LocationPath()

	if r, err := s.Do(ctx, "plain", server.Read("/9/0/7", server.TextPlain)); err != nil || string(r.Payload) != "0" || r.Format != server.TextPlain {
		t.Errorf("read: %+v, %v", r, err)
	}
	if r, err := s.Do(ctx, "plain", server.Read("/3/0", server.TLV)); err != nil || !bytes.Equal(r.Payload, p.large) || r.Format != server.TLV {
		t.Errorf("read of %d bytes: %d, %v", len(p.large), len(r.Payload), err)
	}
	if _, err := s.Do(ctx, "plain", server.Read("/4/0", server.TLV)); !refusedWith(err, lwm2m9.CodeNotFound) {
		t.Errorf("read of what is not there: %v", err)
	}
	r, err := s.Do(ctx, "plain", server.Write("/9/0/2", server.OctetStream, p.large))
	if got := <-p.written; err != nil || !bytes.Equal(got, p.large) {
		t.Errorf("push of %d bytes: %d arrived, %+v, %v", len(p.large), len(got), r, err)
	}
	if r, err := s.Do(ctx, "plain", server.Observe("/9/0/7", server.TextPlain)); err != nil || !r.Observed || string(r.Payload) != "1" {
		t.Errorf("observe: %+v, %v", r, err)
	}
	c := <-p.observer
	for i, value := range []string{"2", "3", "4"} {
		p.notify(t, c, uint32(3+i), strings.NewReader(value))
		if n := <-notes; string(n.Payload) != value || n.Path != "/9/0/7" || n.Endpoint != "plain" {
			t.Errorf("notification %q: %+v", value, n)
		}
	}
	if resp, err = dev.Post(ctx, location, message.AppLinkFormat, nil, query("lt=120")); err != nil || resp.Code() != codes.Changed {
		t.Errorf("update: %v, %v", resp, err)
	}
	if resp, err = dev.Delete(ctx, location); err != nil || resp.Code() != codes.Deleted {
		t.Errorf("de-register: %v, %v", resp, err)
	}
	check(t, "handler", h.took(), "register plain, update plain, deregister plain")
}

func query(q string) message.Option {
	return message.Option{ID: message.URIQuery, Value: []byte(q)}
}

// noting sends notifications to a channel.
type noting struct {
	*handler
	notes chan server.Notification
}

func (n *noting) Notified(_ context.Context, note server.Notification) { n.notes <- note }
