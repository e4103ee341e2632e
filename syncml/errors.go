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

// EncodeError says which element of a message cannot be carried by an
// encoding, and why. Like [SyntaxError] it never holds content.
type EncodeError struct {
	Encoding Encoding
	Path     string // elements from the root: "SyncML/SyncBody/Add/Item/Data"
	Command  int    // the command of the body, 1 is the first; 0 is the header
	Msg      string // "character U+0001, which XML cannot carry"
}

func (e *EncodeError) Error() string {
	if e.Command == 0 {
		return fmt.Sprintf("syncml: %s message, %s: %s", e.Encoding, e.Path, e.Msg)
	}
	return fmt.Sprintf("syncml: %s message, command %d, %s: %s", e.Encoding, e.Command, e.Path, e.Msg)
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
