package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

func loadLegacy(t *testing.T) *Config {
	t.Helper()
	c, err := Load("testdata/legacy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestLegacyEverythingSet: every key of the two sections is read. Those of TLS
// and of certificates need files; tlsfiles has tests for them.
func TestLegacyEverythingSet(t *testing.T) {
	c := loadLegacy(t)
	standard := map[string]string{}
	for _, section := range []struct {
		name     string
		of, from any
	}{{"legacy", c.Legacy, Default().Legacy}, {"packages", c.Packages, Default().Packages}} {
		for _, k := range keysOf(section.name, reflect.ValueOf(section.from), bounds{}) {
			standard[k.path] = k.standard
		}
		for _, k := range keysOf(section.name, reflect.ValueOf(section.of), bounds{}) {
			if strings.Contains(k.path, "[]") || strings.Contains(k.path, ".tls.") || k.path == "packages.bucket.ca" || k.standard != standard[k.path] {
				continue
			}
			if k.standard != "none" && k.standard != "all" && !strings.HasPrefix(k.standard, "80,") {
				t.Errorf("%s has its default, %s", k.path, k.standard)
			}
		}
	}
	if len(c.Warnings) != 0 || len(c.Missing()) != 0 {
		t.Errorf("warnings %q, missing %q", c.Warnings, c.Missing())
	}
	p := c.Legacy.Campaign.Policy()
	if p.Contact != time.Minute || p.Retry != 6*time.Minute || p.Tries != 7 || p.MaxCampaigns != 8 || p.MaxInstances != 9 || !p.RecordDeactivate || !p.Object9.Verified {
		t.Errorf("campaigns: %+v", p)
	}
	o := c.Packages.FetcherOptions()
	if want := []uint16{80, 0}; !cmp.Equal(o.Allow.Ports, want) || len(o.Allow.Hosts) != 2 || len(o.Allow.Networks) != 1 || o.MaxRedirects != 9 || !o.AllowDowngrade {
		t.Errorf("fetcher: %+v", o)
	}
	if h := o.Hosts; h[0].User != "u" || h[0].Password != "s5" || !h[0].Sidecar || h[1].Bearer != "s6" || h[1].User != "" || string(h[1].Key) != "\x00\xff\x10" {
		t.Error("what is known of hosts is something else")
	}
	if text := fmt.Sprintf("%v %+v %#v %+v %#v", c, c.Legacy, c.Legacy, c.Packages, c.Packages); strings.Contains(text, "s3") || strings.Contains(text, "q9") ||
		strings.Contains(text, "s5") || strings.Contains(text, "255 16") || strings.Contains(text, "0xff, 0x10") {
		t.Error("printing a Config shows secrets")
	}
}

func TestLegacyDevices(t *testing.T) {
	c := loadLegacy(t)
	acc := func(id string, client, server session.Credentials) session.Account {
		return session.Account{DeviceID: id, ServerID: "bridge-1", URL: "https://dm.example.com/oma/dm", MaxMsgSize: 16 << 10,
			MaxObjSize: session.DefaultMaxObject, Client: client, Server: server}
	}
	cred := func(s session.Scheme, user, secret string) session.Credentials {
		return credentials(s, user, syncml.Secret(secret))
	}
	for id, want := range map[string]LegacyDevice{
		"IMEI:356938035643809": {Group: "listed", Endpoint: "urn:imei:356938035643809", Address: "356938035643809",
			Account: acc("IMEI:356938035643809", cred(session.SchemeBasic, "u9", "p9"), cred(session.SchemeMD5, "bridge-1", "q9"))},
		"box-1": {Group: "listed", Endpoint: "urn:dev:ops:1-box-1", Address: "+49 151 1",
			Account: acc("box-1", cred(session.SchemeBasic, "u1", "p1"), cred(session.SchemeMD5, "bridge-1", "q1"))},
		"named-1": {Group: "phones", Endpoint: "named-1-x", LargeObjects: true, Sequence: true,
			Account: acc("named-1", cred(session.SchemeMD5, "u-named-1", "from-file"), cred(session.SchemeMAC, "bridge-1", "s3"))},
		"IMEI:352": {Group: "phones", Endpoint: "urn:imei:352-x", LargeObjects: true, Sequence: true, Adopted: true,
			Account: acc("IMEI:352", cred(session.SchemeMD5, "u-IMEI:352", "from-file"), cred(session.SchemeMAC, "bridge-1", "s3"))},
		"IMEI:4": {Group: "others", Endpoint: "urn:imei:4", Adopted: true, Account: acc("IMEI:4", cred(session.SchemeMD5, "everybody", "s4"), session.Credentials{})},
		"MEID:A1": {Group: "others", Endpoint: "urn:meid:A1", Adopted: true,
			Account: acc("MEID:A1", cred(session.SchemeMD5, "everybody", "s4"), session.Credentials{})},
		"imei:5": {Group: "others", Endpoint: "imei:5", Adopted: true, Account: acc("imei:5", cred(session.SchemeMD5, "everybody", "s4"), session.Credentials{})},
	} {
		if got, err := c.LegacyDevice(id); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", id, got, err, want)
		}
	}
	for id, want := range map[string]error{
		"urn:dev:ops:1-box-1":     ErrNoEndpoint, // that of box-1
		"urn:imei:77":             ErrNoEndpoint, // that of IMEI:77
		"a b":                     ErrNoEndpoint,
		"":                        ErrNoEndpoint,
		strings.Repeat("x", 201):  ErrNoEndpoint,
		"urn:imei:35693803564380": ErrNoEndpoint,
	} {
		if _, err := c.LegacyDevice(id); !errors.Is(err, want) {
			t.Errorf("%q: %v; want %v", id, err, want)
		}
	}
	if _, err := c.LegacyDevice(strings.Repeat("x", 200)); err != nil {
		t.Errorf("the longest endpoint name: %v", err)
	}
	if got, want := c.LegacyListed(), []string{"IMEI:356938035643809", "box-1", "IMEI:351", "named-1"}; !cmp.Equal(got, want) {
		t.Errorf("listed are %q; want %q", got, want)
	}
	if _, err := Default().LegacyDevice("x"); !errors.Is(err, ErrNoGroup) {
		t.Errorf("without groups: %v", err)
	}
}

// TestPatternIndex: the index finds what asking one pattern after the other
// finds.
func TestPatternIndex(t *testing.T) {
	text := rapid.StringMatching("[ab]{0,4}")
	pattern := rapid.StringMatching(`[ab*?]{1,4}`)
	rapid.Check(t, func(t *rapid.T) {
		var x patternIndex
		patterns := rapid.SliceOfN(pattern, 0, 12).Draw(t, "patterns")
		for i, p := range patterns {
			x.add(Pattern(p), i, 100+i)
		}
		name := text.Draw(t, "name")
		want, found := 0, false
		for i, p := range patterns {
			if Pattern(p).Match(name) {
				want, found = 100+i, true
				break
			}
		}
		if got, ok := x.find(name); ok != found || ok && got != want {
			t.Fatalf("%q in %q: %d, %v; want %d, %v", name, patterns, got, ok, want, found)
		}
	})
}

// TestLegacyLookupIsFast: with many patterns a name is held against few.
func TestLegacyLookupIsFast(t *testing.T) {
	var x patternIndex
	for i := range 100_000 {
		x.add(Pattern(fmt.Sprintf("IMEI:%06d*", i)), i, i)
	}
	if got, ok := x.find("IMEI:0777771"); !ok || got != 77777 {
		t.Fatalf("found %d, %v", got, ok)
	}
	if len(x.lengths) != 1 || len(x.byPrefix["IMEI:077777"]) != 1 {
		t.Error("a name is held against more than one pattern")
	}
}

func TestShownServer(t *testing.T) {
	s := &loadLegacy(t).Legacy.Servers[0]
	if !s.Shows("urn:imei:1") || s.Shows("meter") || s.Dialect.Dialect() != lwm2m9.Draft || ShowRegistered.Dialect() != lwm2m9.Registered {
		t.Errorf("%+v", s)
	}
	none := func(string) (dtls.Key, bool) { return nil, false }
	o, err := s.ClientOptions("urn:imei:1", none)
	if err != nil || o.Identity != "id-1" || string(o.Key) != "\x00\xff\x10" {
		t.Errorf("one key for all: %q, %v", o.Identity, err)
	}
	if _, err := s.ClientOptions("meter", none); err == nil {
		t.Error("a name without {imei} has an identity")
	}
	s.psk = nil
	if _, err := s.ClientOptions("urn:imei:1", none); err == nil || !strings.Contains(err.Error(), `identity "id-1"`) {
		t.Errorf("no key: %v", err)
	}
	o, err = s.ClientOptions("urn:imei:1", func(id string) (dtls.Key, bool) { return dtls.Key(id), true })
	if err != nil || string(o.Key) != "id-1" {
		t.Errorf("a key of its own: %v", err)
	}
}

// legacyMinimal is a group and a server with nothing but what is required.
const legacyMinimal = `legacy:
  listen: ":0"
  url: http://dm.example.com/dm
  groups:
    - name: g
      devices: [IMEI:1]
      account: {client: {scheme: md5, user: u, secret: s}}
  lwm2m_servers:
    - {name: s, address: "127.0.0.1:5683", devices: ["*"], security: psk}
`

func TestLegacyProblems(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"no listener", `":0"`, `""`, "f.yaml:2: legacy.listen: is missing; without it no legacy device can come, and the other keys have no effect"},
		{"listener", `":0"`, "x", `f.yaml:2: legacy.listen: "x": want an address and a port of 0 to 65535, such as :5683 or 127.0.0.1:8080`},
		{"no url", "url: http://dm.example.com/dm", "path: /dm", "f.yaml:1: legacy.url: is missing, and so is packages.url: devices could not be told where packages are"},
		{"url", "http://dm.example.com/dm", "ftp://x/", "f.yaml:3: legacy.url: want an absolute http or https URL, such as http://dm.example.com/oma"},
		{"query", "example.com/dm", "example.com/dm?a=b", "f.yaml:3: legacy.url: want no query (?)"},
		{"path", "  groups", "  path: dm\n  groups", `f.yaml:4: legacy.path: "dm": want a path, such as /dm`},
		{"path of packages", "  groups", "  path: /packages\n  groups", `f.yaml:4: legacy.path: "/packages": packages are below /packages/`},
		{"server id", "  groups", "  server_id: a b\n  groups", `f.yaml:4: legacy.server_id: "a b": want printable ASCII without spaces and = & * +`},
		{"key", "  groups", "  tls: {cert: c}\n  groups", "f.yaml:4: legacy.tls.key: is missing; a certificate goes with its key"},
		{"only a CA", "  groups", "  tls: {client_ca: c}\n  groups", "f.yaml:4: legacy.tls.cert: is missing; a TLS listener needs a certificate"},
		{"times", "  groups", "  session_timeout: 30s\n  groups", "f.yaml:1: legacy.message_timeout: 1m0s is more than legacy.session_timeout 30s"},
		{"idle", "  groups", "  session_timeout: 1m\n  groups", "f.yaml:1: legacy.idle_timeout: 2m0s is more than legacy.session_timeout 1m0s"},
		{"no proxy", "  groups", "  proxies: [10.0.0.1, lb.example.com]\n  groups", `f.yaml:4: legacy.proxies[1]: "lb.example.com": want an address or a network`},
		{"waits", "  groups", "  lockout: {first_wait: 1h}\n  groups", "f.yaml:4: legacy.lockout.first_wait: 1h0m0s is more than legacy.lockout.max_wait 15m0s"},
		{"no devices", "      devices: [IMEI:1]\n", "", "f.yaml:5: legacy.groups[0].devices: is missing; list the names of devices, or a pattern with adopt: true"},
		{"pattern", "[IMEI:1]", "['IMEI:*']", "f.yaml:6: legacy.groups[0].devices: has a pattern: any device that proves itself would become known; say adopt: true if it may"},
		{"adopt nothing", "[IMEI:1]", "[IMEI:1]\n      adopt: true", "f.yaml:7: legacy.groups[0].adopt: has no effect without a pattern in devices"},
		{"adopt everybody", "[IMEI:1]\n      account: {client: {scheme: md5, user: u, secret: s}}", "['*']\n      adopt: true",
			"f.yaml:5: legacy.groups[0].account.client.scheme: is none: anybody could become a device; adopt needs basic, md5 or mac"},
		{"no file", "account: {client: {scheme: md5, user: u, secret: s}}", "account: {mode: file}", "f.yaml:7: legacy.groups[0].account.file: is missing; mode file reads the accounts from a CSV file"},
		{"file", "account: {", "account: {file: f, ", "f.yaml:7: legacy.groups[0].account.file: has no effect without mode: file"},
		{"file and devices", "account: {client: {scheme: md5, user: u, secret: s}}", "account: {mode: file, file: none}",
			"f.yaml:6: legacy.groups[0].devices: and adopt have no effect with mode: file, whose devices are those of the file; make another group for others"},
		{"no user", "user: u, ", "", "f.yaml:7: legacy.groups[0].account.client.user: is missing; scheme md5 needs user and secret"},
		{"template in mode shared", "user: u", `user: "{imei}"`, `f.yaml:7: legacy.groups[0].account.client.user: "{imei}" has a variable; choose mode: template`},
		{"one name for all", "      devices", "      endpoint: x\n      devices", `f.yaml:6: legacy.groups[0].endpoint: "x" has no variable: all devices of the group would have the same name`},
		{"listed twice", "[IMEI:1]", "[IMEI:1, IMEI:1]", `f.yaml:6: legacy.groups[0].devices[1]: device "IMEI:1" is listed already`},
		{"one endpoint for two", "[IMEI:1]", "[IMEI:1, 'urn:imei:1']", `f.yaml:6: legacy.groups[0].devices[1]: device "urn:imei:1" would have the endpoint name of "IMEI:1", "urn:imei:1"`},
		{"no such variable", "[IMEI:1]", "[x]\n      endpoint: '{imei}'", `f.yaml:6: legacy.groups[0].devices[0]: config: the device has no endpoint name: device "x" has no {imei}`},
		{"address", "      devices", "      address: x\n      devices", ""}, // no channel: a warning
		{"name twice", "  lwm2m_servers:", "    - {name: g, devices: [x], account: {client: {scheme: md5, user: u, secret: s}}}\n  lwm2m_servers:",
			"f.yaml:8: legacy.groups[1].name: stands in line 5 already; each server needs its own"},
		{"server address", "127.0.0.1:5683", "lwm2m.example.com", `f.yaml:9: legacy.lwm2m_servers[0].address: "lwm2m.example.com": want host:port, such as lwm2m.example.com:5684`},
		{"server port", "127.0.0.1:5683", "a:0", `f.yaml:9: legacy.lwm2m_servers[0].address: "a:0": want host:port, such as lwm2m.example.com:5684`},
		{"lifetime", "security: psk", "security: psk, lifetime: 30500ms", "f.yaml:9: legacy.lwm2m_servers[0].lifetime: 30.5s: want whole seconds"},
		{"version", "security: psk", "security: psk, versions: ['1.3']", `f.yaml:9: legacy.lwm2m_servers[0].versions[0]: "1.3": want 1.0, 1.1 or 1.2`},
		{"key without psk", "security: psk", "key_file: f", "f.yaml:9: legacy.lwm2m_servers[0].key_file: has no effect without security: psk"},
		{"no key file", "security: psk", "security: psk, key_file: none", "f.yaml:9: legacy.lwm2m_servers[0].key_file: none: no such file or directory"},
		{"no certificate", "security: psk", "security: x509, ca: c, key: k", "f.yaml:9: legacy.lwm2m_servers[0].certificate: is missing; security x509 needs ca, certificate and key"},
		{"no such CA", "security: psk", "security: x509, ca: none, certificate: c, key: k", "f.yaml:9: legacy.lwm2m_servers[0].ca: none: no such file or directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if strings.Count(legacyMinimal, c.old) != 1 {
				t.Fatalf("%q stands there %d times", c.old, strings.Count(legacyMinimal, c.old))
			}
			_, err := parse("f.yaml", []byte(strings.Replace(legacyMinimal, c.old, c.new, 1)))
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
	if c := load(t, legacyMinimal); len(c.Warnings) != 0 || len(c.Missing()) != 0 {
		t.Errorf("the good one: %q, %q", c.Warnings, c.Missing())
	}
}

