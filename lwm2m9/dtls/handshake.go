package dtls

import (
	"context"
	"crypto/ecdh"
	"crypto/x509"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// step is what a handshake waits for.
type step uint8

const (
	wantHello step = iota // it has come, and is not answered yet
	wantCertificate
	wantKeyExchange
	wantVerify
	wantFinished
	over
)

// handshake is one with a client whose cookie came back, until it is over.
type handshake struct {
	c       *Conn
	remote  netip.AddrPort
	source  netip.Prefix // who it is counted for
	random  random       // the client's
	began   time.Time
	resends atomic.Int64 // when to send the flight again, in Conn time; 0 is never
	quick   atomic.Bool  // what comes next needs no long computation

	inboxMu sync.Mutex
	inbox   [][]byte // datagrams; nil is the timer
	waiting int      // the bytes in inbox
	running bool     // somebody works on them

	mu      sync.Mutex // guards the rest
	step    step
	hello   hello
	seq     uint16 // of the Hello
	resumed *session
	next    session // what can be resumed later
	ends    time.Time

	suite      *suite
	ours       random
	id         uint64 // of the association to be, in its address and as Connection ID
	ecdh       *ecdh.PrivateKey
	clientCert *x509.Certificate
	known      bool // the PSK identity is
	ending     int  // Conn.ending when the credentials were looked at
	transcript []byte
	in         assembly
	early      [][]byte // protected records that came before the keys
	unopened   int      // protected records that did not authenticate

	link
	sent0    uint64 // the number of the next record of epoch 0
	outSeq   uint16 // of the next message
	flight   []item
	interval time.Duration
	lastSent time.Duration
}

// item is a part of a flight: a message, or ChangeCipherSpec.
type item struct {
	typ       contentType
	protected bool
	m         message
}

// Retransmission of a flight (RFC 6347, 4.2.4.1); one that the client's own
// retransmission asks for comes no sooner than minResend after the last.
const (
	firstResend = time.Second
	lastResend  = 16 * time.Second
	minResend   = 100 * time.Millisecond
)

// maxMTU is the size of our datagrams in a handshake; what IPv6 lets through
// everywhere, less headers.
const maxMTU = 1200

// maxEarly and maxEarlySize bound handshake.early, in records and the bytes of
// each: what is waited for is a Finished.
const (
	maxEarly     = 4
	maxEarlySize = 512
)

// errDropped ends a handshake without a word: the client has begun anew, or
// there was no room.
var errDropped = errors.New("dtls: handshake dropped")

// run does what the inbox holds. One at a time runs.
func (h *handshake) run(ctx context.Context) {
	for {
		h.inboxMu.Lock()
		if len(h.inbox) == 0 {
			h.running = false
			h.inboxMu.Unlock()
			return
		}
		d := h.inbox[0]
		h.inbox = h.inbox[1:]
		h.waiting -= len(d)
		h.inboxMu.Unlock()
		h.mu.Lock()
		h.handle(ctx, d)
		h.mu.Unlock()
	}
}

// handle takes one datagram, or the timer.
func (h *handshake) handle(ctx context.Context, d []byte) {
	var err error
	switch {
	case h.step == over:
	case h.c.dropped(h):
		err = errDropped // its work is not worth doing any more
	case h.step == wantHello:
		err = h.start(ctx)
	case d == nil:
		h.resend(true)
	default:
		err = h.take(ctx, d)
	}
	if err != nil {
		h.fail(err)
	}
}

// fail ends the handshake and tells the client.
func (h *handshake) fail(err error) {
	h.step = over
	if err == errDropped {
		return
	}
	a := alertInternalError
	errors.As(err, &a)
	h.c.write(appendPlain(nil, typeAlert, dtls12, h.sent0, a.body()), h.remote)
	h.c.ended(h, false)
	h.c.o.Logger.Info("handshake failed", "peer", h.remote, "err", err)
}

// take goes through the records of a datagram.
func (h *handshake) take(ctx context.Context, d []byte) error {
	for len(d) > 0 && h.step != over {
		r, rest, ok := nextRecord(d, cidSize)
		if !ok {
			h.c.count(func(s *Stats) { s.Discarded++ })
			return nil
		}
		var err error
		switch {
		case r.epoch == 0 && r.typ == typeHandshake:
			err = h.messages(ctx, r.body, false)
		case r.epoch == 0: // ChangeCipherSpec tells nothing new; an alert may be forged
		case h.keys == nil:
			if raw := d[:len(d)-len(rest)]; len(h.early) < maxEarly && len(raw) <= maxEarlySize {
				h.early = append(h.early, slices.Clone(raw))
			}
		default:
			err = h.protected(ctx, &r)
		}
		if err != nil {
			return err
		}
		d = rest
	}
	return nil
}

// protected takes in a record that should be the client's Finished.
func (h *handshake) protected(ctx context.Context, r *record) error {
	l := h.link
	if r.typ == typeHandshake {
		// pion leaves the Connection ID out here when it resumes, against RFC
		// 9146, 3. The record is authenticated all the same.
		l.named = false
	}
	typ, content, _, err := l.open(r)
	h.seen = l.seen
	switch {
	case err == nil && typ == typeHandshake:
		return h.messages(ctx, content, true)
	case err != nil && errors.Is(err, errUnauthentic):
		// Another key, or forged: a second one is believed (package comment).
		if h.unopened++; h.unopened > 1 && h.step == wantFinished && h.resumed == nil {
			h.c.count(func(s *Stats) { s.Unauthenticated++ })
			return alertDecryptError
		}
	}
	h.c.count(func(s *Stats) { s.Discarded++ })
	return nil
}

// messages takes in the content of a record of handshake messages.
func (h *handshake) messages(ctx context.Context, b []byte, protected bool) error {
	for len(b) > 0 {
		m, rest, ok := nextMessage(b)
		if !ok {
			return nil
		}
		b = rest
		if m.typ == msgClientHello && m.seq == h.seq {
			h.resend(false) // our answer was lost
		} else if protected == (m.typ == msgFinished) && (protected || h.step != wantFinished) {
			h.in.add(m) // in the clear nothing is due any more once Finished is: it is forged
		}
	}
	for h.step != over {
		m, ok := h.in.take()
		if !ok {
			break
		}
		if err := h.message(ctx, &m); err != nil {
			return err
		}
	}
	return nil
}

// say puts a message at the end of the flight.
func (h *handshake) say(typ messageType, body []byte, protected bool) {
	m := message{typ: typ, seq: h.outSeq, length: len(body), body: body}
	h.outSeq++
	h.transcript = m.append(h.transcript)
	h.flight = append(h.flight, item{typeHandshake, protected, m})
}

// send sends the flight. again tells that it is to be repeated until the
// client answers.
func (h *handshake) send(again bool) {
	for _, d := range h.datagrams() {
		h.c.write(d, h.remote)
	}
	h.lastSent = h.c.now()
	if again {
		h.interval = min(max(2*h.interval, firstResend), lastResend)
		h.resends.Store(int64(h.lastSent + h.interval))
	}
}

// resend repeats the flight: by the clock, or because the client repeats.
func (h *handshake) resend(clock bool) {
	if len(h.flight) > 0 && (clock || h.c.now()-h.lastSent >= minResend) {
		h.send(true)
	}
}

// datagrams is the flight in records of new numbers, as many in a datagram as
// fit.
func (h *handshake) datagrams() (out [][]byte) {
	var d []byte
	add := func(typ contentType, protected bool, content []byte) {
		var rec []byte
		if protected {
			rec, _ = h.seal(nil, typ, content) // its numbers are few
		} else {
			rec = appendPlain(nil, typ, dtls12, h.sent0, content)
			h.sent0++
		}
		if len(d) > 0 && len(d)+len(rec) > maxMTU {
			out, d = append(out, d), nil
		}
		d = append(d, rec...)
	}
	const overhead = 64 // of record, message, and protection with Connection ID
	for _, i := range h.flight {
		if i.typ == typeChangeCipherSpec {
			add(i.typ, false, []byte{1})
			continue
		}
		part := i.m
		for first := true; first || part.offset < i.m.length; first = false {
			part.body = i.m.body[part.offset:min(part.offset+maxMTU-overhead, i.m.length)]
			add(i.typ, i.protected, part.append(nil))
			part.offset += len(part.body)
		}
	}
	return append(out, d)
}
