package dtls

import (
	"bytes"
	"crypto/x509"
	"encoding/gob"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	pion "github.com/pion/dtls/v3"
)

// check looks whether the credentials are one kind, and whole.
func (o *ClientOptions) check() error {
	switch {
	case o.Key != nil && (o.Identity == "" || len(o.Identity) > MaxIdentity || len(o.Key) == 0 || len(o.Key) > MaxKey || o.Certificate != nil):
		return fmt.Errorf("%w: a key of 1 to %d bytes needs an identity of 1 to %d, and no certificate", ErrOptions, MaxKey, MaxIdentity)
	case o.Key == nil && (o.Certificate == nil || o.RootCAs == nil || o.ServerName == ""):
		return fmt.Errorf("%w: Identity and Key, or Certificate, RootCAs and ServerName", ErrOptions)
	}
	return nil
}

// options says what pion is to do in a handshake.
func (c *Client) options() []pion.ClientOption {
	o := &c.o
	var ids []pion.CipherSuiteID
	for _, s := range c.suites {
		ids = append(ids, pion.CipherSuiteID(s.id))
	}
	out := []pion.ClientOption{pion.WithCipherSuites(ids...)}
	if !o.NoConnectionID {
		// One socket has one association: the server needs not name it.
		out = append(out, pion.WithConnectionIDGenerator(pion.OnlySendCIDGenerator()))
	}
	if !o.NoResumption {
		out = append(out, pion.WithSessionStore(&c.memory))
	}
	if o.Key != nil {
		psk := func([]byte) ([]byte, error) { return o.Key, nil }
		return append(out, pion.WithPSK(psk), pion.WithPSKIdentityHint([]byte(o.Identity)))
	}
	return append(out, pion.WithCertificates(*o.Certificate), pion.WithRootCAs(o.RootCAs),
		pion.WithServerName(o.ServerName), pion.WithVerifyPeerCertificate(o.verifyName))
}

// verifyName checks the name, which pion does not if it is an IP address. The
// chain is checked by pion.
func (o *ClientOptions) verifyName(raw [][]byte, _ [][]*x509.Certificate) error {
	if len(raw) == 0 {
		return errors.New("dtls: no certificate")
	}
	leaf, err := x509.ParseCertificate(raw[0])
	if err != nil {
		return err
	}
	return leaf.VerifyHostname(o.ServerName)
}

// made is what a handshake has made.
type made struct {
	link     *link
	identity string   // of the server, from its certificate
	last     [][]byte // our last flight
	resumed  bool
}

var errState = errors.New("dtls: no state after the handshake")

// extract takes the keys out of a pion connection. Its State is a
// BinaryMarshaler; what it writes is a gob of these fields, and a test holds
// that.
func (c *Client) extract(state *pion.State, last [][]byte, before string) (*made, error) {
	raw, err := state.MarshalBinary()
	if err != nil {
		return nil, errState
	}
	var s struct {
		LocalRandom, RemoteRandom random
		MasterSecret              []byte
		CipherSuiteID             uint16
		SequenceNumber            uint64
		RemoteConnectionID        []byte
		SessionID                 []byte
		PeerCertificates          [][]byte
	}
	if err := gob.NewDecoder(bytes.NewReader(raw)).Decode(&s); err != nil {
		return nil, errState
	}
	suite := suiteByID(s.CipherSuiteID)
	if suite == nil {
		return nil, errState
	}
	keys, err := suite.protect(s.MasterSecret, s.LocalRandom[:], s.RemoteRandom[:], true)
	if err != nil {
		return nil, err
	}
	m := &made{link: &link{keys: keys, cid: s.RemoteConnectionID, sent: s.SequenceNumber}, last: last}
	// The server's Finished was its first protected record.
	m.link.seen.saw(0)
	m.resumed = before != "" && before == string(s.SessionID)
	if len(s.PeerCertificates) > 0 {
		if leaf, err := x509.ParseCertificate(s.PeerCertificates[0]); err == nil {
			m.identity = identityOf(leaf)
		}
	}
	return m, nil
}

// remembered is the one session of a client, as pion's SessionStore.
type remembered struct {
	mu sync.Mutex
	s  pion.Session
}

// Set remembers a session; the key is always the same server.
func (r *remembered) Set(_ []byte, s pion.Session) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.s = s
	return nil
}

// Get is the session, or one without an ID.
func (r *remembered) Get([]byte) (pion.Session, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.s, nil
}

// Del forgets it. pion does not always name it by the same key.
func (r *remembered) Del([]byte) error {
	r.forget()
	return nil
}

func (r *remembered) forget() { r.Set(nil, pion.Session{}) }

func (r *remembered) id() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(r.s.ID)
}

// maxPiped is how many datagrams wait for pion.
const maxPiped = 16

// pipe is the packet connection that pion has for one handshake.
type pipe struct {
	socket socket
	server netip.AddrPort
	in     chan []byte
	done   chan struct{}
	once   sync.Once
	deadline

	mu       sync.Mutex
	detached bool
	flight   [][]byte // written since something was read
}

func newPipe(s socket, server netip.AddrPort) *pipe {
	return &pipe{socket: s, server: server, in: make(chan []byte, maxPiped), done: make(chan struct{})}
}

// push gives pion a datagram.
func (p *pipe) push(d []byte) {
	select {
	case p.in <- d:
	default:
	}
}

// detach ends writing and gives the last flight.
func (p *pipe) detach() [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.detached = true
	return p.flight
}

func (p *pipe) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case d := <-p.in:
		p.mu.Lock()
		p.flight = nil
		p.mu.Unlock()
		return copy(b, d), net.UDPAddrFromAddrPort(p.server), nil
	case <-p.passed():
		return 0, nil, os.ErrDeadlineExceeded
	case <-p.done:
		return 0, nil, net.ErrClosed
	}
}

func (p *pipe) WriteTo(b []byte, _ net.Addr) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.detached {
		return len(b), nil
	}
	p.flight = append(p.flight, bytes.Clone(b))
	p.socket.write(b, p.server) // lost if it fails, and then repeated
	return len(b), nil
}

func (p *pipe) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipe) LocalAddr() net.Addr { return p.socket.LocalAddr() }

func (p *pipe) SetReadDeadline(t time.Time) error {
	p.deadline.set(t)
	return nil
}

func (p *pipe) SetDeadline(t time.Time) error    { return p.SetReadDeadline(t) }
func (p *pipe) SetWriteDeadline(time.Time) error { return nil }
