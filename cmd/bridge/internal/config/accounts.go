package config

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// Limits of an account file.
const (
	maxAccountFile = 512 << 20 // bytes
	maxAccounts    = 1_000_000 // lines
	maxReported    = 20        // problems of one file
)

// columns of an account file, in the order of the documentation.
var columns = []string{"endpoint", "device_id", "user", "secret", "server_user", "server_secret", "msisdn"}

// row is one line of an account file. An empty device_id means the template.
type row struct {
	line             int
	deviceID         string
	user, serverUser string
	secret           syncml.Secret
	serverSecret     syncml.Secret
	number           string // digits; "" for none
}

// accountBook is an account file that was read. Servers hold it by pointer:
// fmt cannot ask an unexported field to redact itself, but does not follow it.
type accountBook struct {
	rows map[string]row // endpoint
}

// readAccounts reads the account files of all servers.
func (c *Config) readAccounts(b *binder) {
	for i := range c.Servers {
		s := &c.Servers[i]
		if s.Account.Mode != ModeFile || s.Account.File == "" {
			continue
		}
		file := b.beside(s.Account.File)
		data, err := readFile(file, maxAccountFile)
		if err != nil {
			b.failAt(fmt.Sprintf("dm_servers[%d].account.file", i), "%v", err)
			continue
		}
		r := &accountReader{file: file, server: s, ids: map[string]int{}, rows: map[string]row{}, numbers: map[string]string{}}
		r.read(data)
		if n := len(r.problems); n > maxReported {
			r.problems = append(r.problems[:maxReported], Problem{File: file, Line: r.problems[maxReported].Line,
				Text: fmt.Sprintf("and %d more problems from here on", n-maxReported)})
		}
		b.problems = append(b.problems, r.problems...)
		s.accounts = &accountBook{rows: r.rows}
	}
}

// accountReader reads one file and goes on after a problem.
type accountReader struct {
	file     string
	server   *Server
	at       map[string]int // column -> its place in the line
	rows     map[string]row
	ids      map[string]int    // device id -> line
	numbers  map[string]string // number -> endpoint
	problems Problems
}

func (r *accountReader) fail(line int, format string, args ...any) {
	r.problems = append(r.problems, Problem{File: r.file, Line: line, Text: fmt.Sprintf(format, args...)})
}

func (r *accountReader) read(data []byte) {
	in := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	in.Comment, in.FieldsPerRecord, in.ReuseRecord = '#', -1, true
	for n := 0; ; n++ {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			if n == 0 {
				r.fail(0, "is empty; the first line names the columns: %s", strings.Join(columns, ","))
			}
			return
		}
		if e, ok := errors.AsType[*csv.ParseError](err); ok {
			r.fail(e.StartLine, "not CSV at column %d: %v; put fields with quotes or line ends in quotes", e.Column, e.Err)
			return // what follows would only be its echo
		}
		line, _ := in.FieldPos(0)
		switch {
		case n == 0:
			if !r.header(line, record) {
				return
			}
		case n > maxAccounts:
			r.fail(line, "more than %d accounts", maxAccounts)
			return
		default:
			r.account(line, record)
		}
	}
}

// header finds the columns; they may stand in any order.
func (r *accountReader) header(line int, record []string) bool {
	r.at = map[string]int{}
	before := len(r.problems)
	for i, name := range record {
		name = strings.TrimSpace(name)
		if !slices.Contains(columns, name) {
			// The name is not shown: without a header this is an account.
			r.fail(line, "column %d is unknown; the first line names the columns: %s", i+1, strings.Join(columns, ","))
		} else if _, twice := r.at[name]; twice {
			r.fail(line, "column %s stands twice", name)
		}
		r.at[name] = i
	}
	if _, ok := r.at["endpoint"]; !ok && len(r.problems) == before {
		r.fail(line, "column endpoint is missing")
	}
	return len(r.problems) == before
}

func (r *accountReader) account(line int, record []string) {
	if len(record) != len(r.at) {
		r.fail(line, "has %d fields; the first line has %d", len(record), len(r.at))
		return
	}
	for i, text := range record {
		if len(text) > maxText {
			r.fail(line, "field %d is %d bytes long; at most %d", i+1, len(text), maxText)
			return
		}
	}
	field := func(name string) string {
		if i, ok := r.at[name]; ok {
			return strings.Clone(record[i]) // the record is the size of its line
		}
		return ""
	}
	endpoint := field("endpoint")
	a := row{line: line, deviceID: field("device_id"), user: field("user"), serverUser: field("server_user"),
		secret: syncml.Secret(field("secret")), serverSecret: syncml.Secret(field("server_secret"))}
	if r.numbered(&a, field("msisdn")) && r.valid(endpoint, &a) {
		r.rows[endpoint] = a
		if a.number != "" {
			r.numbers[a.number] = endpoint
		}
	}
}

// valid fills in the device id and reports what is missing or there already.
func (r *accountReader) valid(endpoint string, a *row) bool {
	before := len(r.problems)
	if endpoint == "" {
		r.fail(a.line, "endpoint is empty")
		return false
	}
	if first, twice := r.rows[endpoint]; twice {
		r.fail(a.line, "endpoint %q stands in line %d already", endpoint, first.line)
		return false
	}
	if a.deviceID == "" {
		id, err := r.server.Account.DeviceID.fill(endpoint)
		if err != nil {
			r.fail(a.line, "device_id is empty and the template does not help: %v", err)
		}
		a.deviceID = id
	}
	if line, twice := r.ids[a.deviceID]; twice && a.deviceID != "" {
		r.fail(a.line, "device_id %q is that of line %d too", a.deviceID, line)
	} else {
		r.ids[a.deviceID] = a.line
	}
	for _, side := range []struct {
		scheme session.Scheme
		parts  [2]string
		given  [2]bool
	}{
		{r.server.Account.Client.Scheme, [2]string{"user", "secret"}, [2]bool{a.user != "", a.secret != ""}},
		{r.server.Account.Server.Scheme, [2]string{"server_user", "server_secret"}, [2]bool{a.serverUser != "", a.serverSecret != ""}},
	} {
		for i, name := range side.parts {
			if side.scheme != session.SchemeNone && !side.given[i] {
				r.fail(a.line, "%s is empty; scheme %s needs it", name, Word(side.scheme))
			}
		}
	}
	return len(r.problems) == before
}
