package dtls

import (
	"bytes"
	"encoding/binary"
)

// contentType is the type of a record (RFC 5246, 6.2.1; RFC 9146, 4).
type contentType uint8

const (
	typeChangeCipherSpec contentType = 20
	typeAlert            contentType = 21
	typeHandshake        contentType = 22
	typeApplicationData  contentType = 23
	typeCID              contentType = 25
)

// version is a protocol version in its form on the wire.
type version struct{ major, minor uint8 }

var (
	dtls10 = version{254, 255}
	dtls12 = version{254, 253}
)

// Lengths of a record's header, without and with our Connection IDs.
const (
	headerSize = 13
	cidSize    = 8
)

const (
	maxRecordNumber = 1<<48 - 1
	// maxBody is the most that a record's body may have (RFC 5246, 6.2.3).
	maxBody = MaxPayload + 2048
)

// record is one record. Its slices point into the datagram.
type record struct {
	typ     contentType
	version version
	epoch   uint16
	seq     uint64 // 48 bits
	cid     []byte
	body    []byte
}

// number is epoch and sequence number as they are authenticated.
func (r *record) number() uint64 { return uint64(r.epoch)<<48 | r.seq }

// nextRecord reads the record at the beginning of b and returns what follows
// it. cidLen is the length of the Connection IDs that the reader gave out. ok
// is false when b does not begin with a record; the rest is then useless, too
// (RFC 6347, 4.1.2.7: discard it).
func nextRecord(b []byte, cidLen int) (r record, rest []byte, ok bool) {
	if len(b) < headerSize {
		return r, nil, false
	}
	r.typ = contentType(b[0])
	r.version = version{b[1], b[2]}
	number := binary.BigEndian.Uint64(b[3:])
	r.epoch, r.seq = uint16(number>>48), number&maxRecordNumber
	b = b[11:]
	if r.typ == typeCID {
		if len(b) < cidLen+2 {
			return r, nil, false
		}
		r.cid, b = b[:cidLen], b[cidLen:]
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b) < 2+n || n > maxBody || r.version != dtls12 && (r.version != dtls10 || r.epoch != 0) {
		return r, nil, false
	}
	r.body = b[2 : 2+n : 2+n]
	return r, b[2+n:], true
}

// appendHeader appends the header of a record whose body has n bytes.
func (r *record) appendHeader(out []byte, n int) []byte {
	out = append(out, byte(r.typ), r.version.major, r.version.minor)
	out = binary.BigEndian.AppendUint64(out, r.number())
	out = append(out, r.cid...)
	return binary.BigEndian.AppendUint16(out, uint16(n))
}

// appendPlain appends a record of epoch 0.
func appendPlain(out []byte, typ contentType, v version, seq uint64, body []byte) []byte {
	r := record{typ: typ, version: v, seq: seq}
	return append(r.appendHeader(out, len(body)), body...)
}

// unwrap takes the content out of the plain text of a record with a Connection
// ID: content, type, zeros (RFC 9146, 4).
func unwrap(inner []byte) (contentType, []byte, bool) {
	inner = bytes.TrimRight(inner, "\x00")
	if len(inner) == 0 {
		return 0, nil, false
	}
	last := len(inner) - 1
	return contentType(inner[last]), inner[:last], true
}

// window remembers the sequence numbers of the last 64 records (RFC 6347,
// 4.1.2.6). Its zero value has seen none.
type window struct {
	newest uint64 // one more than the highest number seen
	bits   uint64 // bit i: newest-1-i was seen
}

// fresh tells whether a number may be new.
func (w *window) fresh(seq uint64) bool {
	if seq >= w.newest {
		return true
	}
	age := w.newest - 1 - seq
	return age < 64 && w.bits&(1<<age) == 0
}

// saw marks a number, after its record was authenticated. It tells whether it
// is the highest so far.
func (w *window) saw(seq uint64) bool {
	if seq < w.newest {
		w.bits |= 1 << (w.newest - 1 - seq)
		return false
	}
	w.bits = w.bits<<(seq+1-w.newest) | 1 // shifting by 64 or more gives 0
	w.newest = seq + 1
	return true
}
