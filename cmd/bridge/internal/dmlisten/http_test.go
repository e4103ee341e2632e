package dmlisten

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/syncml/session"
)

// raw sends bytes to a server and returns its response.
func raw(t *testing.T, addr, request string) *http.Response {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(request, tornMark) {
		_ = c.(*net.TCPConn).CloseWrite()
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// tornMark ends a request whose line breaks.
const tornMark = "<SyncML torn"

// TestWhatIsRefusedInHTTP: each thing that HTTP can say, over a real connection.
func TestWhatIsRefusedInHTTP(t *testing.T) {
	const limit = 2000
	s := newServer(t, Options{MaxBody: limit}, session.SchemeNone, 1)
	addr := strings.TrimSuffix(strings.TrimPrefix(s.url, "http://"), DefaultPath)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write(byHand(t, s, 0).open())
	z.Close()
	good := string(byHand(t, s, 0).open())
	padded := func(n int) string { return good + strings.Repeat(" ", n-len(good)) }
	post := func(head, body string) string {
		return "POST /dm HTTP/1.1\r\nHost: h\r\n" + head + "\r\n\r\n" + body
	}
	xml := func(more, body string) string {
		return post(fmt.Sprintf("Content-Type: %s\r\nContent-Length: %d%s", dmXML, len(body), more), body)
	}
	chunked := func(body string) string {
		return post("Content-Type: "+dmXML+"\r\nTransfer-Encoding: chunked", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body))
	}
	for _, tc := range []struct {
		name    string
		request string
		status  int
		header  [2]string
	}{
		{"a length", xml("", good), 200, [2]string{"Content-Type", dmXML}},
		{"chunks", chunked(good), 200, [2]string{"Content-Type", dmXML}},
		{"identity", xml("\r\nContent-Encoding: identity", good), 200, [2]string{}},
		{"GET", "GET /dm HTTP/1.1\r\nHost: h\r\n\r\n", 405, [2]string{"Allow", "POST"}},
		{"PUT", "PUT /dm HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", 405, [2]string{"Allow", "POST"}},
		{"another path", "POST /dm/x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", 404, [2]string{}},
		{"neither length nor chunks", post("Content-Type: "+dmXML, ""), 411, [2]string{}},
		{"at the limit", xml("", padded(limit)), 200, [2]string{}},
		{"one over the limit", xml("", padded(limit+1)), 413, [2]string{"Connection", "close"}},
		{"at the limit in chunks", chunked(padded(limit)), 200, [2]string{}},
		{"one over the limit in chunks", chunked(padded(limit + 1)), 413, [2]string{"Connection", "close"}},
		{"a body of bytes without end", post("Content-Type: "+dmXML+"\r\nTransfer-Encoding: chunked", strings.Repeat("400\r\n"+strings.Repeat("x", 0x400)+"\r\n", 100)), 413, [2]string{"Connection", "close"}},
		{"text/xml", post("Content-Type: text/xml\r\nContent-Length: 1", "x"), 415, [2]string{"Accept", errType.header[1]}},
		{"no type", post("Content-Length: 1", "x"), 415, [2]string{"Accept", errType.header[1]}},
		{"gzip", xml("\r\nContent-Encoding: gzip", zipped.String()), 415, [2]string{"Accept-Encoding", "identity"}},
		{"no bytes", xml("", ""), 400, [2]string{}},
		{"no SyncML", xml("", "<html/>"), 400, [2]string{}},
		{"torn by length", post("Content-Type: "+dmXML+"\r\nContent-Length: 100", tornMark), 400, [2]string{"Connection", "close"}},
		{"torn in a chunk", post("Content-Type: "+dmXML+"\r\nTransfer-Encoding: chunked", "40\r\n"+tornMark), 400, [2]string{"Connection", "close"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			resp := raw(t, addr, tc.request)
			got := resp.Header.Get(tc.header[0])
			if tc.header[0] == "Connection" && resp.Close {
				got = "close"
			}
			if resp.StatusCode != tc.status || got != tc.header[1] {
				t.Errorf("got %d with %s: %q; want %d with %q", resp.StatusCode, tc.header[0], got, tc.status, tc.header[1])
			}
			if tc.status != 404 && resp.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("Cache-Control %q", resp.Header.Get("Cache-Control"))
			}
		})
	}
	if c := s.Counts(); c.HTTP[405] != 2 || c.HTTP[411] != 1 || c.HTTP[413] != 3 || c.HTTP[415] != 3 || c.HTTP[400] != 4 {
		t.Errorf("counted %v", c.HTTP)
	}
}

// pipes is a listener of connections in memory, for fake time.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error {
	select {
	case <-p.done:
	default:
		close(p.done)
	}
	return nil
}
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial() net.Conn {
	here, there := net.Pipe()
	p.conns <- there
	return here
}

