package dtls

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// Join makes one packet connection of one without security and one with, which
// it owns from now on. What is written goes to the second if its address
// [IsAssociation], else to the first. A datagram without security that claims
// to come from the prefix of associations is dropped: whoever can forge its
// source must not be taken for a device that has proved who it is.
//
// It reads both in goroutines from the first ReadFrom on, which Close ends and
// waits for.
func Join(plain, secure net.PacketConn) net.PacketConn {
	return &joined{plain: plain, secure: secure, in: make(chan arrival, maxArrived), free: make(chan []byte, maxArrived),
		done: make(chan struct{})}
}

// maxArrived is how many datagrams of both wait to be read; then the sockets'
// own buffers fill.
const maxArrived = 64

type joined struct {
	plain, secure net.PacketConn
	in            chan arrival
	free          chan []byte
	begin, end    sync.Once
	done          chan struct{}
	wg            sync.WaitGroup
	deadline      deadline
}

type arrival struct {
	data []byte // of a buffer of its own
	from net.Addr
	err  error
}

func (j *joined) ReadFrom(b []byte) (int, net.Addr, error) {
	j.begin.Do(func() {
		j.wg.Go(func() { j.read(j.plain, true) })
		j.wg.Go(func() { j.read(j.secure, false) })
	})
	select {
	case <-j.done:
		return 0, nil, net.ErrClosed
	case <-j.deadline.passed():
		return 0, nil, os.ErrDeadlineExceeded
	case a := <-j.in:
		if a.err != nil {
			return 0, nil, a.err
		}
		n := copy(b, a.data)
		select {
		case j.free <- a.data[:cap(a.data)]:
		default:
		}
		return n, a.from, nil
	}
}

// pauseAfterError keeps a socket that cannot be read from taking all time.
const pauseAfterError = 10 * time.Millisecond

func (j *joined) read(c net.PacketConn, plain bool) {
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := c.ReadFrom(buf)
		if err == nil && plain {
			if a, ok := addrPort(from); ok && prefix.Contains(a.Addr()) {
				continue
			}
		}
		a := arrival{from: from, err: err}
		if err == nil {
			a.data = append(j.buffer()[:0], buf[:n]...)
		}
		select {
		case j.in <- a:
		case <-j.done:
			return
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			select {
			case <-time.After(pauseAfterError):
			case <-j.done:
				return
			}
		}
	}
}

func (j *joined) buffer() []byte {
	select {
	case b := <-j.free:
		return b
	default:
		return make([]byte, 0, 2048)
	}
}

func (j *joined) WriteTo(b []byte, to net.Addr) (int, error) {
	if a, ok := addrPort(to); ok && prefix.Contains(a.Addr()) {
		return j.secure.WriteTo(b, to)
	}
	return j.plain.WriteTo(b, to)
}

// Close closes both.
func (j *joined) Close() error {
	var err error
	j.end.Do(func() {
		close(j.done)
		err = errors.Join(j.plain.Close(), j.secure.Close())
		j.begin.Do(func() {}) // no reader begins after this
		j.wg.Wait()
	})
	return err
}

// LocalAddr is that of the first.
func (j *joined) LocalAddr() net.Addr { return j.plain.LocalAddr() }

func (j *joined) SetReadDeadline(t time.Time) error {
	j.deadline.set(t)
	return nil
}

func (j *joined) SetWriteDeadline(t time.Time) error {
	return errors.Join(j.plain.SetWriteDeadline(t), j.secure.SetWriteDeadline(t))
}

func (j *joined) SetDeadline(t time.Time) error {
	return errors.Join(j.SetReadDeadline(t), j.SetWriteDeadline(t))
}