func TestPackageProblems(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"max_package: 32GiB", "f.yaml:1: packages.max_package: 32GiB is more than packages.max_bytes 16GiB"},
		{"max_package: 1MiB", "f.yaml:1: packages.max_push: 16MiB is more than packages.max_package 1MiB"},
		{"url_lifetime: 335h", "f.yaml:1: packages.url_lifetime: 335h0m0s is less than a campaign may last, legacy.campaign.contact and final together: 336h0m0s"},
		{"total_timeout: 1s", "f.yaml:1: packages.stall_timeout: 1m0s is more than packages.total_timeout 1s"},
		{"url: x", "f.yaml:1: packages.url: want an absolute http or https URL, such as http://dm.example.com/oma"},
		{"url: 'http://u:hunter2@x/'", "f.yaml:1: packages.url: user and password do not belong into the URL"},
		{"allow: {ports: ['65536']}", `f.yaml:1: packages.allow.ports[0]: "65536": want a port of 0 to 65535; 0 is all`},
		{"allow: {hosts: ['http://x']}", `f.yaml:1: packages.allow.hosts[0]: "http://x": want a host name, *.example.com or *, with :port if need be`},
		{"allow: {networks: [x]}", `f.yaml:1: packages.allow.networks[0]: "x": want an address or a network`},
		{"hosts: [{host: a, user: u}]", "f.yaml:1: packages.hosts[0].user: and secret (or secret_file) belong together; one of them is missing"},
		{"hosts: [{host: a, user: u, secret: hunter2, bearer: true}]", "f.yaml:1: packages.hosts[0].user: has no effect with bearer: true; a token has no user"},
		{"hosts: [{host: a, bearer: true}]", "f.yaml:1: packages.hosts[0].bearer: needs the token, as secret or secret_file"},
		{"hosts: [{host: a, identity: i}]", "f.yaml:1: packages.hosts[0].identity: and key_file belong together; one of them is missing"},
		{"hosts: [{host: a, identity: i, key_file: none}]", "f.yaml:1: packages.hosts[0].key_file: none: no such file or directory"},
		{"hosts: [{host: a, signed_by: [x]}]", "f.yaml:1: packages.hosts[0].signed_by[0]: \"x\": no minisign public key"},
		{"tls: {cert: c}", "f.yaml:1: packages.tls.key: is missing; a certificate goes with its key"},
	} {
		_, err := parse("f.yaml", []byte("packages: {"+c.text+"}\n"))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s\ngot  %v\nwant %s", c.text, err, c.want)
		}
	}
	if o := Default().Packages.FetcherOptions(); o.TLS != nil || o.MaxFetches != delivery.DefaultMaxFetches {
		t.Errorf("%+v", o)
	}
}

