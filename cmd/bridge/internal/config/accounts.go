package config

import (
	"fmt"

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
		r := &accountReader{server: s, ids: map[string]int{}, rows: map[string]row{}, numbers: map[string]string{}}
		r.csvTable = &csvTable{file: file, columns: columns, key: "endpoint", account: r.account}
		r.read(data)
		b.problems = append(b.problems, r.all()...)
		s.accounts = &accountBook{rows: r.rows}
	}
}

// accountReader reads one file.
type accountReader struct {
	*csvTable
	server  *Server
	rows    map[string]row
	ids     map[string]int    // device id -> line
	numbers map[string]string // number -> endpoint
}

func (r *accountReader) account(line int, field func(string) string) {
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
