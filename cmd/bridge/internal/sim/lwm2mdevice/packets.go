package lwm2mdevice

import (
	"context"
	"net"

	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

// packets opens the way to the server: a socket, the faults of the network, and
// DTLS on top if the device speaks it.
func (b *boot) packets(server *net.UDPAddr) (net.PacketConn, error) {
	open := func() (net.PacketConn, error) { return b.d.socket(server) }
	if b.d.cfg.DTLS == nil {
		return open()
	}
	r, err := newRoam(open)
	if err != nil {
		return nil, err
	}
	c, err := dtls.Dial(r, server.AddrPort(), *b.d.cfg.DTLS)
	if err != nil {
		r.Close()
		return nil, err
	}
	b.roam = r
	return c, nil
}

// socket opens a socket. It is not connected, so that an ICMP error of a server
// that restarts does not end it.
func (d *Device) socket(server *net.UDPAddr) (net.PacketConn, error) {
	network := "udp4"
	if server.IP.To4() == nil && server.IP != nil {
		network = "udp6"
	}
	var local *net.UDPAddr
	if d.cfg.Listen != "" {
		var err error
		if local, err = net.ResolveUDPAddr(network, d.cfg.Listen); err != nil {
			return nil, err
		}
	}
	c, err := net.ListenUDP(network, local)
	if err != nil {
		return nil, err
	}
	if d.line != nil {
		return d.line.Conn(c), nil
	}
	return c, nil
}

// rebind changes the port without a word, as a NAT does. Below DTLS only the
// socket changes, and the association goes on by its Connection ID; without it
// there is a boot that takes everything over.
func (b *boot) rebind(ctx context.Context) {
	if b.roam == nil {
		b.die(ctx, endRebind, Keep)
		return
	}
	b.after(ctx, grace, func() {
		if err := b.roam.move(); err != nil {
			b.d.cfg.Log.Warn("device: no other port", "error", err)
		}
		b.sendUpdate(ctx)
	})
}
