package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// jsonReader reads JSON token by token. The payload is checked as a whole
// before: json.Decoder alone overlooks some faults, and mends what is not UTF-8.
type jsonReader struct {
	g    *gathering
	dec  *json.Decoder
	next json.Token // one that was looked at and not taken
}

// newJSON is a reader at the beginning of body; it has failed if body is no JSON.
func newJSON(g *gathering, body []byte) *jsonReader {
	j := &jsonReader{g: g, dec: json.NewDecoder(bytes.NewReader(body))}
	j.dec.UseNumber()
	switch {
	case len(body) > MaxPackSize:
		g.fail(MaxPackSize, "payload is too long")
	case !utf8.Valid(body):
		g.fail(0, "not UTF-8")
	case !json.Valid(body):
		var raw json.RawMessage
		at := 0
		if se, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(body, &raw)); ok {
			at = int(se.Offset)
		}
		g.fail(at, "not JSON")
	}
	return j
}

func (j *jsonReader) failed() bool       { return j.g.err != nil }
func (j *jsonReader) offset() int        { return int(j.dec.InputOffset()) }
func (j *jsonReader) fail(reason string) { j.g.fail(j.offset(), reason) }

// peek is the next token, nil after an error. Null is a token of its own.
func (j *jsonReader) peek() json.Token {
	if j.failed() {
		return nil
	}
	if j.next == nil {
		token, err := j.dec.Token()
		if err != nil {
			j.fail("not JSON")
			return nil
		}
		if j.next = token; token == nil {
			j.next = jsonNull{}
		}
	}
	return j.next
}

type jsonNull struct{}

func (j *jsonReader) take() json.Token {
	t := j.peek()
	j.next = nil
	return t
}

// open passes the bracket that begins an array or an object.
func (j *jsonReader) open(d json.Delim, what string) {
	if j.take() != d {
		j.fail("not " + what)
	}
}

// more says whether another element or member follows; it passes the bracket
// at the end.
func (j *jsonReader) more() bool {
	if d, ok := j.peek().(json.Delim); ok && (d == ']' || d == '}') {
		j.next = nil
		return false
	}
	return !j.failed()
}

func (j *jsonReader) null() bool {
	if j.peek() == (jsonNull{}) {
		j.next = nil
		return true
	}
	return false
}

func (j *jsonReader) text(limit int) string {
	s, ok := j.take().(string)
	if !ok {
		j.fail("not a string")
	}
	if len(s) > limit {
		j.fail("string is too long")
		return ""
	}
	return s
}

func (j *jsonReader) boolean() bool {
	b, ok := j.take().(bool)
	if !ok {
		j.fail("not a boolean")
	}
	return b
}

func (j *jsonReader) opaque() string {
	b, ok := unbase64(j.text(MaxPackSize))
	if !ok {
		j.fail("not base64")
	}
	return string(b)
}

// number is an Integer, an Unsigned beyond that, or a Float if it is written
// as one or is beyond 64 bits.
func (j *jsonReader) number() Value {
	n, ok := j.take().(json.Number)
	if !ok {
		j.fail("not a number")
		return Value{}
	}
	s := string(n)
	if !strings.ContainsAny(s, ".eE") {
		if i, err := strconv.ParseInt(s, 10, 64); err == nil {
			return Integer(i)
		}
		if u, err := strconv.ParseUint(s, 10, 64); err == nil {
			return Unsigned(u)
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		j.fail("number is too large")
		return Value{}
	}
	return Float(f)
}

// skip passes a value of any kind.
func (j *jsonReader) skip() {
	for depth := 0; !j.failed(); {
		switch d, _ := j.take().(json.Delim); d {
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		}
		if depth > MaxNesting {
			j.fail("nested too deep")
		}
		if depth == 0 {
			return
		}
	}
}
