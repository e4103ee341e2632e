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
	"golang.org/x/crypto/cryptobyte"
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

// options says what pion is to do in a handshake. s is the session to resume, or
// nil.
func (c *Client) options(s *remembered) []pion.ClientOption {
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
	if s != nil {
		out = append(out, pion.WithSessionStore(offer{s}))
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
	link    *link
	session remembered // also without an id
	last    [][]byte   // our last flight
	resumed bool
}

var errState = errors.New("dtls: no state after the handshake")

// extract takes the keys out of a pion connection. Its State is a
// BinaryMarshaler; what it writes is a gob of these fields, and a test holds
// that.
func extract(state *pion.State) (*made, error) {
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
	m := &made{link: &link{keys: keys, cid: s.RemoteConnectionID, sent: s.SequenceNumber}, session: remembered{master: s.MasterSecret}}
	// The server's Finished was its first protected record.
	m.link.seen.saw(0)
	if len(s.PeerCertificates) > 0 {
		if leaf, err := x509.ParseCertificate(s.PeerCertificates[0]); err == nil {
			m.session.identity = identityOf(leaf)
		}
	}
	return m, nil
}

// remembered is the session that can be resumed.
type remembered struct {
	id, master []byte
	identity   string // of the server
}

// offer is a session as pion's SessionStore, which never learns another: pion
// takes a ServerHello that it looks at twice, because the rest of the flight
// comes later, for one that resumes the session it names. So pion has a store
// only to resume, and the pipe sees to it that the server does.
type offer struct{ *remembered }

func (offer) Set([]byte, pion.Session) error { return nil }

func (o offer) Get([]byte) (pion.Session, error) {
	return pion.Session{ID: o.id, Secret: o.master}, nil
}

func (offer) Del([]byte) error { return nil }

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

	offered *remembered // or nil

	mu       sync.Mutex
	detached bool
	flight   [][]byte // written since something was read
	session  []byte   // that the server has named
}

func newPipe(s socket, server netip.AddrPort, offered *remembered) *pipe {
	return &pipe{socket: s, server: server, offered: offered, in: make(chan []byte, maxPiped), done: make(chan struct{})}
}

// push gives pion a datagram, unless it says that the session offered is not
// resumed: that ends the handshake (see offer).
func (p *pipe) push(d []byte) {
	if id, ok := sessionIn(d); ok {
		p.mu.Lock()
		p.session = id
		p.mu.Unlock()
		if p.refused() {
			p.Close()
			return
		}
	}
	select {
	case p.in <- d:
	default:
	}
}

// sessionIn finds the session that a ServerHello in a datagram names.
func sessionIn(d []byte) (id []byte, ok bool) {
	m, ok := findMessage(d, msgServerHello)
	s := cryptobyte.String(m.body)
	var session cryptobyte.String
	ok = ok && s.Skip(2+len(random{})) && s.ReadUint8LengthPrefixed(&session)
	return session, ok
}

// refused tells that the server does not resume what it was offered.
func (p *pipe) refused() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.offered != nil && p.session != nil && !bytes.Equal(p.session, p.offered.id)
}

// detach ends writing and gives the last flight and the session named.
func (p *pipe) detach() (flight [][]byte, session []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.detached = true
	return p.flight, p.session
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
