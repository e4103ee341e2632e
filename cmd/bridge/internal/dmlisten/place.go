package dmlisten

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// place is a connection that gives its place back.
//
// A deadline for reading is set when somebody reads. [http.Server] and we set
// eight for a message, and most messages come with their header, in one piece,
// so that nobody waits by the time; setting one costs more than all of place.
type place struct {
	net.Conn
	free func()

	mu      sync.Mutex
	readers int       // Reads under way
	until   time.Time // the deadline for Reads
	unset   bool      // Conn has another one
}

// Read implements [net.Conn].
func (p *place) Read(b []byte) (int, error) {
	if err := p.enter(); err != nil {
		return 0, err
	}
	defer p.leave()
	return p.Conn.Read(b)
}

func (p *place) enter() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.unset {
		if err := p.Conn.SetReadDeadline(p.until); err != nil {
			return err
		}
		p.unset = false
	}
	p.readers++
	return nil
}

func (p *place) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.readers--
}

// SetReadDeadline implements [net.Conn]. A fault may show in Read only.
func (p *place) SetReadDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until, p.unset = t, true
	if p.readers == 0 {
		return nil
	}
	p.unset = false
	return p.Conn.SetReadDeadline(t)
}

// SetDeadline implements [net.Conn].
func (p *place) SetDeadline(t time.Time) error {
	return errors.Join(p.SetReadDeadline(t), p.Conn.SetWriteDeadline(t))
}

// Close implements [net.Conn].
func (p *place) Close() error {
	defer p.free()
	return p.Conn.Close()
}

// fastPlace is a place on a connection that takes files without their bytes
// passing through the process (sendfile); packages go so.
type fastPlace struct {
	*place
	io.ReaderFrom
}
