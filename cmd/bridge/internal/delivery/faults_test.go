package delivery

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/mapping"
)

// TestKinds writes down what mapping.md, section 4, says, and what FUMO has
// for the rest.
func TestKinds(t *testing.T) {
	for _, row := range []struct {
		kind   Kind
		fault  mapping.Fault
		result lwm2m9.UpdateResult
		state  fwupdate.State
		code   fwupdate.Code
	}{
		{KindInternal, 0, lwm2m9.ResultDeviceError, 20, 409},
		{KindURI, 0, lwm2m9.ResultInvalidURI, 20, 411},
		{KindNotAllowed, 0, lwm2m9.ResultInvalidURI, 20, 411},
		{KindRefused, mapping.FaultPackageRefused, lwm2m9.ResultInvalidURI, 20, 500},
		{KindAuth, mapping.FaultPackageAuth, lwm2m9.ResultDeviceError, 20, 406},
		{KindTimeout, mapping.FaultPackageTimeout, lwm2m9.ResultConnectionLost, 20, 407},
		{KindUnreachable, mapping.FaultPackageUnreachable, lwm2m9.ResultConnectionLost, 20, 412},
		{KindServer, mapping.FaultPackageServer, lwm2m9.ResultConnectionLost, 20, 500},
		{KindInterrupted, 0, lwm2m9.ResultConnectionLost, 20, 503},
		{KindIntegrity, mapping.FaultDigest, lwm2m9.ResultIntegrityFailure, 80, 402},
		{KindSignature, mapping.FaultSignature, lwm2m9.ResultIntegrityFailure, 80, 404},
		{KindUnsupported, 0, lwm2m9.ResultUnsupportedType, 20, 405},
		{KindTooLarge, 0, lwm2m9.ResultNotEnoughStorage, 20, 501},
		{KindStorage, 0, lwm2m9.ResultNotEnoughStorage, 20, 501},
		{KindCancelled, mapping.FaultCancelled, lwm2m9.ResultDeviceError, 20, 401},
	} {
		k := row.kind
		if k.Fault() != row.fault || k.Result() != row.result || k.Verdict() != (mapping.Verdict{State: row.state, Code: row.code}) {
			t.Errorf("%v: %v, %v, %+v", k, k.Fault(), k.Result(), k.Verdict())
		}
	}
	seen := map[string]bool{}
	for i, row := range KindRows() {
		if int(row.Kind) != i || row.Name == "" || seen[row.Name] {
			t.Errorf("row %d: %+v", i, row)
		}
		seen[row.Name] = true
	}
	if len(seen) != int(KindCancelled)+1 || Kind(200).Result() != lwm2m9.ResultDeviceError {
		t.Error("the table has a row for each kind, and kinds that do not exist are internal")
	}
}

// answers gives each request to the next handler, the last one for ever.
func answers(all ...http.HandlerFunc) http.HandlerFunc {
	next := make(chan int, 1)
	next <- 0
	return func(w http.ResponseWriter, r *http.Request) {
		i := <-next
		next <- min(i+1, len(all)-1)
		all[i](w, r)
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// part sends the beginning of a package of total bytes, and breaks off.
func part(b []byte, total int, etag string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if etag != "" {
			w.Header().Set("ETag", etag)
		}
		w.Header().Set("Content-Length", strconv.Itoa(total))
		_, _ = w.Write(b)
		breakOff(w)
	}
}

// hang sends what it is given and then nothing until the client has gone.
func hang(b []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if b != nil {
			if r.Method == http.MethodHead {
				return // the client keeps this connection, so its end would not be seen
			}
			_, _ = w.Write(b)
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
	}
}

// trickle sends a byte every millisecond for as long as somebody reads.
func trickle(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		return
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for r.Context().Err() == nil {
		_, _ = w.Write([]byte{0})
		_ = http.NewResponseController(w).Flush()
		<-tick.C
	}
}

// raw answers with bytes that need not be HTTP, and closes.
func raw(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer c.Close()
		_, _ = rw.WriteString(s)
		_ = rw.Flush()
	}
}

