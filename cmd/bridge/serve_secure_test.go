package main

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/tlsfiles/tlstest"
)

// shownDevice is what the API tells of a device.
type shownDevice struct {
	Registered   bool `json:"registered"`
	Registration struct {
		Address  string `json:"address"`
		Identity string `json:"identity"`
	} `json:"registration"`
}

// lookAt asks the API about a device until it is as wanted; a device that is not
// known is one that is not registered.
func lookAt(t *testing.T, api, name string, registered bool) (d shownDevice) {
	t.Helper()
	bound := time.After(30 * time.Second) // against hanging, no verdict
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := http.Get("http://" + api + "/api/v1/devices/" + name)
		if err != nil {
			t.Fatal(err)
		}
		d = shownDevice{}
		if r.StatusCode == http.StatusOK {
			err = json.NewDecoder(r.Body).Decode(&d)
		}
		r.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if d.Registered == registered {
			return d
		}
		select {
		case <-tick.C:
		case <-bound:
			t.Fatalf("%s: registered %v, want %v", name, d.Registered, registered)
		}
	}
}

// done runs a command to its end and gives what it printed.
func done(t *testing.T, want int, args ...string) string {
	t.Helper()
	c := begin(t, args...)
	<-c.ended
	if code := c.stop(); code != want {
		t.Fatalf("%s: exit %d, want %d\n%s%s", strings.Join(args, " "), code, want, c.out, c.err)
	}
	return c.out.String() + c.err.String()
}

// TestServeCertificates: an update over DTLS with certificates, from files in
// the configuration; a device of another CA does not get in.
func TestServeCertificates(t *testing.T) {
	const name = "urn:imei:356938035643809"
	ca, foreign := tlstest.NewCA(t, "operator"), tlstest.NewCA(t, "somebody")
	server, device, stranger := ca.Leaf("bridge"), ca.Device(name), foreign.Device("stranger")
	packs := begin(t, "sim", "packages", "--listen", "127.0.0.1:0").out.shows(t, `packages at (\S+),`)
	script := write(t, "campaign.yaml", `
auth: md5
accounts: [{device: "*", password: secret}]
campaigns: [{package: pkg1, name: radio, version: "2.0", url: "`+packs+`/ok/radio-2.0.pkg", correlator: job-1}]
`)
	dm := begin(t, "sim", "dm-server", "--script", script, "--listen", "127.0.0.1:0", "--once", "1")
	url := dm.out.shows(t, `DM server at (\S+)\n`)
	config := write(t, "bridge.yaml", `
coap: {secure: {listen: "127.0.0.1:0", psk: false, certificate: `+server.Cert+`, key: `+server.Key+`, client_ca: `+ca.File+`}}
http: {listen: "127.0.0.1:0"}
store: {reserve: 16MiB}
dm_servers:
  - name: legacy
    url: `+url+`
    server_id: legacy
    devices: ["*"]
    account: {mode: template, device_id: "{endpoint}", client: {scheme: md5, user: "{endpoint}", secret: secret}}
`)
	if said := done(t, exitDone, "check", "--config", config); !strings.Contains(said, "dtls         127.0.0.1:0, certificates of "+ca.File+", all suites\n") {
		t.Errorf("check says\n%s", said)
	}
	bridge := begin(t, "serve", "--data", t.TempDir(), "--config", config)
	coaps := bridge.err.shows(t, `bridge is up.* coaps=(\S+) `)
	api := bridge.err.shows(t, `bridge is up.* http=(\S+)`)
	sim := func(endpoint string, cert tlstest.Leaf) *command {
		return begin(t, "sim", "lwm2m-device", "--server", coaps, "--endpoint", endpoint, "--certificate", cert.Cert, "--key", cert.Key,
			"--ca", ca.File, "--download", "5ms", "--install", "5ms", "--verbose")
	}
	bad := sim("stranger", stranger)
	bad.err.shows(t, "waiting before the next handshake")
	good := sim(name, device)
	<-dm.ended
	if code := dm.stop(); code != exitDone || !strings.Contains(dm.out.String(), name+" pkg1 succeeded: result 200") {
		t.Errorf("dm-server: exit %d\n%s%s\nbridge:\n%s", code, dm.out, dm.err, bridge.err)
	}
	good.out.shows(t, "INSTALLED, software successfully installed, ENABLED")
	d := lookAt(t, api, name, true)
	if d.Registration.Identity != name || !strings.HasPrefix(d.Registration.Address, "127.0.0.1:") {
		t.Errorf("shown as %+v", d)
	}
	lookAt(t, api, "stranger", false)

	// The name in the certificate is the only one that it is good for.
	other := sim("urn:imei:356938035643810", device)
	bridge.err.shows(t, `register refused.*urn:imei:356938035643810.*4\.03`)
	for _, c := range []*command{bad, good, other, bridge} {
		if code := c.stop(); code != exitDone {
			t.Errorf("exit %d\n%s", code, c.err)
		}
	}
}

