package delivery

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ServeHTTP answers a device.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g, ok := s.granted(r)
	if !ok {
		s.counts.refused.Add(1)
		notFound(w)
		return
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		s.counts.refused.Add(1)
		s.o.Logger.Warn("package not served: too many transfers", "device", g.Device)
		comeBack(w)
		return
	}
	if r.Method == http.MethodHead {
		s.head(w, r, g)
		return
	}
	file, info, err := s.o.Store.open(r.Context(), g.Digest, false)
	if err != nil {
		s.missing(w, g, err)
		return
	}
	defer file.Close()
	s.serve(w, r, g, file, info)
}

// head answers a HEAD, for which no file is opened.
func (s *Server) head(w http.ResponseWriter, r *http.Request, g Grant) {
	info, err := s.o.Store.Look(r.Context(), g.Digest)
	if err != nil {
		s.missing(w, g, err)
		return
	}
	unread := io.NewSectionReader(strings.NewReader(""), 0, info.Size())
	s.serve(w, r, g, unread, info)
}

// granted is what a request may have; false for whatever is odd.
func (s *Server) granted(r *http.Request) (Grant, bool) {
	token, ok := strings.CutPrefix(r.URL.Path, s.prefix)
	if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return Grant{}, false
	}
	g, ok := s.seal.grant(token)
	if !ok || !s.o.Now().Before(g.Expires) {
		return Grant{}, false
	}
	return g, s.o.Wanted == nil || s.o.Wanted(g)
}

// missing answers for a package that cannot be opened.
func (s *Server) missing(w http.ResponseWriter, g Grant, err error) {
	s.counts.refused.Add(1)
	s.o.Logger.Warn("package not served", "device", g.Device, "digest", g.Digest, "err", err)
	switch lost := errors.Is(err, ErrMissing); {
	case lost && s.o.Missing == nil:
		notFound(w)
		return
	case lost:
		s.o.Missing(g, err)
	}
	comeBack(w)
}

// notFound is 404 with nothing in it.
func notFound(w http.ResponseWriter) {
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusNotFound)
}

// comeBack is 503: it may be there soon.
func comeBack(w http.ResponseWriter) {
	w.Header().Set("Retry-After", retryAfter)
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusServiceUnavailable)
}

// serve sends the package, or what is asked of it. The file goes to
// http.ServeContent as it is and transfer passes on what may be sent by the
// kernel (sendfile).
func (s *Server) serve(w http.ResponseWriter, r *http.Request, g Grant, file io.ReadSeeker, info fs.FileInfo) {
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("ETag", `"`+g.Digest.String()+`"`)
	h.Set("Cache-Control", "private")
	t := &transfer{ResponseWriter: w, s: s, c: http.NewResponseController(w), head: r.Method == http.MethodHead,
		now: Transfer{Grant: g, Size: info.Size()}}
	t.m = newMeter(s.o.Now, 0)
	http.ServeContent(t, r, "", info.ModTime(), file)
	t.end(r.Context())
}

// transfer is the answer to one request: it counts what goes out, and ends a
// device that takes nothing.
type transfer struct {
	http.ResponseWriter
	s    *Server
	c    *http.ResponseController
	head bool
	m    meter
	now  Transfer
	err  error
	code int
	// hurried says that the connection has a deadline.
	hurried bool
}

// Unwrap is for http.ResponseController.
func (t *transfer) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// WriteHeader notes what is to come.
func (t *transfer) WriteHeader(code int) {
	t.code = code
	t.now.Length, _ = strconv.ParseInt(t.Header().Get("Content-Length"), 10, 64)
	if code == http.StatusPartialContent {
		var one bool
		if t.now.Offset, _, _, one = contentRange(t.Header().Get("Content-Range")); !one {
			t.now.Offset = -1
		}
	}
	if t.s.o.Progress != nil && t.hasBody() {
		t.s.o.Progress(t.now)
	}
	t.ResponseWriter.WriteHeader(code)
}

// hasBody says that the answer has a package, or a part of one.
func (t *transfer) hasBody() bool {
	return !t.head && (t.code == http.StatusOK || t.code == http.StatusPartialContent)
}

// Write sends a part of an answer of several ranges.
func (t *transfer) Write(p []byte) (int, error) {
	t.patience()
	n, err := t.ResponseWriter.Write(p)
	t.sent(int64(n), err)
	return n, err
}

// A chunk is what is given to the kernel at once, in bytes: what went in a
// second, so that there is progress to tell and time for it on a slow link, and
// few calls on a fast one.
const (
	firstChunk = 1 << 20
	leastChunk = 64 << 10
	mostChunk  = 4 << 20
)

// nextChunk is the chunk after one of n bytes.
func nextChunk(n int64, took time.Duration) int64 {
	if took <= 0 {
		return mostChunk
	}
	return int64(min(max(float64(n)/took.Seconds(), leastChunk), mostChunk))
}

// ReadFrom sends from a file, a chunk at a time, by the kernel where it can.
func (t *transfer) ReadFrom(src io.Reader) (n int64, err error) {
	rest, ok := src.(*io.LimitedReader)
	to, ok2 := t.ResponseWriter.(io.ReaderFrom)
	if !ok || !ok2 {
		return io.Copy(struct{ io.Writer }{t}, src)
	}
	size := int64(firstChunk)
	for rest.N > 0 {
		t.patience()
		began := t.s.o.Now()
		chunk := &io.LimitedReader{R: rest.R, N: min(rest.N, size)}
		m, err := to.ReadFrom(chunk)
		n += m
		rest.N -= m
		t.sent(m, err)
		size = nextChunk(m, t.s.o.Now().Sub(began))
		if err != nil || m == 0 {
			return n, err
		}
	}
	return n, nil
}

// patience gives the device time for one chunk. A writer without deadlines has
// none: then the server's own must do.
func (t *transfer) patience() {
	t.hurried = true
	_ = t.c.SetWriteDeadline(time.Now().Add(t.s.o.ChunkTimeout))
}

func (t *transfer) sent(n int64, err error) {
	t.now.Bytes += n
	t.s.counts.bytes.Add(uint64(n))
	if err != nil && t.err == nil {
		t.err = err
	}
	t.report()
}

func (t *transfer) report() {
	if t.s.o.Progress != nil && t.m.due(t.now.Bytes, t.now.Done) {
		t.now.Rate = t.m.rate
		t.s.o.Progress(t.now)
	}
}

// end tells the end of an answer that was to have a body.
func (t *transfer) end(ctx context.Context) {
	if t.hurried {
		_ = t.c.SetWriteDeadline(time.Time{}) // the connection may go on
	}
	if !t.hasBody() {
		return
	}
	t.now.Done, t.now.Err = true, t.err
	if t.err == nil && ctx.Err() != nil && t.now.Bytes < t.now.Length {
		t.now.Err = context.Cause(ctx)
	}
	if t.now.Err == nil {
		t.s.counts.done.Add(1)
	} else {
		t.s.counts.broken.Add(1)
	}
	t.report()
}