// reset ends the connection with RST.
func reset(w http.ResponseWriter, _ *http.Request) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

func gzipped(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	_, _ = z.Write(random(1000))
	_ = z.Close()
}

func redirect(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusFound)
	}
}

// wrongRange answers 206 with a Content-Range of its own making.
func wrongRange(s string, b []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Range", s)
		w.Header().Set("ETag", `"1"`)
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(b)
	}
}

// TestFaults is every way in which a package server misbehaves, and what it is
// called.
func TestFaults(t *testing.T) {
	pkg := random(20_000)
	quick := FetcherOptions{HeaderTimeout: 50 * time.Millisecond, StallTimeout: 50 * time.Millisecond, MaxAttempts: 2}
	small := func(o StoreOptions) func(*FetcherOptions) {
		return func(f *FetcherOptions) { f.Store = openStore(t, o) }
	}
	for _, row := range []struct {
		name    string
		handler http.HandlerFunc
		set     func(*FetcherOptions)
		ask     FetchRequest
		want    Kind
		status  int
	}{
		{name: "404", handler: status(404), want: KindRefused, status: 404},
		{name: "410", handler: status(410), want: KindRefused, status: 410},
		{name: "400", handler: status(400), want: KindRefused, status: 400},
		{name: "429", handler: status(429), want: KindRefused, status: 429},
		{name: "401", handler: status(401), want: KindAuth, status: 401},
		{name: "403", handler: status(403), want: KindAuth, status: 403},
		{name: "500", handler: status(500), want: KindServer, status: 500},
		{name: "501", handler: status(501), want: KindServer, status: 501},
		{name: "503", handler: status(503), want: KindServer, status: 503},
		{name: "204", handler: status(204), want: KindServer},
		{name: "304 unasked", handler: status(304), want: KindServer},
		{name: "206 unasked", handler: wrongRange("bytes 0-9/20", pkg[:10]), want: KindServer},
		{name: "no bytes", handler: status(200), want: KindServer},
		{name: "gzip", handler: gzipped, want: KindServer},
		{name: "no HTTP", handler: raw("SSH-2.0-OpenSSH_9.2\r\n\r\n"), want: KindServer},
		{name: "bad Content-Length", handler: raw("HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n"), want: KindServer},
		{name: "header too long", handler: raw("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxHeader) + "\r\n\r\n"), want: KindServer},
		{name: "bad chunk", handler: raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), want: KindServer},
		{name: "endless redirects", handler: redirect("/again"), want: KindServer},
		{name: "redirect to nowhere", handler: status(302), want: KindServer},
		{name: "redirect to a file", handler: redirect("file:///etc/passwd"), want: KindURI},
		{name: "redirect to coap", handler: redirect("coap://127.0.0.1/x"), want: KindNotAllowed},
		{name: "redirect to metadata", handler: redirect("http://169.254.169.254/latest/"), want: KindNotAllowed},

		{name: "no answer", handler: hang(nil), want: KindTimeout},
		{name: "header never ends", handler: func(w http.ResponseWriter, r *http.Request) {
			c, rw, _ := http.NewResponseController(w).Hijack()
			defer c.Close()
			_, _ = rw.WriteString("HTTP/1.1 200 OK\r\nX: ")
			for rw.Flush() == nil {
				if _, err := rw.WriteString(strings.Repeat("x", 8)); err != nil {
					break
				}
				if n, err := c.Read(make([]byte, 1)); n == 0 && err != nil {
					break
				}
			}
		}, want: KindTimeout},
		{name: "stalls", handler: hang(pkg[:5000]), want: KindTimeout},
		{name: "stalls, and has no beginnings left", handler: hang(pkg[:5000]),
			set: func(o *FetcherOptions) { o.MaxAttempts, o.MaxRestarts = 9, 1 }, want: KindTimeout},
		{name: "slow loris", handler: trickle, set: func(o *FetcherOptions) { o.StallBytes = 10_000 }, want: KindTimeout},
		{name: "too long in all", handler: trickle, set: func(o *FetcherOptions) { o.StallBytes, o.TotalTimeout = 1, 100*time.Millisecond }, want: KindTimeout},

		{name: "closed at once", handler: raw(""), want: KindInterrupted},
		{name: "reset at once", handler: reset, want: KindInterrupted},
		{name: "breaks, and has no ranges", handler: part(pkg[:5000], 20_000, `"1"`), want: KindInterrupted},
		{name: "breaks, and has no validator", handler: part(pkg[:5000], 20_000, ""), want: KindInterrupted},
		{name: "chunked, and breaks", handler: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(pkg[:5000])
			breakOff(w)
		}, want: KindInterrupted},
		{name: "shorter than HEAD said", handler: func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				w.Header().Set("Content-Length", "20000")
				return
			}
			_ = http.NewResponseController(w).Flush()
			_, _ = w.Write(pkg[:5000])
		}, want: KindInterrupted},
		{name: "changes every time", handler: answers(status(405), part(pkg[:5000], 20_000, `"1"`), part(pkg[:5000], 20_000, `"2"`),
			part(pkg[:5000], 20_000, `"3"`), part(pkg[:5000], 20_000, `"4"`), part(pkg[:5000], 20_000, `"5"`)),
			set: func(o *FetcherOptions) { o.MaxAttempts = 9 }, want: KindServer},
		{name: "has become shorter", handler: answers(status(405), part(pkg[:5000], 20_000, `"1"`), status(416),
			part(pkg[:5000], 20_000, `"1"`), status(416), part(pkg[:5000], 20_000, `"1"`), status(416), part(pkg[:5000], 20_000, `"1"`), status(416)), want: KindServer},
		{name: "wrong range, every time", handler: answers(status(405), part(pkg[:5000], 20_000, `"1"`),
			wrongRange("bytes 0-4999/20000", pkg[:5000]), part(pkg[:5000], 20_000, `"1"`)), want: KindServer},

		{name: "too large, by Content-Length", handler: serveBytes(pkg, ""), set: small(StoreOptions{MaxPackage: 19_999}), want: KindTooLarge},
		{name: "too large, without", handler: func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).Flush()
			_, _ = w.Write(pkg)
		}, set: small(StoreOptions{MaxPackage: 19_999}), want: KindTooLarge},
		{name: "disk full", handler: serveBytes(pkg, ""), set: small(StoreOptions{MaxBytes: 20_000}), ask: FetchRequest{Owner: "full"}, want: KindStorage},
		{name: "other digest", handler: serveBytes(pkg, ""), ask: FetchRequest{Digest: Digest{1}}, want: KindIntegrity},
		{name: "other digest behind #", handler: serveBytes(pkg, ""), ask: FetchRequest{URL: "/x#sha256=" + strings.Repeat("ab", 32)}, want: KindIntegrity},
		{name: "two digests", handler: serveBytes(pkg, ""), ask: FetchRequest{URL: "/x#sha256=" + strings.Repeat("ab", 32), Digest: Digest{1}}, want: KindIntegrity},
		{name: "no digest behind #", handler: serveBytes(pkg, ""), ask: FetchRequest{URL: "/x#sha256=" + strings.Repeat("a", 63)}, want: KindURI},
		{name: "other size, by Content-Length", handler: serveBytes(pkg, ""), ask: FetchRequest{Size: 20_001}, want: KindIntegrity},
		{name: "other size, without", handler: func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).Flush()
			_, _ = w.Write(pkg)
		}, ask: FetchRequest{Size: 19_999}, want: KindIntegrity},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := quick
			if row.set != nil {
				row.set(&o)
			}
			f, _ := newFetcher(t, o)
			store := f.o.Store
			if row.ask.Owner == "full" {
				put(t, store, "other", random(1))
			}
			before := store.Usage()
			row.ask.URL = serve(t, row.handler) + row.ask.URL
			got, err := f.Fetch(t.Context(), row.ask)
			e, ok := err.(*Error)
			if !ok || e.Kind != row.want || e.Status != row.status || e.Reason == "" {
				t.Fatalf("Fetch = %+v, %v (%T)", got, err, err)
			}
			if store.Usage() != before || len(files(t, store, partialDir)) != 0 {
				t.Errorf("left over: %+v", store.Usage())
			}
			if len(f.flights) != 0 || len(f.slots) != 0 {
				t.Error("the fetch is not over")
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	f, slept := newFetcher(t, FetcherOptions{MaxAttempts: 3, SkipHead: true})
	s := httptest.NewServer(status(200))
	s.Close()
	_, err := f.Fetch(t.Context(), FetchRequest{URL: s.URL})
	if KindOf(err) != KindUnreachable || len(*slept) != 2 {
		t.Errorf("%v after %v", err, *slept)
	}
	secure := httptest.NewTLSServer(status(200))
	defer secure.Close()
	if _, err := f.Fetch(t.Context(), FetchRequest{URL: secure.URL}); KindOf(err) != KindUnreachable || len(*slept) != 2 {
		t.Errorf("an unknown CA: %v after %v", err, *slept)
	}
	plain := serve(t, status(200))
	if _, err := f.Fetch(t.Context(), FetchRequest{URL: strings.Replace(plain, "http:", "https:", 1)}); KindOf(err) != KindUnreachable {
		t.Errorf("no TLS: %v", err)
	}
}

