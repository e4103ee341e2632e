package dmlisten

import (
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// countedConn counts the deadlines for reading that are set on it.
type countedConn struct {
	net.Conn
	deadlines int
}

func (c *countedConn) SetReadDeadline(t time.Time) error {
	c.deadlines++
	return c.Conn.SetReadDeadline(t)
}

// newPlace is a place on a connection, whose other end is returned too.
func newPlace(t *testing.T) (*place, *countedConn, net.Conn) {
	ours, theirs := net.Pipe()
	c := &countedConn{Conn: ours}
	p := &place{Conn: c, free: func() {}}
	t.Cleanup(func() { p.Close(); theirs.Close() })
	return p, c, theirs
}

// Of the deadlines that are set while nobody reads, the last counts, in the next
// Read.
func TestPlaceDeadlineBeforeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c, _ := newPlace(t)
		begun := time.Now()
		for _, d := range []time.Duration{time.Hour, -time.Hour, time.Minute} {
			if err := p.SetReadDeadline(begun.Add(d)); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 { // the deadline stays
			if _, err := p.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begun) != time.Minute {
				t.Error(err, time.Since(begun))
			}
		}
		if c.deadlines != 1 {
			t.Error("deadlines set:", c.deadlines)
		}
	})
}

// A Read that waits ends at a deadline that is set meanwhile, as net/http ends
// its own; and without one it waits for what comes.
func TestPlaceDeadlineWhileReading(t *testing.T) {
	for name, set := range map[string]func(*place, time.Time) error{"for reading": (*place).SetReadDeadline, "for both": (*place).SetDeadline} {
		synctest.Test(t, func(t *testing.T) {
			p, _, other := newPlace(t)
			ended := make(chan error)
			read := func() {
				_, err := p.Read(make([]byte, 1))
				ended <- err
			}
			go read()
			synctest.Wait()
			if err := set(p, time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error(name, err)
			}
			if err := set(p, time.Time{}); err != nil {
				t.Fatal(err)
			}
			go read()
			if _, err := other.Write([]byte("x")); err != nil {
				t.Error(name, err)
			}
			if err := <-ended; err != nil {
				t.Error(name, err)
			}
		})
	}
}
