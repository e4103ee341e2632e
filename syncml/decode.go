package syncml

import (
	"bytes"
	"strconv"
)

// Decode reads a message in either encoding and says in which it was. A
// message whose first character is < is XML, all else is WBXML. The error is a
// [*SyntaxError].
func Decode(b []byte, lim Limits) (*Message, Encoding, error) {
	if text := bytes.TrimLeft(bytes.TrimPrefix(b, byteOrderMark), blanks); len(text) == 0 || text[0] == '<' {
		m, err := DecodeXML(b, lim)
		return m, XML, err
	}
	m, err := DecodeWBXML(b, lim)
	return m, WBXML, err
}

// tooLong is the error for a message over the limit; nil if b is within it.
func tooLong(b []byte, enc Encoding, lim Limits) error {
	if len(b) <= lim.Message {
		return nil
	}
	return &SyntaxError{Encoding: enc, Offset: int64(lim.Message), Msg: "more than " + strconv.Itoa(lim.Message) + " bytes"}
}
