package dmlisten

import (
	"bytes"
	"errors"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// httpError is a request that is answered in HTTP. Its text is for the device's
// log and repeats nothing of the request.
type httpError struct {
	status int
	text   string
	header [2]string // one more header; empty has none
	err    error     // the cause, for our log
}

func (e *httpError) Error() string { return e.text }

func (e *httpError) Unwrap() error { return e.err }

// What is refused in HTTP.
var (
	errMethod   = &httpError{status: http.StatusMethodNotAllowed, text: "a DM server takes POST only", header: [2]string{"Allow", http.MethodPost}}
	errLength   = &httpError{status: http.StatusLengthRequired, text: "the message has neither a length nor chunks"}
	errTooLarge = &httpError{status: http.StatusRequestEntityTooLarge, text: "the message is too long", header: [2]string{"Connection", "close"}}
	errType     = &httpError{status: http.StatusUnsupportedMediaType, text: "no SyncML message", header: [2]string{"Accept",
		"application/vnd.syncml.dm+xml, application/vnd.syncml.dm+wbxml, application/vnd.syncml+xml, application/vnd.syncml+wbxml"}}
	errCoding  = &httpError{status: http.StatusUnsupportedMediaType, text: "compressed messages are not taken", header: [2]string{"Accept-Encoding", "identity"}}
	errSlow    = &httpError{status: http.StatusRequestTimeout, text: "the message did not arrive in time", header: [2]string{"Connection", "close"}}
	errTorn    = &httpError{status: http.StatusBadRequest, text: "the message did not arrive whole", header: [2]string{"Connection", "close"}}
	errStopped = &httpError{status: http.StatusServiceUnavailable, text: "too busy; come again", header: [2]string{"Retry-After", "30"}}
)

// hmacHeader is [session.HMACHeader] as [http.Header] has it.
var hmacHeader = http.CanonicalHeaderKey(session.HMACHeader)

// message is a device's message as it came.
type message struct {
	body  []byte // of buf
	buf   *bytes.Buffer
	hmac  string
	token string     // of the URL; empty without one
	dm    bool       // the content type is of the DM family
	from  netip.Addr // who sent it, as far as we know
	peer  string     // the same, for the lockout
	r     *http.Request
	until time.Time // when it must be in, and have its turn
	// msg and enc are what body says, once it was decoded; nil before.
	msg *syncml.Message
	enc syncml.Encoding
}

// decode reads the body, once. The error is answered in HTTP.
func (m *message) decode() error {
	if m.msg != nil {
		return nil
	}
	var err error
	if m.msg, m.enc, err = syncml.Decode(m.body, syncml.DefaultLimits); err != nil {
		return &httpError{status: http.StatusBadRequest, text: err.Error(), err: err}
	}
	return nil
}

// answer is what goes back.
type answer struct {
	body []byte // nil is an empty answer: there is nothing left to say
	hmac string
	enc  syncml.Encoding
}

// serve is one POST.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	m, err := h.read(w, r)
	defer m.free()
	if err == nil {
		var a answer
		if a, err = h.exchange(r.Context(), m); err == nil {
			write(w, m, a)
			return
		}
	}
	h.refuse(w, r, err)
}

// read takes a message off the line, or says in HTTP what is wrong with it.
func (h *Handler) read(w http.ResponseWriter, r *http.Request) (message, error) {
	m := message{r: r, until: time.Now().Add(h.o.MessageTimeout), hmac: r.Header.Get(hmacHeader), token: tokenOf(r.URL.RawQuery)}
	contentType := r.Header.Get("Content-Type")
	_, known := syncml.ParseMIME(contentType)
	coding := r.Header.Get("Content-Encoding")
	switch {
	case r.Method != http.MethodPost:
		return m, errMethod
	case r.Header.Get("Content-Length") == "" && r.ContentLength <= 0 && len(r.TransferEncoding) == 0:
		return m, errLength
	case r.ContentLength > h.o.MaxBody:
		return m, errTooLarge
	case coding != "" && !strings.EqualFold(coding, "identity"):
		return m, errCoding
	case !known:
		return m, errType
	}
	m.dm = strings.Contains(strings.ToLower(contentType), "vnd.syncml.dm+")
	m.from = sender(r, h.o.Proxies)
	m.peer = m.from.String()
	// Not every writer has deadlines; then the server's own count.
	_ = http.NewResponseController(w).SetReadDeadline(m.until)
	m.buf = bodies.Get().(*bytes.Buffer)
	m.buf.Reset()
	m.buf.Grow(bytes.MinRead + int(max(0, min(r.ContentLength, maxKept))))
	_, err := m.buf.ReadFrom(http.MaxBytesReader(w, r.Body, h.o.MaxBody))
	if _, big := errors.AsType[*http.MaxBytesError](err); big {
		return m, errTooLarge
	} else if errors.Is(err, os.ErrDeadlineExceeded) {
		return m, errSlow
	} else if err != nil {
		return m, errTorn
	}
	m.body = m.buf.Bytes()
	return m, nil
}

// tokenOf is the token in a query; empty without one. It stands there as we gave
// it: it has nothing that anybody would escape.
func tokenOf(query string) string {
	for pair := range strings.SplitSeq(query, "&") {
		if token, ok := strings.CutPrefix(pair, tokenKey+"="); ok {
			return token
		}
	}
	return ""
}

// bodies holds buffers for messages. What is decoded from a body keeps nothing
// of it, nor does anything else here after the answer.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// maxKept is how many bytes are set aside for a body on the word of its header,
// and for the next one.
const maxKept = 16 << 10

// free gives the buffer of the body back.
func (m *message) free() {
	if m.buf != nil && m.buf.Cap() <= maxKept+bytes.MinRead {
		bodies.Put(m.buf)
	}
	m.buf, m.body = nil, nil
}

// write sends an answer in the family of content types that the device speaks.
func write(w http.ResponseWriter, m message, a answer) {
	head := w.Header()
	if a.body != nil {
		contentType := a.enc.MIME()
		if !m.dm {
			contentType = "application/vnd.syncml+" + a.enc.String()
		}
		head.Set("Content-Type", contentType)
	}
	if a.hmac != "" {
		head.Set(hmacHeader, a.hmac)
	}
	head.Set("Content-Length", strconv.Itoa(len(a.body)))
	_, _ = w.Write(a.body) // a device that has gone repeats its message
}

// refuse answers in HTTP.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e, ok := errors.AsType[*httpError](err)
	if !ok {
		e = &httpError{status: errStopped.status, text: errStopped.text, header: errStopped.header, err: err}
	}
	if e.header[0] != "" {
		w.Header().Set(e.header[0], e.header[1])
	}
	h.counts.refused(e.status)
	h.o.Log.Info("DM request refused", "peer", r.RemoteAddr, "status", e.status, "why", e.text, "err", e.err)
	http.Error(w, e.text, e.status)
}
