package replay

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"time"

	"github.com/fwbridge/fwbridge/syncml"
)

// What the two directions of a connection are found by when the capture began
// after it.
var (
	requestLine = regexp.MustCompile(`POST [^ \r\n]+ HTTP/1\.[01]\r\n`)
	statusLine  = regexp.MustCompile(`HTTP/1\.[01] [1-5][0-9][0-9][ \r]`)
)

// timedExchange is an exchange with the time of its first byte.
type timedExchange struct {
	seen   time.Time
	method string
	syncML bool // a post of a SyncML message
	broken bool // the request is not whole
	Exchange
}

// exchanges reads the HTTP messages of a connection. Only posts of SyncML are
// returned; whole says that none of those is missing.
func (c *connection) exchanges() (list []timedExchange, whole bool) {
	requests, responses := c.halves[0].begin(), c.halves[1].begin()
	if requests == nil || !requests.isRequest {
		requests, responses = responses, requests
	}
	if requests == nil || !requests.isRequest {
		return nil, true
	}
	all, whole := requests.requests()
	if responses != nil && !responses.isRequest {
		whole = responses.responses(all) && whole
	}
	posts := 0
	for _, x := range all {
		if x.syncML {
			posts++
		}
		if x.syncML && !x.broken {
			list = append(list, x)
		}
	}
	return list, whole || posts == 0
}

// httpReader reads HTTP messages from one direction of a connection.
type httpReader struct {
	*half
	isRequest bool
	raw       *bytes.Reader
	buf       *bufio.Reader
}

// begin finds the first message; nil when there is none.
func (h *half) begin() *httpReader {
	if h == nil || len(h.data) == 0 {
		return nil
	}
	start, isRequest := 0, !bytes.HasPrefix(h.data, []byte("HTTP/"))
	if !h.synced {
		at := requestLine.FindIndex(h.data)
		isRequest = at != nil
		if at == nil {
			at = statusLine.FindIndex(h.data)
		}
		if at == nil {
			return nil
		}
		start = at[0]
	}
	r := &httpReader{half: h, isRequest: isRequest, raw: bytes.NewReader(h.data)}
	_, _ = r.raw.Seek(int64(start), io.SeekStart) // within the data
	r.buf = bufio.NewReader(r.raw)
	return r
}

// now is when the next byte was seen.
func (r *httpReader) now() time.Time {
	return r.seen(len(r.data) - r.raw.Len() - r.buf.Buffered())
}

// requests reads all of them; whole says that it got to the end.
func (r *httpReader) requests() (list []timedExchange, whole bool) {
	for {
		seen := r.now()
		req, err := http.ReadRequest(r.buf)
		if err != nil {
			return list, errors.Is(err, io.EOF) && !r.gap
		}
		x := timedExchange{seen: seen, method: req.Method}
		_, x.syncML = syncml.ParseMIME(req.Header.Get("Content-Type"))
		x.syncML = x.syncML && req.Method == http.MethodPost
		x.Request = Message{Name: fmt.Sprintf("%s to %s, request %d", r.from, r.to, len(list)+1), URL: req.URL.String(), Header: req.Header}
		if !req.URL.IsAbs() {
			x.Request.URL = "http://" + req.Host + req.URL.RequestURI()
		}
		x.Request.Body, err = io.ReadAll(req.Body)
		x.broken = err != nil
		if list = append(list, x); x.broken {
			return list, false
		}
	}
}

// responses reads the answers to the requests; whole says that none is broken.
// Those that were not captured at all are left out, as of a peer that never
// answered.
func (r *httpReader) responses(list []timedExchange) (whole bool) {
	for i := 0; i < len(list); {
		seen := r.now()
		if _, err := r.buf.Peek(1); err != nil {
			return !r.gap
		}
		resp, err := http.ReadResponse(r.buf, &http.Request{Method: list[i].method})
		if err != nil {
			return false
		}
		body, err := io.ReadAll(resp.Body)
		switch {
		case err != nil:
			return false
		case seen.Before(list[i].seen), resp.StatusCode/100 == 1:
			continue // to a request before the capture, or not the last word
		}
		list[i].Response = Message{Name: fmt.Sprintf("%s to %s, response %d", r.from, r.to, i+1), Status: resp.StatusCode, Header: resp.Header, Body: body}
		i++
	}
	return true
}
