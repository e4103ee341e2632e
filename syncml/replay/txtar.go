package replay

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/rogpeppe/go-internal/txtar"
)

// ParseTxtar reads sessions from a text archive whose files are named like
// those of a folder. Every text ends in a line end there; for a body of XML
// that is white space after the document.
func ParseTxtar(data []byte) ([]Session, error) {
	if cutMarker(data) {
		return nil, errors.New("a line \"-- --\": a marker without a name")
	}
	var b builder
	for _, f := range txtar.Parse(data).Files {
		name, ok := parseName(f.Name)
		if !ok {
			continue
		}
		content := f.Data
		if name.kind != "http" && !name.hex {
			content = bytes.TrimSuffix(content, []byte("\n"))
		}
		if err := b.add(name, content); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return b.sessions()
}

// cutMarker says whether a line is a marker of an archive whose two halves
// overlap: the parser panics at it (go-internal 1.16).
func cutMarker(data []byte) bool {
	for line := range bytes.Lines(data) {
		if string(bytes.TrimRight(line, "\r\n")) == "-- --" {
			return true
		}
	}
	return false
}

// AppendTxtar appends the session to a text archive and returns it. What is no
// text, or would be taken for the archive's own markup, is written as
// hexadecimal text.
func (s Session) AppendTxtar(b []byte) []byte {
	archive := &txtar.Archive{}
	first := len(b) == 0
	for _, f := range s.files(firstNumber(b)) {
		data, name := f.data, f.fileName
		switch {
		case f.kind == "http": // ends in a line end
		case survives(data):
			data = append(bytes.Clone(data), '\n') // taken off again
		default:
			name.hex = true
			data = hexLines(data)
		}
		archive.Files = append(archive.Files, txtar.File{Name: name.String(), Data: data})
	}
	if first {
		archive.Comment = []byte("SyncML DM, " + s.Name + "\n")
	}
	return append(b, txtar.Format(archive)...)
}

// firstNumber is the number of the first message after those in the archive.
func firstNumber(archive []byte) int {
	n := 0
	for _, f := range txtar.Parse(archive).Files {
		if name, ok := parseName(f.Name); ok {
			n = max(n, name.number)
		}
	}
	return n + 1
}

// survives says whether a body comes out of an archive as it went in.
func survives(body []byte) bool {
	if cutMarker(body) {
		return false
	}
	again := txtar.Parse(txtar.Format(&txtar.Archive{Files: []txtar.File{{Name: "x", Data: append(bytes.Clone(body), '\n')}}}))
	return len(again.Files) == 1 && bytes.Equal(again.Files[0].Data, append(bytes.Clone(body), '\n')) && isText(body)
}

func isText(b []byte) bool {
	return !bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' })
}

// hexLines is b in lines of 32 bytes.
func hexLines(b []byte) []byte {
	var out []byte
	for len(b) > 0 {
		n := min(len(b), 32)
		out = append(hex.AppendEncode(out, b[:n]), '\n')
		b = b[n:]
	}
	return out
}
