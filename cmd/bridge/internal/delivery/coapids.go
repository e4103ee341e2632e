package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
)

// messageIDs says how many blocks are asked for over one socket in so much time.
// Each takes a message id, of which there are 65,536, and within the time a
// server takes one that comes again for a repetition (RFC 7252, 4.4).
type messageIDs struct {
	most     int
	lifetime time.Duration
}

var defaultMessageIDs = messageIDs{60_000, coap.ExchangeLifetime}

// errNextSocket ends what one socket is good for.
var errNextSocket = errors.New("delivery: the socket's message ids are used up")

// usedIDs are the message ids of one socket.
type usedIDs struct {
	messageIDs
	// paced takes the time that ids need, rather than give the socket up: for
	// servers to which another socket is another client, with ETags of its own.
	paced bool
	start time.Time
	used  int // since start
}

// next is called for each block that has come, before it is taken. After
// errNextSocket the block is to be asked for again: whether another one follows
// is not known here.
func (u *usedIDs) next(ctx context.Context) error {
	took := time.Since(u.start)
	switch {
	case u.paced:
		u.used++
		return waitOut(ctx, u.lifetime*time.Duration(u.used)/time.Duration(u.most)-took)
	case u.used < u.most:
		u.used++
		return nil
	case took < u.lifetime:
		return errNextSocket
	}
	// Between the use of an id and the next one of the same lie all of one such
	// round at least.
	u.start, u.used = time.Now(), 1
	return nil
}

// waitOut waits, if there is something to wait for.
func waitOut(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
