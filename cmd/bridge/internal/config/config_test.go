package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// minimal is a server with nothing but what is required.
const minimal = `dm_servers:
  - name: a
    url: http://dm.example.com/oma
    server_id: srv
    devices: ["*"]
`

// writeFiles makes files in a new directory and returns it.
func writeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func load(t testing.TB, text string) *Config {
	t.Helper()
	c, err := parse("bridge.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEmptyFileIsDefault(t *testing.T) {
	for _, text := range []string{"", "# nothing yet\n", "---\n", "coap: {}\n"} {
		if diff := cmp.Diff(Default(), load(t, text), cmpopts.IgnoreUnexported(Legacy{}, Packages{}, LwM2MServer{}, PackageHost{}, PackageBucket{}), cmpopts.IgnoreUnexported(Server{}, Secure{})); diff != "" {
			t.Errorf("%q (-default +got):\n%s", text, diff)
		}
	}
	if len(Default().Missing()) != 1 || len(load(t, minimal).Missing()) != 0 {
		t.Error("Missing: want one notice without a DM server, none with one")
	}
}

func TestDefaultPassesItsOwnCheck(t *testing.T) {
	b := &binder{lines: map[string]int{}}
	Default().check(b)
	if err := b.problems.err(); err != nil {
		t.Error(err)
	}
}

func TestServerDefaults(t *testing.T) {
	got := load(t, minimal).Servers[0]
	want := Server{Name: "a", URL: "http://dm.example.com/oma", ServerID: "srv", Version: Version(syncml.DM12),
		Encoding: syncml.XML, Poll: time.Hour, Role: fwupdate.Manager, Interaction: session.InteractAccept, Devices: []Pattern{"*"}, Account: Account{DeviceID: "{id}", MSISDN: "{msisdn}"}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Server{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestEverythingSet reads a file that sets every key to something else.
func TestEverythingSet(t *testing.T) {
	c, err := Load("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	no := false
	want := Default()
	want.CoAP = CoAP{Listen: "127.0.0.1:0", Secure: Secure{Listen: "127.0.0.1:1", PSK: true, CipherSuites: []Suite{"TLS_PSK_WITH_AES_128_GCM_SHA256"},
		ExtendedMasterSecret: true, MaxAssociations: 1, MaxPerIdentity: 3, IdleTimeout: time.Minute, MaxHandshakes: 4, MaxHandshakesPerSource: 5,
		HandshakeTimeout: 6 * time.Second, MaxSessions: 7, SessionLifetime: 8 * time.Minute}, MaxDevices: 5, MinLifetime: 2 * time.Second, MaxLifetime: time.Hour,
		RequestTimeout: 20 * time.Second, AsleepTimeout: time.Hour, MaxBody: 1 << 20}
	want.HTTP = HTTP{Listen: "[::1]:0", Cancel: true}
	want.Store = Store{Dir: "/var/lib/fwbridge", Reserve: 32 << 20}
	want.Log = Log{Level: -4, Format: LogJSON}
	want.Drive = mapping.Policy{Activate: false, Room: 1 * time.Minute, Download: 2 * time.Minute, Install: 3 * time.Minute,
		Activation: 4 * time.Minute, Cleanup: 5 * time.Minute, Absent: 6 * time.Minute, Poll: 7 * time.Second, Settle: 8 * time.Second, Retry: 9 * time.Second}
	want.Timeline.Length = 10
	want.DM = DM{MaxMessage: 16 << 10, MaxObject: 8 << 10, MaxSessions: 2, MessageTimeout: 10 * time.Second, MessageTries: 4, SessionTimeout: 5 * time.Minute, BackoffMin: time.Second, BackoffMax: time.Minute}
	want.Devices = []DeviceRule{{Match: []Pattern{"urn:imei:35*"}, Dialect: lwm2m9.Draft, Activate: &no}, {Match: []Pattern{"*"}, Dialect: lwm2m9.Registered}}
	if diff := cmp.Diff(want, c, cmpopts.IgnoreUnexported(Legacy{}, Packages{}, LwM2MServer{}, PackageHost{}, PackageBucket{}), cmpopts.IgnoreFields(Config{}, "Servers", "Legacy", "Packages", "Warnings"), cmpopts.IgnoreUnexported(Secure{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for endpoint, want := range map[string]session.Account{
		"urn:imei:350000000000001": {DeviceID: "IMEI:350000000000001", ServerID: "operator-a", URL: "https://a.example.com/dm",
			Version: syncml.DM112, Encoding: syncml.WBXML, MaxMsgSize: 16 << 10, MaxObjSize: 8 << 10, Interaction: session.InteractTimeout,
			Client: session.Credentials{Scheme: session.SchemeMD5, User: "350000000000001", Secret: "from-file"},
			Server: session.Credentials{Scheme: session.SchemeBasic, User: "operator-a", Secret: "s2"}},
		"meter-7": {DeviceID: "METER-7", ServerID: "operator-b", URL: "http://b.example.com/", Version: syncml.DM12, MaxMsgSize: 16 << 10, MaxObjSize: 8 << 10, Interaction: session.InteractAccept,
			Client: session.Credentials{Scheme: session.SchemeBasic, User: "u7", Secret: "p7"}},
		"meter-8": {DeviceID: "meter-8", ServerID: "operator-b", URL: "http://b.example.com/", Version: syncml.DM12, MaxMsgSize: 16 << 10, MaxObjSize: 8 << 10, Interaction: session.InteractAccept,
			Client: session.Credentials{Scheme: session.SchemeBasic, User: "u8", Secret: `p "8",`}},
	} {
		got, err := c.Account(endpoint)
		if err != nil || got != want {
			t.Errorf("Account(%s) = %+v, %v; want %+v", endpoint, got, err, want)
		}
	}
	if _, err := c.Account("meter-9"); !errors.Is(err, ErrNoAccount) || !strings.Contains(err.Error(), "accounts.csv") {
		t.Errorf("Account of a device not in the file: %v", err)
	}
	if _, err := c.Account("toaster"); !errors.Is(err, ErrNoServer) || !strings.Contains(err.Error(), "toaster") {
		t.Errorf("Account of nobody's device: %v", err)
	}
	if p, d := c.Policy("urn:imei:351"), c.Dialect("urn:imei:351"); p.Activate || d != lwm2m9.Draft {
		t.Errorf("urn:imei:351 has %v, %v", p, d)
	}
	if d := c.Dialect("x"); d != lwm2m9.Registered {
		t.Errorf("x has dialect %v", d)
	}
	if text := fmt.Sprintf("%v %+v %#v", c, c.Servers, c.Servers); strings.Contains(text, "from-file") || strings.Contains(text, "s2") || strings.Contains(text, "p7") {
		t.Error("printing a Config shows secrets")
	}
}

func TestActivateOverride(t *testing.T) {
	c := load(t, "drive: {activate: false}\ndevices:\n- {match: [a*], activate: true}\n- {match: ['*'], dialect: draft}\n")
	if !c.Policy("ab").Activate || c.Policy("b").Activate {
		t.Error("devices[0].activate does not override drive.activate for a* alone")
	}
}

func TestOverlapWarning(t *testing.T) {
	two := minimal + `  - name: b
    url: http://dm.example.com/oma
    server_id: srv2
    devices: [other, "urn:imei:*"]
`
	c := load(t, strings.Replace(two, `"*"`, `"urn:*", x`, 1))
	if want := []string{`bridge.yaml:9: dm_servers[1].devices[1] "urn:imei:*" and "urn:*" of a can match the same device; a, which stands first, has it then`}; !cmp.Equal(c.Warnings, want) {
		t.Errorf("got %q; want %q", c.Warnings, want)
	}
	if s, ok := c.ServerFor("urn:imei:1"); !ok || s.Name != "a" {
		t.Errorf("urn:imei:1 belongs to %+v; want the first", s)
	}
	if c := load(t, strings.Replace(two, `"*"`, "y, x", 1)); len(c.Warnings) != 0 {
		t.Errorf("warned of patterns that do not overlap: %q", c.Warnings)
	}
}

func TestLoadMissingFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "none.yaml")
	if _, err := Load(file); !errors.Is(err, os.ErrNotExist) || err.Error() != file+": no such file or directory" {
		t.Errorf("got %v", err)
	}
	if _, err := Load(filepath.Dir(file)); err == nil || !strings.Contains(err.Error(), filepath.Dir(file)) {
		t.Errorf("a directory: got %v", err)
	}
}

func TestFileLimits(t *testing.T) {
	comment := func(n int) string { return "#" + strings.Repeat("x", n-2) + "\n" }
	dir := writeFiles(t, map[string]string{"at.yaml": comment(maxFile), "over.yaml": comment(maxFile + 1)})
	if _, err := Load(dir + "/at.yaml"); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if _, err := Load(dir + "/over.yaml"); err == nil || !strings.Contains(err.Error(), "larger than 4MiB") {
		t.Errorf("one over the limit: %v", err)
	}
}