func TestLegacyFile(t *testing.T) {
	text := strings.Replace(legacyMinimal, "      devices: [IMEI:1]\n", "", 1)
	text = strings.Replace(text, "account: {client: {scheme: md5, user: u, secret: s}}", "account: {mode: file, file: a.csv, client: {scheme: md5}, server: {scheme: md5}}", 1)
	text += "triggers: {out: {channel: udp}}\n"
	for _, c := range []struct{ name, csv, want string }{
		{"empty", "", "a.csv: is empty; the first line names the columns: device_id,endpoint,user,secret,server_user,server_secret,address"},
		{"no device_id", "user\n", "a.csv:1: column device_id is missing"},
		{"no id", "device_id,user,secret,server_secret\n,u,hunter2,hunter2\n", "a.csv:2: device_id is empty"},
		{"no secret", "device_id,user,secret,server_secret\nd,u,,hunter2\n", "a.csv:2: secret is empty; scheme md5 needs it"},
		{"no server secret", "device_id,user,secret,server_secret\nd,u,hunter2,\n", "a.csv:2: server_secret is empty; scheme md5 needs it"},
		{"twice", "device_id,user,secret,server_secret\nd,u,hunter2,p\nd,u,hunter2,p\n", `a.csv:3: device "d" is listed already`},
		{"address", "device_id,user,secret,server_secret,address\nd,u,hunter2,p,host\n", `a.csv:2: address "host": want host:port`},
		{"endpoint", "device_id,user,secret,server_secret,endpoint\nd,u,hunter2,p,a b\n", `a.csv:2: config: the device has no endpoint name: "a b" has characters that an endpoint name cannot have`},
	} {
		dir := writeFiles(t, map[string]string{"a.csv": c.csv, "f.yaml": text})
		if _, err := Load(dir + "/f.yaml"); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s\ngot  %v\nwant %s", c.name, err, c.want)
		}
	}
	dir := writeFiles(t, map[string]string{"a.csv": "device_id,user,secret,server_secret,address\nd,u,s,p,127.0.0.1:2948\n", "f.yaml": text})
	c, err := Load(dir + "/f.yaml")
	if err != nil || len(c.Warnings) != 0 {
		t.Fatal(err, c.Warnings)
	}
	if d, err := c.LegacyDevice("d"); err != nil || d.Address != "127.0.0.1:2948" || d.Adopted {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := c.LegacyDevice("e"); !errors.Is(err, ErrNoGroup) {
		t.Errorf("a device that is not in the file: %v", err)
	}
}

