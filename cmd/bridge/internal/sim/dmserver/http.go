package dmserver

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/fwbridge/fwbridge/syncml"
)

// maxBody is the largest message taken, in bytes; it is announced as
// MaxMsgSize.
const maxBody = 256 << 10

// reply is the answer to one message.
type reply struct {
	body      []byte
	mac       string  // value of the macHeader that goes with it, or ""
	places    []Place // which kinds of message it answers
	delivered func()  // to be called when the answer goes out; may be nil
}

// request is one message as it came.
type request struct {
	m    *syncml.Message
	enc  syncml.Encoding
	body []byte
	mac  string  // value of its macHeader
	at   url.URL // where it was posted
}

// ServeHTTP implements [http.Handler]: one POST, one message, one answer.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer s.handOut()
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "a DM server takes POST only", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooBig := errors.AsType[*http.MaxBytesError](err); tooBig {
		http.Error(w, "message over "+strconv.Itoa(maxBody)+" bytes", http.StatusRequestEntityTooLarge)
		return
	} else if err != nil {
		http.Error(w, "the message did not arrive whole", http.StatusBadRequest)
		return
	}
	m, enc, err := syncml.Decode(body, syncml.Limits{})
	if err != nil {
		s.mu.Lock()
		s.counts.Malformed++
		s.mu.Unlock()
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if status, ok := s.refuseHTTP(m); ok {
		w.WriteHeader(status)
		return
	}
	answer, err := s.answer(&request{m, enc, body, r.Header.Get(macHeader), sessionURL(r)})
	if errors.Is(err, errWrongAddress) {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	} else if err != nil {
		s.cfg.Log.Error("dm server: no answer", "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	s.deliver(w, r, m.Header.Source.URI, contentType(r, enc), answer)
}

// sessionURL is the address of the request, for RespURI.
func sessionURL(r *http.Request) url.URL {
	return url.URL{Scheme: "http", Host: r.Host, Path: r.URL.Path, RawQuery: r.URL.RawQuery}
}

// contentType echoes what the client sent: clients insist on their own
// spelling (spec "what a real OMA DM client does").
func contentType(r *http.Request, enc syncml.Encoding) string {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil {
		return t
	}
	return enc.MIME()
}

// refuseHTTP says whether a quirk keeps the message from being looked at: with
// an HTTP status, or by losing it altogether.
func (s *Server) refuseHTTP(m *syncml.Message) (int, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	places := placesOf(m)
	if q, ok := s.strike(HTTPError, m.Header.Source.URI, places...); ok {
		return q.HTTP, true
	}
	if slices.Contains(places, AlertMessage) {
		if _, ok := s.strike(LoseAlert, m.Header.Source.URI); ok {
			panic(http.ErrAbortHandler)
		}
	}
	return 0, false
}

// placesOf says what kind of message it is, as far as that can be seen from
// itself.
func placesOf(m *syncml.Message) []Place {
	var places []Place
	if m.Header.MsgID == "1" {
		places = append(places, FirstMessage)
	}
	for _, c := range m.Body {
		if a, ok := c.(*syncml.Alert); ok && isFinalAlert(a) {
			places = append(places, AlertMessage)
		}
	}
	return places
}

// deliver sends an answer, or does to it what the quirks say.
func (s *Server) deliver(w http.ResponseWriter, r *http.Request, device, contentType string, a reply) {
	s.mu.Lock()
	late, isLate := s.strike(LateAnswer, device, a.places...)
	_, lost := s.strike(DropAnswer, device, a.places...)
	_, broken := s.strike(Malformed, device, a.places...)
	if !lost && !broken && a.delivered != nil {
		a.delivered()
	}
	s.mu.Unlock()
	if isLate && !pause(r, late.Duration) || lost {
		panic(http.ErrAbortHandler) // the connection breaks, the server goes on
	}
	body := a.body
	if broken {
		body = body[:len(body)/2]
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("Cache-Control", "no-store")
	if a.mac != "" {
		w.Header().Set(macHeader, a.mac)
	}
	w.Write(body)
}

// pause waits; false when the client has gone.
func pause(r *http.Request, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-r.Context().Done():
		return false
	case <-t.C:
		return true
	}
}
