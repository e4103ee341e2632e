package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/fwbridge/fwbridge/syncml"
)

// MaxBody is the longest body in bytes that is taken from a live peer.
const MaxBody = 4 << 20

// errTooLong says that a peer sends more than [MaxBody].
var errTooLong = fmt.Errorf("a body over %d bytes", MaxBody)

// httpServer posts to a server.
type httpServer struct {
	base string
	do   func(*http.Request) (*http.Response, error)
}

// URL is the DM server at an address. A nil client is [http.DefaultClient],
// which has no time-out: give one, or a context that ends. A RespURI is
// followed.
func URL(address string, client *http.Client) Server {
	if client == nil {
		client = http.DefaultClient
	}
	return &httpServer{base: address, do: client.Do}
}

// Handler is a DM server in this process. Its requests go to the address,
// which need not exist. A handler that panics with [http.ErrAbortHandler], as
// net/http wants it, breaks the connection: that is an error of the replay.
func Handler(h http.Handler, address string) Server {
	return &httpServer{base: address, do: func(r *http.Request) (*http.Response, error) { return serve(h, r) }}
}

// Answer implements [Server].
func (s *httpServer) Answer(ctx context.Context, m Message) (Message, error) {
	address, err := s.address(m.URL)
	if err != nil {
		return Message{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(m.Body))
	if err != nil {
		return Message{}, err
	}
	_, enc, _ := m.Decode()
	req.Header.Set("Content-Type", m.contentType(enc))
	req.Header.Set("Accept", m.contentType(enc))
	for _, name := range []string{"User-Agent", "Accept", "Accept-Charset", macHeader} {
		if v := m.Header.Get(name); v != "" {
			req.Header.Set(name, v)
		}
	}
	resp, err := s.do(req)
	if err != nil {
		return Message{}, err
	}
	defer resp.Body.Close()
	body, err := readLimited(resp.Body)
	return Message{Status: resp.StatusCode, Header: resp.Header, Body: body}, err
}

// address is where a message goes: to the server's own address, or to the
// RespURI it gave.
func (s *httpServer) address(respURI string) (string, error) {
	base, err := url.Parse(s.base)
	if err != nil {
		return "", errors.New("the address of the server is no URL")
	}
	next, err := base.Parse(respURI)
	if err != nil || next.Scheme != "http" && next.Scheme != "https" {
		return "", errors.New("the RespURI is no URL of HTTP")
	}
	return next.String(), nil
}

func readLimited(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxBody+1))
	if err == nil && len(b) > MaxBody {
		err = errTooLong
	}
	return b, err
}

// serve has a handler answer a request.
func serve(h http.Handler, r *http.Request) (resp *http.Response, err error) {
	defer func() {
		if p := recover(); p != nil {
			if e, ok := p.(error); !ok || !errors.Is(e, http.ErrAbortHandler) {
				panic(p)
			}
			err = errors.New("the handler broke the connection")
		}
	}()
	w := &writer{header: make(http.Header)}
	in := r.Clone(r.Context())
	in.RequestURI, in.RemoteAddr = r.URL.RequestURI(), "127.0.0.1:1"
	h.ServeHTTP(w, in)
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return &http.Response{StatusCode: w.status, Header: w.header, Body: io.NopCloser(&w.body)}, nil
}

// writer keeps what a handler answers.
type writer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *writer) Header() http.Header { return w.header }

func (w *writer) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *writer) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.body.Len()+len(b) > MaxBody+1 {
		return 0, errTooLong
	}
	return w.body.Write(b)
}

// first is the first message of the client that can be decoded.
func (s Session) first() (*syncml.Message, syncml.Encoding, error) {
	if len(s.Exchanges) == 0 {
		return nil, syncml.XML, ErrNothing
	}
	return s.Exchanges[0].Request.Decode()
}
