// Package dmhttp carries SyncML messages to DM servers: one POST a message
// (OMA SyncML HTTP Binding 1.2). It knows nothing of what is in them, keeps
// no state and repeats nothing; sessions and repetition are the engine's.
//
// It is strict about where a message may end up, because messages carry
// credentials: a redirect is followed only to the same scheme, host and port,
// and a body in either direction has a limit.
package dmhttp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"
)

// Defaults of a [Client].
const (
	DefaultTimeout = 60 * time.Second // of one POST with its answer
	DefaultMaxBody = 1 << 20          // bytes of an answer
	maxRedirects   = 3
	idlePerHost    = 64 // a bridge speaks to few hosts, for many devices
)

// contentTypes are the media types of SyncML messages: of DM, and of SyncML
// 1.0, which old DM servers still send.
var contentTypes = map[string]bool{
	"application/vnd.syncml.dm+xml":   true,
	"application/vnd.syncml.dm+wbxml": true,
	"application/vnd.syncml+xml":      true,
	"application/vnd.syncml+wbxml":    true,
}

// TooLargeError says that an answer was longer than the limit.
type TooLargeError struct {
	Limit int64 // bytes
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("dmhttp: the answer is over %d bytes", e.Limit)
}

// ContentTypeError says that an answer was no SyncML message, such as the
// login page of a proxy.
type ContentTypeError struct {
	Got string // the media type
}

func (e *ContentTypeError) Error() string {
	return fmt.Sprintf("dmhttp: the answer has Content-Type %q, no SyncML message", e.Got)
}

var errElsewhere = errors.New("dmhttp: the server redirects to another host or scheme; this is not followed")

// Client posts messages. Use New; it is safe for concurrent use.
type Client struct {
	http    *http.Client
	maxBody int64
}

// Options of a Client. The zero value has all defaults.
type Options struct {
	Timeout time.Duration // of one POST with its answer; 0 is DefaultTimeout
	MaxBody int64         // bytes of an answer; 0 is DefaultMaxBody
	// Transport replaces the default one, which uses the system's roots for
	// TLS and the proxy of the environment.
	Transport http.RoundTripper
}

// New returns a Client.
func New(o Options) *Client {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.MaxBody == 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = idlePerHost
		o.Transport = t
	}
	return &Client{
		http:    &http.Client{Transport: o.Transport, Timeout: o.Timeout, CheckRedirect: sameHost},
		maxBody: o.MaxBody,
	}
}

// sameHost allows redirects that stay with the server the operator named.
// net/http repeats the POST for 307 and 308 only, which is what is wanted.
func sameHost(next *http.Request, via []*http.Request) error {
	first := via[0].URL
	if next.URL.Scheme != first.Scheme || next.URL.Host != first.Host {
		return errElsewhere
	}
	if next.Method != http.MethodPost {
		return http.ErrUseLastResponse // 301, 302, 303 turn a POST into a GET: show the status instead
	}
	if len(via) > maxRedirects {
		return fmt.Errorf("dmhttp: more than %d redirects", maxRedirects)
	}
	return nil
}

// Post sends one message and returns the answer: its HTTP status, media type
// without parameters, and body. err is for answers that did not come or cannot
// be used at all: network errors, *TooLargeError, *ContentTypeError. Any
// status is returned as it is, with no body unless it is of class 2.
func (c *Client) Post(ctx context.Context, url, contentType string, body []byte) (int, string, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, "", nil, fmt.Errorf("dmhttp: %w", err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Accept", contentType)
	req.Header.Set("User-Agent", "fwbridge")
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, "", nil, fmt.Errorf("dmhttp: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		// Read a little, so that the connection can be used again.
		_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
		return resp.StatusCode, "", nil, nil
	}
	return c.read(resp)
}

// read takes the answer's body, up to the limit.
func (c *Client) read(resp *http.Response) (int, string, []byte, error) {
	b, err := io.ReadAll(io.LimitReader(resp.Body, c.maxBody+1))
	if err != nil {
		return resp.StatusCode, "", nil, fmt.Errorf("dmhttp: the answer broke off: %w", err)
	}
	if int64(len(b)) > c.maxBody {
		return resp.StatusCode, "", nil, &TooLargeError{Limit: c.maxBody}
	}
	if len(b) == 0 {
		return resp.StatusCode, "", nil, nil
	}
	media, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || !contentTypes[media] {
		return resp.StatusCode, media, nil, &ContentTypeError{Got: media}
	}
	return resp.StatusCode, media, b, nil
}

// Close closes the connections that wait to be used again.
func (c *Client) Close() { c.http.CloseIdleConnections() }
