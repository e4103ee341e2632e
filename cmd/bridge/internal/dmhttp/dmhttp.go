// Package dmhttp carries SyncML messages to DM servers: one POST a message
// (OMA SyncML HTTP Binding 1.2). It knows nothing of what is in them, keeps
// no state and repeats nothing; sessions and repetition are the engine's.
//
// Each DM server has a way of its own: trust, client certificate, proxy and
// the family of content types. Messages carry credentials, so it is strict
// about where they may end up: a redirect is followed only to the same scheme,
// host and port. An answer has a limit, in bytes and in time.
//
// HTTP/1.1 is spoken, never HTTP/2, and compression is never asked for: what
// this is for is older than both, and the x-syncml-hmac of an answer is that
// of its bytes as they are.
package dmhttp

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/fwbridge/fwbridge/syncml"
)

// Defaults of a [Client].
const (
	DefaultTimeout = 60 * time.Second // of one POST with its answer
	DefaultMaxBody = 1 << 20          // bytes of an answer
)

// hmacHeader carries the MAC of a message (DM Security 1.2, "Transport
// Mapping").
const hmacHeader = "X-Syncml-Hmac"

// Request is one message on its way.
type Request struct {
	Server   string // whose way it goes; a name that is not in Options.Servers goes the default way
	URL      string
	Encoding syncml.Encoding // of Body
	HMAC     string          // value of x-syncml-hmac; empty sends none
	Body     []byte
}

// Response is what the server made of it.
type Response struct {
	Status   int
	Encoding syncml.Encoding // of Body, as the server says
	HMAC     string          // value of x-syncml-hmac; empty without one
	Body     []byte          // nil unless Status is of class 2
}

// Client posts messages. Use New; it is safe for concurrent use.
type Client struct {
	ways    map[string]*way
	other   *way
	maxBody int64
}

// Options of a Client. The zero value has all defaults.
type Options struct {
	Timeout time.Duration     // of one POST with its answer; 0 is DefaultTimeout
	MaxBody int64             // bytes of an answer; 0 is DefaultMaxBody
	Servers map[string]Server // by name
}

// New returns a Client.
func New(o Options) *Client {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.MaxBody == 0 {
		o.MaxBody = DefaultMaxBody
	}
	c := &Client{ways: map[string]*way{}, other: newWay(Server{}, o.Timeout), maxBody: o.MaxBody}
	for name, s := range o.Servers {
		c.ways[name] = newWay(s, o.Timeout)
	}
	return c
}

// Post sends one message and returns the answer. err is for answers that did
// not come or cannot be used at all: network errors, *TooLargeError,
// *ContentTypeError, *CodingError. Any status is returned as it is, with no
// body unless it is of class 2.
func (c *Client) Post(ctx context.Context, m Request) (Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.URL, bytes.NewReader(m.Body))
	if err != nil {
		return Response{}, fmt.Errorf("dmhttp: %w", err)
	}
	w, ok := c.ways[m.Server]
	if !ok {
		w = c.other
	}
	contentType := w.family.MIME(m.Encoding)
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Accept", contentType)
	req.Header.Set("Accept-Encoding", "identity") // without it net/http would ask for gzip
	req.Header.Set("User-Agent", "fwbridge")
	if m.HMAC != "" {
		req.Header.Set(hmacHeader, m.HMAC)
	}
	resp, err := w.http.Do(req)
	if err != nil {
		return Response{}, fmt.Errorf("dmhttp: %w", withoutQuery(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		// Read a little, so that the connection can be used again.
		_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
		return Response{Status: resp.StatusCode}, nil
	}
	return c.read(resp)
}

// Close closes the connections that wait to be used again.
func (c *Client) Close() {
	c.other.http.CloseIdleConnections()
	for _, w := range c.ways {
		w.http.CloseIdleConnections()
	}
}
