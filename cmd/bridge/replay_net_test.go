package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmserver"
)

// background runs a command until the function that it returns is called,
// which returns its exit code and all it printed. A line that matches names
// the address it serves at.
func background(t *testing.T, line *regexp.Regexp, args ...string) (address string, end func() (int, string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, args, nil, w, w)
		w.Close()
	}()
	var all bytes.Buffer
	in := bufio.NewReader(r)
	for address == "" {
		text, err := in.ReadString('\n')
		all.WriteString(text)
		if err != nil {
			t.Fatalf("%q ended: %s", args, &all)
		}
		if m := line.FindStringSubmatch(text); m != nil {
			address = m[1]
		}
	}
	rest := make(chan struct{})
	go func() {
		defer close(rest)
		_, _ = io.Copy(&all, in)
	}()
	return address, func() (int, string) {
		c := -1
		if args[0] == "record" { // ends only when it is told to
			cancel()
		}
		c = <-code
		<-rest
		cancel()
		return c, all.String()
	}
}

func sessionsDir(name string) string { return filepath.Join("..", "..", "testdata", "sessions", name) }

func passFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pass")
	if err := os.WriteFile(path, []byte("pass\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRecordCommand plays a fixture through the recorder to a simulated server,
// and what was recorded to our own device: all is the same.
func TestRecordCommand(t *testing.T) {
	for _, layout := range []string{"folder", "txtar"} {
		server, err := dmserver.New(campaign(dmserver.AuthMD5))
		if err != nil {
			t.Fatal(err)
		}
		target := httptest.NewServer(server)
		defer target.Close()
		dir := filepath.Join(t.TempDir(), "out")
		address, end := background(t, regexp.MustCompile(`posted to (\S+) for`), "record", "--listen", "127.0.0.1:0", "--target", target.URL, "--out", dir, "--layout", layout, "--mask")
		pass := passFile(t)
		var out bytes.Buffer
		if code := run(t.Context(), []string{"replay", sessionsDir("fwupdate-wbxml"), "--url", address + "/dm", "--user", "user", "--secret-file", pass}, nil, &out, &out); code != exitDone {
			t.Errorf("played through the recorder: exit %d\n%s", code, &out)
		}
		code, said := end()
		if code != exitDone || strings.Count(said, "answer 200 with") < 9 {
			t.Errorf("record: exit %d\n%s", code, said)
		}
		out.Reset()
		// Each session is a recording of its own, and only the first begins with an empty device.
		first := filepath.Join(dir, "IMEI_490154203237518-1"+map[string]string{"txtar": ".txtar"}[layout])
		if code := run(t.Context(), []string{"replay", first, "--user", "user", "--secret-file", pass}, nil, &out, &out); code != exitDone {
			t.Errorf("the recording: exit %d\n%s", code, &out)
		}
		target.Close()
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestReplayListen plays the two sides of a fixture to each other, in two
// commands over a socket.
func TestReplayListen(t *testing.T) {
	for name, want := range map[string]int{"auth-md5": exitDone, "server-auth": exitFailed} {
		address, end := background(t, regexp.MustCompile(`waiting for a device at (\S+)`), "replay", sessionsDir("auth-md5"), "--listen", "127.0.0.1:0")
		var out bytes.Buffer
		code := run(t.Context(), []string{"replay", sessionsDir(name), "--url", address}, nil, &out, &out)
		if code != want {
			t.Errorf("%s as the client: exit %d\n%s", name, code, &out)
		}
		if name != "auth-md5" { // the server waits for the second session
			if code := run(t.Context(), []string{"replay", sessionsDir("auth-md5"), "--url", address}, nil, &out, &out); code == exitDone {
				t.Errorf("after another session: exit %d\n%s", code, &out)
			}
		}
		if got, said := end(); got != want {
			t.Errorf("%s: the server: exit %d, want %d\n%s", name, got, want, said)
		}
	}
}
