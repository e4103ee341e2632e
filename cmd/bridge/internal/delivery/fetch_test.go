package delivery

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFetch(t *testing.T) {
	b := random(100_000)
	f, _ := newFetcher(t, FetcherOptions{})
	var seen []http.Header
	var methods []string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		methods, seen = append(methods, r.Method), append(seen, r.Header)
		serveBytes(b, `"1"`)(w, r)
	})
	var told []Progress
	got, err := f.Fetch(t.Context(), FetchRequest{URL: url + "/fw/radio-2.bin?key=1", Owner: "dev/0", Progress: func(p Progress) { told = append(told, p) }})
	want := Fetched{Digest: sha256.Sum256(b), Size: 100_000, Name: "radio-2", Type: "application/octet-stream"}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Fatalf("%v\n%s", err, diff)
	}
	if !bytes.Equal(content(t, f.o.Store, got.Digest), b) {
		t.Error("other bytes")
	}
	if p, _ := f.o.Store.Stat(got.Digest); !cmp.Equal(p.Owners, []string{"dev/0"}) {
		t.Errorf("held by %v", p.Owners)
	}
	if last := told[len(told)-1]; last.Bytes != 100_000 || last.Total != 100_000 {
		t.Errorf("progress %+v", told)
	}
	for _, h := range seen {
		if h.Get("Accept-Encoding") != "identity" || h.Get("Range") != "" || h.Get("Authorization") != "" {
			t.Errorf("%v", h)
		}
	}
	if !cmp.Equal(methods, []string{"HEAD", "GET"}) {
		t.Errorf("%v", methods)
	}
}

// TestResume: a break in the middle costs what was in the air, no more.
func TestResume(t *testing.T) {
	b := random(50_000)
	for _, validator := range []string{`"1"`, "Sat, 21 Nov 2026 00:00:00 GMT"} {
		var asked []string
		f, _ := newFetcher(t, FetcherOptions{SkipHead: true, MaxAttempts: 2})
		first := true
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.Header.Get("Range")+" "+r.Header.Get("If-Range"))
			if validator[0] == '"' {
				w.Header().Set("ETag", validator)
			} else {
				w.Header().Set("Last-Modified", validator)
			}
			if first {
				first = false
				part(b[:20_000], len(b), "")(w, r)
			}
			if len(asked) == 2 { // a part of the rest is also fine
				w.Header().Set("Content-Range", "bytes 20000-29999/50000")
				w.WriteHeader(http.StatusPartialContent)
				_, _ = w.Write(b[20_000:30_000])
				return
			}
			serveBytes(b, "")(w, r)
		})
		got, err := f.Fetch(t.Context(), FetchRequest{URL: url})
		if err != nil || got.Digest != sha256.Sum256(b) {
			t.Fatal(err)
		}
		if want := []string{" ", "bytes=20000- " + validator, "bytes=30000- " + validator}; !cmp.Equal(asked, want) {
			t.Errorf("asked %q", asked)
		}
	}
}

