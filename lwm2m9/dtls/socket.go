package dtls

import (
	"fmt"
	"net"
	"net/netip"
)

// maxDatagram is the largest UDP payload.
const maxDatagram = 65535

// socket is a packet connection with addresses as values.
type socket struct {
	net.PacketConn
	udp *net.UDPConn // the same, if it is one: its calls need no allocation
}

func newSocket(c net.PacketConn) socket {
	udp, _ := c.(*net.UDPConn)
	return socket{c, udp}
}

func (s *socket) read(b []byte) (n int, from netip.AddrPort, err error) {
	if s.udp != nil {
		n, from, err = s.udp.ReadFromUDPAddrPort(b)
		return n, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), err
	}
	n, a, err := s.ReadFrom(b)
	if err != nil {
		return 0, from, err
	}
	from, ok := addrPort(a)
	if !ok {
		return 0, from, fmt.Errorf("dtls: %T has no AddrPort", a)
	}
	return n, from, nil
}

func (s *socket) write(b []byte, to netip.AddrPort) (err error) {
	if s.udp != nil {
		_, err = s.udp.WriteToUDPAddrPort(b, to)
	} else {
		_, err = s.WriteTo(b, net.UDPAddrFromAddrPort(to))
	}
	return err
}
