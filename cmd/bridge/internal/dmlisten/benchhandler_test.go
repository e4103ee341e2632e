package dmlisten

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmhttp"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// BenchmarkHandler is a session of two messages, MD5 in both directions and six
// Gets, without net/http: what is between it and [Work]. The nonces are the same
// in every session, so that the device's messages are.
//
//	live-B/session  what the heap keeps of a session that has ended and waits for
//	                a message to be repeated
func BenchmarkHandler(b *testing.B) {
	for _, enc := range []syncml.Encoding{syncml.XML, syncml.WBXML} {
		b.Run(enc.String(), func(b *testing.B) { benchHandler(b, enc) })
	}
}

func benchHandler(b *testing.B, enc syncml.Encoding) {
	d := newDevice(b, 0, session.SchemeMD5, "http://bridge.test"+DefaultPath)
	d.acc.Encoding = enc
	d.nonces = session.Nonces{Client: newNonce(), Server: newNonce()}
	cfg := serverSide(d.acc)
	cfg.Account.URL, cfg.Nonces = "", d.nonces
	h := New(Options{Work: fixedWork{cfg}})
	var bodies [][]byte
	d.post = func(_ context.Context, r dmhttp.Request) (dmhttp.Response, error) {
		bodies = append(bodies, bytes.Clone(r.Body))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, benchRequest(strings.TrimPrefix(r.URL, d.acc.URL+"?"), enc, r.Body))
		return dmhttp.Response{Status: w.Code, Body: w.Body.Bytes()}, nil
	}
	if end, err := d.run(b.Context()); end != session.EndDone {
		b.Fatal(end, err)
	}
	hold := func(bodies [][]byte) {
		query := ""
		for _, body := range bodies {
			w := &benchWriter{head: http.Header{}}
			h.ServeHTTP(w, benchRequest(query, enc, body))
			if _, after, ok := bytes.Cut(w.body, []byte("?"+tokenKey+"=")); ok {
				query = tokenKey + "=" + string(after[:len(newToken())])
			}
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		hold(bodies)
	}
	b.StopTimer()
	if n := h.Counts(); n.Messages != 2*n.Begun || n.Ends[session.EndDone] != n.Begun {
		b.Fatalf("not what was measured: %+v", n)
	}
	const devices = 2000
	before := liveHeap()
	for n := range devices {
		other := make([][]byte, len(bodies))
		for i, body := range bodies {
			other[i] = bytes.ReplaceAll(body, []byte(d.acc.DeviceID), []byte(account(n+1, session.SchemeNone).DeviceID))
		}
		hold(other)
	}
	b.ReportMetric(float64(liveHeap()-before)/devices, "live-B/session")
	if n := h.Counts(); n.Sessions != devices+1 || n.Ends[session.EndDone] != n.Begun {
		b.Fatalf("not what was measured: %+v", n)
	}
}

// benchRequest is a request without what it costs to read one.
func benchRequest(query string, enc syncml.Encoding, body []byte) *http.Request {
	return &http.Request{
		Method: http.MethodPost, URL: &url.URL{Path: DefaultPath, RawQuery: query}, Host: "bridge.test", RemoteAddr: "192.0.2.1:49152",
		Header: http.Header{"Content-Type": {enc.MIME()}}, ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body)),
	}
}

func liveHeap() int64 {
	runtime.GC()
	runtime.GC() // what pools hold goes with the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// benchWriter is the least that a [http.ResponseWriter] can be.
type benchWriter struct {
	head http.Header
	body []byte
}

func (w *benchWriter) Header() http.Header         { return w.head }
func (w *benchWriter) WriteHeader(int)             {}
func (w *benchWriter) Write(b []byte) (int, error) { w.body = b; return len(b), nil }

// fixedWork has the same account for everybody, remembers nothing, and has the
// same to say in every session.
type fixedWork struct{ cfg session.ServerConfig }

func (w fixedWork) Open(_ context.Context, c Caller) (session.ServerConfig, Visit, error) {
	w.cfg.Account.DeviceID = c.DeviceID
	return w.cfg, &fixedVisit{}, nil
}

type fixedVisit struct{ asked bool }

func (v *fixedVisit) Heard(context.Context, session.Received) ([]Job, error) {
	if v.asked {
		return nil, nil
	}
	v.asked = true
	return benchGets, nil
}

func (v *fixedVisit) Said([]session.Result, session.End) {}

func (v *fixedVisit) Gone() {}
