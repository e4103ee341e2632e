package dtls

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// messageType is the type of a handshake message (RFC 5246, 7.4).
type messageType uint8

const (
	msgClientHello        messageType = 1
	msgServerHello        messageType = 2
	msgHelloVerifyRequest messageType = 3
	msgCertificate        messageType = 11
	msgServerKeyExchange  messageType = 12
	msgCertificateRequest messageType = 13
	msgServerHelloDone    messageType = 14
	msgCertificateVerify  messageType = 15
	msgClientKeyExchange  messageType = 16
	msgFinished           messageType = 20
)

// messageHeader is the length of a handshake message's header.
const messageHeader = 12

// message is a handshake message, or a part of one: length and offset say
// which.
type message struct {
	typ            messageType
	seq            uint16
	length, offset int
	body           []byte
}

// whole tells that nothing is missing.
func (m *message) whole() bool { return m.offset == 0 && len(m.body) == m.length }

// append appends the message in the form that is sent and hashed.
func (m *message) append(out []byte) []byte {
	out = append(out, byte(m.typ), byte(m.length>>16), byte(m.length>>8), byte(m.length))
	out = binary.BigEndian.AppendUint16(out, m.seq)
	out = append(out, byte(m.offset>>16), byte(m.offset>>8), byte(m.offset))
	n := len(m.body)
	return append(append(out, byte(n>>16), byte(n>>8), byte(n)), m.body...)
}

// nextMessage reads the message at the beginning of b and returns what
// follows it.
func nextMessage(b []byte) (m message, rest []byte, ok bool) {
	if len(b) < messageHeader {
		return m, nil, false
	}
	uint24 := func(b []byte) int { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }
	m.typ, m.length = messageType(b[0]), uint24(b[1:])
	m.seq, m.offset = binary.BigEndian.Uint16(b[4:]), uint24(b[6:])
	n := uint24(b[9:])
	b = b[messageHeader:]
	if n > len(b) || m.offset+n > m.length {
		return m, nil, false
	}
	m.body = b[:n:n]
	return m, b[n:], true
}

// findMessage finds the beginning of a message of a type among the records of
// epoch 0 at the beginning of a datagram.
func findMessage(d []byte, typ messageType) (message, bool) {
	for len(d) > 0 {
		r, rest, ok := nextRecord(d, cidSize)
		if !ok || r.epoch != 0 {
			break
		}
		d = rest
		for b := r.body; r.typ == typeHandshake; {
			var m message
			if m, b, ok = nextMessage(b); !ok {
				break
			}
			if m.typ == typ && m.offset == 0 {
				return m, true
			}
		}
	}
	return message{}, false
}

// Limits of a handshake's messages: those that may be ahead of the one that is
// missing, the separate pieces of one, and the bytes of all, with certificates
// and without.
const (
	maxAhead        = 6
	maxPieces       = 32
	maxBytes        = 16 << 10
	maxBytesNoCerts = 2 << 10
)

// assembly puts messages together and in order.
type assembly struct {
	next  uint16 // the number of the message that is due
	max   int    // bytes that may be held
	held  int
	parts map[uint16]*part
}

// part is a message that is incomplete or ahead.
type part struct {
	message
	pieces []piece // what of body is there, in order and apart
}

type piece struct{ from, to int }

// add takes a message or a part of one. What does not fit is lost on the way.
func (a *assembly) add(m message) {
	if m.seq < a.next || m.seq-a.next > maxAhead {
		return
	}
	p := a.parts[m.seq]
	if p == nil {
		if a.held+m.length > a.max {
			return
		}
		if a.parts == nil {
			a.parts = make(map[uint16]*part)
		}
		p = &part{message: message{typ: m.typ, seq: m.seq, length: m.length, body: make([]byte, m.length)}}
		a.parts[m.seq] = p
		a.held += m.length
	}
	if p.typ == m.typ && p.length == m.length {
		p.add(m)
	}
}

func (p *part) add(m message) {
	if len(p.pieces) >= maxPieces {
		return
	}
	copy(p.body[m.offset:], m.body)
	p.pieces = append(p.pieces, piece{m.offset, m.offset + len(m.body)})
	slices.SortFunc(p.pieces, func(x, y piece) int { return cmp.Compare(x.from, y.from) })
	joined := p.pieces[:1]
	for _, x := range p.pieces[1:] {
		if last := &joined[len(joined)-1]; x.from <= last.to {
			last.to = max(last.to, x.to)
		} else {
			joined = append(joined, x)
		}
	}
	p.pieces = joined
}

// take gives the message that is due once it is whole.
func (a *assembly) take() (message, bool) {
	p := a.parts[a.next]
	if p == nil || len(p.pieces) != 1 || p.pieces[0] != (piece{0, p.length}) {
		return message{}, false
	}
	delete(a.parts, a.next)
	a.held -= p.length
	a.next++
	return p.message, true
}
