package wire

import (
	"errors"
	"fmt"
)

// SyntaxError says where a payload stopped making sense, and why. It never
// holds a byte of the payload: that may be a credential or a firmware.
type SyntaxError struct {
	Format string // "TLV", "SenML CBOR", "link-format", "text", "arguments"; see [Format.String]
	Offset int    // byte offset in the payload; 0 also where only Entry is known
	Entry  int    // number of the entry, from 1; 0 where there is none
	Reason string // for people, "length runs past the end"
}

func (e *SyntaxError) Error() string {
	switch {
	case e.Entry == 0:
		return fmt.Sprintf("wire: %s at byte %d: %s", e.Format, e.Offset, e.Reason)
	case e.Offset == 0:
		return fmt.Sprintf("wire: %s, entry %d: %s", e.Format, e.Entry, e.Reason)
	}
	return fmt.Sprintf("wire: %s, entry %d at byte %d: %s", e.Format, e.Entry, e.Offset, e.Reason)
}

// FormatError means that a content format is not known, or cannot hold what
// it was asked to hold.
type FormatError struct {
	Format   Format
	Encoding bool   // it was asked for, and did not come
	Reason   string // for people, "holds no times"
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("wire: content format %v: %s", e.Format, e.Reason)
}

// The codes of Code: class<<5 | detail (RFC 7252, 12.1.2).
const (
	codeBadRequest        = 4 << 5
	codeNotAcceptable     = 4<<5 | 6
	codeUnsupportedFormat = 4<<5 | 15
	codeInternal          = 5 << 5
)

// Code is the CoAP code, class<<5 | detail, with which a request that led to
// an error of this package is answered: 4.00 for a [*SyntaxError]; for a
// [*FormatError] 4.15, or 4.06 when the format was to be written. Anything
// else is 5.00; nil has no code and gives 0.
func Code(err error) uint8 {
	if err == nil {
		return 0
	}
	if _, ok := errors.AsType[*SyntaxError](err); ok {
		return codeBadRequest
	}
	if fe, ok := errors.AsType[*FormatError](err); ok {
		if fe.Encoding {
			return codeNotAcceptable
		}
		return codeUnsupportedFormat
	}
	return codeInternal
}
