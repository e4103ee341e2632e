package delivery

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var testKey = bytes.Repeat([]byte{7}, MinKey)

const prefix = "/packages/"

var noon = time.Unix(1_800_000_000, 0)

func grantOf(d Digest) Grant {
	return Grant{Device: "urn:imei:490154203237518", Drive: "0/17", Digest: d, Expires: noon.Add(time.Hour)}
}

// newServer makes a server at noon.
func newServer(t *testing.T, o ServerOptions) *Server {
	t.Helper()
	if o.Store == nil {
		o.Store = openStore(t, StoreOptions{})
	}
	if o.Now == nil {
		o.Now = func() time.Time { return noon }
	}
	o.Prefix, o.Key = prefix, testKey
	s, err := NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func pathOf(t *testing.T, s *Server, g Grant) string {
	t.Helper()
	p, err := s.Path(g)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// get sends a request with pairs of header names and values.
func get(t *testing.T, method, url string, header ...string) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, b
}

// TestServeAsDevicesAsk is "Download" of fwupdate-csp.md.
func TestServeAsDevicesAsk(t *testing.T) {
	b := random(1_000_000)
	store := openStore(t, StoreOptions{})
	d := put(t, store, "", b)
	begins, ends := make(chan Transfer, 100), make(chan Transfer, 100) // the end is told after the device has it all
	s := newServer(t, ServerOptions{Store: store, Progress: func(x Transfer) {
		switch {
		case x.Done:
			ends <- x
		case x.Bytes == 0:
			begins <- x
		}
	}})
	path := pathOf(t, s, grantOf(d))
	web := httptest.NewServer(s)
	etag := `"` + d.String() + `"`
	for _, row := range []struct {
		name   string
		method string
		header []string
		status int
		length int64
		span   string
		body   []byte
	}{
		{"HEAD", "HEAD", nil, 200, 1_000_000, "", nil},
		{"whole", "GET", nil, 200, 1_000_000, "", b},
		{"HEAD of a range", "HEAD", []string{"Range", "bytes=0-9"}, 206, 10, "bytes 0-9/1000000", nil},
		{"from the beginning", "GET", []string{"Range", "bytes=0-99"}, 206, 100, "bytes 0-99/1000000", b[:100]},
		{"more than there is", "GET", []string{"Range", "bytes=999990-2000000"}, 206, 10, "bytes 999990-999999/1000000", b[999_990:]},
		{"the rest", "GET", []string{"Range", "bytes=400000-"}, 206, 600_000, "bytes 400000-999999/1000000", b[400_000:]},
		{"the middle", "GET", []string{"Range", "bytes=100000-899999"}, 206, 800_000, "bytes 100000-899999/1000000", b[100_000:900_000]},
		{"the end", "GET", []string{"Range", "bytes=-5"}, 206, 5, "bytes 999995-999999/1000000", b[999_995:]},
		{"the rest, if it is the same", "GET", []string{"Range", "bytes=400000-", "If-Range", etag}, 206, 600_000, "bytes 400000-999999/1000000", b[400_000:]},
		{"the rest, of another", "GET", []string{"Range", "bytes=400000-", "If-Range", `"other"`}, 200, 1_000_000, "", b},
		{"beyond", "GET", []string{"Range", "bytes=1000000-"}, 416, -2, "bytes */1000000", nil},
		{"the same again", "GET", []string{"If-None-Match", etag}, 304, -2, "", nil},
	} {
		resp, got := get(t, row.method, web.URL+path, row.header...)
		if resp.StatusCode != row.status || row.length != -2 && resp.ContentLength != row.length || resp.Header.Get("Content-Range") != row.span {
			t.Errorf("%s: %d, %d bytes, %q", row.name, resp.StatusCode, resp.ContentLength, resp.Header.Get("Content-Range"))
		}
		if row.status < 300 && (!bytes.Equal(got, row.body) || resp.Header.Get("Content-Type") != "application/octet-stream" ||
			resp.Header.Get("Accept-Ranges") != "bytes" || resp.Header.Get("ETag") != etag) {
			t.Errorf("%s: %d bytes, %v", row.name, len(got), resp.Header)
		}
		if row.body == nil {
			continue
		}
		if x := <-ends; x.Err != nil || x.Bytes != row.length || x.Length != row.length || x.Size != 1_000_000 || !bytes.HasPrefix(b[x.Offset:], row.body) {
			t.Errorf("%s: progress %+v", row.name, x)
		}
		if x := <-begins; x.Bytes != 0 || x.Length != row.length || !bytes.HasPrefix(b[x.Offset:], row.body) {
			t.Errorf("%s: at the beginning %+v", row.name, x)
		}
	}
	resp, got := get(t, "GET", web.URL+path, "Range", "bytes=0-9,500-599,-1")
	if parts := ranges(t, resp, got); !cmp.Equal(parts, [][]byte{b[:10], b[500:600], b[999_999:]}) {
		t.Errorf("several ranges: %d parts", len(parts))
	}
	if x := <-ends; x.Bytes != resp.ContentLength || x.Grant != grantOf(d) || x.Offset != -1 {
		t.Errorf("several ranges: %+v", x)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	<-begins // of the several ranges
	if web.Close(); len(ends)+len(begins) != 0 {
		t.Errorf("%d answers without a body are told of", len(ends)+len(begins))
	}
}

// ranges takes an answer of several ranges apart.
func ranges(t *testing.T, resp *http.Response, body []byte) (parts [][]byte) {
	t.Helper()
	mt, params, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || mt != "multipart/byteranges" || resp.StatusCode != 206 {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	for r := multipart.NewReader(bytes.NewReader(body), params["boundary"]); ; {
		p, err := r.NextPart()
		if err == io.EOF {
			return parts
		} else if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(p)
		if err != nil || p.Header.Get("Content-Type") != "application/octet-stream" {
			t.Fatalf("%v %v", err, p.Header)
		}
		parts = append(parts, b)
	}
}

// TestOddIsNotFound: nobody learns anything by trying.
func TestOddIsNotFound(t *testing.T) {
	store := openStore(t, StoreOptions{})
	d := put(t, store, "", random(100))
	now := noon
	s := newServer(t, ServerOptions{Store: store, Now: func() time.Time { return now }, Wanted: func(g Grant) bool { return g.Drive != "over" }})
	good := pathOf(t, s, grantOf(d))
	over := grantOf(d)
	over.Drive = "over"
	gone := pathOf(t, s, grantOf(Digest{1}))
	other, err := NewServer(ServerOptions{Store: store, Prefix: prefix, Key: bytes.Repeat([]byte{8}, MinKey)})
	if err != nil {
		t.Fatal(err)
	}
	flip := []byte(good)
	flip[len(flip)/2] ^= 1
	for name, row := range map[string][2]string{
		"no token":       {"GET", prefix},
		"nonsense":       {"GET", prefix + "index.html"},
		"not base64":     {"GET", prefix + strings.Repeat("*", 120)},
		"cut":            {"GET", good[:len(good)-4]},
		"one bit":        {"GET", string(flip)},
		"longer":         {"GET", good + "AAAA"},
		"far too long":   {"GET", good + strings.Repeat("A", 10_000)},
		"more path":      {"GET", good + "/x"},
		"up":             {"GET", prefix + "../" + good},
		"another prefix": {"GET", "/other/" + strings.TrimPrefix(good, prefix)},
		"another key":    {"GET", pathOf(t, other, grantOf(d))},
		"POST":           {"POST", good},
		"DELETE":         {"DELETE", good},
		"not wanted":     {"GET", pathOf(t, s, over)},
		"not in store":   {"GET", gone},
		"HEAD of that":   {"HEAD", gone},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(row[0], "/", nil)
		r.URL.Path = row[1]
		s.ServeHTTP(w, r)
		if w.Code != 404 || w.Body.Len() != 0 || len(w.Header()) != 1 {
			t.Errorf("%s: %d %v", name, w.Code, w.Header())
		}
	}
	for at, want := range map[time.Duration]int{time.Hour - time.Second: 200, time.Hour: 404} {
		now = noon.Add(at)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest("GET", good, nil))
		if w.Code != want {
			t.Errorf("after %v: %d", at, w.Code)
		}
	}
}

func TestTokens(t *testing.T) {
	a, b := newServer(t, ServerOptions{}), newServer(t, ServerOptions{})
	g := grantOf(Digest{1, 2, 3})
	path := pathOf(t, a, g)
	if again := pathOf(t, b, g); again != path {
		t.Error("after a restart it is another URL")
	}
	if got, ok := b.seal.grant(strings.TrimPrefix(path, prefix)); !ok || got != g {
		t.Errorf("%+v, %v", got, ok)
	}
	if strings.Contains(path, "490154203237518") || len(path) > 150 {
		t.Errorf("%d bytes: %s", len(path), path)
	}
	seen := map[string]bool{path: true}
	for _, change := range []func(*Grant){
		func(g *Grant) { g.Device += "x" }, func(g *Grant) { g.Drive += "x" }, func(g *Grant) { g.Digest[5] = 1 },
		func(g *Grant) { g.Expires = g.Expires.Add(time.Second) },
		func(g *Grant) { g.Device, g.Drive = g.Device+g.Drive[:1], g.Drive[1:] },
	} {
		h := g
		change(&h)
		if p := pathOf(t, a, h); seen[p] {
			t.Errorf("%+v has the URL of another", h)
		} else {
			seen[p] = true
		}
	}
	long := g
	long.Device, long.Drive = strings.Repeat("d", MaxDevice), strings.Repeat("r", MaxDrive)
	if p := pathOf(t, a, long); len(p) > 255-len("https://bridge.example.com:8443") {
		t.Errorf("%d bytes: no room for a base", len(p))
	} else if got, ok := a.seal.grant(strings.TrimPrefix(p, prefix)); !ok || got != long {
		t.Errorf("%+v", got)
	}
	for name, change := range map[string]func(*Grant){
		"no device": func(g *Grant) { g.Device = "" }, "device": func(g *Grant) { g.Device = long.Device + "d" },
		"drive": func(g *Grant) { g.Drive = long.Drive + "r" }, "no digest": func(g *Grant) { g.Digest = Digest{} },
		"no time": func(g *Grant) { g.Expires = time.Time{} },
	} {
		h := g
		change(&h)
		if _, err := a.Path(h); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestNewServerNamesEveryFault(t *testing.T) {
	_, err := NewServer(ServerOptions{Prefix: "/x", Key: testKey[:MinKey-1]})
	for _, s := range []string{"no store", "prefix", "31 bytes"} {
		if err == nil || !strings.Contains(err.Error(), s) {
			t.Errorf("no %q in %v", s, err)
		}
	}
}

// TestMissingIsFetchedAgain: a package that somebody deleted is found out, the
// device comes back, and has it then.
func TestMissingIsFetchedAgain(t *testing.T) {
	b := random(3000)
	from := serve(t, serveBytes(b, ""))
	f, _ := newFetcher(t, FetcherOptions{})
	store := f.o.Store
	fetch := func() {
		if _, err := f.Fetch(t.Context(), FetchRequest{URL: from}); err != nil {
			t.Error(err)
		}
	}
	fetch()
	var missing []error
	s := newServer(t, ServerOptions{Store: store, Missing: func(g Grant, err error) { missing = append(missing, err) }})
	d := Digest(sha256.Sum256(b))
	path := pathOf(t, s, grantOf(d))
	for _, damage := range []func(){
		func() { alter(t, store, d) },
		func() { _ = os.Remove(store.o.Dir + "/" + fileOf(d)) },
	} {
		damage()
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest("HEAD", path, nil))
		if w.Code != 503 || w.Header().Get("Retry-After") != retryAfter {
			t.Errorf("%d %v", w.Code, w.Header())
		}
		fetch()
		w = httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != 200 || !bytes.Equal(w.Body.Bytes(), b) {
			t.Errorf("%d, %d bytes", w.Code, w.Body.Len())
		}
	}
	if fmt.Sprint(missing) != fmt.Sprint([]error{ErrAltered, ErrMissing}) {
		t.Errorf("told %v", missing)
	}
}

func TestNextChunk(t *testing.T) {
	for took, want := range map[time.Duration]int64{0: mostChunk, time.Microsecond: mostChunk, time.Second / 2: 2 << 20, time.Second: 1 << 20, time.Hour: leastChunk} {
		if got := nextChunk(1<<20, took); got != want {
			t.Errorf("%v: %d", took, got)
		}
	}
}

// blocked is a device that takes nothing until it is let go.
type blocked struct {
	http.ResponseWriter
	at, free chan struct{}
}

func (b blocked) Write(p []byte) (int, error) {
	b.at <- struct{}{}
	<-b.free
	return len(p), nil
}

func TestMaxTransfers(t *testing.T) {
	store := openStore(t, StoreOptions{})
	d := put(t, store, "", random(10))
	s := newServer(t, ServerOptions{Store: store, MaxTransfers: 2})
	path := pathOf(t, s, grantOf(d))
	at, free, done := make(chan struct{}), make(chan struct{}), make(chan struct{}, 2)
	for range 2 {
		go func() {
			s.ServeHTTP(blocked{httptest.NewRecorder(), at, free}, httptest.NewRequest("GET", path, nil))
			done <- struct{}{}
		}()
		<-at
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	if w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("one over: %d", w.Code)
	}
	close(free)
	<-done
	<-done
	w = httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	if w.Code != 200 {
		t.Errorf("when there is room again: %d", w.Code)
	}
}

// TestDeviceTakesNothing: its connection is given up, and that is told.
func TestDeviceTakesNothing(t *testing.T) {
	store := openStore(t, StoreOptions{})
	d := put(t, store, "", make([]byte, 64<<20))
	end := make(chan Transfer, 1)
	s := newServer(t, ServerOptions{Store: store, ChunkTimeout: 50 * time.Millisecond, Progress: func(x Transfer) {
		if x.Done {
			end <- x
		}
	}})
	web := httptest.NewServer(s)
	defer web.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	resp, err := http.Get(web.URL + pathOf(t, s, grantOf(d)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if x := <-end; x.Err == nil || x.Bytes >= 64<<20 {
		t.Errorf("%+v", x)
	}
}
