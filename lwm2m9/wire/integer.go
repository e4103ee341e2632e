package wire

import "encoding/binary"

// integer reads big-endian two's complement.
func integer(b []byte) (int64, bool) {
	switch len(b) {
	case 1:
		return int64(int8(b[0])), true
	case 2:
		return int64(int16(binary.BigEndian.Uint16(b))), true
	case 4:
		return int64(int32(binary.BigEndian.Uint32(b))), true
	case 8:
		return int64(binary.BigEndian.Uint64(b)), true
	}
	return 0, false
}

// unsigned reads big-endian.
func unsigned(b []byte) (uint64, bool) {
	switch len(b) {
	case 1:
		return uint64(b[0]), true
	case 2:
		return uint64(binary.BigEndian.Uint16(b)), true
	case 4:
		return uint64(binary.BigEndian.Uint32(b)), true
	case 8:
		return binary.BigEndian.Uint64(b), true
	}
	return 0, false
}

// appendInteger writes the fewest bytes of 1, 2, 4 and 8.
func appendInteger(dst []byte, n int64) []byte {
	switch {
	case n == int64(int8(n)):
		return append(dst, byte(n))
	case n == int64(int16(n)):
		return binary.BigEndian.AppendUint16(dst, uint16(n))
	case n == int64(int32(n)):
		return binary.BigEndian.AppendUint32(dst, uint32(n))
	}
	return binary.BigEndian.AppendUint64(dst, uint64(n))
}

// appendUnsigned writes the fewest bytes of 1, 2, 4 and 8.
func appendUnsigned(dst []byte, n uint64) []byte {
	switch {
	case n == uint64(uint8(n)):
		return append(dst, byte(n))
	case n == uint64(uint16(n)):
		return binary.BigEndian.AppendUint16(dst, uint16(n))
	case n == uint64(uint32(n)):
		return binary.BigEndian.AppendUint32(dst, uint32(n))
	}
	return binary.BigEndian.AppendUint64(dst, n)
}
