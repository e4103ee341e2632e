package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

// TestProblems has one entry for each thing that can be wrong: the file, and
// the whole message.
func TestProblems(t *testing.T) {
	server := func(lines ...string) string { // from line 6 on
		return minimal + "    " + strings.Join(lines, "\n    ") + "\n"
	}
	for _, c := range []struct{ name, text, want string }{
		{"unknown key", "coap:\n  lisen: ':1'\n", "f.yaml:2: coap.lisen: unknown key; did you mean listen?"},
		{"unknown key far off", "\nhttp: {tls: true}\n", "f.yaml:2: http.tls: unknown key; known here are listen, cancel"},
		{"key twice", "log: {level: info}\nlog: {level: warn}\n", "f.yaml:2: log: stands twice, first in line 1; remove one"},
		{"list for map", "log: [a]\n", "f.yaml:1: log: want keys and values, found a list"},
		{"map for list", "devices: {a: b}\n", "f.yaml:1: devices: want a list, found keys and values"},
		{"map for value", "http: {listen: {}}\n", "f.yaml:1: http.listen: want a single value, found keys and values"},
		{"value for map", "http: hunter2\n", "f.yaml:1: http: want keys and values, found a single value"},
		{"no value", "http:\n  listen:\n", "f.yaml:2: http.listen: has no value; give one or remove the key"},
		{"no block", "http:\n", "f.yaml:1: http: want keys and values, found nothing"},
		{"no pointer value", "devices:\n- match: [a]\n  activate:\n", "f.yaml:3: devices[0].activate: has no value; give one or remove the key"},
		{"anchor", "http: &h {listen: ''}\n", "f.yaml:1: http: anchors and aliases are not supported; write the value out"},
		{"alias", "http:\n  listen: &x ':1'\nstore: {dir: *x}\n", "f.yaml:2: http.listen: anchors and aliases are not supported; write the value out\n" +
			"f.yaml:3: store.dir: anchors and aliases are not supported; write the value out"},
		{"merge key", "<<: {http: {}}\n", "f.yaml:1: <<: unknown key; known here are coap, http, store, log, drive, timeline, dm, triggers, legacy, packages, dm_servers, devices"},
		{"tag", "http: {listen: !!str x}\n", "f.yaml:1: http.listen: tags are not supported; write the plain value"},
		{"duration", "drive: {poll: 60}\n", `f.yaml:1: drive.poll: "60": want a duration such as 30s, 15m or 24h`},
		{"duration low", "drive: {poll: 999ms}\n", `f.yaml:1: drive.poll: "999ms": want 1s to 8760h`},
		{"duration high", "drive: {absent: 8760h1ns}\n", `f.yaml:1: drive.absent: "8760h1ns": want 1s to 8760h`},
		{"negative", "dm_servers: [{name: a, url: http://h, server_id: s, devices: [a], poll: -1s}]", `f.yaml:1: dm_servers[0].poll: "-1s": want 0 to 8760h`},
		{"size", "coap: {max_body: 64 kB}\n", `f.yaml:1: coap.max_body: "64 kB": want a size such as 65536, 64KiB or 1MiB`},
		{"size high", "coap: {max_body: 8388609}\n", `f.yaml:1: coap.max_body: "8388609": want 1KiB to 8MiB`},
		{"size overflow", "coap: {max_body: 99999999999GiB}\n", `f.yaml:1: coap.max_body: "99999999999GiB": want a size such as 65536, 64KiB or 1MiB`},
		{"number", "dm: {message_tries: three}\n", `f.yaml:1: dm.message_tries: "three": want a whole number`},
		{"bool", "drive: {activate: yes}\n", `f.yaml:1: drive.activate: "yes": want true or false`},
		{"word", "log: {format: xml}\n", `f.yaml:1: log.format: "xml": want text or json`},
		{"listen", "coap: {listen: '5683'}\n", `f.yaml:1: coap.listen: "5683": want an address and a port of 0 to 65535, such as :5683 or 127.0.0.1:8080`},
		{"listen port", "http: {listen: ':65536'}\n", `f.yaml:1: http.listen: ":65536": want an address and a port of 0 to 65535, such as :5683 or 127.0.0.1:8080`},
		{"no listener", "coap: {listen: '', secure: {listen: ''}}\n", `f.yaml:1: coap.secure.listen: is empty, and so is coap.listen: no device could register`},
		{"secure listen", "coap: {secure: {listen: x}}\n", `f.yaml:1: coap.secure.listen: "x": want an address and a port of 0 to 65535, such as :5683 or 127.0.0.1:8080`},
		{"no proof", "coap: {secure: {psk: false}}\n", `f.yaml:1: coap.secure.psk: is off, and there is no certificate: no device could prove who it is`},
		{"no client_ca", "coap: {secure: {certificate: c, key: k}}\n", `f.yaml:1: coap.secure.client_ca: is missing; certificates of devices must lead to a CA`},
		{"no certificate", "coap: {secure: {client_ca: c}}\n", `f.yaml:1: coap.secure.certificate: is missing; a TLS listener needs a certificate`},
		{"no such ca", "coap: {secure: {client_ca: none, certificate: c, key: k}}\n", `f.yaml:1: coap.secure.client_ca: none: no such file or directory`},
		{"suite", "coap: {secure: {cipher_suites: [TLS_NULL]}}\n", `f.yaml:1: coap.secure.cipher_suites[0]: "TLS_NULL": no suite of that name; there are ` + strings.Join(dtls.CipherSuites(), ", ")},
		{"suite of certificates", "coap: {secure: {cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_CCM]}}\n", `f.yaml:1: coap.secure: dtls: bad options: no cipher suite for the credentials`},
		{"store", "store: {dir: ''}\n", "f.yaml:1: store.dir: is empty; name a directory"},
		{"lifetimes", "coap: {min_lifetime: 2h, max_lifetime: 1h}\n", "f.yaml:1: coap.min_lifetime: 2h0m0s is more than coap.max_lifetime 1h0m0s"},
		{"back-off", "dm:\n  backoff_max: 1s\n", "f.yaml:1: dm.backoff_min: 30s is more than dm.backoff_max 1s"},
		{"wait", "drive: {install: 93s}\n", "f.yaml:1: drive.install: 1m33s: must exceed coap.request_timeout 1m33s, the time that one answer may take"},
		{"required", "dm_servers:\n  - name: a\n", "f.yaml:2: dm_servers[0].url: is missing; give where package 1 is posted, such as http://dm.example.com/oma\n" +
			"f.yaml:2: dm_servers[0].server_id: is missing; give the server's id as DMAcc calls it\n" +
			"f.yaml:2: dm_servers[0].devices: is missing; give the endpoint patterns of its devices, such as urn:imei:*"},
		{"empty name", strings.Replace(minimal, "name: a", "name: ''", 1), "f.yaml:2: dm_servers[0].name: is empty"},
		{"no pattern", strings.Replace(minimal, `"*"`, "", 1), "f.yaml:5: dm_servers[0].devices: lists no pattern; * is all devices"},
		{"empty pattern", strings.Replace(minimal, `*`, "", 1), `f.yaml:5: dm_servers[0].devices[0]: "": want an endpoint pattern; * is all devices`},
		{"name twice", minimal + minimal[12:], "f.yaml:6: dm_servers[1].name: stands in line 2 already; each server needs its own\n" +
			"f.yaml:8: dm_servers[1].server_id: stands in line 4 already; each server needs its own"},
		{"url", strings.Replace(minimal, "http://dm", "ftp://dm", 1), "f.yaml:3: dm_servers[0].url: want an absolute http or https URL, such as http://dm.example.com/oma"},
		{"url with password", strings.Replace(minimal, "dm.ex", "u:hunter2@dm.ex", 1), "f.yaml:3: dm_servers[0].url: user and password do not belong into the URL; use account.client"},
		{"url garbage", strings.Replace(minimal, "http://dm.example.com/oma", "'http://u:hunter2@ %zz'", 1), "f.yaml:3: dm_servers[0].url: want an absolute http or https URL, such as http://dm.example.com/oma"},
		{"poll", server("poll: 9s"), "f.yaml:6: dm_servers[0].poll: 9s: want 0 (never) or at least 10s"},
		{"template", server("account: {device_id: 'X:{emei}'}"), `f.yaml:6: dm_servers[0].account.device_id: "X:{emei}": no variable {emei}; there are ` +
			"{endpoint}, {id}, {imei}, {esn}, {meid}, {uuid}, {msisdn}, {imsi}, {oui}, {class}, {serial}"},
		{"template open", server("account: {device_id: '{id'}"), `f.yaml:6: dm_servers[0].account.device_id: "{id": a { without its }`},
		{"template empty", server("account: {device_id: ''}"), `f.yaml:6: dm_servers[0].account.device_id: is empty; the default is {id}`},
		{"scheme alone", server("account: {client: {scheme: md5}}"), "f.yaml:6: dm_servers[0].account.client.user: is missing; scheme md5 needs user and secret\n" +
			"f.yaml:6: dm_servers[0].account.client.secret: is missing; scheme md5 needs user and secret"},
		{"no scheme", server("account: {server: {user: u, secret: hunter2}}"), "f.yaml:6: dm_servers[0].account.server.user: has no effect with scheme: none; choose basic, md5 or mac\n" +
			"f.yaml:6: dm_servers[0].account.server.secret: has no effect with scheme: none; choose basic, md5 or mac"},
		{"variable in shared", server("account: {client: {scheme: md5, user: '{imei}', secret: hunter2}}"), `f.yaml:6: dm_servers[0].account.client.user: "{imei}" has a variable; choose mode: template`},
		{"both secrets", server("account: {client: {scheme: md5, user: u, secret: hunter2, secret_file: x}}"), "f.yaml:6: dm_servers[0].account.client.secret_file: and secret are both given; remove one"},
		{"secret file", server("account: {client: {scheme: md5, user: u, secret_file: x}}"), "f.yaml:6: dm_servers[0].account.client.secret_file: x: no such file or directory"},
		{"secret is a list", server("account: {client: {scheme: md5, user: u, secret: [hunter2]}}"), "f.yaml:6: dm_servers[0].account.client.secret: want a single value, found a list\n" +
			"f.yaml:6: dm_servers[0].account.client.secret: is missing; scheme md5 needs user and secret"},
		{"misspelt secret", server("account: {client: {secert: hunter2}}"), "f.yaml:6: dm_servers[0].account.client.secert: unknown key; did you mean secret?"},
		{"mode file", server("account: {mode: file}"), "f.yaml:6: dm_servers[0].account.file: is missing; mode file reads the accounts from a CSV file"},
		{"file without mode", server("account: {file: x.csv}"), "f.yaml:6: dm_servers[0].account.file: has no effect without mode: file"},
		{"no account file", server("account: {mode: file, file: x.csv}"), "f.yaml:6: dm_servers[0].account.file: x.csv: no such file or directory"},
		{"user and file", server("account: {mode: file, file: testdata/accounts.csv, client: {scheme: basic, user: u, secret: hunter2}}"),
			"f.yaml:6: dm_servers[0].account.client.user: has no effect with mode: file, where the file has it\n" +
				"f.yaml:6: dm_servers[0].account.client.secret: has no effect with mode: file, where the file has it"},
		{"session shorter than a message", "dm: {session_timeout: 59s}\n", "f.yaml:1: dm.session_timeout: 59s is less than dm.message_timeout 1m0s"},
		{"no CA file", server("tls:", "  ca: x.pem"), "f.yaml:7: dm_servers[0].tls.ca: x.pem: no such file or directory"},
		{"no certificate in the CA file", server("tls: {ca: testdata/full.yaml}"), "f.yaml:6: dm_servers[0].tls.ca: testdata/full.yaml holds no PEM certificate"},
		{"certificate without key", server("tls: {cert: x.pem}"), "f.yaml:6: dm_servers[0].tls.key: is missing; a certificate goes with its key"},
		{"key without certificate", server("tls: {key: x.pem}"), "f.yaml:6: dm_servers[0].tls.cert: is missing; a key goes with its certificate"},
		{"TLS version", server("tls: {min_version: 3}"), `f.yaml:6: dm_servers[0].tls.min_version: "3": want 1.0, 1.1, 1.2 or 1.3`},
		{"suites without effect", server("tls: {min_version: 1.3, legacy_suites: true}"), "f.yaml:6: dm_servers[0].tls.legacy_suites: has no effect with min_version: 1.3, which has none"},
		{"no way to switch checks off", server("tls: {insecure: true}"), "f.yaml:6: dm_servers[0].tls.insecure: unknown key; known here are ca, cert, key, min_version, legacy_suites"},
		{"proxy", server("proxy: {url: 'https://p:3128'}"), "f.yaml:6: dm_servers[0].proxy.url: want http://host:port, none or nothing"},
		{"proxy with a path", server("proxy: {url: 'http://p:3128/x'}"), "f.yaml:6: dm_servers[0].proxy.url: want http://host:port and nothing after it"},
		{"proxy with password", server("proxy: {url: 'http://u:hunter2@p:3128'}"), "f.yaml:6: dm_servers[0].proxy.url: user and password do not belong into the URL; use proxy.user and proxy.secret_file"},
		{"proxy user alone", server("proxy: {url: 'http://p:3128', user: u}"), "f.yaml:6: dm_servers[0].proxy: user and secret go together; give both or none"},
		{"proxy user without proxy", server("proxy: {url: none, user: u, secret: hunter2}"), "f.yaml:6: dm_servers[0].proxy.user: has no effect without the url of a proxy\n" +
			"f.yaml:6: dm_servers[0].proxy.secret: has no effect without the url of a proxy"},
		{"content type", server("content_type: xml"), `f.yaml:6: dm_servers[0].content_type: "xml": want dm or syncml`},
		{"not YAML", "a: [1\nb: 2\n", "f.yaml:2: not YAML: did not find expected ',' or ']'"},
		{"secret in a syntax error", "secret: *hunter2\n", "f.yaml:1: not YAML: unknown anchor … referenced"},
		{"two documents", "http: {}\n---\nhttp: {}\n", "f.yaml:2: a second document begins here; only one is read"},
		{"not a map", "- a\n", "f.yaml:1: want keys and values, found a list"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parse("f.yaml", []byte(c.text))
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Error("a secret is shown")
			}
		})
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	_, err := parse("f.yaml", []byte("log: {level: loud}\ncoap:\n  max_devices: 0\n  bogus: 1\nstore: {dir: ''}\n"))
	problems, ok := errors.AsType[Problems](err)
	if !ok || len(problems) != 4 {
		t.Fatalf("got %v; want four problems", err)
	}
	for i, line := range []int{1, 3, 4, 5} {
		if problems[i].Line != line {
			t.Errorf("problem %d is in line %d; want %d", i, problems[i].Line, line)
		}
	}
}

