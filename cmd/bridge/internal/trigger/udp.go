package trigger

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/fwbridge/fwbridge/syncml/notify"
)

// maxDatagram is the longest datagram that can hold a trigger, in bytes.
const maxDatagram = notify.MaxSize + 1024

// readRetry is the pause after a read that failed.
const readRetry = 100 * time.Millisecond

// UDP is the listener for connectionless WAP push: port 2948. A datagram says
// which server it is from, not which device it is for.
type UDP struct {
	Conn     net.PacketConn
	Endpoint string         // whose triggers come here; "" is the only device of their server
	Allowed  []netip.Prefix // peers; none allows all
	Inbox    *Inbox
}

// Run takes triggers until ctx ends, then closes Conn and returns after its
// last goroutine. The error is that of a socket that does not work.
func (u *UDP) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { u.Conn.Close() })
	defer stop()
	defer u.Conn.Close()
	var waiting sync.WaitGroup
	defer waiting.Wait()
	places := make(chan struct{}, maxWaiting)
	buffer := make([]byte, maxDatagram+1)
	for {
		n, from, err := u.Conn.ReadFrom(buffer)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // an ICMP error of an earlier peer, or none of ours
			if !pause(ctx, readRetry) {
				return nil
			}
			continue
		}
		a := Arrival{Channel: ChannelUDP, Peer: addrOf(from), Endpoint: u.Endpoint}
		if v := u.Inbox.admit(a.Peer, u.Allowed); v != Taken {
			u.Inbox.count(a, "", v, nil)
			continue
		}
		body := append([]byte(nil), buffer[:n]...)
		select {
		case places <- struct{}{}:
			waiting.Go(func() {
				defer func() { <-places }()
				u.Inbox.take(ctx, a, body)
			})
		default: // the sender repeats what it thinks is lost
			u.Inbox.count(a, "", TooMany, nil)
		}
	}
}

// pause waits; false when ctx ended before.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func addrOf(a net.Addr) netip.Addr {
	if u, ok := a.(interface{ AddrPort() netip.AddrPort }); ok {
		return u.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
