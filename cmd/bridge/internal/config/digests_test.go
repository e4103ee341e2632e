package config

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadDigests(t *testing.T) {
	one, two := strings.Repeat("01", 32), strings.Repeat("02", 32)
	for _, row := range []struct {
		text, fault string
		n           int
	}{
		{"", "", 0},
		{"# what we have\n\nhttp://a.test/x " + one + "\r\nhttp://a.test/x?y=1\t" + strings.ToUpper(two), "", 2},
		{"http://a.test/x " + one + "\nhttp://a.test/x " + one, "", 1},
		{"http://a.test/x " + one + "\nhttp://a.test/x " + two, "line 2: the URL has another digest above", 0},
		{"http://a.test/x", "line 1: want a URL and its SHA-256", 0},
		{"http://a.test/x " + one + " " + two, "line 1: want a URL and its SHA-256", 0},
		{"\n/x " + one, "line 2: want a URL with a host, without a user and without #", 0},
		{"http://a.test/x#y " + one, "line 1: want a URL with a host, without a user and without #", 0},
		{"http://me@a.test/x " + one, "line 1: want a URL with a host, without a user and without #", 0},
		{"http://a.test/x " + one[1:], "line 1: want a SHA-256 of 64 hexadecimal digits", 0},
	} {
		got, err := readDigests([]byte(row.text))
		if fault := errorText(err); fault != row.fault || len(got) != row.n {
			t.Errorf("%q: %d, %q", row.text, len(got), fault)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestDigestsReachTheFetcher(t *testing.T) {
	o := loadLegacy(t).Packages.FetcherOptions()
	if d := o.Digests["http://a.example.com/radio.bin"]; len(o.Digests) != 1 || d.String() != strings.Repeat("ab", 32) {
		t.Errorf("%v", o.Digests)
	}
}

func TestDigestsLimit(t *testing.T) {
	var text strings.Builder
	line := func(i int) { fmt.Fprintf(&text, "http://a.test/%d %064x\n", i, i+1) }
	for i := range maxDigests {
		line(i)
	}
	line(0) // one that is there already counts once
	got, err := readDigests([]byte(text.String()))
	if err != nil || len(got) != maxDigests {
		t.Errorf("at the limit: %d, %v", len(got), err)
	}
	line(maxDigests)
	if _, err := readDigests([]byte(text.String())); errorText(err) != "more than 100000 URLs" {
		t.Errorf("one over the limit: %v", err)
	}
}

func TestDigestFileLimit(t *testing.T) {
	file := filepath.Join(t.TempDir(), "digests.txt")
	for _, row := range []struct {
		over int
		want string
	}{
		{0, ""},
		{1, "f.yaml:1: packages.digests: " + file + ": larger than 16MiB"},
	} {
		if err := os.WriteFile(file, bytes.Repeat([]byte("\n"), maxDigestFile+row.over), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := parse("f.yaml", []byte("packages: {digests: "+file+"}\n"))
		if got := errorText(err); got != row.want {
			t.Errorf("%d bytes over the limit: %q, want %q", row.over, got, row.want)
		}
	}
}

// TestDigestFaultsNameTheFile, and stand there once, whatever needs packages.
func TestDigestFaultsNameTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "digests.txt")
	if err := os.WriteFile(file, []byte("http://a.test/x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := "f.yaml:1: packages.digests: " + file + ": line 1: want a URL and its SHA-256"
	for _, way := range []string{"direct", "push"} {
		if _, err := parse("f.yaml", []byte("packages: {way: "+way+", digests: "+file+"}\n")); errorText(err) != want {
			t.Errorf("%s: %q, want %q", way, errorText(err), want)
		}
	}
}