func TestLegacyWarnings(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"account: {client: {scheme: md5, user: u, secret: s}}", "account: {}", "bridge.yaml:5: legacy.groups[0].account.client: has no secret: whoever names himself a device of g is taken for it"},
		{"      devices", "      address: '{imei}'\n      devices", "bridge.yaml:6: legacy.groups[0].address: has no effect without triggers.out.channel: devices of g come by themselves"},
		{", security: psk", "", "bridge.yaml:9: legacy.lwm2m_servers[0].security: none: what s is told can be read and changed on the way"},
		{"      devices", "      address: 'h:1'\n      devices", "bridge.yaml:8: legacy.groups[0].account.server: has no secret: triggers for g are not signed, and most devices drop them"},
	} {
		text := strings.Replace(legacyMinimal, c.old, c.new, 1)
		if strings.Contains(c.new, "h:1") {
			text += "triggers: {out: {channel: udp}}\n"
		}
		if got := load(t, text).Warnings; len(got) != 1 || !strings.Contains(got[0], c.want[len("bridge.yaml:5"):]) {
			t.Errorf("got %q; want %q", got, c.want)
		}
	}
	if got := load(t, "legacy: {listen: ':0', url: 'http://x/dm'}\n").Missing(); len(got) != 2 {
		t.Errorf("a DM server for nobody: %q", got)
	}
}
