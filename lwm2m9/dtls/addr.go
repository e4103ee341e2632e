package dtls

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync/atomic"
)

// Addr is one association. It is the same pointer for all of its datagrams.
type Addr struct {
	addr     netip.AddrPort
	identity string
	remote   atomic.Pointer[netip.AddrPort]
}

var _ net.Addr = (*Addr)(nil)

// AddrPort is the made-up address of a server's association, good for
// [Conn.WriteTo]; for a client it is the server's real one.
func (a *Addr) AddrPort() netip.AddrPort { return a.addr }

// Identity is who the peer has proved to be: its PSK identity, or from its
// certificate the first URI among the alternative names that is a URN, else the
// first DNS name, else the common name. It has the bytes that the peer sent.
func (a *Addr) Identity() string { return a.identity }

// Remote is the address datagrams go to at present.
func (a *Addr) Remote() netip.AddrPort {
	if p := a.remote.Load(); p != nil {
		return *p
	}
	return a.addr
}

// Network is "dtls".
func (a *Addr) Network() string { return "dtls" }

// String is the real address, for people.
func (a *Addr) String() string { return a.Remote().String() }

// Port is the CoAPS port (RFC 7252, 12.7), which made-up addresses have.
const Port = 5684

// prefix is the discard-only prefix (RFC 6666): nothing real answers there.
var prefix = netip.MustParsePrefix("100::/64")

// IsAssociation tells whether a is a made-up address.
func IsAssociation(a netip.AddrPort) bool { return prefix.Contains(a.Addr()) && a.Port() == Port }

// addrOf is the made-up address of an association.
func addrOf(id uint64) netip.AddrPort {
	b := prefix.Addr().As16()
	binary.BigEndian.PutUint64(b[8:], id)
	return netip.AddrPortFrom(netip.AddrFrom16(b), Port)
}

// idOf is the number in a made-up address.
func idOf(a netip.AddrPort) uint64 {
	b := a.Addr().As16()
	return binary.BigEndian.Uint64(b[8:])
}

// addrPort finds the address of any net.Addr, an IPv4 one in its short form.
func addrPort(a net.Addr) (netip.AddrPort, bool) {
	ap, ok := a.(interface{ AddrPort() netip.AddrPort })
	if !ok {
		return netip.AddrPort{}, false
	}
	p := ap.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port()), true
}
