package delivery

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// maxHeader bounds the header of an answer, in bytes.
const maxHeader = 64 << 10

// transport is for all HTTP. Without ForceAttemptHTTP2, HTTP/1.1 only: ranges
// and time-outs were made for it, and one fetch is one connection.
func (f *Fetcher) transport() *http.Transport {
	return &http.Transport{
		DialContext:            f.dialer().DialContext,
		TLSClientConfig:        f.o.TLS.Clone(),
		TLSHandshakeTimeout:    f.o.DialTimeout,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: maxHeader,
	}
}

// ask is a request.
type ask struct {
	method string
	u      *url.URL
	header http.Header // besides the usual; nil for none
	body   string      // of POST
}

// answer is what came, before its body was read. close must be called.
type answer struct {
	*http.Response
	at     *url.URL // after redirects
	cancel context.CancelCauseFunc
	failed func(error) error // classifies an error of the body
	watch  *watch
}

var errNoHeader = fault(KindTimeout, nil, "no answer in time")

// open asks, follows redirects, and returns when the header of the answer has
// come. Redirects start anew every time: where they lead may hold for a short
// time only.
func (f *Fetcher) open(ctx context.Context, q ask) (*answer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	at := q.u
	for hop := 0; ; hop++ {
		resp, err := f.once(ctx, cancel, q, at)
		if err != nil {
			cancel(nil)
			return nil, err
		}
		next, err := f.redirected(resp, at)
		if next == nil && err == nil {
			a := &answer{Response: resp, at: at, cancel: cancel}
			a.failed = func(err error) error { return network(ctx, err) }
			a.watch = newWatch(f.o.StallTimeout, f.o.StallBytes, func() { cancel(errStalled) })
			return a, nil
		}
		_ = resp.Body.Close()
		if err == nil && hop >= f.o.MaxRedirects {
			err = fault(KindServer, nil, "more than %d redirects", f.o.MaxRedirects)
		}
		if err != nil {
			cancel(nil)
			return nil, err
		}
		at = next
	}
}

// once sends the request to one place.
func (f *Fetcher) once(ctx context.Context, cancel context.CancelCauseFunc, q ask, at *url.URL) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, q.method, at.String(), strings.NewReader(q.body))
	if err != nil {
		return nil, fault(KindURI, nil, "the URI makes no request")
	}
	for name, values := range q.header {
		r.Header[name] = values
	}
	r.Header.Set("Accept-Encoding", "identity")
	r.Header.Set("User-Agent", "fwbridge")
	f.authorize(r)
	timer := time.AfterFunc(f.o.HeaderTimeout, func() { cancel(errNoHeader) })
	defer timer.Stop()
	resp, err := f.http.RoundTrip(r)
	if err == nil && !timer.Stop() { // too late, and it is being cancelled
		_ = resp.Body.Close()
		err = errNoHeader
	}
	if err == nil {
		return resp, nil
	}
	if err = network(ctx, err); err == error(errNoHeader) {
		return nil, &passing{fault: errNoHeader}
	}
	return nil, err
}

// redirects are the statuses with a place to ask instead (RFC 9110, 15.4).
// The method stays: nothing here is asked by POST that may become GET.
var redirects = map[int]bool{301: true, 302: true, 303: true, 307: true, 308: true}

// redirected is where an answer leads; nil for nowhere.
func (f *Fetcher) redirected(resp *http.Response, at *url.URL) (*url.URL, error) {
	if !redirects[resp.StatusCode] {
		return nil, nil
	}
	to, err := at.Parse(resp.Header.Get("Location"))
	if err != nil || resp.Header.Get("Location") == "" {
		return nil, fault(KindServer, nil, "a redirect to nowhere")
	}
	return f.next(at, to)
}

// next checks a place that a server names instead of another.
func (f *Fetcher) next(from, to *url.URL) (*url.URL, error) {
	u, err := f.parseURI(to.String())
	switch {
	case err != nil:
		return nil, err
	case !strings.HasPrefix(u.Scheme, "http"):
		return nil, fault(KindNotAllowed, nil, "a redirect to %s", u.Scheme)
	case from.Scheme == "https" && u.Scheme == "http" && !f.o.AllowDowngrade:
		return nil, fault(KindNotAllowed, nil, "a redirect from https to http")
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

func (a *answer) close() {
	a.watch.stop()
	a.cancel(nil)
	_ = a.Body.Close()
}

// Read reads the body. Its errors are classified, and io.EOF.
func (a *answer) Read(p []byte) (int, error) {
	n, err := a.Body.Read(p)
	a.watch.bytes.Add(int64(n))
	if err == nil || err == io.EOF {
		return n, err
	}
	if err = a.failed(err); err == error(errStalled) {
		err = &passing{fault: errStalled}
	}
	return n, err
}

// all reads a small body whole.
func (a *answer) all(limit int64) ([]byte, error) {
	if err := a.identity(); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(a, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fault(KindServer, nil, "%s has over %d bytes", place(a.at), limit)
	}
	return b, err
}

// identity refuses what came compressed: Accept-Encoding allowed only
// "identity", and what would be stored were the wrong bytes.
func (a *answer) identity() error {
	coding := cmp.Or(a.Header.Get("Content-Encoding"), "identity")
	if !strings.EqualFold(coding, "identity") {
		return fault(KindServer, fmt.Errorf("Content-Encoding %.32q", coding), "the answer came compressed, which was not asked for")
	}
	return nil
}

var errStalled = fault(KindTimeout, nil, "nothing more came")

// watch ends what brings fewer than least bytes in every period: also one that
// trickles.
type watch struct {
	bytes atomic.Int64
	timer *time.Timer
	over  atomic.Bool
}

func newWatch(period time.Duration, least int64, end func()) *watch {
	w := &watch{}
	var last int64
	ready := make(chan struct{}) // until the timer is in its field
	w.timer = time.AfterFunc(period, func() {
		<-ready
		now := w.bytes.Load()
		switch {
		case w.over.Load():
		case now-last < least:
			end()
		default:
			last = now
			w.timer.Reset(period)
		}
	})
	close(ready)
	return w
}

func (w *watch) stop() {
	w.over.Store(true)
	w.timer.Stop()
}
