package fleet

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/tlsfiles"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

func TestReadKeys(t *testing.T) {
	keys, err := ReadKeys(strings.NewReader("# bench\n\n dev-1 id-1 0a0B\r\ndev-2\tid-2  ff\n"))
	if err != nil {
		t.Fatal(err)
	}
	o, err := keys.For("dev-1", 7)
	if err != nil || o.Identity != "id-1" || string(o.Key) != "\x0a\x0b" {
		t.Errorf("dev-1 has %q %x, %v", o.Identity, []byte(o.Key), err)
	}
	if _, err := keys.For("dev-3", 3); err == nil || !strings.Contains(err.Error(), `"dev-3"`) {
		t.Errorf("a device without a key: %v", err)
	}
}

func TestReadKeysRefuses(t *testing.T) {
	long := func(n int) string { return strings.Repeat("ab", n) }
	for _, tc := range []struct{ text, want string }{
		{"d i " + long(dtls.MaxKey), ""},
		{"d i " + long(dtls.MaxKey+1), "line 1: a key of 65 bytes: at most 64"},
		{"d " + strings.Repeat("i", dtls.MaxIdentity) + " ab", ""},
		{"d " + strings.Repeat("i", dtls.MaxIdentity+1) + " ab", "line 1: an identity of 1025 bytes: at most 1024"},
		{"\nd secret", "line 2: want \"endpoint identity hexkey\", separated by spaces"},
		{"d i secret", "line 1: the key is not hexadecimal"},
		{"d i ab\nd j cd", "line 2: a second key for the same endpoint"},
		{"d i ab\n" + strings.Repeat("x", maxKeyLine+1), "line 2: bufio.Scanner: token too long"},
	} {
		_, err := ReadKeys(strings.NewReader(tc.text))
		if got := fmt.Sprint(err); tc.want == "" && err != nil || tc.want != "" && got != tc.want {
			t.Errorf("%.40q: %v, want %s", tc.text, err, tc.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%.40q: the error shows what was in the line: %v", tc.text, err)
		}
	}
}

// TestSeedIsWhatTheHelpSays: HMAC-SHA-256 of the name, as openssl makes it
// (printf dev-1 | openssl dgst -sha256 -hmac bench), cut to 16 bytes.
func TestSeedIsWhatTheHelpSays(t *testing.T) {
	const want = "80c572ef38197a798f10070bad1cb5ea"
	if got := hex.EncodeToString(Seed("bench").Key("dev-1")); got != want {
		t.Errorf("key %s, want %s", got, want)
	}
	if got := fmt.Sprint(Seed("bench").Key("dev-1")); strings.Contains(got, want[:4]) {
		t.Errorf("a key can be printed: %s", got)
	}
}

func TestCertificatesAreNumbered(t *testing.T) {
	_, err := Certificates{Files: tlsfiles.Files{Cert: "none-%d.pem", Key: "none-%d.key"}}.For("dev-3", 3)
	if err == nil || !strings.Contains(err.Error(), "none-3.") {
		t.Errorf("error %v, want one that names the file of device 3", err)
	}
}

// fakeLimits are a soft and a hard limit.
type fakeLimits struct {
	soft, hard uint64
	err        error
}

func (l *fakeLimits) get() (soft, hard uint64, err error) { return l.soft, l.hard, l.err }
func (l *fakeLimits) set(soft, hard uint64) error {
	l.soft, l.hard = soft, hard
	return nil
}

func TestOpenFiles(t *testing.T) {
	for _, tc := range []struct {
		limits fakeLimits
		soft   uint64 // afterwards
		want   string
	}{
		{fakeLimits{soft: 1000, hard: 5000}, 1000, ""},
		{fakeLimits{soft: 999, hard: 1000}, 1000, ""},
		{fakeLimits{soft: 999, hard: 999}, 999, "1000 files must be open at once, and this process may have 999: use fewer devices"},
		{fakeLimits{err: errors.ErrUnsupported}, 0, ""},
	} {
		err := raise(1000, &tc.limits)
		if got := fmt.Sprint(err); (err != nil) != (tc.want != "") || !strings.Contains(got, tc.want) || tc.limits.soft != tc.soft {
			t.Errorf("%+v: %v, want %q", tc.limits, err, tc.want)
		}
	}
	if err := CheckFiles(10); err != nil {
		t.Errorf("this process cannot have 10 files: %v", err)
	}
	delay := []lwm2mdevice.Fault{{Kind: lwm2mdevice.Delay}}
	if diff := cmp.Diff([]uint64{100 + spare, 300 + spare}, []uint64{Files(100, nil), Files(100, delay)}); diff != "" {
		t.Errorf("files (-want +got)\n%s", diff)
	}
}
