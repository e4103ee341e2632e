package lwm2mdevice

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/message/pool"
	"github.com/plgd-dev/go-coap/v3/udp/coder"
)

// rawServer sends and receives single datagrams: go-coap's server acknowledges
// notifications that it does not know, where RFC 7641 (3.6) wants a Reset.
type rawServer struct {
	t    *testing.T
	conn net.PacketConn
	to   net.Addr
	mid  int32
}

func (s *rawServer) receive() *pool.Message {
	s.t.Helper()
	buf := make([]byte, 2000)
	s.conn.SetReadDeadline(time.Now().Add(patience))
	n, from, err := s.conn.ReadFrom(buf)
	if err != nil {
		s.t.Fatal(err)
	}
	s.to = from
	m := pool.NewMessage(s.t.Context())
	if _, err := m.UnmarshalWithDecoder(coder.DefaultCoder, buf[:n]); err != nil {
		s.t.Fatal(err)
	}
	return m
}

func (s *rawServer) send(t message.Type, code codes.Code, mid int32, token message.Token, more func(*pool.Message)) {
	s.t.Helper()
	m := pool.NewMessage(s.t.Context())
	m.SetType(t)
	m.SetCode(code)
	m.SetMessageID(mid)
	m.SetToken(token)
	if more != nil {
		more(m)
	}
	b, err := m.MarshalWithEncoder(coder.DefaultCoder)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.conn.WriteTo(b, s.to); err != nil {
		s.t.Fatal(err)
	}
}

// request sends a confirmable request with a token made of one letter.
func (s *rawServer) request(code codes.Code, path, token string, more func(*pool.Message)) {
	s.t.Helper()
	s.mid++
	s.send(message.Confirmable, code, s.mid, message.Token(token), func(m *pool.Message) {
		m.SetPath(path)
		more(m)
	})
}

// await receives until a message with the token comes; others are repetitions.
func (s *rawServer) await(token string, code codes.Code) *pool.Message {
	s.t.Helper()
	for {
		m := s.receive()
		if string(m.Token()) == token && m.Code() == code {
			return m
		}
	}
}

func TestResetEndsTheObservation(t *testing.T) {
	t.Run("CON", func(t *testing.T) { resetEnds(t, message.Confirmable) })
	t.Run("NON", func(t *testing.T) { resetEnds(t, message.NonConfirmable) })
}

func resetEnds(t *testing.T, kind message.Type) {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s := &rawServer{t: t, conn: conn}
	e := &events{t, make(chan Event, 100), map[string][]string{}}
	d, err := New(Config{Endpoint: "e", Server: conn.LocalAddr().String(), NonConfirmable: kind == message.NonConfirmable,
		OnEvent: func(ev Event) { e.ch <- ev }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- d.Run(ctx) }()
	defer func() { cancel(); <-done }()

	reg := s.receive()
	s.send(message.Acknowledgement, codes.Created, reg.MessageID(), reg.Token(), func(m *pool.Message) {
		m.AddOptionString(message.LocationPath, "rd")
		m.AddOptionString(message.LocationPath, "1")
	})
	s.request(codes.GET, "/9/0/9", "o", func(m *pool.Message) { m.SetObserve(0) })
	s.await("o", codes.Content)
	write := content(textPlain, "ftp://127.0.0.1/x") // refused, and the result says so
	s.request(codes.PUT, "/9/0/3", "w", write)
	n := s.await("o", codes.Content)
	if n.Type() != kind {
		t.Errorf("notification is %v, want %v", n.Type(), kind)
	}
	s.send(message.Reset, codes.Empty, n.MessageID(), nil, nil)
	e.kind(EventForgotten)
	s.request(codes.PUT, "/9/0/3", "x", write)
	s.await("x", codes.BadRequest)
	if n := d.Counts().Notifications; n != 1 {
		t.Errorf("%d notifications, want 1", n)
	}
}
