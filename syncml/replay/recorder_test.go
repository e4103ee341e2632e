package replay_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/replay"
)

// proxy is a recording proxy before a handler.
func proxy(t *testing.T, h http.Handler, layout replay.Layout, mask bool) (address, dir string) {
	t.Helper()
	target := httptest.NewServer(h)
	t.Cleanup(target.Close)
	u, err := url.Parse(target.URL + "/target?a=b")
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(t.TempDir(), "out")
	rec, err := replay.NewRecorder(dir, layout, mask)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true}
	p := httptest.NewServer(replay.NewProxy(replay.ProxyOptions{Target: u, Recorder: rec, Transport: transport}))
	t.Cleanup(func() { p.Close(); transport.CloseIdleConnections(); http.DefaultClient.CloseIdleConnections() })
	return p.URL, dir
}

func post(t *testing.T, address string, body []byte) (int, []byte, http.Header) {
	t.Helper()
	resp, err := http.Post(address, syncml.XML.MIME(), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, b, resp.Header
}

// TestProxy: bodies go through byte for byte, and sessions that run at the
// same time are recorded apart.
func TestProxy(t *testing.T) {
	for layout, pattern := range map[replay.Layout]string{replay.Folders: "*", replay.Archives: "*.txtar"} {
		echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/target" || r.URL.RawQuery != "a=b" && r.URL.RawQuery != "sid=1" || r.Header.Get("X-Forwarded-For") != "" {
				t.Errorf("reached as %s, header %v", r.URL, r.Header)
			}
			b, _ := io.ReadAll(r.Body)
			w.Header().Set("Content-Type", syncml.XML.MIME())
			w.WriteHeader(http.StatusAccepted)
			_, _ = w.Write(b)
		})
		address, dir := proxy(t, echo, layout, false)
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for msg := range 3 {
					m := package1(fmt.Sprint(i))
					m.Header.MsgID = fmt.Sprint(msg + 1)
					body := append([]byte("\n <!-- ä -->"), encoded(t, m)...)
					status, got, _ := post(t, address+"/dm?sid=1", body)
					if status != http.StatusAccepted || !bytes.Equal(got, body) {
						t.Errorf("status %d, %d of %d bytes", status, len(got), len(body))
					}
				}
			})
		}
		wg.Wait()
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(found) != 8 {
			t.Fatalf("%q, %v; want 8 sessions", found, err)
		}
		for i, path := range found {
			rec, err := replay.Load(path)
			if err != nil || len(rec.Sessions) != 1 || rec.Messages() != 6 {
				t.Fatalf("%s: %+v, %v", path, rec, err)
			}
			for n, e := range rec.Sessions[0].Exchanges {
				m, _, err := e.Request.Decode()
				if err != nil || m.Header.MsgID != fmt.Sprint(n+1) || m.Header.SessionID != fmt.Sprint(i) ||
					!bytes.Equal(e.Request.Body, e.Response.Body) || e.Response.Status != http.StatusAccepted {
					t.Errorf("%s: message %d: %+v, %v", path, n+1, e, err)
				}
			}
		}
	}
}

// TestProxyErrors: the target's errors are passed on and recorded; what is too
// long, and a target that is not there, have a status of their own.
func TestProxyErrors(t *testing.T) {
	address, dir := proxy(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("Content-Type") {
		default:
			panic(http.ErrAbortHandler)
		case syncml.XML.MIME():
		}
		if n, _ := io.Copy(io.Discard, r.Body); n == replay.MaxBody {
			_, _ = w.Write(make([]byte, replay.MaxBody+1))
			return
		}
		w.Header().Set("Retry-After", "7")
		http.Error(w, "busy", http.StatusServiceUnavailable)
	}), replay.Folders, false)
	status, body, h := post(t, address, encoded(t, package1("1")))
	if status != 503 || string(body) != "busy\n" || h.Get("Retry-After") != "7" {
		t.Errorf("%d %q %v", status, body, h)
	}
	rec, err := replay.Load(filepath.Join(dir, "IMEI_1-1"))
	if err != nil || rec.Sessions[0].Exchanges[0].Response.Status != 503 || string(rec.Sessions[0].Exchanges[0].Response.Body) != "busy\n" {
		t.Errorf("%+v, %v", rec, err)
	}
	if status, body, _ := post(t, address, make([]byte, replay.MaxBody)); status != 502 || !strings.Contains(string(body), "over 4194304 bytes") {
		t.Errorf("an answer that is too long: %d %q", status, body)
	}
	if status, _, _ := post(t, address, make([]byte, replay.MaxBody+1)); status != 413 {
		t.Errorf("a message that is too long: %d", status)
	}
	resp, err := http.Post(address, "text/plain", strings.NewReader("x"))
	if err != nil || resp.StatusCode != 502 {
		t.Fatalf("a target that breaks off: %v, %v", resp, err)
	}
	resp.Body.Close()
}

