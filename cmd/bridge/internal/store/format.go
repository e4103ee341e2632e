package store

import (
	"encoding/binary"
	"fmt"
)

// What stands in Pebble: one byte of key space, then the key.
//
//	'd' key          a value: valueVersion, 8 bytes of revision, the caller's bytes
//	'm' "format"     formatVersion, 1 byte: the layout of all of this
//	'm' "sequence"   8 bytes: the last revision given out
//
// Numbers are big-endian.
const (
	dataSpace     = 'd'
	metaFormat    = "mformat"
	metaSequence  = "msequence"
	formatVersion = 1
	valueVersion  = 1
	headerSize    = 1 + 8
)

func dataKey(key string) []byte { return appendKey(make([]byte, 0, 1+len(key)), key) }

func appendKey(b []byte, key string) []byte { return append(append(b, dataSpace), key...) }

// prefixEnd is the first key after all keys with the prefix; p is not empty,
// and begins with dataSpace, so there is one.
func prefixEnd(p []byte) []byte {
	end := append([]byte(nil), p...)
	for i := len(end) - 1; ; i-- {
		if end[i] != 0xff {
			end[i]++
			return end[:i+1]
		}
	}
}

func appendValue(b []byte, revision uint64, value []byte) []byte {
	return append(binary.BigEndian.AppendUint64(append(b, valueVersion), revision), value...)
}

// decodeValue splits what stands under key. The value shares b's memory.
func decodeValue(key string, b []byte) (revision uint64, value []byte, err error) {
	switch {
	case len(b) < headerSize:
		return 0, nil, fmt.Errorf("store: key %q: %d bytes stored, the header alone has %d", key, len(b), headerSize)
	case b[0] != valueVersion:
		return 0, nil, fmt.Errorf("store: key %q: value of version %d; this bridge reads version %d", key, b[0], valueVersion)
	}
	return binary.BigEndian.Uint64(b[1:headerSize]), b[headerSize:], nil
}
