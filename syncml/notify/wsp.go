package notify

import (
	"bytes"
	"strings"
)

// WSP as a trigger needs it (WAP-230, section 8; OMNA registries).
const (
	pduPush          = 0x06
	pduConfirmedPush = 0x07

	contentType       = "application/vnd.syncml.notification"
	contentTypeShort  = 0x44 // the same by number
	headerContentType = 0x01
	headerAppID       = 0x2F // X-WAP-Application-ID
	headerAppIDText   = "x-wap-application-id"
	appID             = 0x07 // the DM user agent
	appIDText         = "x-wap-application:syncml.dm"

	shortForm = 0x80 // marks a value of 7 bits
	quoteLen  = 31   // a length as uintvar follows
	pageShift = 0x7F // another code page of headers follows
)

// ContentType is the media type of a Package 0.
const ContentType = contentType

// ApplicationID is the WAP name of the DM user agent, which a push gateway is
// told.
const ApplicationID = appIDText

// maxWSPHeaders bounds the headers of a push, in bytes. A trigger's are to
// have 48 at most, WDP included; others have to be skipped.
const maxWSPHeaders = 512

// Push wraps a Package 0 as a connectionless WSP push (section 6.3), in the
// fixed order of headers that simple devices look for.
func Push(package0 []byte) []byte {
	head := []byte{0x01, pduPush, 3, shortForm | contentTypeShort, shortForm | headerAppID, shortForm | appID}
	return append(head, package0...)
}

// ParsePush unwraps a WSP push: headers in any order, and in the long forms
// too. The error is [ErrNotTrigger] for a push of another kind, else a
// [*SyntaxError].
func ParsePush(b []byte) (package0 []byte, err error) {
	if len(b) < 3 {
		return nil, &SyntaxError{"WSP", len(b), "ends here"}
	}
	if b[1] != pduPush && b[1] != pduConfirmedPush {
		return nil, &SyntaxError{"WSP", 1, "is no Push PDU"}
	}
	r := &wspReader{b: b, at: 2}
	n := r.uintvar()
	if r.err == nil && n > maxWSPHeaders {
		r.fail("the headers are too long")
	}
	headers := r.take(n)
	if r.err != nil {
		return nil, r.err
	}
	h := &wspReader{b: b[:r.at], at: r.at - len(headers)}
	ours := h.contentType()
	for h.err == nil && h.at < len(h.b) {
		ours = h.header() && ours
	}
	switch {
	case h.err != nil:
		return nil, h.err
	case !ours:
		return nil, ErrNotTrigger
	}
	return b[r.at:], nil
}

// wspReader keeps its first error; every later read gives nothing.
type wspReader struct {
	b   []byte
	at  int
	err error
}

func (r *wspReader) fail(msg string) {
	if r.err == nil {
		r.err = &SyntaxError{"WSP", r.at, msg}
	}
}

func (r *wspReader) peek() byte {
	if r.err == nil && r.at >= len(r.b) {
		r.fail("ends here")
	}
	if r.err != nil {
		return 0
	}
	return r.b[r.at]
}

func (r *wspReader) byte() byte {
	c := r.peek()
	if r.err == nil {
		r.at++
	}
	return c
}

func (r *wspReader) take(n int) []byte {
	if r.err == nil && n > len(r.b)-r.at {
		r.fail("a length runs past the end")
	}
	if r.err != nil {
		return nil
	}
	r.at += n
	return r.b[r.at-n : r.at]
}

// uintvar reads a variable-length integer of at most three bytes: no length
// here is longer.
func (r *wspReader) uintvar() int {
	n := 0
	for range 3 {
		c := r.byte()
		n = n<<7 | int(c&0x7F)
		if c < shortForm {
			return n
		}
	}
	r.fail("an integer is too long")
	return 0
}

// text reads up to the next zero byte. A quote before a text that begins with
// a byte above 127 is no part of it.
func (r *wspReader) text() string {
	if r.err != nil {
		return ""
	}
	end := bytes.IndexByte(r.b[r.at:], 0)
	if end < 0 {
		r.fail("a text does not end")
		return ""
	}
	s := r.take(end + 1)
	return strings.TrimPrefix(string(s[:end]), "\x7f")
}

// value is one header value in any of its forms: a number below 128 that was
// written short or in one byte, or text, or neither.
func (r *wspReader) value() (number int, text string) {
	c := r.peek()
	switch {
	case r.err != nil:
		return -1, ""
	case c >= shortForm:
		return int(r.byte() &^ shortForm), ""
	case c > quoteLen:
		return -1, r.text()
	}
	inner := r.inner()
	if len(inner.b) == 0 {
		return -1, ""
	}
	return inner.media()
}

// inner is a value with a length before it.
func (r *wspReader) inner() *wspReader {
	n := int(r.byte())
	if n == quoteLen {
		n = r.uintvar()
	}
	return &wspReader{b: r.take(n)}
}

// media is the first part of a value with a length: what follows are
// parameters. A single byte below 128 is an integer.
func (r *wspReader) media() (int, string) {
	switch c := r.b[0]; {
	case c >= shortForm:
		return int(c &^ shortForm), ""
	case c > quoteLen:
		if text := r.text(); r.err == nil {
			return -1, text
		}
		return -1, ""
	case len(r.b) == 1:
		return int(c), ""
	case c == 1: // an integer of one byte, then parameters
		return int(r.b[1]), ""
	}
	return -1, ""
}

func (r *wspReader) contentType() bool {
	n, text := r.value()
	return n == contentTypeShort || mediaType(text) == contentType
}

func mediaType(s string) string {
	s, _, _ = strings.Cut(s, ";")
	return strings.ToLower(strings.TrimSpace(s))
}

// header reads one header; false is an application id that is not ours.
func (r *wspReader) header() bool {
	isAppID := false
	switch c := r.peek(); {
	case c >= shortForm:
		isAppID = r.byte() == shortForm|headerAppID
	case c == pageShift:
		r.take(2)
		return true
	case c > quoteLen:
		isAppID = strings.EqualFold(r.text(), headerAppIDText)
	case c >= 1: // the same in one byte
		r.take(1)
		return true
	default:
		r.fail("is no header")
		return false
	}
	n, text := r.value()
	return !isAppID || n == appID || IsApplicationID(text)
}

// IsApplicationID says whether a text names the DM user agent: by its URN or
// its number.
func IsApplicationID(text string) bool {
	name, _, _ := strings.Cut(strings.TrimSpace(text), ";")
	return strings.EqualFold(name, appIDText) || strings.EqualFold(name, "syncml.dm") || name == "7" || name == "07"
}
