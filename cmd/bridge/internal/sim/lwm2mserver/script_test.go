package lwm2mserver_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mserver"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

func TestParseStep(t *testing.T) {
	big := filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(big, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(big, 16<<20+1); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ text, want string }{
		{"", "no verb"},
		{"explode", "unknown step"},
		{"observe", "want the numbers of resources"},
		{"observe 65536", "not the number of a resource"},
		{"write", "want a resource and a value"},
		{"write 3 a b", "want a resource and a value"},
		{"push", "want a file"},
		{"push /no/such/file", "no such file"},
		{"push " + big, "at most 16777216"},
		{"install now", "takes no argument"},
		{"uninstall 1 2", "want one argument"},
		{"create 65535", "not the number of an instance"},
		{"delete", "want the number of an instance"},
		{"wait", "want conditions"},
		{"wait timeout=5s", "want conditions"},
		{"wait state=GONE", "unknown state"},
		{"wait result=nice", "unknown result"},
		{"wait activation=MAYBE", "unknown activation"},
		{"wait colour=red", "unknown condition"},
		{"wait installed|", "condition is missing"},
		{"wait installed timeout=0s", "not a duration"},
		{"pause", "want a duration"},
		{"pause -1s", "not a duration"},
		{"refused 2.04 install", "not a CoAP error code"},
		{"refused 4.5 install", "not a CoAP error code"},
		{"refused 4.05", "no verb"},
		{"refused 4.05 wait installed", "cannot refuse that"},
	} {
		if s, err := lwm2mserver.ParseStep(tc.text); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: %v, %v, want %q", tc.text, s, err, tc.want)
		}
	}
	if err := os.Truncate(big, 16<<20); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"push " + big, "create", "create 65534", "uninstall 0='1'", "write 3", "write 14 user", "observe 0 65535",
		"wait state=DELIVERED|failed result=not-enough-storage timeout=1m", "expect state=3 result=51 name=x version=1", "refused 4.05 install"} {
		if s, err := lwm2mserver.ParseStep("  " + text + " "); err != nil || s.String() != text {
			t.Errorf("%q: %q, %v", text, s, err)
		}
	}
}

func TestLoadScript(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"", "no documents"},
		{"steps: []", "0 steps"},
		{"step: []", "step"},
		{"steps: [jump]", "unknown step"},
		{"steps: [install]\ndialect: old\ndevices: '['\ntimeout: -1s", "syntax error"},
		{"steps: [install]\ndialect: old\ndevices: '['\ntimeout: -1s", "must be registered or draft"},
		{"steps: [install]\ndialect: old\ndevices: '['\ntimeout: -1s", "must not be negative"},
		{"steps: [" + strings.Repeat("install,", 1001) + "]", "1001 steps"},
		{strings.Repeat(" ", 1<<20+1), "over 1048576 bytes"},
	} {
		if _, err := lwm2mserver.LoadScript(strings.NewReader(tc.text)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%.40q: %v, want %q", tc.text, err, tc.want)
		}
	}
	for _, text := range []string{"steps: [" + strings.Repeat("install,", 1000) + "]", "steps: [install]" + strings.Repeat(" ", 1<<20-16)} {
		if _, err := lwm2mserver.LoadScript(strings.NewReader(text)); err != nil {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}

// TestNeedsURL: a script that writes the package URL needs one.
func TestNeedsURL(t *testing.T) {
	c := listen(t)
	if _, err := lwm2mserver.New(lwm2mserver.Config{Conn: c}); err == nil || !strings.Contains(err.Error(), "no package URL") {
		t.Error(err)
	}
	if err := c.Close(); err == nil {
		t.Error("New left the connection open")
	}
}

func TestLoadKeys(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"", "no keys"},
		{"# only this", "no keys"},
		{"one", "line 1: want IDENTITY KEY"},
		{"one 00\ntwo 0", "line 2: want IDENTITY KEY"},
		{"one zz", "line 1: want IDENTITY KEY"},
		{"one ", "line 1: want IDENTITY KEY"},
		{"one " + strings.Repeat("00", dtls.MaxKey+1), "line 1: want IDENTITY KEY"},
		{strings.Repeat("i", dtls.MaxIdentity+1) + " 00", "line 1: the identity is over"},
	} {
		_, err := lwm2mserver.LoadKeys(strings.NewReader(tc.text))
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "zz") {
			t.Errorf("%.20q: %v, want %q", tc.text, err, tc.want)
		}
	}
	keys, err := lwm2mserver.LoadKeys(strings.NewReader(strings.Repeat("i", dtls.MaxIdentity) + " " + strings.Repeat("00", dtls.MaxKey)))
	if err != nil || len(keys) != 1 {
		t.Errorf("%d keys, %v", len(keys), err)
	}
	if text := fmt.Sprintf("%v", lwm2mserver.Keys{"one": dtls.Key("k1")}); strings.Contains(text, "107") || strings.Contains(text, "k1") {
		t.Errorf("a key was printed: %s", text)
	}
}
