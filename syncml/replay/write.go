package replay

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"github.com/fwbridge/fwbridge/syncml"
)

// file is one file of a recording that is to be written.
type file struct {
	fileName
	data []byte
}

// files are those of the whole session; its first message has the number.
func (s Session) files(number int) []file {
	var list []file
	if s.Trigger != nil {
		list = append(list, file{fileName{number: number - 1, kind: "trigger"}, s.Trigger})
	}
	for _, e := range s.Exchanges {
		list = append(list, e.files(number)...)
		number += 2
	}
	return list
}

// files are those of one exchange.
func (e Exchange) files(number int) []file {
	list := e.Request.files(number, FromClient)
	if e.answered() {
		list = append(list, e.Response.files(number+1, FromServer)...)
	}
	return list
}

func (m Message) files(number int, from Direction) []file {
	var list []file
	if m.Header != nil || m.Status != 0 || m.URL != "" {
		list = append(list, file{fileName{number: number, from: from, kind: "http"}, m.http(from)})
	}
	if m.Body == nil {
		return list
	}
	kind := "bin"
	if enc, ok := syncml.ParseMIME(m.Header.Get("Content-Type")); ok {
		kind = enc.String()
	} else if _, enc, err := m.Decode(); err == nil {
		kind = enc.String()
	}
	return append(list, file{fileName{number: number, from: from, kind: kind}, m.Body})
}

// http is the start line and the header fields, in order of their names, so
// that two recordings of the same are the same.
func (m Message) http(from Direction) []byte {
	var b bytes.Buffer
	if from == FromClient {
		fmt.Fprintf(&b, "POST %s HTTP/1.1\n", cmpOr(m.URL, "/"))
	} else {
		fmt.Fprintf(&b, "HTTP/1.1 %d %s\n", m.status(), http.StatusText(m.status()))
	}
	names := make([]string, 0, len(m.Header))
	for name := range m.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range m.Header[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, v)
		}
	}
	return b.Bytes()
}

func cmpOr(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// Masked returns the session without secrets: Cred, NextNonce, values of nodes
// that hold passwords, and HTTP credentials. What cannot be decoded cannot be
// masked and loses its body.
func (s Session) Masked() Session {
	s.Exchanges = slices.Clone(s.Exchanges)
	for i := range s.Exchanges {
		s.Exchanges[i] = s.Exchanges[i].masked()
	}
	s.Trigger = nil // its digest is one of the server's password
	return s
}

// WriteFolder writes the session into dir, which is made if it is not there,
// one file a message. Its first message gets the given number, so that a folder
// can take several sessions.
func (s Session) WriteFolder(dir string, first int) error {
	if err := os.MkdirAll(dir, openDir); err != nil {
		return err
	}
	return writeFiles(dir, s.files(first), openFile)
}

func writeFiles(dir string, files []file, mode os.FileMode) error {
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.String()), f.data, mode); err != nil {
			return err
		}
	}
	return nil
}