// TestWaits: pauses double, are bounded, and a server may ask for longer ones.
func TestWaits(t *testing.T) {
	f, slept := newFetcher(t, FetcherOptions{SkipHead: true, Backoff: time.Second, MaxBackoff: 5 * time.Second, MaxAttempts: 6})
	url := serve(t, answers(status(503), status(503), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3")
		w.WriteHeader(503)
	}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "86400")
		w.WriteHeader(429)
	}, status(500), serveBytes(random(10), "")))
	var told []string
	tell := func(p Progress) {
		if p.Pause != "" {
			told = append(told, p.Pause)
		}
	}
	if _, err := f.Fetch(t.Context(), FetchRequest{URL: url, Progress: tell}); err != nil {
		t.Fatal(err)
	}
	if want := "the package server answered 503; it is asked again in 1s"; len(told) != 5 || told[0] != want {
		t.Errorf("who waits was told %q", told)
	}
	if got := fmt.Sprint(*slept); got != "[1s 2s 4s 5s 5s]" {
		t.Errorf("slept %v", got)
	}
}

// TestNoAddress: a name without an address is not a server that is down.
func TestNoAddress(t *testing.T) {
	err := network(t.Context(), &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", IsNotFound: true}})
	if e := asError(err); e.Kind != KindUnreachable || e.Reason != "its name has no address" {
		t.Errorf("%v", err)
	}
}

func TestErrorsHoldNoSecrets(t *testing.T) {
	f, _ := newFetcher(t, FetcherOptions{MaxAttempts: 1, Hosts: []Host{{Pattern: "*", User: "u", Password: "tellnobody"}}})
	for _, url := range []string{
		serve(t, raw("x")) + "/?token=tellnobody", "http://tellnobody:tellnobody@127.0.0.1/", "http://127.0.0.1:1/?tellnobody",
		"http://%zz/?tellnobody", "tellnobody", serve(t, redirect("http://x:tellnobody@[::1]/")), serve(t, redirect("http://%/tellnobody")),
	} {
		_, err := f.Fetch(t.Context(), FetchRequest{URL: url})
		if err == nil || strings.Contains(err.Error()+fmt.Sprintf("%+v", err), "tellnobody") {
			t.Errorf("%v", err)
		}
	}
	if s := fmt.Sprintf("%v %+v %#v %s", f.o.Hosts[0], f.o.Hosts[0], f.o.Hosts[0].Password, f.o.Hosts[0].Password); strings.Contains(s, "tellnobody") {
		t.Error(s)
	}
}

func TestKindsOfOtherErrors(t *testing.T) {
	e := asError(fmt.Errorf("x: %w", syscall.ENOSPC))
	if e.Kind != KindStorage {
		t.Errorf("%v", e)
	}
	if asError(context.DeadlineExceeded).Kind != KindTimeout || asError(io.ErrUnexpectedEOF).Kind != KindInternal {
		t.Error("kinds of other errors")
	}
}
