package pkgserver

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/simpackage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, cfg Config) (*Server, string, *http.Client) {
	t.Helper()
	s := New(cfg)
	srv := httptest.NewServer(s)
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	return s, srv.URL, &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

func get(t *testing.T, c *http.Client, url string, header ...string) (*http.Response, []byte, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(header) == 2 {
		req.Header.Set(header[0], header[1])
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp, b, err
}

func TestBehaviours(t *testing.T) {
	s, url, c := start(t, Config{Size: 3000, Slow: time.Microsecond})
	good := Body(Config{Size: 3000}, "ok", "radio", "2.0")
	for _, tc := range []struct {
		behaviour string
		status    int
		opens     error // of the package
		cut       bool  // the body does not arrive whole
	}{
		{"ok", 200, nil, false},
		{"announced", 200, nil, false},
		{"slow", 200, nil, false},
		{"chunked", 200, nil, false},
		{"corrupt", 200, simpackage.ErrDigest, false},
		{"foreign", 200, simpackage.ErrFormat, false},
		{"wrong-digest", 200, nil, false},
		{"short", 200, nil, true},
		{"reset", 200, nil, true},
		{"redirect", 302, nil, false},
		{"loris", 200, nil, false},
		{"gzip", 200, simpackage.ErrFormat, false},
		{"wrong-range", 200, nil, true},
		{"status-401", 401, nil, false},
		{"status-599", 599, nil, false},
	} {
		resp, b, err := get(t, c, url+Path(tc.behaviour, "radio", "2.0"))
		if resp.StatusCode != tc.status || (err != nil) != tc.cut {
			t.Errorf("%s: %d, %v", tc.behaviour, resp.StatusCode, err)
			continue
		}
		if s.Count(tc.behaviour) != 1 {
			t.Errorf("%s: counted %d", tc.behaviour, s.Count(tc.behaviour))
		}
		if tc.status != 200 || tc.cut {
			continue
		}
		p, err := simpackage.Open(b)
		if !errors.Is(err, tc.opens) || err == nil && (p.Name != "radio" || p.Version != "2.0" || !bytes.Equal(b, good)) {
			t.Errorf("%s: package %q %q, %v", tc.behaviour, p.Name, p.Version, err)
		}
		if length := resp.Header.Get("Content-Length"); tc.behaviour != "chunked" && tc.behaviour != "gzip" && length != strconv.Itoa(len(good)) {
			t.Errorf("%s: Content-Length %q", tc.behaviour, length)
		}
	}
}

func TestRange(t *testing.T) {
	_, url, c := start(t, Config{})
	good := Body(Config{}, "ok", "a", "1")
	resp, b, err := get(t, c, url+Path("ok", "a", "1"), "Range", "bytes=10-19")
	if resp.StatusCode != http.StatusPartialContent || !bytes.Equal(b, good[10:20]) || err != nil {
		t.Errorf("%d, %q, %v", resp.StatusCode, b, err)
	}
}

// TestWrongRange: what comes is not what was asked for, and says so.
func TestWrongRange(t *testing.T) {
	_, url, c := start(t, Config{})
	good := Body(Config{}, "ok", "a", "1")
	resp, b, err := get(t, c, url+Path("wrong-range", "a", "1"), "Range", "bytes=1000-")
	if resp.StatusCode != http.StatusPartialContent || !strings.HasPrefix(resp.Header.Get("Content-Range"), "bytes 0-") ||
		!bytes.Equal(b, good[:len(good)/2]) || err != nil {
		t.Errorf("%d, %q, %d bytes, %v", resp.StatusCode, resp.Header.Get("Content-Range"), len(b), err)
	}
}

// TestNeverWhole: those that go on for ever end when the client does.
func TestNeverWhole(t *testing.T) {
	_, url, c := start(t, Config{Slow: time.Microsecond})
	for _, behaviour := range []string{"mute", "loris-header", "endless"} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+Path(behaviour, "a", "1"), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Do(req)
		if (err == nil) != (behaviour == "endless") {
			t.Errorf("%s: %v", behaviour, err)
		}
		if err == nil {
			if _, err = io.Copy(io.Discard, resp.Body); err == nil {
				t.Errorf("%s: it ended", behaviour)
			}
			resp.Body.Close()
		}
		cancel()
	}
}

func TestStallEndsWithTheClient(t *testing.T) {
	_, url, c := start(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+Path("stall", "a", "1"), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	half := make([]byte, len(Body(Config{}, "stall", "a", "1"))/2)
	if _, err := io.ReadFull(resp.Body, half); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := resp.Body.Read(half); err == nil {
		t.Error("more than half arrived")
	}
}

func TestBadRequests(t *testing.T) {
	var asked []string
	_, url, c := start(t, Config{OnRequest: func(p string) { asked = append(asked, p) }})
	for path, want := range map[string]int{
		"/":                             404,
		"/ok/x":                         404,
		"/ok/nodash.pkg":                404,
		"/sulk/a-1.pkg":                 404,
		"/status-200/a-1.pkg":           404,
		"/status-600/a-1.pkg":           404,
		"/ok/a-1.pkg?size=-1":           400,
		"/ok/a-1.pkg?size=x":            400,
		"/ok/a-1.pkg?size=" + overLimit: 400,
	} {
		resp, b, _ := get(t, c, url+path)
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, want)
		}
		if path == "/sulk/a-1.pkg" && !strings.Contains(string(b), "announced, chunked, corrupt") {
			t.Errorf("the known behaviours are not listed: %s", b)
		}
	}
	if len(asked) != 9 {
		t.Errorf("OnRequest was called %d times, want 9", len(asked))
	}
	resp, b, err := get(t, c, url+"/ok/a-1.pkg?size=10")
	if p, openErr := simpackage.Open(b); resp.StatusCode != 200 || err != nil || openErr != nil || len(p.Payload) != 10 {
		t.Errorf("size=10: %d bytes, %v, %v", len(p.Payload), err, openErr)
	}
}

var overLimit = strconv.Itoa(MaxSize + 1)

func TestSeedAndNameDecideTheBytes(t *testing.T) {
	one := Body(Config{Seed: 1}, "ok", "a", "1")
	if !bytes.Equal(one, Body(Config{Seed: 1}, "ok", "a", "1")) {
		t.Error("the same seed and name gave other bytes")
	}
	for _, other := range [][]byte{Body(Config{Seed: 2}, "ok", "a", "1"), Body(Config{Seed: 1}, "ok", "a", "2")} {
		if bytes.Equal(one, other) {
			t.Error("another seed or version gave the same bytes")
		}
	}
}

// TestSlowHead: HEAD of what comes slowly is answered and over; the next request
// on the connection would have to wait for the rest.
func TestSlowHead(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel() // so that nothing pauses
	w := httptest.NewRecorder()
	New(Config{}).ServeHTTP(w, httptest.NewRequestWithContext(over, http.MethodHead, Path("slow", "radio", "2.0"), nil))
	if n := w.Body.Len(); n > 0 || w.Header().Get("Content-Length") == "" {
		t.Errorf("%d bytes for HEAD, %v", n, w.Header())
	}
}