// TestCheckCertificates: each file that is wrong is named, by its key.
func TestCheckCertificates(t *testing.T) {
	ca := tlstest.NewCA(t, "operator")
	good, other := ca.Leaf("bridge"), ca.Leaf("other")
	text := write(t, "text.pem", "hello")
	for _, x := range []struct{ name, cert, key, ca, want string }{
		{"key of another", good.Cert, other.Key, ca.File, `coap\.secure\.\w+: .*private key does not match`},
		{"no certificate", text, good.Key, ca.File, `coap\.secure\.certificate: .*text\.pem holds no PEM certificate`},
		{"no key", good.Cert, text, ca.File, `coap\.secure\.\w+: .*text\.pem`},
		{"no CA", good.Cert, good.Key, text, `coap\.secure\.client_ca: .*text\.pem holds no PEM certificate`},
		{"no file", good.Cert, good.Key, "none.pem", `coap\.secure\.client_ca: .*none\.pem: no such file`},
	} {
		t.Run(x.name, func(t *testing.T) {
			config := write(t, "bridge.yaml", "coap: {secure: {certificate: "+x.cert+", key: "+x.key+", client_ca: "+x.ca+"}}\n")
			said := done(t, exitFailed, "check", "--config", config)
			if !regexp.MustCompile(x.want).MatchString(said) {
				t.Errorf("says %s", said)
			}
		})
	}
}

// TestCheckOldCertificate: it is no mistake of the configuration, but it is told.
func TestCheckOldCertificate(t *testing.T) {
	ca := tlstest.NewCA(t, "operator")
	for cert, warned := range map[tlstest.Leaf]bool{ca.Leaf("new"): false, ca.Expired("old"): true} {
		config := write(t, "bridge.yaml", "coap: {secure: {certificate: "+cert.Cert+", key: "+cert.Key+", client_ca: "+ca.File+"}}\n")
		if said := done(t, exitDone, "check", "--config", config); regexp.MustCompile(`coap\.secure\.certificate: .* devices refuse it`).MatchString(said) != warned {
			t.Errorf("%s: says %s", cert.Cert, said)
		}
	}
}

// TestDeviceCommandsLive: the commands change the credentials of a bridge that
// runs. A device that has lost its credentials is registered no more, at once,
// and does not come back; one that gets new ones comes back with these only.
func TestDeviceCommandsLive(t *testing.T) {
	const name = "urn:imei:356938035643809"
	data := t.TempDir()
	config := write(t, "bridge.yaml", "coap: {secure: {listen: \"127.0.0.1:0\"}}\nhttp: {listen: \"127.0.0.1:0\"}\nstore: {dir: "+data+", reserve: 16MiB}\n")
	bridge := begin(t, "serve", "--config", config)
	coaps := bridge.err.shows(t, `bridge is up.* coaps=(\S+) `)
	api := bridge.err.shows(t, `bridge is up.* http=(\S+)`)
	device := func(what string, more ...string) string {
		t.Helper()
		return done(t, exitDone, append([]string{"device", what, "--config", config}, more...)...)
	}
	key := strings.TrimSpace(device("add", name, "--identity", "id-1", "--generate"))
	device("add", "other", "--generate")
	if said := device("list"); !regexp.MustCompile(`(?m)^other +other +pre-shared key\n`+name+` +id-1 +pre-shared key$`).MatchString(said) || strings.Contains(said, key) {
		t.Errorf("the list:\n%s", said)
	}
	keys := func(identity, key string) string {
		return write(t, "keys", name+" "+identity+" "+key+"\n")
	}
	sim := func(file string) *command {
		return begin(t, "sim", "lwm2m-device", "--server", coaps, "--endpoint", name, "--psk-file", file, "--lifetime", "1h", "--update-every", "1s", "--verbose")
	}
	first := sim(keys("id-1", key))
	if d := lookAt(t, api, name, true); d.Registration.Identity != "id-1" {
		t.Errorf("shown as %+v", d)
	}

	// Its lifetime is an hour: it is gone because its credentials are.
	device("remove", name)
	lookAt(t, api, name, false)
	if said := device("list"); strings.Contains(said, name) {
		t.Errorf("the list still has it:\n%s", said)
	}
	first.err.shows(t, "waiting before the next handshake") // it tries to come back
	lookAt(t, api, name, false)

	// New credentials under a new identity, then another key for the same.
	second := strings.TrimSpace(device("add", name, "--identity", "id-2", "--generate"))
	sim(keys("id-2", second))
	if d := lookAt(t, api, name, true); d.Registration.Identity != "id-2" {
		t.Errorf("shown as %+v", d)
	}
	third := strings.TrimSpace(device("add", name, "--identity", "id-2", "--generate", "--replace"))
	lookAt(t, api, name, false)
	sim(keys("id-2", third))
	lookAt(t, api, name, true)
	if said := done(t, exitFailed, "device", "remove", "nobody", "--config", config); !strings.Contains(said, "nobody: the device has no credentials") {
		t.Error(said)
	}
	for _, secret := range []string{key, second, third} {
		if strings.Contains(bridge.err.String(), secret) {
			t.Error("a key is in the log")
		}
	}
}
