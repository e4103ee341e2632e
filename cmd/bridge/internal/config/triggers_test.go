package config

import (
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/syncml/notify"
)

// TestTriggersSet reads every key of triggers, and the secret files.
func TestTriggersSet(t *testing.T) {
	dir := writeFiles(t, map[string]string{"secret": "hunter2\n", "f.yaml": `
triggers:
  in:
    default_nonce: first
    replay_window: 1h
    peer_rate: 5
    udp:
      - {listen: ":2948", device: meter-7, peers: [192.0.2.1, "2001:db8::/32"]}
    pap: {listen: ":1", user: u, secret_file: secret, peers: [10.0.0.0/8]}
    kannel: {listen: ":2", user: v, secret: hunter3}
  out: {channel: pap, url: "http://ppg.test/pap", user: w, secret: s, timeout: 2s, tries: 3, backoff_min: 4s, backoff_max: 5s}
`})
	c, err := Load(filepath.Join(dir, "f.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	want := Triggers{
		In: TriggersIn{DefaultNonce: notify.DefaultFirst, ReplayWindow: time.Hour, PeerRate: 5,
			UDP:    []TriggerUDP{{":2948", "meter-7", []Network{"192.0.2.1", "2001:db8::/32"}}},
			PAP:    TriggerHTTP{":1", "u", "hunter2", "secret", []Network{"10.0.0.0/8"}},
			Kannel: TriggerHTTP{":2", "v", "hunter3", "", nil}},
		Out: TriggersOut{OutPAP, "http://ppg.test/pap", "w", "s", "", 2 * time.Second, 3, 4 * time.Second, 5 * time.Second},
	}
	if diff := cmp.Diff(want, c.Triggers, cmp.Comparer(func(a, b []Network) bool {
		return cmp.Equal(Prefixes(a), Prefixes(b), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }))
	})); diff != "" {
		t.Error(diff)
	}
	if c.Triggers.In.PAP.Secret != "hunter2" || c.Triggers.In.Kannel.Secret != "hunter3" {
		t.Error("the secrets are others") // cmp shows them redacted, and compares what they are
	}
	if got := Prefixes(c.Triggers.In.UDP[0].Peers); len(got) != 2 || !got[0].Contains(netip.MustParseAddr("192.0.2.1")) || got[0].Contains(netip.MustParseAddr("192.0.2.2")) {
		t.Errorf("peers %v", got)
	}
}

// TestTriggerProblems: the whole message for each thing that can be wrong.
func TestTriggerProblems(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"in: {udp: [{device: a}]}", `triggers.in.udp[0].listen: is missing; give a UDP address, such as :2948`},
		{"in: {udp: [{listen: '2948'}]}", `triggers.in.udp[0].listen: "2948": want an address and a port of 0 to 65535, such as :5683 or 127.0.0.1:8080`},
		{"in: {udp: [{listen: ':1', peers: [x]}]}", `triggers.in.udp[0].peers[0]: "x": want an address or a network, such as 192.0.2.7 or 192.0.2.0/24`},
		{"in: {pap: {listen: ':1'}}", `triggers.in.pap.user: is missing, and so are peers: anybody could send triggers; give user and secret, or peers`},
		{"in: {kannel: {listen: ':1', user: u}}", `triggers.in.kannel.user: and secret (or secret_file) belong together; one of them is missing`},
		{"in: {pap: {user: u, secret: s}}", `triggers.in.pap.listen: is missing; without it there is no such channel, and the other keys have no effect`},
		{"in: {pap: {listen: ':1', user: u, secret: s, secret_file: f}}", `triggers.in.pap.secret_file: and secret are both given; remove one`},
		{"in: {pap: {listen: ':65536', peers: [127.0.0.1]}}", `triggers.in.pap.listen: ":65536": want an address and a port of 0 to 65535, such as :5683 or 127.0.0.1:8080`},
		{"in: {peer_rate: 0}", `triggers.in.peer_rate: "0": want 1 to 10000000`},
		{"in: {replay_window: 59s}", `triggers.in.replay_window: "59s": want 1m to 8760h`},
		{"in: {default_nonce: no}", `triggers.in.default_nonce: "no": want always, first or never`},
		{"out: {channel: pap}", `triggers.out.url: is missing; it is that of the gateway`},
		{"out: {channel: kannel, url: 'http://u:hunter2@h'}", `triggers.out.url: user and password do not belong into the URL; use triggers.out.user`},
		{"out: {channel: udp, url: 'http://h'}", `triggers.out.channel: udp has no gateway: url, user and secret have no effect`},
		{"out: {channel: pap, url: 'http://h', user: u}", `triggers.out.user: and secret (or secret_file) belong together; one of them is missing`},
		{"out: {backoff_min: 1h}", `triggers.out.backoff_min: 1h0m0s is more than triggers.out.backoff_max 10m0s`},
	} {
		_, err := parse("f.yaml", []byte("triggers: {"+tt.text+"}\n"))
		if err == nil || err.Error() != "f.yaml:1: "+tt.want {
			t.Errorf("%s\ngot  %v\nwant f.yaml:1: %s", tt.text, err, tt.want)
		}
	}
}

// TestNumbers: how a telephone number may be written.
func TestNumbers(t *testing.T) {
	for text, want := range map[string]string{
		"+49 151-123.45678": "4915112345678", "004915112345678": "4915112345678", "4915112345678": "4915112345678", "(123)": "123",
		"123456789012345": "123456789012345", "1234567890123456": "", "12": "", "": "", "+": "", "+49x1": "", "++4912": "", "٤٩١": "",
	} {
		if got, ok := Number(text); got != want || ok != (want != "") {
			t.Errorf("%q is %q, %v; want %q", text, got, ok, want)
		}
	}
}

// TestNumberOf: from the file, else from the template.
func TestNumberOf(t *testing.T) {
	dir := writeFiles(t, map[string]string{"a.csv": "endpoint,msisdn\nmeter-1,+49 151\nmeter-2,\nurn:imei-msisdn:35-4930,\n",
		"f.yaml": minimal + "    account: {mode: file, file: a.csv}\n"})
	c, err := Load(filepath.Join(dir, "f.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for endpoint, want := range map[string]string{"meter-1": "49151", "meter-2": "", "urn:imei-msisdn:35-4930": "4930", "urn:imei-msisdn:35-x": ""} {
		if got, ok := c.NumberOf(endpoint); got != want || ok != (want != "") {
			t.Errorf("%s has %q, %v; want %q", endpoint, got, ok, want)
		}
	}
	if !c.Serves("srv") || c.Serves("other") {
		t.Error("Serves is wrong")
	}
	if _, ok := Default().NumberOf("meter-1"); ok {
		t.Error("a device of nobody has a number")
	}
}

// TestNumberProblems: what the column msisdn may not hold.
func TestNumberProblems(t *testing.T) {
	dir := writeFiles(t, map[string]string{"a.csv": "endpoint,msisdn\na,+49151\nb,0049 151\nc,soon\n", "f.yaml": minimal + "    account: {mode: file, file: a.csv}\n"})
	_, err := Load(filepath.Join(dir, "f.yaml"))
	problems, ok := errors.AsType[Problems](err)
	if !ok || len(problems) != 2 || !strings.Contains(problems[0].Error(), `a.csv:3: msisdn "0049 151" is that of a too, in line 2`) ||
		!strings.Contains(problems[1].Error(), `a.csv:4: msisdn "soon" is no telephone number, such as +4915112345678`) {
		t.Errorf("got %v", err)
	}
}
