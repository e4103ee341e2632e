package replay_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/replay"
)

// TestForms: a session is the same as a folder and as an archive, in both
// encodings.
func TestForms(t *testing.T) {
	dirs, err := replay.Find(sessions)
	if err != nil || len(dirs) < 15 {
		t.Fatalf("%d recordings, %v", len(dirs), err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			want, err := replay.Load(dir)
			if err != nil {
				t.Fatal(err)
			}
			var archive []byte
			again := t.TempDir()
			next := 1
			for _, s := range want.Sessions {
				archive = s.AppendTxtar(archive)
				if err := s.WriteFolder(again, next); err != nil {
					t.Fatal(err)
				}
				next += 2 * len(s.Exchanges)
			}
			got, err := replay.ParseTxtar(archive)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want.Sessions, got); d != "" {
				t.Errorf("archive (-folder +archive):\n%s", d)
			}
			copied, err := replay.Load(again)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want.Sessions, copied.Sessions); d != "" {
				t.Errorf("written again (-first +second):\n%s", d)
			}
			if copied.Messages() == 0 || copied.Messages() != want.Messages() {
				t.Errorf("%d messages, want %d", copied.Messages(), want.Messages())
			}
		})
	}
}

// TestTxtarKeepsBytes: bodies that look like the archive's own markup, or are
// no text, come back as they were.
func TestTxtarKeepsBytes(t *testing.T) {
	for _, body := range []string{"", "a", "a\n", "\n", "-- x --\n", "-- --", "a\n-- --\n", "a\n-- 03-c2s.xml --\nb", "\x02\x00\xff", "a\r\nb", "ä"} {
		s := replay.Session{Exchanges: []replay.Exchange{{Request: replay.Message{Body: []byte(body)}}}}
		got, err := replay.ParseTxtar(s.AppendTxtar(nil))
		if err != nil || len(got) != 1 || string(got[0].Exchanges[0].Request.Body) != body {
			t.Errorf("%q became %+v, %v", body, got, err)
		}
	}
}

