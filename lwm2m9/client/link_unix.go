//go:build unix

package client

import (
	"errors"
	"syscall"
)

// readUDP waits without a buffer until there is a datagram, and takes one only
// then. The runtime's poller reports an edge: it has to be tried before each
// wait, or what is there already is not seen.
func (l *link) readUDP(f *fan) {
	raw, err := l.udp.SyscallConn()
	if err != nil {
		return // closed
	}
	var b *buffer
	var failed error
	try := func(fd uintptr) bool {
		if b = f.take(); b == nil {
			return true
		}
		for {
			b.n, failed = syscall.Read(int(fd), b.b[:])
			if failed != syscall.EINTR {
				break
			}
		}
		if failed == syscall.EAGAIN {
			f.free <- b
			return false
		}
		return true
	}
	for {
		err := raw.Read(try)
		switch {
		case err != nil || b == nil:
			return // closed
		case failed == nil:
			b.from = &l.addr
			f.arrived <- b
		default:
			f.free <- b
			// ECONNREFUSED comes once for each datagram that nobody took.
			if !errors.Is(failed, syscall.ECONNREFUSED) && !f.pause() {
				return
			}
		}
	}
}