// TestMask: no secret is in any file, all that passes is unchanged.
func TestMask(t *testing.T) {
	answer := encoded(t, withChal(message("1", 200, op("4", syncml.CmdReplace, "./DMAcc/a/AAuthSecret", "hunter2")), "secret nonce"))
	address, dir := proxy(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "hunter2=1")
		w.Header().Set("Content-Type", syncml.XML.MIME())
		_, _ = w.Write(answer)
	}), replay.Folders, true)
	request := encoded(t, withCred(package1("1"), "aHVudGVyMg=="))
	if _, got, h := post(t, address, request); !bytes.Equal(got, answer) || h.Get("Set-Cookie") != "hunter2=1" {
		t.Errorf("passed on: %q, %v", got, h)
	}
	post(t, address, []byte("hunter2, no message"))
	files := 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		files++
		for _, secret := range []string{"hunter2", "aHVudGVyMg==", "c2VjcmV0IG5vbmNl"} {
			if strings.Contains(string(b), secret) {
				t.Errorf("%s has %q:\n%s", path, secret, b)
			}
		}
		return err
	})
	if err != nil || files < 6 {
		t.Errorf("%d files, %v", files, err)
	}
	if rec, err := replay.Load(filepath.Join(dir, "IMEI_1-1")); err != nil || rec.Messages() != 2 {
		t.Errorf("%+v, %v", rec, err)
	}
}

// TestNames: a peer cannot choose where files go, and nothing is overwritten.
func TestNames(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	for range 2 { // the second recorder finds the folders of the first
		rec, err := replay.NewRecorder(dir, replay.Folders, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"../../etc", "..", "a/b", strings.Repeat("x", 300), "ä\x00"} {
			m := package1("../1")
			m.Header.Source.URI = strings.ReplaceAll(id, "\x00", "")
			path, err := rec.Record(replay.Exchange{Request: replay.Message{Body: encoded(t, m)}})
			if err != nil || filepath.Dir(path) != dir {
				t.Errorf("%q: %q, %v", id, path, err)
			}
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 10 {
		t.Errorf("%d folders, %v; want 10", len(entries), err)
	}
}

// TestModes: only masked recordings may be read by others.
func TestModes(t *testing.T) {
	for _, tt := range []struct {
		layout replay.Layout
		mask   bool
	}{{replay.Folders, false}, {replay.Folders, true}, {replay.Archives, false}, {replay.Archives, true}} {
		dir := t.TempDir()
		rec, err := replay.NewRecorder(dir, tt.layout, tt.mask)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rec.Record(replay.Exchange{Request: replay.Message{Body: encoded(t, package1("1"))}}); err != nil {
			t.Fatal(err)
		}
		files := 0
		err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || path == dir {
				return err
			}
			files++
			info, err := d.Info()
			if err == nil && !tt.mask && info.Mode().Perm()&0o077 != 0 {
				t.Errorf("layout %d: %s has mode %v", tt.layout, path, info.Mode())
			}
			if err == nil && tt.mask && info.Mode().Perm()&0o400 == 0 {
				t.Errorf("layout %d masked: %s has mode %v", tt.layout, path, info.Mode())
			}
			return err
		})
		if err != nil || files == 0 {
			t.Errorf("layout %d: %d files, %v", tt.layout, files, err)
		}
	}
}

// TestRepeat: a first message that is sent again belongs to its session; after
// that the number 1 begins a new one.
func TestRepeat(t *testing.T) {
	rec, err := replay.NewRecorder(t.TempDir(), replay.Archives, false)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, msg := range []string{"1", "1", "2", "1"} {
		m := package1("A")
		m.Header.MsgID = msg
		path, err := rec.Record(replay.Exchange{Request: replay.Message{Body: encoded(t, m)}})
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, filepath.Base(path))
	}
	if got := strings.Join(paths, " "); got != "IMEI_1-A.txtar IMEI_1-A.txtar IMEI_1-A.txtar IMEI_1-A-2.txtar" {
		t.Error(got)
	}
}

// TestMaxOpen: of more sessions than that the one that was silent longest is
// forgotten; its next message begins another recording.
func TestMaxOpen(t *testing.T) {
	rec, err := replay.NewRecorder(t.TempDir(), replay.Folders, false)
	if err != nil {
		t.Fatal(err)
	}
	rec.SetMaxOpen(2)
	var paths []string
	for _, id := range []string{"1", "2", "1", "3", "1", "2"} {
		m := package1(id)
		m.Header.MsgID = "2"
		path, err := rec.Record(replay.Exchange{Request: replay.Message{Body: encoded(t, m)}})
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, strings.TrimPrefix(filepath.Base(path), "IMEI_1-"))
	}
	if got := strings.Join(paths, " "); got != "1 2 1 3 1 2-2" {
		t.Error(got)
	}
}
