package interop

import (
	"net"
	"net/netip"
	"sync"
	"testing"
)

// nat passes the datagrams of one device to a server and back, from an address
// of its own that changes when told.
type nat struct {
	t      *testing.T
	inside net.PacketConn
	server net.Addr

	wg      sync.WaitGroup
	mu      sync.Mutex
	device  net.Addr
	outside []net.PacketConn // the last one is sent from
}

func newNAT(t *testing.T, server netip.AddrPort) *nat {
	n := &nat{t: t, inside: udp(t), server: net.UDPAddrFromAddrPort(server)}
	n.move()
	n.wg.Go(func() {
		b := make([]byte, 2048)
		for {
			k, from, err := n.inside.ReadFrom(b)
			if err != nil {
				return
			}
			n.mu.Lock()
			n.device = from
			n.outside[len(n.outside)-1].WriteTo(b[:k], n.server)
			n.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		n.inside.Close()
		for _, c := range n.outside {
			c.Close()
		}
		n.wg.Wait()
	})
	return n
}

// addr is where the device sends to.
func (n *nat) addr() netip.AddrPort { return netip.MustParseAddrPort(n.inside.LocalAddr().String()) }

// move takes another address, which it returns; what still comes to the old
// one arrives.
func (n *nat) move() netip.AddrPort {
	c := udp(n.t)
	n.mu.Lock()
	n.outside = append(n.outside, c)
	n.mu.Unlock()
	n.wg.Go(func() {
		b := make([]byte, 2048)
		for {
			k, _, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			n.mu.Lock()
			if n.device != nil {
				n.inside.WriteTo(b[:k], n.device)
			}
			n.mu.Unlock()
		}
	})
	return netip.MustParseAddrPort(c.LocalAddr().String())
}
