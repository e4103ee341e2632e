package pkgserver

import (
	"compress/gzip"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// tag is the ETag of those that break off and could be asked for the rest.
const tag = `"1"`

// gzipped sends compressed, whoever asked for it.
func gzipped(w http.ResponseWriter, _ *http.Request, s served) {
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	z.Write(s.body)
	z.Close()
}

// wrongRange breaks off in the middle, and sends something else than the range
// that it is asked for then.
func wrongRange(w http.ResponseWriter, r *http.Request, s served) {
	w.Header().Set("ETag", tag)
	if r.Header.Get("Range") == "" {
		reset(w, r, s)
	}
	part := s.body[:len(s.body)/2]
	w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(part)-1, len(s.body)))
	w.Header().Set("Content-Length", strconv.Itoa(len(part)))
	w.WriteHeader(http.StatusPartialContent)
	w.Write(part)
}

// mute takes the request and never answers.
func mute(_ http.ResponseWriter, r *http.Request, _ served) { <-r.Context().Done() }

// loris sends a byte now and then.
func loris(w http.ResponseWriter, r *http.Request, s served) {
	w.Header().Set("Content-Length", strconv.Itoa(len(s.body)))
	if r.Method == http.MethodHead { // which has its answer
		return
	}
	for i := range s.body {
		if _, err := w.Write(s.body[i : i+1]); err != nil {
			return
		}
		http.NewResponseController(w).Flush()
		if !pause(r, s.slow) {
			return
		}
	}
}

// lorisHeader does the same with a header that has no end.
func lorisHeader(w http.ResponseWriter, r *http.Request, s served) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	_, err = conn.Write([]byte("HTTP/1.1 200 OK\r\nX: "))
	for err == nil && pause(r, s.slow) {
		_, err = conn.Write([]byte("x"))
	}
}

// endless sends zeros without Content-Length for as long as somebody reads.
func endless(w http.ResponseWriter, r *http.Request, _ served) {
	if r.Method == http.MethodHead {
		return
	}
	zeros := []byte(strings.Repeat("\x00", 32<<10))
	for r.Context().Err() == nil {
		if _, err := w.Write(zeros); err != nil {
			return
		}
	}
}
