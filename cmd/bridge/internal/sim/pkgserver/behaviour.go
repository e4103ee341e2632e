package pkgserver

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/simpackage"
)

// served is what a behaviour has to serve.
type served struct {
	body []byte
	slow time.Duration
}

// behaviours is what the server can do. status-NNN is beside it.
var behaviours = map[string]func(http.ResponseWriter, *http.Request, served){
	"ok":           whole,
	"corrupt":      whole, // the payload's last byte is another
	"foreign":      whole, // no package of the simulator's format
	"announced":    announced,
	"wrong-digest": wrongDigest,
	"slow":         slowly,
	"stall":        stall,
	"short":        short,
	"reset":        reset,
	"chunked":      chunked,
	"redirect":     redirect,
	"gzip":         gzipped,
	"wrong-range":  wrongRange,
	"mute":         mute,
	"loris":        loris,
	"loris-header": lorisHeader,
	"endless":      endless,

	"signed":          whole, // with a minisign signature beside it
	"wrong-signature": whole, // the signature is of other bytes

	"descriptor":       descriptor,
	"wrong-descriptor": wrongDescriptor,
}

// Behaviours lists what may stand first in a path, in alphabetical order.
func Behaviours() []string {
	return append(slices.Sorted(maps.Keys(behaviours)), "status-400 to status-599")
}

// whole serves with Content-Length and Range.
func whole(w http.ResponseWriter, r *http.Request, s served) {
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(s.body))
}

// announced serves with the digest in a header.
func announced(w http.ResponseWriter, r *http.Request, s served) {
	w.Header().Set(simpackage.HeaderSHA256, fmt.Sprintf("%x", sha256.Sum256(s.body)))
	whole(w, r, s)
}

// wrongDigest announces a digest that does not fit.
func wrongDigest(w http.ResponseWriter, r *http.Request, s served) {
	w.Header().Set(simpackage.HeaderSHA256, strings.Repeat("0", 64))
	whole(w, r, s)
}

// slowly pauses after each KiB.
func slowly(w http.ResponseWriter, r *http.Request, s served) {
	w.Header().Set("Content-Length", strconv.Itoa(len(s.body)))
	if r.Method == http.MethodHead { // which has its answer: the next request on the connection waits for us
		return
	}
	for chunk := range slices.Chunk(s.body, 1024) {
		if _, err := w.Write(chunk); err != nil {
			return
		}
		http.NewResponseController(w).Flush()
		if !pause(r, s.slow) {
			return
		}
	}
}

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

// half sends the header and half of the body.
func half(w http.ResponseWriter, s served) {
	w.Header().Set("Content-Length", strconv.Itoa(len(s.body)))
	w.Write(s.body[:len(s.body)/2])
	http.NewResponseController(w).Flush()
}

// stall stops in the middle and keeps the connection.
func stall(w http.ResponseWriter, r *http.Request, s served) {
	half(w, s)
	if r.Method != http.MethodHead { // which has its answer
		<-r.Context().Done()
	}
}

// short announces more than it sends.
func short(w http.ResponseWriter, r *http.Request, s served) {
	w.Header().Set("Content-Length", strconv.Itoa(len(s.body)+100))
	w.Write(s.body)
}

// reset cuts the connection in the middle.
func reset(w http.ResponseWriter, r *http.Request, s served) {
	half(w, s)
	panic(http.ErrAbortHandler)
}

// chunked sends without Content-Length.
func chunked(w http.ResponseWriter, r *http.Request, s served) {
	for chunk := range slices.Chunk(s.body, 1024) {
		w.Write(chunk)
		http.NewResponseController(w).Flush()
	}
}

// redirect sends a relative redirect to itself: there is no end to it.
func redirect(w http.ResponseWriter, r *http.Request, _ served) {
	w.Header().Set("Location", strings.TrimPrefix(r.URL.Path, "/redirect/"))
	w.WriteHeader(http.StatusFound)
}
