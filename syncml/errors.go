package syncml

import "fmt"

// SyntaxError says where and why a message could not be decoded. It never
// holds any of the message's content: bodies carry credentials.
type SyntaxError struct {
	Encoding Encoding
	Offset   int64  // byte offset in the message
	Page     uint8  // WBXML code page in force
	Msg      string // "tag 0x3f is not in code page 0"
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("syncml: %s message, byte %d: %s", e.Encoding, e.Offset, e.Msg)
}

// StatusError is a refusal that has a status on the wire.
type StatusError struct {
	Code Code   // what the Status command will carry
	URI  string // the target refused
	Err  error  // the cause: for our log, never sent; may be nil
}

func (e *StatusError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("status %d for %s: %v", e.Code, e.URI, e.Err)
	}
	return fmt.Sprintf("status %d for %s", e.Code, e.URI)
}

// Unwrap returns the cause.
func (e *StatusError) Unwrap() error { return e.Err }
