package ask

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// typist is somebody at a terminal.
type typist struct {
	io.Reader // what a pipe would give: must not be read
	line      string
	err       error
}

func (p typist) ReadHidden(context.Context) ([]byte, error) { return []byte(p.line), p.err }

func TestSecret(t *testing.T) {
	long := strings.Repeat("s", MaxSecret)
	for _, c := range []struct {
		name       string
		in         io.Reader
		want, fail string
	}{
		{"typed", typist{line: "hunter2"}, "hunter2", ""},
		{"spaces are part of it", typist{line: " hunter2 "}, " hunter2 ", ""},
		{"as long as allowed", typist{line: long}, long, ""},
		{"one over", typist{line: long + "s"}, "", "Secret: want a secret of 1 to 1024 bytes"},
		{"nothing", typist{}, "", "Secret: want a secret of 1 to 1024 bytes"},
		{"end of input", typist{err: io.EOF}, "", "Secret: nothing was typed"},
		{"interrupted", typist{err: context.Canceled}, "", "Secret: context canceled"},
		{"a pipe", strings.NewReader("hunter2\n"), "", ErrNoTerminal.Error()},
		{"nothing at all", nil, "", ErrNoTerminal.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			got, err := Secret(t.Context(), c.in, &out, "Secret")
			if string(got) != c.want || c.fail == "" && err != nil || c.fail != "" && (err == nil || !strings.HasPrefix(err.Error(), c.fail)) {
				t.Errorf("%d bytes, %v; want %d bytes, error %q", len(got), err, len(c.want), c.fail)
			}
			wantOut := "Secret: \n"
			if errors.Is(err, ErrNoTerminal) {
				wantOut = ""
			}
			if out.String() != wantOut {
				t.Errorf("the person sees %q; want %q", &out, wantOut)
			}
		})
	}
}

func TestFirstLine(t *testing.T) {
	dir := t.TempDir()
	long := strings.Repeat("s", MaxSecret)
	for _, c := range []struct{ name, content, want string }{
		{"one line", "hunter2\n", "hunter2"}, {"no line end", "hunter2", "hunter2"}, {"CR LF", "hunter2\r\n", "hunter2"},
		{"more lines", "hunter2\nremarks\n", "hunter2"}, {"spaces", " hunter2 \n", " hunter2 "},
		{"as long as allowed", long + "\r\n", long}, {"one over", long + "s", ""}, {"one over, with line end", long + "s\n", ""},
		{"empty", "", ""}, {"empty line", "\nhunter2\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(dir, strings.ReplaceAll(c.name, " ", "-"))
			if err := os.WriteFile(file, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			for name, in := range map[string]io.Reader{file: nil, Stdin: strings.NewReader(c.content)} {
				var out bytes.Buffer
				got, err := FirstLine(t.Context(), name, in, &out, "Secret")
				if string(got) != c.want || (err == nil) != (c.want != "") || out.Len() > 0 {
					t.Errorf("%s: %d bytes, %v, shown %q; want %d bytes", name, len(got), err, &out, len(c.want))
				}
				if err != nil && (strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "sss")) {
					t.Errorf("the error shows the content: %v", err)
				}
			}
		})
	}
	if _, err := FirstLine(t.Context(), filepath.Join(dir, "none"), nil, io.Discard, ""); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	// "-" at a terminal is asked: a secret is never typed where it shows.
	if got, err := FirstLine(t.Context(), Stdin, typist{line: "hunter2"}, io.Discard, "Secret"); got != "hunter2" || err != nil {
		t.Errorf("- at a terminal: %d bytes, %v", len(got), err)
	}
}
