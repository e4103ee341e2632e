// Package recordings reads testdata/lwm2m-client-recordings for tests: CoAP
// datagrams in hex, one a line. It reads just enough of CoAP to take the
// payloads out, and is no CoAP implementation.
package recordings

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
)

// Dir is where the recordings are, from the root of the module.
const Dir = "testdata/lwm2m-client-recordings"

// NoFormat stands for an absent Content-Format or Accept option.
const NoFormat = -1

// Message is one datagram.
type Message struct {
	Line       int
	Note       string // the comment before it
	FromClient bool
	Code       uint8 // class<<5 | detail
	Token      string
	Path       string // of a request; of a response that of its request, by token
	Query      []string
	Format     int
	Accept     int
	Observe    bool // the option is there
	Block      bool // Block1 or Block2 is there
	Payload    []byte
}

// Request says that the code is a method.
func (m Message) Request() bool { return m.Code > 0 && m.Code < 32 }

// Load reads one recording.
func Load(file string) ([]Message, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var list []Message
	paths := map[string]string{} // by token
	note := ""
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if text, ok := strings.CutPrefix(line, "# "); ok {
			note = text
		}
		if !strings.HasPrefix(line, "<") && !strings.HasPrefix(line, ">") {
			continue
		}
		b, err := hex.DecodeString(line[2:])
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, n, err)
		}
		m, err := parse(b)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, n, err)
		}
		m.Line, m.Note, m.FromClient = n, note, line[0] == '<'
		if m.Request() {
			paths[m.Token] = m.Path
		} else {
			m.Path = paths[m.Token]
		}
		list = append(list, m)
	}
	return list, lines.Err()
}

var errShort = fmt.Errorf("datagram ends too soon")

// parse reads header, token, options and payload (RFC 7252, 3).
func parse(b []byte) (Message, error) {
	m := Message{Format: NoFormat, Accept: NoFormat}
	if len(b) < 4 || len(b) < 4+int(b[0]&15) {
		return m, errShort
	}
	m.Code = b[1]
	body := 4 + int(b[0]&15)
	m.Token = string(b[4:body])
	b = b[body:]
	number := 0
	for len(b) > 0 && b[0] != 0xff {
		delta, length := int(b[0]>>4), int(b[0]&15)
		b = b[1:]
		var err error
		if delta, b, err = extended(delta, b); err != nil {
			return m, err
		}
		if length, b, err = extended(length, b); err != nil {
			return m, err
		}
		if length > len(b) {
			return m, errShort
		}
		number += delta
		m.option(number, b[:length])
		b = b[length:]
	}
	if len(b) > 0 {
		m.Payload = b[1:]
	}
	return m, nil
}

// extended reads the extra bytes that 13 and 14 announce.
func extended(n int, b []byte) (int, []byte, error) {
	switch {
	case n == 13 && len(b) >= 1:
		return int(b[0]) + 13, b[1:], nil
	case n == 14 && len(b) >= 2:
		return int(binary.BigEndian.Uint16(b)) + 269, b[2:], nil
	case n >= 13:
		return 0, nil, errShort
	}
	return n, b, nil
}

func (m *Message) option(number int, v []byte) {
	n := 0
	for _, b := range v {
		n = n<<8 | int(b)
	}
	switch number {
	case 6:
		m.Observe = true
	case 11:
		m.Path += "/" + string(v)
	case 12:
		m.Format = n
	case 15:
		m.Query = append(m.Query, string(v))
	case 17:
		m.Accept = n
	case 23, 27:
		m.Block = true
	}
}
