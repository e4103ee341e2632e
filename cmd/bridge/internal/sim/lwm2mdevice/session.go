package lwm2mdevice

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"

	"github.com/plgd-dev/go-coap/v3/message/pool"
	coapnet "github.com/plgd-dev/go-coap/v3/net"
	"github.com/plgd-dev/go-coap/v3/udp/client"
	"github.com/plgd-dev/go-coap/v3/udp/coder"
)

// session is what go-coap needs below its connection, on any packet
// connection: its own knows only UDP sockets.
type session struct {
	packets net.PacketConn
	server  *net.UDPAddr
	from    netip.AddrPort // the same
	max     uint32         // bytes of a message
	mtu     uint16
	cancel  context.CancelFunc
	done    chan struct{} // closed when Run has returned

	mu      sync.Mutex
	ctx     context.Context // go-coap hangs values on it; guarded by mu
	onClose []func()        // guarded by mu
}

var _ client.Session = (*session)(nil)

func newSession(ctx context.Context, packets net.PacketConn, server *net.UDPAddr, cfg *client.Config) *session {
	ctx, cancel := context.WithCancel(ctx)
	from := server.AddrPort()
	return &session{
		packets: packets, server: server, from: netip.AddrPortFrom(from.Addr().Unmap(), from.Port()),
		max: cfg.MaxMessageSize, mtu: cfg.MTU, ctx: ctx, cancel: cancel, done: make(chan struct{}),
	}
}

// Run hands what the server sends to go-coap until the connection is closed,
// or go-coap gives it up.
func (s *session) Run(c *client.Conn) error {
	defer s.end()
	buf := make([]byte, s.mtu)
	for {
		n, from, err := s.packets.ReadFrom(buf)
		if err != nil {
			return err
		}
		if !s.fromServer(from) {
			continue
		}
		if err := c.Process(nil, buf[:n]); err != nil {
			return err
		}
	}
}

// fromServer keeps strangers out, as a connected socket does. A server that
// is spoken to at an unspecified address answers from another.
func (s *session) fromServer(a net.Addr) bool {
	p, ok := a.(interface{ AddrPort() netip.AddrPort })
	if !ok {
		return false
	}
	from := p.AddrPort()
	return from.Port() == s.from.Port() && (from.Addr().Unmap() == s.from.Addr() || s.from.Addr().IsUnspecified())
}

func (s *session) end() {
	s.Close()
	s.mu.Lock()
	after := s.onClose
	s.onClose = nil
	s.mu.Unlock()
	for _, f := range after {
		f()
	}
	close(s.done)
}

// Close ends Run.
func (s *session) Close() error {
	s.cancel()
	if err := s.packets.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// WriteMessage sends one message.
func (s *session) WriteMessage(m *pool.Message) error {
	b, err := m.MarshalWithEncoder(coder.DefaultCoder)
	if err != nil {
		return err
	}
	_, err = s.packets.WriteTo(b, s.server)
	return err
}

// WriteMulticastMessage is not for devices.
func (s *session) WriteMulticastMessage(*pool.Message, *net.UDPAddr, ...coapnet.MulticastOption) error {
	return errors.ErrUnsupported
}

// Context ends with the session.
func (s *session) Context() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ctx
}

// SetContextValue hangs a value on Context.
func (s *session) SetContextValue(key, value any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ctx = context.WithValue(s.ctx, key, value)
}

// AddOnClose registers what is called after the end.
func (s *session) AddOnClose(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onClose = append(s.onClose, f)
}

// Done is closed after the end.
func (s *session) Done() <-chan struct{} { return s.done }

// MaxMessageSize is in bytes.
func (s *session) MaxMessageSize() uint32 { return s.max }

// RemoteAddr is the server's.
func (s *session) RemoteAddr() net.Addr { return s.server }

// LocalAddr is the socket's.
func (s *session) LocalAddr() net.Addr { return s.packets.LocalAddr() }

// NetConn is nil: a packet connection has none.
func (s *session) NetConn() net.Conn { return nil }
