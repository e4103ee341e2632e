package status

import (
	"bytes"
	"strings"
	"testing"
)

func TestLine(t *testing.T) {
	for _, tc := range []struct {
		bytes, total int64
		rate         float64
		want         string
	}{
		{0, 1000, 0, "[........................]   0%  0 B of 1.0 kB"},
		{500, 1000, 100, "[############............]  50%  500 B of 1.0 kB  100 B/s  5s left"},
		{1000, 1000, 100, "[########################] 100%  1.0 kB of 1.0 kB  100 B/s"},
		{2_500_000, 0, 1_000_000, "[????????????????????????]  2.5 MB  1.0 MB/s"},
	} {
		if got := Line(tc.bytes, tc.total, tc.rate); got != tc.want {
			t.Errorf("%d of %d: %q, want %q", tc.bytes, tc.total, got, tc.want)
		}
	}
	for n, want := range map[float64]string{999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 2 << 40: "2.2 TB", 9e15: "9000.0 TB"} {
		if got := Bytes(n); got != want {
			t.Errorf("%v: %q, want %q", n, got, want)
		}
	}
}

// TestProgress: a bar that is drawn over on a terminal, a line for each tenth
// elsewhere.
func TestProgress(t *testing.T) {
	var plain, terminal bytes.Buffer
	for _, p := range []*Progress{{Out: &plain, Name: "pushed"}, {Out: &terminal, Name: "pushed", Terminal: true}} {
		for _, n := range []int64{0, 5, 10, 15, 100} {
			p.Show(n, 100, 0)
		}
		p.Note("again")
		p.Show(10, 100, 0)
		p.End()
	}
	if want := "pushed 10% (10 B of 100 B)\npushed 100% (100 B of 100 B)\nagain\npushed 10% (10 B of 100 B)\n"; plain.String() != want {
		t.Errorf("%q", &plain)
	}
	if s := terminal.String(); strings.Count(s, "\r") != 6 || strings.Count(s, "\n") != 3 {
		t.Errorf("%q", s)
	}
}

func TestCleanKeepsTheTerminal(t *testing.T) {
	if got := clean("a\x1b[2Jb\nc"); got != "a?[2Jb?c" {
		t.Errorf("%q", got)
	}
}
