package replay

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/textproto"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// fileName is the name of a file of a recording: 03-c2s.xml, 03-c2s.http,
// 00-trigger.bin. ".hex" at its end says that it holds bytes as hexadecimal
// text, for archives that hold text only.
type fileName struct {
	number int
	from   Direction
	kind   string // "xml", "wbxml", "bin", "http", "trigger"
	hex    bool
}

var (
	messageName = regexp.MustCompile(`^(\d{1,6})-(c2s|s2c)\.(xml|wbxml|bin|http)(\.hex)?$`)
	triggerName = regexp.MustCompile(`^(\d{1,6})-trigger\.bin(\.hex)?$`)
)

// parseName reads the name of a file; false if it is none of a recording.
func parseName(name string) (fileName, bool) {
	if m := triggerName.FindStringSubmatch(name); m != nil {
		n, err := strconv.Atoi(m[1])
		return fileName{number: n, kind: "trigger", hex: m[2] != ""}, err == nil
	}
	m := messageName.FindStringSubmatch(name)
	if m == nil {
		return fileName{}, false
	}
	n, err := strconv.Atoi(m[1])
	f := fileName{number: n, kind: m[3], hex: m[4] != ""}
	if m[2] == FromServer.String() {
		f.from = FromServer
	}
	return f, err == nil
}

// String is the name as it is written.
func (f fileName) String() string {
	s := fmt.Sprintf("%02d-%s.%s", f.number, f.from, f.kind)
	if f.kind == "trigger" {
		s = fmt.Sprintf("%02d-trigger.bin", f.number)
	}
	if f.hex {
		s += ".hex"
	}
	return s
}

// loadFolder reads the files of a folder that belong to a recording.
func loadFolder(dir fs.FS) ([]Session, error) {
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		return nil, err
	}
	var b builder
	for _, e := range entries {
		name, ok := parseName(e.Name())
		if !ok || e.IsDir() {
			continue
		}
		if info, err := e.Info(); err != nil || info.Size() > MaxFile {
			return nil, fmt.Errorf("%s: larger than %d bytes, or gone", e.Name(), MaxFile)
		}
		data, err := fs.ReadFile(dir, e.Name())
		if err != nil {
			return nil, err
		}
		if err := b.add(name, data); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
	}
	return b.sessions()
}

// builder puts files together to sessions.
type builder struct {
	messages []numbered
	at       map[place]int // in messages
}

// place is what the files of one message have in common.
type place struct {
	number  int
	from    Direction
	trigger bool
}

type numbered struct {
	fileName
	Message
}

func (b *builder) add(name fileName, data []byte) error {
	if name.hex {
		raw, err := hex.DecodeString(strings.Join(strings.Fields(string(data)), ""))
		if err != nil {
			return errors.New("not hexadecimal text")
		}
		data = raw
	}
	if b.at == nil {
		b.at = make(map[place]int)
	}
	at := place{name.number, name.from, name.kind == "trigger"}
	i, ok := b.at[at]
	if !ok {
		if len(b.messages) == MaxMessages {
			return fmt.Errorf("more than %d messages", MaxMessages)
		}
		i = len(b.messages)
		b.at[at] = i
		b.messages = append(b.messages, numbered{fileName: name})
		b.messages[i].Name = name.String()
	}
	m := &b.messages[i]
	if name.kind == "http" {
		return m.readHTTP(data)
	}
	if m.Body != nil {
		return errors.New("a second body for this message")
	}
	m.fileName, m.Name = name, strings.TrimSuffix(name.String(), ".hex")
	m.Body = append([]byte{}, data...)
	return nil
}

// sessions pairs the messages in order of their numbers.
func (b *builder) sessions() ([]Session, error) {
	slices.SortStableFunc(b.messages, func(x, y numbered) int { return cmp.Compare(x.number, y.number) })
	var (
		split   splitter
		trigger []byte
		open    *Exchange
	)
	flush := func() {
		if open == nil {
			return
		}
		before := len(split.sessions)
		split.add(*open)
		if len(split.sessions) > before {
			split.sessions[before].Trigger, trigger = trigger, nil
		}
		open = nil
	}
	for _, m := range b.messages {
		switch {
		case m.kind == "trigger":
			flush()
			trigger = m.Body
		case m.from == FromClient:
			flush()
			open = &Exchange{Request: m.Message}
		case open == nil:
			return nil, fmt.Errorf("%s: an answer without a message of the client before it", m.Name)
		default:
			open.Response = m.Message
			flush()
		}
	}
	flush()
	return split.sessions, nil
}

// readHTTP reads the start line and the header fields of a .http file.
func (m *numbered) readHTTP(data []byte) error {
	r := textproto.NewReader(bufio.NewReader(bytes.NewReader(append(bytes.TrimRight(data, "\r\n"), "\r\n\r\n"...))))
	start, err := r.ReadLine()
	if err != nil {
		return errors.New("no HTTP header")
	}
	parts := strings.SplitN(start, " ", 3)
	switch {
	case m.from == FromServer && len(parts) >= 2 && strings.HasPrefix(start, "HTTP/"):
		if m.Status, err = strconv.Atoi(parts[1]); err != nil {
			return errors.New("the HTTP status is no number")
		}
	case m.from == FromClient && len(parts) >= 2:
		m.URL = parts[1]
	default:
		return errors.New("no HTTP start line")
	}
	h, err := r.ReadMIMEHeader()
	if err != nil {
		return errors.New("the HTTP header cannot be read")
	}
	m.Header = http.Header(h)
	return nil
}
