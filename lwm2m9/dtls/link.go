package dtls

import (
	"errors"
	"sync"
)

// link is the record layer of one association once its keys are known: epoch 1
// and no other, for there is no renegotiation. Whoever has it guards it.
type link struct {
	keys  *protection
	cid   []byte // put on what we send, if any
	named bool   // the peer puts a Connection ID of ours on what it sends
	sent  uint64 // the number of the next record
	seen  window
}

var (
	errNumbers  = errors.New("dtls: record numbers used up")
	errRepeated = errors.New("dtls: record was there before")
	errNotOurs  = errors.New("dtls: record of another kind")
)

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// seal appends a record with the given content to out.
func (l *link) seal(out []byte, typ contentType, content []byte) ([]byte, error) {
	if l.sent > maxRecordNumber {
		return nil, errNumbers // RFC 6347, 4.1: never wrap
	}
	r := record{typ: typ, version: dtls12, epoch: 1, seq: l.sent}
	l.sent++
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	if len(l.cid) > 0 {
		s.inner = append(append(s.inner[:0], content...), byte(typ))
		content = s.inner
		r.typ, r.cid = typeCID, l.cid
	}
	return l.keys.seal(out, &r, content, s), nil
}

// open authenticates a record and gives its content, in its place. newest tells
// that none with a higher number was there before.
func (l *link) open(r *record) (typ contentType, content []byte, newest bool, err error) {
	if r.epoch != 1 || r.version != dtls12 || (r.typ == typeCID) != l.named {
		return 0, nil, false, errNotOurs
	}
	if !l.seen.fresh(r.seq) {
		return 0, nil, false, errRepeated
	}
	s := scratches.Get().(*scratch)
	content, err = l.keys.open(r, s)
	scratches.Put(s)
	if err != nil {
		return 0, nil, false, err
	}
	typ = r.typ
	if typ == typeCID {
		var ok bool
		if typ, content, ok = unwrap(content); !ok {
			return 0, nil, false, errUnauthentic
		}
	}
	if len(content) > MaxPayload {
		return 0, nil, false, errNotOurs // RFC 5246, 6.2.1
	}
	return typ, content, l.seen.saw(r.seq), nil
}