// TestStartsOver: what changed, or cannot be resumed, comes whole from its
// beginning.
func TestStartsOver(t *testing.T) {
	b, other := random(20_000), random(30_000)
	for _, row := range []struct {
		name  string
		after []http.HandlerFunc
		want  []byte
	}{
		{"changed, 200", []http.HandlerFunc{serveBytes(other, `"2"`)}, other},
		{"changed, 416", []http.HandlerFunc{status(416), serveBytes(other, `"2"`)}, other},
		{"changed, 206 of another ETag", []http.HandlerFunc{wrongEtag(b), serveBytes(other, `"2"`)}, other},
		{"no ranges", []http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(b) }}, b},
		{"wrong first byte", []http.HandlerFunc{wrongRange("bytes 4999-19999/20000", b[4999:]), serveBytes(b, `"1"`)}, b},
		{"wrong total", []http.HandlerFunc{wrongRange("bytes 5000-19999/20001", b[5000:]), serveBytes(b, `"1"`)}, b},
		{"wrong last byte", []http.HandlerFunc{wrongRange("bytes 5000-20000/20000", b[5000:]), serveBytes(b, `"1"`)}, b},
		{"no Content-Range", []http.HandlerFunc{wrongRange("", b[5000:]), serveBytes(b, `"1"`)}, b},
		{"Content-Range of another unit", []http.HandlerFunc{wrongRange("lines 5000-19999/20000", b[5000:]), serveBytes(b, `"1"`)}, b},
	} {
		f, _ := newFetcher(t, FetcherOptions{SkipHead: true})
		url := serve(t, answers(append([]http.HandlerFunc{part(b[:5000], len(b), `"1"`)}, row.after...)...))
		got, err := f.Fetch(t.Context(), FetchRequest{URL: url})
		if err != nil || got.Digest != sha256.Sum256(row.want) {
			t.Errorf("%s: %+v, %v", row.name, got, err)
		}
	}
}