func TestLimits(t *testing.T) {
	list := func(n int) string { return "[" + strings.Repeat("a, ", n-1) + "a]" }
	text := func(n int) string { return strings.Repeat("x", n) }
	for _, c := range []struct {
		name     string
		at, over string
		want     string
	}{
		{"text", "store: {dir: " + text(maxText) + "}", "store: {dir: " + text(maxText+1) + "}", "is 1025 bytes long; at most 1024"},
		{"pattern", "devices: [{match: [" + text(maxPattern) + "]}]", "devices: [{match: [" + text(maxPattern+1) + "]}]", "want at most 256 bytes"},
		{"patterns", "devices: [{match: " + list(1000) + "}]", "devices: [{match: " + list(1001) + "}]", "has 1001 entries; at most 1000"},
	} {
		if _, err := parse("f.yaml", []byte(c.at)); err != nil {
			t.Errorf("%s at the limit: %v", c.name, err)
		}
		if _, err := parse("f.yaml", []byte(c.over)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s over the limit: %v; want %q", c.name, err, c.want)
		}
	}
}

func TestAccountFileProblems(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "a.csv: is empty; the first line names the columns: endpoint,device_id,user,secret,server_user,server_secret"},
		{"no header", "e1,d1,u,hunter2\n", "a.csv:1: column 1 is unknown"},
		{"no endpoint", "user,secret\n", "a.csv:1: column endpoint is missing"},
		{"column twice", "endpoint,user,user\n", "a.csv:1: column user stands twice"},
		{"fields", "endpoint,user,secret\ne1,u\n", "a.csv:2: has 2 fields; the first line has 3"},
		{"no endpoint value", "endpoint,user,secret\n,u,hunter2\n", "a.csv:2: endpoint is empty"},
		{"endpoint twice", "endpoint,user,secret\ne1,u,hunter2\n\ne1,u,hunter2\n", "a.csv:4: endpoint \"e1\" stands in line 2 already"},
		{"device id twice", "endpoint,device_id,user,secret\ne1,d,u,p\ne2,d,u,p\n", `a.csv:3: device_id "d" is that of line 2 too`},
		{"no secret", "endpoint,user,secret\ne1,u,\n", "a.csv:2: secret is empty; scheme md5 needs it"},
		{"no user", "endpoint,user,secret\ne1,,hunter2\n", "a.csv:2: user is empty; scheme md5 needs it"},
		{"bare quote", "endpoint,user,secret\ne1,u,hunt\"er2\n", "a.csv:2: not CSV at column 10: bare \" in non-quoted-field; put fields with quotes or line ends in quotes"},
		{"long field", "endpoint,user,secret\ne1,u," + strings.Repeat("x", maxText+1) + "\n", "a.csv:2: field 3 is 1025 bytes long; at most 1024"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := loadAccounts(t, c.text)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunt") {
				t.Error("a secret is shown")
			}
		})
	}
	t.Run("many", func(t *testing.T) {
		var b strings.Builder
		b.WriteString("endpoint,user,secret\n")
		for i := range 2*maxReported + 1 {
			fmt.Fprintf(&b, "e%d,,p\n", i)
		}
		err := loadAccounts(t, b.String())
		if n := strings.Count(fmt.Sprint(err), "\n") + 1; n != maxReported+1 || !strings.Contains(err.Error(), "and 21 more problems") {
			t.Errorf("%d lines: %v", n, err)
		}
	})
	if err := loadAccounts(t, "endpoint,user,secret\ne1,u,"+strings.Repeat("x", maxText)+"\n"); err != nil {
		t.Errorf("a field at the limit: %v", err)
	}
}

func loadAccounts(t *testing.T, text string) error {
	t.Helper()
	dir := writeFiles(t, map[string]string{"a.csv": text, "f.yaml": minimal + "    account: {mode: file, file: a.csv, client: {scheme: md5}}\n"})
	_, err := Load(dir + "/f.yaml")
	return err
}
