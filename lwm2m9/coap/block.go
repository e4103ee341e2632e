package coap

import (
	"encoding/binary"
	"hash/fnv"
)

// block is a Block1 or Block2 option (RFC 7959, 2.2).
type block struct {
	set  bool
	more bool
	szx  uint8 // 0 to 6: 16 to 1024 bytes
	num  uint32
}

const (
	maxSZX      = 6       // 7 is reserved (RFC 7959, 2.2)
	maxBlockNum = 1 << 20 // 20 bits
	// MaxBlockSize is the largest block, in bytes (RFC 7959, 2.2).
	MaxBlockSize = 1 << (maxSZX + 4)
)

func decodeBlock(v uint32) block {
	return block{set: true, num: v >> 4, more: v&8 != 0, szx: uint8(v & 7)}
}

func (b block) encode() uint32 {
	v := b.num<<4 | uint32(b.szx)
	if b.more {
		v |= 8
	}
	return v
}

// size is the block's size in bytes.
func (b block) size() int { return 1 << (b.szx + 4) }

// offset is where the block begins in the body.
func (b block) offset() int { return int(b.num) * b.size() }

// szxOf is the exponent for the largest block size that is at most size bytes.
func szxOf(size int) uint8 {
	szx := uint8(maxSZX)
	for szx > 0 && 1<<(szx+4) > size {
		szx--
	}
	return szx
}

// cut is block num of size 1<<(szx+4) of the body; ok is false beyond its end.
func cut(body []byte, num uint32, szx uint8) (b block, chunk []byte, ok bool) {
	b = block{set: true, num: num, szx: szx}
	from := b.offset()
	if from >= len(body) && !(from == 0 && len(body) == 0) {
		return b, nil, false
	}
	to := min(from+b.size(), len(body))
	b.more = to < len(body)
	return b, body[from:to], true
}

// etagOf tells one body from another, so that a peer notices a change between
// two blocks (RFC 7959, 2.4).
func etagOf(body []byte) []byte {
	h := fnv.New64a()
	h.Write(body) // never fails
	return binary.BigEndian.AppendUint64(nil, h.Sum64())
}
