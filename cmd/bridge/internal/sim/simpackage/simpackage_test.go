package simpackage

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBuildAndOpen(t *testing.T) {
	want := Package{Name: "radio", Version: "2.0", Payload: []byte("a\n\nb")}
	got, err := Open(Build(want))
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

func TestOpenErrors(t *testing.T) {
	good := Build(Package{Name: "radio", Version: "2.0", Payload: []byte("payload")})
	changed := bytes.Clone(good)
	changed[len(changed)-1] ^= 1
	for name, tc := range map[string]struct {
		in   []byte
		want error
	}{
		"changed payload":  {changed, ErrDigest},
		"cut off":          {good[:len(good)-1], ErrDigest},
		"empty":            {nil, ErrFormat},
		"other magic":      {good[1:], ErrFormat},
		"no end of header": {good[:40], ErrFormat},
		"no digest":        {[]byte(magic + "name: x\n\n"), ErrFormat},
		"short digest":     {[]byte(magic + "sha256: 00\n\n"), ErrFormat},
	} {
		if _, err := Open(tc.in); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
	// The longest header that is still read, and one byte more.
	digest := strings.TrimPrefix(strings.Split(string(Build(Package{})), "\n")[3], "sha256: ")
	line := "sha256: " + digest + "\n"
	for n, want := range map[int]error{maxHeader: nil, maxHeader + 1: ErrFormat} {
		if _, err := Open([]byte(magic + line + strings.Repeat("x", n-len(line)-2) + "\n\n")); !errors.Is(err, want) {
			t.Errorf("header of %d bytes: %v, want %v", n, err, want)
		}
	}
}