// archive is an HTTP archive of exchanges.
func archive(t *testing.T, mime string, bodies ...[2][]byte) []byte {
	t.Helper()
	type m = map[string]any
	var entries []m
	for _, b := range bodies {
		entries = append(entries, m{
			"request": m{"method": "POST", "url": server, "headers": []m{{"name": ":path", "value": "/dm"}, {"name": "User-Agent", "value": "x"}},
				"postData": m{"mimeType": mime, "text": base64.StdEncoding.EncodeToString(b[0]), "encoding": "base64"}},
			"response": m{"status": 200, "headers": []m{}, "content": m{"mimeType": mime, "encoding": "base64", "text": base64.StdEncoding.EncodeToString(b[1])}},
		})
	}
	entries = append(entries, m{"request": m{"method": "GET", "url": server}, "response": m{"status": 200}},
		m{"request": m{"method": "POST", "url": server, "postData": m{"mimeType": "text/html", "text": "no"}}, "response": m{"status": 200}})
	b, err := json.Marshal(m{"log": m{"entries": entries}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestHAR: the sessions in an archive are told apart by device and SessionID,
// also when they run at the same time; what is no SyncML is left out.
func TestHAR(t *testing.T) {
	second := package1("1")
	second.Header.MsgID = "2"
	pair := func(m *syncml.Message) [2][]byte { return [2][]byte{encoded(t, m), encoded(t, message("1", 200))} }
	data := archive(t, "application/vnd.syncml.dm+xml; charset=utf-8", pair(package1("1")), pair(package1("2")), pair(second), pair(package1("1")))
	path := filepath.Join(t.TempDir(), "x.har")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	rec, err := replay.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range rec.Sessions {
		names := s.Name + ":"
		for _, e := range s.Exchanges {
			names += " " + e.Request.Name
		}
		got = append(got, names)
	}
	want := []string{"session 1 of IMEI:1: entry 1 request entry 3 request", "session 2 of IMEI:1: entry 2 request", "session 1 of IMEI:1: entry 4 request"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if h := rec.Sessions[0].Exchanges[0].Request.Header; len(h) != 1 || h.Get("User-Agent") != "x" {
		t.Errorf("header %v", h)
	}
}

// TestBadRecordings: the error names the file and the reason.
func TestBadRecordings(t *testing.T) {
	good := string(encoded(t, package1("1")))
	for name, want := range map[string]struct{ content, err string }{
		"answer.txtar":  {"-- 01-s2c.xml --\n" + good, "01-s2c.xml: an answer without a message of the client before it"},
		"twice.txtar":   {"-- 01-c2s.xml --\n" + good + "\n-- 01-c2s.wbxml --\n" + good, "a second body"},
		"hex.txtar":     {"-- 01-c2s.wbxml.hex --\nzz\n", "01-c2s.wbxml.hex: not hexadecimal text"},
		"http.txtar":    {"-- 01-c2s.http --\n\n", "no HTTP start line"},
		"status.txtar":  {"-- 01-s2c.http --\nHTTP/1.1 fine\n", "the HTTP status is no number"},
		"header.txtar":  {"-- 01-c2s.http --\nPOST / HTTP/1.1\nno header\n", "the HTTP header cannot be read"},
		"nothing.txtar": {"-- readme --\n", replay.ErrNothing.Error()},
		"marker.txtar":  {"a\n-- --\n", "a marker without a name"},
		"json.har":      {"{", "no JSON at byte"},
		"log.har":       {"{}", "it has no log"},
		"shape.har":     {`{"log": 1}`, "not an HTTP archive"},
		"empty.har":     {`{"log": {"entries": []}}`, replay.ErrNothing.Error()},
		"b64.har": {`{"log": {"entries": [{"request": {"method": "POST", "postData": {"mimeType": "application/vnd.syncml.dm+xml", "text": "<", "encoding": "base64"}}}]}}`,
			"entry 1 request: a body that is not base64"},
		"enc.har": {`{"log": {"entries": [{"request": {"method": "POST", "postData": {"mimeType": "application/vnd.syncml.dm+xml", "encoding": "rot13"}}}]}}`,
			"unknown encoding"},
		"wbxml.har": {`{"log": {"entries": [{"request": {"method": "POST", "postData": {"mimeType": "application/vnd.syncml.dm+wbxml", "text": "j\u0000?"}}}]}}`,
			"record it as base64"},
		"session.xml": {good, "not a recording: want a folder, a .txtar, a .har or a .pcap"},
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(want.content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := replay.Load(path)
		if err == nil || !strings.HasPrefix(err.Error(), path+": ") || !strings.Contains(err.Error(), want.err) {
			t.Errorf("%s: %v; want %q", name, err, want.err)
		}
	}
	if _, err := replay.Load(t.TempDir()); !errors.Is(err, replay.ErrNothing) {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := replay.Find(t.TempDir()); !errors.Is(err, replay.ErrNothing) {
		t.Errorf("nothing below: %v", err)
	}
	if _, err := replay.Load(filepath.Join(t.TempDir(), "no.har")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// TestMaxFile: at the limit a file is read, one byte over it is not.
func TestMaxFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large.har")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size, want := range map[int64]string{replay.MaxFile: "no JSON at byte 1", replay.MaxFile + 1: "larger than 67108864 bytes"} {
		if err := f.Truncate(size); err != nil { // a hole, which costs no disk
			t.Fatal(err)
		}
		if _, err := replay.Load(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d bytes: %v; want %q", size, err, want)
		}
	}
}

// TestMaxMessages: at the limit an archive is read, one message over it is not.
func TestMaxMessages(t *testing.T) {
	for n, want := range map[int]string{replay.MaxMessages: "", replay.MaxMessages + 1: "more than 20000 messages"} {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "-- %d-c2s.bin --\nx\n", i+1)
		}
		_, err := replay.ParseTxtar([]byte(b.String()))
		if got := fmt.Sprint(err); err != nil && !strings.Contains(got, want) || (err != nil) != (want != "") {
			t.Errorf("%d messages: %v; want %q", n, err, want)
		}
	}
}

// TestLostAnswer: an exchange whose answer was not recorded stays one.
func TestLostAnswer(t *testing.T) {
	x := "-- 01-c2s.xml --\n" + string(encoded(t, package1("1"))) + "\n"
	got, err := replay.ParseTxtar([]byte(x + strings.ReplaceAll(x, "01-", "03-") + "-- 04-s2c.http --\nHTTP/1.1 503 Busy\n"))
	if err != nil || len(got) != 1 || len(got[0].Exchanges) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	if first, second := got[0].Exchanges[0].Response, got[0].Exchanges[1].Response; first.Body != nil || first.Status != 0 || second.Status != 503 {
		t.Errorf("answers %+v and %+v", first, second)
	}
}

// FuzzParse: no archive makes it panic, and what is read is read again from
// what it writes.
func FuzzParse(f *testing.F) {
	f.Add([]byte("-- 01-c2s.xml --\n<SyncML/>\n-- 02-s2c.http --\nHTTP/1.1 200 OK\nA: b\n"))
	f.Add([]byte("-- 01-c2s.wbxml.hex --\n02a4\n-- 00-trigger.bin.hex --\n00\n"))
	f.Add([]byte(`{"log": {"entries": [{"request": {"method": "POST", "postData": {"mimeType": "application/vnd.syncml.dm+xml", "text": "x"}}}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = replay.ParseHAR(data)
		list, err := replay.ParseTxtar(data)
		if err != nil || len(list) != 1 {
			return
		}
		again, err := replay.ParseTxtar(list[0].AppendTxtar(nil))
		if err != nil || len(again) != 1 || len(again[0].Exchanges) != len(list[0].Exchanges) {
			t.Fatalf("%v, %d sessions from\n%s", err, len(again), list[0].AppendTxtar(nil))
		}
		for i, e := range list[0].Exchanges {
			if a := again[0].Exchanges[i]; string(a.Request.Body) != string(e.Request.Body) || string(a.Response.Body) != string(e.Response.Body) {
				t.Fatalf("exchange %d has other bodies", i+1)
			}
		}
	})
}
