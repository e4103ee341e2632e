package wire

import "fmt"

// SyntaxError says where a payload stopped making sense, and why. It never
// holds a byte of the payload: that may be a credential or a firmware.
type SyntaxError struct {
	Format string // "TLV", "link-format", "text" or "arguments"
	Offset int    // byte offset in the payload
	Reason string // for people, "length runs past the end"
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("wire: %s at byte %d: %s", e.Format, e.Offset, e.Reason)
}