// TestSlowPeers: who does not get its header or its message across in time is
// told 408 or hung up on, and the listener ends with its context.
func TestSlowPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		h := New(Options{Work: NewMemory(), MessageTimeout: 20 * time.Second})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- Serve(ctx, l, h, nil) }()
		begin := time.Now()

		c := l.dial() // never finishes its header
		go func() { _, _ = io.WriteString(c, "POST /dm HTTP/1.1\r\n") }()
		_, _ = io.Copy(io.Discard, c)
		if took := time.Since(begin); took != headerTimeout {
			t.Errorf("half a header is waited for %v; want %v", took, headerTimeout)
		}

		begin = time.Now()
		slow := l.dial() // sends a byte a second
		var trickle sync.WaitGroup
		trickle.Go(func() {
			_, _ = io.WriteString(slow, "POST /dm HTTP/1.1\r\nHost: h\r\nContent-Type: "+dmXML+"\r\nTransfer-Encoding: chunked\r\n\r\n")
			for {
				if _, err := io.WriteString(slow, "1\r\nx\r\n"); err != nil {
					return
				}
				<-time.After(time.Second)
			}
		})
		resp, err := http.ReadResponse(bufio.NewReader(slow), nil)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); resp.StatusCode != http.StatusRequestTimeout || !resp.Close || took != 20*time.Second {
			t.Errorf("a slow message: %d after %v", resp.StatusCode, took)
		}
		slow.Close()
		trickle.Wait()

		begin = time.Now()
		c = l.dial() // says nothing at all
		_, _ = io.Copy(io.Discard, c)
		if took := time.Since(begin); took != headerTimeout {
			t.Errorf("a silent peer is waited for %v", took)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// fileConn notes what it is given whole.
type fileConn struct {
	net.Conn
	files atomic.Int32
}

func (c *fileConn) ReadFrom(r io.Reader) (int64, error) {
	c.files.Add(1)
	return io.Copy(struct{ io.Writer }{c.Conn}, r)
}

type fileListener struct {
	net.Listener
	conns chan *fileConn
}

func (l fileListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	f := &fileConn{Conn: c}
	l.conns <- f
	return f, nil
}

// TestFilesGoByTheKernel: a connection that takes a file as such, as those of TCP
// do, gets it so, although we count connections.
func TestFilesGoByTheKernel(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := fileListener{inner, make(chan *fileConn, 1)}
	body := strings.Repeat("x", 100_000)
	name := filepath.Join(t.TempDir(), "package")
	if err := os.WriteFile(name, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan error)
	go func() {
		over <- Serve(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, name) }), nil)
	}()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || string(got) != body {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if n := (<-l.conns).files.Load(); n != 1 {
		t.Errorf("a file was given to the connection %d times, want once", n)
	}
	stop()
	if err := <-over; err != nil {
		t.Error(err)
	}
}

// TestConnectionsAreBounded: at the limit everybody is served; the next one
// waits until one has gone.
func TestConnectionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		l := limit(p, 2)
		accepted := make(chan net.Conn, 3)
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					close(accepted)
					return
				}
				accepted <- c
			}
		}()
		for range 3 {
			go p.dial()
		}
		synctest.Wait()
		if n := len(accepted); n != 2 {
			t.Errorf("%d connections; want 2", n)
		}
		first := <-accepted
		first.Close()
		first.Close() // twice gives one place back
		synctest.Wait()
		if n := len(accepted); n != 2 {
			t.Errorf("%d connections after one has gone; want 2", n)
		}
		l.Close()
		synctest.Wait()
		n := 0
		for c := range accepted {
			c.Close()
			n++
		}
		if n != 2 {
			t.Errorf("%d connections in the end", n)
		}
	})
}

// TestServeEndsAfterItsRequests: one that hangs holds the end back until it is
// over, even though its connection is closed before.
func TestServeEndsAfterItsRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		entered, release := make(chan struct{}), make(chan struct{})
		var gone time.Duration
		begin := time.Now()
		h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(entered)
			<-r.Context().Done()
			gone = time.Since(begin)
			<-release
		})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- Serve(ctx, l, h, nil) }()
		c := l.dial()
		defer c.Close()
		_, _ = io.WriteString(c, "POST /dm HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
		<-entered
		stop()
		<-time.After(time.Minute)
		synctest.Wait()
		if len(ended) != 0 || gone != shutdownTime {
			t.Errorf("ended: %v; the request was cut off after %v, want %v", len(ended) != 0, gone, shutdownTime)
		}
		close(release)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestBrokenListener: its error comes back.
func TestBrokenListener(t *testing.T) {
	l := listenLoopback(t)
	l.Close()
	if err := Serve(t.Context(), l, http.NotFoundHandler(), nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// The token joins the query that our address has already.
func TestRespURIWithQuery(t *testing.T) {
	for address, want := range map[string]string{
		"https://dm.example.com/dm":     "https://dm.example.com/dm?s=T",
		"https://dm.example.com/dm?":    "https://dm.example.com/dm?s=T",
		"https://dm.example.com/dm?a=b": "https://dm.example.com/dm?a=b&s=T",
		"https://dm.example.com:x/dm":   "",
	} {
		h := New(Options{Work: NewMemory(), URL: address})
		if got := h.respURI(nil, "T"); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}
