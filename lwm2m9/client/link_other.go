//go:build !unix

package client

import (
	"errors"
	"net"
)

// readUDP keeps a buffer for each socket where waiting without one is not
// known.
func (l *link) readUDP(f *fan) {
	own := make([]byte, maxDatagram)
	for {
		n, err := l.udp.Read(own)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			if !f.pause() {
				return
			}
		default:
			b := f.take()
			if b == nil {
				return
			}
			b.n, b.from = copy(b.b[:], own[:n]), &l.addr
			f.arrived <- b
		}
	}
}
