package notify

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// vectorKey is that of oma-dm.md, 7.1.
var vectorKey = Key{User: "dm.example.org", Secret: "s3rv3r-pw"}

// vector is a file of testdata/vectors: headers, an empty line, hex.
type vector struct {
	headers map[string]string
	bytes   []byte
}

func vectors(t testing.TB) map[string]vector {
	files, err := filepath.Glob("testdata/vectors/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no vectors", err)
	}
	all := map[string]vector{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		head, body, _ := strings.Cut(string(text), "\n\n")
		v := vector{headers: map[string]string{}, bytes: unhex(t, body)}
		for line := range strings.Lines(head) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			v.headers[key] = value
		}
		all[strings.TrimSuffix(filepath.Base(file), ".txt")] = v
	}
	return all
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestVectors: every vector is read, verified as it says, and built again to
// the same bytes.
func TestVectors(t *testing.T) {
	for name, v := range vectors(t) {
		t.Run(name, func(t *testing.T) {
			m, err := Parse(v.bytes)
			if err != nil {
				t.Fatal(err)
			}
			if m.Version != Version11 || m.UIMode != UIInformative || m.Initiator != ByServer || m.SessionText() != "2A7" || m.ServerID != "dm.example.org" || m.Vendor != nil {
				t.Errorf("read %+v", m)
			}
			var nonce Nonce
			if text := v.headers["nonce"]; text != "" {
				nonce = unhex(t, text)
			}
			match, err := m.Verify(vectorKey, nonce, DefaultAlways)
			if match.String() != v.headers["match"] || (err != nil) != (match == MatchNone) || err != nil && !errors.Is(err, ErrDigest) {
				t.Errorf("matches %v, %v; want %s", match, err, v.headers["match"])
			}
			if b, err := m.Append(nil); err != nil || !bytes.Equal(b, v.bytes) {
				t.Errorf("built again: %x, %v", b, err)
			}
			if match == MatchStored {
				again := *m
				again.Digest = Digest{}
				again.Sign(vectorKey, nonce)
				if again.Digest != m.Digest {
					t.Error("signing gives another digest")
				}
			}
		})
	}
}

// TestFirstBytes: the table of the first two trigger bytes in oma-dm.md, 7.
func TestFirstBytes(t *testing.T) {
	for want, m := range map[string]Message{
		"02c0": {UIMode: UINotSpecified}, "02d0": {UIMode: UIBackground}, "02e0": {UIMode: UIInformative}, "02f0": {UIMode: UIInteraction},
		"02c8": {Initiator: ByServer}, "02d8": {UIMode: UIBackground, Initiator: ByServer},
		"02e8": {UIMode: UIInformative, Initiator: ByServer}, "02f8": {UIMode: UIInteraction, Initiator: ByServer},
		"0300": {Version: 12}, "0338": {Version: 12, UIMode: UIInteraction, Initiator: ByServer},
	} {
		if m.Version == 0 {
			m.Version = Version11
		}
		m.SessionID, m.ServerID = 1, "s"
		b, err := m.Append(nil)
		if got := hex.EncodeToString(b[DigestSize : DigestSize+2]); err != nil || got != want {
			t.Errorf("%+v begins with %s, %v; want %s", m, got, err, want)
		}
	}
}

// TestDefaultPolicy: which triggers with a default nonce are good.
func TestDefaultPolicy(t *testing.T) {
	stored := Nonce("another")
	for _, tt := range []struct {
		policy DefaultPolicy
		stored Nonce
		good   bool
	}{
		{DefaultAlways, nil, true}, {DefaultAlways, stored, true},
		{DefaultFirst, nil, true}, {DefaultFirst, stored, false}, {DefaultFirst, Nonce{}, false},
		{DefaultNever, nil, false}, {DefaultNever, stored, false},
	} {
		for _, nonce := range []Nonce{DefaultNonce, DefaultNonceText} {
			m := Message{Version: Version11, SessionID: 1, ServerID: "s"}
			m.Sign(vectorKey, nonce)
			if _, err := m.Verify(vectorKey, tt.stored, tt.policy); (err == nil) != tt.good {
				t.Errorf("policy %d, stored %v: %v", tt.policy, tt.stored, err)
			}
		}
		m := Message{Version: Version11, SessionID: 1, ServerID: "s"}
		m.Sign(vectorKey, nil)
		if _, err := m.Verify(vectorKey, nil, tt.policy); err == nil {
			t.Error("a digest without a nonce is good while none was agreed")
		}
	}
}

// TestEverythingCounts: a change of any byte makes the digest wrong, and so
// does another key.
func TestEverythingCounts(t *testing.T) {
	m := Message{Version: Version11, Initiator: ByServer, Future: 5, SessionID: 7, ServerID: "dm", Vendor: []byte("vendor")}
	nonce := Nonce("0123456789abcdef")
	m.Sign(vectorKey, nonce)
	good, err := m.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		if m, err := Parse(bad); err == nil {
			if _, err := m.Verify(vectorKey, nonce, DefaultAlways); err == nil {
				t.Errorf("byte %d does not count", i)
			}
		}
	}
	for _, k := range []Key{{vectorKey.User, "other"}, {"other", vectorKey.Secret}} {
		if _, err := m.Verify(k, nonce, DefaultAlways); err == nil {
			t.Error("another key is good")
		}
	}
}