func wrongEtag(b []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"2"`)
		w.Header().Set("Content-Range", fmt.Sprintf("bytes 5000-%d/%d", len(b)-1, len(b)))
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(b[5000:])
	}
}

// TestManyWaiters: a thousand devices cost one fetch.
func TestManyWaiters(t *testing.T) {
	const devices = 1000
	b := random(10_000)
	var gets atomic.Int32
	release := make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		gets.Add(1)
		<-release
		serveBytes(b, "")(w, r)
	})
	f, _ := newFetcher(t, FetcherOptions{SkipHead: true})
	var wg sync.WaitGroup
	for i := range devices {
		wg.Go(func() {
			got, err := f.Fetch(t.Context(), FetchRequest{URL: url, Owner: fmt.Sprint(i)})
			if err != nil || got.Size != 10_000 {
				t.Error(err)
			}
		})
	}
	waitFor(t, func() bool { return waiting(f) == devices })
	close(release)
	wg.Wait()
	if p, _ := f.o.Store.Stat(sha256.Sum256(b)); gets.Load() != 1 || len(p.Owners) != devices {
		t.Errorf("%d GETs, %d owners", gets.Load(), len(p.Owners))
	}
}

// waiting counts who waits for fetches.
func waiting(f *Fetcher) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, fl := range f.flights {
		n += len(fl.waiters)
	}
	return n
}

// waitFor yields until a condition holds, which other goroutines bring about.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("it never came")
		}
	}
}

// TestLeaving: who gives up leaves the fetch to the others; the last one ends
// it.
func TestLeaving(t *testing.T) {
	in, gone := make(chan struct{}, 3), make(chan struct{}, 3)
	release := make(chan struct{})
	b := random(100)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		in <- struct{}{}
		select {
		case <-release:
			serveBytes(b, "")(w, r)
		case <-r.Context().Done():
			gone <- struct{}{}
		}
	})
	f, _ := newFetcher(t, FetcherOptions{SkipHead: true})
	fetch := func(ctx context.Context, owner string) chan error {
		c := make(chan error, 1)
		go func() {
			_, err := f.Fetch(ctx, FetchRequest{URL: url, Owner: owner})
			c <- err
		}()
		return c
	}
	ctx1, cancel1 := context.WithCancel(t.Context())
	ctx2, cancel2 := context.WithCancel(t.Context())
	first, second := fetch(ctx1, "one"), fetch(ctx2, "two")
	waitFor(t, func() bool { return waiting(f) == 2 })
	<-in
	cancel1()
	if err := <-first; KindOf(err) != KindCancelled {
		t.Errorf("the first: %v", err)
	}
	if waiting(f) != 1 {
		t.Error("the second has lost its fetch")
	}
	cancel2()
	if err := <-second; KindOf(err) != KindCancelled || len(f.flights) != 0 {
		t.Errorf("the second: %v", err)
	}
	<-gone
	close(release)
	if err := <-fetch(t.Context(), "three"); err != nil {
		t.Error(err)
	}
	if p, _ := f.o.Store.Stat(sha256.Sum256(b)); !cmp.Equal(p.Owners, []string{"three"}) {
		t.Errorf("held by %v", p.Owners)
	}
}

// TestKnown: what came once is asked for with its ETag, and what was lost from
// the store comes again.
func TestKnown(t *testing.T) {
	b := random(5000)
	etag := `"1"`
	var got []string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Method+r.Header.Get("If-None-Match"))
		serveBytes(b, etag)(w, r)
	})
	f, _ := newFetcher(t, FetcherOptions{})
	fetch := func() Fetched {
		t.Helper()
		got = nil
		g, err := f.Fetch(t.Context(), FetchRequest{URL: url, Owner: "x"})
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	first := fetch()
	if again := fetch(); !again.Reused || again.Digest != first.Digest || !cmp.Equal(got, []string{`GET"1"`}) {
		t.Errorf("the same: %+v, %q", again, got)
	}
	alter(t, f.o.Store, first.Digest)
	if again := fetch(); again.Reused || !cmp.Equal(got, []string{"HEAD", "GET"}) {
		t.Errorf("altered by hand: %+v, %q", again, got)
	}
	b, etag = random(6000), `"2"`
	if again := fetch(); again.Reused || again.Size != 6000 {
		t.Errorf("changed: %+v, %q", again, got)
	}
	if _, err := f.Fetch(t.Context(), FetchRequest{URL: url, Digest: Digest{1}}); KindOf(err) != KindIntegrity {
		t.Errorf("another one is announced: %v", err)
	}
	// With a digest nobody is asked at all.
	got = nil
	g, err := f.Fetch(t.Context(), FetchRequest{URL: url + "#sha256=" + first.Digest.String(), Owner: "y"})
	if err != nil || !g.Reused || !g.Announced || got != nil {
		t.Errorf("announced: %+v, %v, %q", g, err, got)
	}
}

// TestWatch: of each fetch that asks somebody the beginning and the end are
// told; what was in the store has no bytes then.
func TestWatch(t *testing.T) {
	b := random(5000)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/gone" {
			http.NotFound(w, r)
			return
		}
		serveBytes(b, `"1"`)(w, r)
	})
	var told []string
	f, _ := newFetcher(t, FetcherOptions{Watch: func(owner string, p Progress, done bool, err error) {
		told = append(told, fmt.Sprint(owner, " ", p.Bytes, " of ", p.Total, " ", done, " ", err != nil))
	}})
	fetch := func(path string) []string {
		told = nil
		_, _ = f.Fetch(t.Context(), FetchRequest{URL: url + path, Owner: "x"})
		return told
	}
	for _, test := range []struct {
		path string
		want []string
	}{
		{"/fw", []string{"x 0 of 0 false false", "x 5000 of 5000 false false", "x 5000 of 5000 true false"}},
		{"/fw", []string{"x 0 of 0 false false", "x 0 of 5000 true false"}},
		{"/gone", []string{"x 0 of 0 false false", "x 0 of 0 true true"}},
		{"/fw#sha256=" + Digest(sha256.Sum256(b)).String(), nil},
	} {
		if got := fetch(test.path); !cmp.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.path, got, test.want)
		}
	}
}

func TestKnownIsBounded(t *testing.T) {
	url := serve(t, serveBytes(random(10), `"1"`))
	f, _ := newFetcher(t, FetcherOptions{MaxKnown: 3})
	for i := range 5 {
		if _, err := f.Fetch(t.Context(), FetchRequest{URL: fmt.Sprintf("%s/%d", url, i)}); err != nil {
			t.Fatal(err)
		}
	}
	if len(f.known) != 3 {
		t.Errorf("%d are remembered", len(f.known))
	}
}

func TestConfiguredDigest(t *testing.T) {
	b := random(10)
	url := serve(t, serveBytes(b, ""))
	f, _ := newFetcher(t, FetcherOptions{Digests: map[string]Digest{url + "/good": sha256.Sum256(b), url + "/bad": {1}}})
	if got, err := f.Fetch(t.Context(), FetchRequest{URL: url + "/good"}); err != nil || !got.Announced {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := f.Fetch(t.Context(), FetchRequest{URL: url + "/bad"}); KindOf(err) != KindIntegrity {
		t.Error(err)
	}
}

func TestRedirects(t *testing.T) {
	b := random(10)
	for hops, want := range map[int]bool{DefaultMaxRedirects: true, DefaultMaxRedirects + 1: false} {
		left := hops
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if left > 0 {
				left--
				redirect("/next")(w, r)
				return
			}
			serveBytes(b, "")(w, r)
		})
		f, _ := newFetcher(t, FetcherOptions{SkipHead: true})
		if _, err := f.Fetch(t.Context(), FetchRequest{URL: url}); err == nil != want || !want && KindOf(err) != KindServer {
			t.Errorf("%d: %v", hops, err)
		}
	}
	plain := serve(t, serveBytes(b, ""))
	secure := httptest.NewTLSServer(redirect(plain))
	defer secure.Close()
	for _, allow := range []bool{true, false} {
		f, _ := newFetcher(t, FetcherOptions{TLS: secure.Client().Transport.(*http.Transport).TLSClientConfig, AllowDowngrade: allow})
		if _, err := f.Fetch(t.Context(), FetchRequest{URL: secure.URL}); err == nil != allow || !allow && KindOf(err) != KindNotAllowed {
			t.Errorf("https to http, allowed %v: %v", allow, err)
		}
	}
}

// TestCredentials: each host gets its own, also after a redirect.
func TestCredentials(t *testing.T) {
	var mu sync.Mutex
	got := map[string]string{}
	note := func(name string, next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			got[name] = r.Header.Get("Authorization")
			mu.Unlock()
			next(w, r)
		}
	}
	last := serve(t, note("none", serveBytes(random(10), "")))
	bearer := serve(t, note("bearer", redirect(last)))
	basic := serve(t, note("basic", redirect(bearer)))
	host := func(s string) string { u, _ := url.Parse(s); return u.Host }
	f, _ := newFetcher(t, FetcherOptions{SkipHead: true, Hosts: []Host{
		{Pattern: host(basic), User: "user", Password: "pass"}, {Pattern: host(bearer), Bearer: "abc"},
	}})
	if _, err := f.Fetch(t.Context(), FetchRequest{URL: basic}); err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"basic": "Basic dXNlcjpwYXNz", "bearer": "Bearer abc", "none": ""}; !cmp.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestMaxFetches(t *testing.T) {
	var now, most atomic.Int32
	release := make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		most.Store(max(most.Load(), now.Add(1)))
		<-release
		now.Add(-1)
		serveBytes(random(10), "")(w, r)
	})
	f, _ := newFetcher(t, FetcherOptions{SkipHead: true, MaxFetches: 2})
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			if _, err := f.Fetch(t.Context(), FetchRequest{URL: fmt.Sprintf("%s/%d", url, i)}); err != nil {
				t.Error(err)
			}
		})
	}
	waitFor(t, func() bool { return waiting(f) == 6 && now.Load() == 2 })
	close(release)
	wg.Wait()
	if most.Load() > 2 {
		t.Errorf("%d at once", most.Load())
	}
}

func TestNewFetcherNamesEveryFault(t *testing.T) {
	_, err := NewFetcher(FetcherOptions{Hosts: []Host{{}, {Pattern: "a", User: "u", Bearer: "b"}, {Pattern: "b", Identity: "i"}}})
	for _, s := range []string{"no store", "without a pattern", "host a: both", "host b: identity"} {
		if err == nil || !strings.Contains(err.Error(), s) {
			t.Errorf("no %q in %v", s, err)
		}
	}
}
