package replay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"
)

// ProxyTimeout is how long a [Proxy] waits for the header of an answer.
const ProxyTimeout = 2 * time.Minute

// Proxy is a reverse proxy that records what passes through it. Bodies go
// through byte for byte, in both directions; the answers of the target, its
// errors included, are passed on. A target that cannot be reached is 502, a
// body over [MaxBody] 413 from the client and 502 from the target.
//
// A RespURI in an answer goes through like all else: if it names the target
// and not the proxy, the rest of the session is not seen. Have the target
// answer under the proxy's name, or switch RespURI off.
type Proxy struct {
	reverse *httputil.ReverseProxy
}

// ProxyOptions of a [Proxy]. Target and Recorder must be set.
type ProxyOptions struct {
	// Target is where requests go. If it has a path, that is the path of
	// every request; otherwise requests keep theirs.
	Target   *url.URL
	Recorder *Recorder
	// Transport replaces the default one, which follows the proxy settings of
	// the environment and the system's roots for TLS.
	Transport http.RoundTripper
	// OnExchange is called after each exchange, with the path of its
	// recording; err is why it could not be recorded or passed on. Calls come
	// from several goroutines. Nil is allowed.
	OnExchange func(path string, e Exchange, err error)
}

// NewProxy returns a proxy.
func NewProxy(o ProxyOptions) *Proxy {
	if o.OnExchange == nil {
		o.OnExchange = func(string, Exchange, error) {}
	}
	if o.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.DisableCompression = true // or bodies would be unpacked on their way
		t.ResponseHeaderTimeout = ProxyTimeout
		o.Transport = t
	}
	return &Proxy{&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { rewrite(r, o.Target) },
		// What the handler logs are broken connections, which OnExchange tells.
		ErrorLog:  log.New(io.Discard, "", 0),
		Transport: &recordingTransport{o},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			status := http.StatusBadGateway
			if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
				status = http.StatusRequestEntityTooLarge
			}
			http.Error(w, err.Error(), status)
		},
	}}
}

// ServeHTTP implements [http.Handler].
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
	p.reverse.ServeHTTP(w, r)
}

func rewrite(r *httputil.ProxyRequest, target *url.URL) {
	u := *r.In.URL
	u.Scheme, u.Host, u.User = target.Scheme, target.Host, target.User
	if target.Path != "" && target.Path != "/" {
		u.Path, u.RawPath = target.Path, target.RawPath
	}
	if u.RawQuery == "" {
		u.RawQuery = target.RawQuery
	}
	r.Out.URL, r.Out.Host = &u, ""
}

// recordingTransport sends requests on and records them with their answers.
type recordingTransport struct{ ProxyOptions }

// RoundTrip implements [http.RoundTripper].
func (t *recordingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	e := Exchange{Request: Message{URL: r.URL.RequestURI(), Header: shown(r.Header)}}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.OnExchange("", e, err)
		return nil, err
	}
	e.Request.Body = body
	out := r.Clone(r.Context())
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp, err := t.Transport.RoundTrip(out)
	if err == nil {
		err = e.answer(resp)
	}
	if err != nil {
		e.Response = Message{}
		err = fmt.Errorf("the target: %w", err)
	}
	path, recErr := t.Recorder.Record(e)
	t.OnExchange(path, e, errors.Join(err, recErr))
	return resp, err
}

// answer takes the response and leaves its body to be read again.
func (e *Exchange) answer(resp *http.Response) error {
	defer resp.Body.Close()
	body, err := readLimited(resp.Body)
	if err != nil {
		return err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	e.Response = Message{Status: resp.StatusCode, Header: shown(resp.Header), Body: body}
	return nil
}

// shown are the header fields that a recording keeps: those of the messages,
// not those of connections and proxies.
func shown(h http.Header) http.Header {
	h = h.Clone()
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Connection", "Date", "Accept-Encoding"} {
		h.Del(name)
	}
	return h
}
