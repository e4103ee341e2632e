// Package pkgserver is an HTTP server for generated packages that does, by
// path, everything that package servers do to devices. It stores nothing: the
// bytes of a package follow from its name, its version, its size and the seed.
//
//	/ok/radio-2.0.pkg            a good package
//	/corrupt/radio-2.0.pkg       one with a changed byte
//	/status-404/radio-2.0.pkg    the answer 404
//	/descriptor/radio-2.0.pkg    an OMA download descriptor of the good package
//	/report/radio-2.0.pkg        where it wants the install report (POST)
//	/signed/radio-2.0.pkg        a good package, with a minisign signature in
//	                             /signed/radio-2.0.pkg.minisig (see [PublicKey])
//
// The full list is [Behaviours]. A query ?size=N sets the payload's size.
package pkgserver

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/simpackage"
)

// MaxSize bounds a payload, in bytes.
const MaxSize = 64 << 20

// Config describes the server. The zero value works.
type Config struct {
	Seed uint64
	Size int           // bytes of payload; 0: 4096
	Slow time.Duration // pause after each KiB of /slow/; 0: 10 ms
	// OnRequest is called at the start of each request.
	OnRequest func(path string)
	// OnReport is called with what was posted to a descriptor's
	// installNotifyURI.
	OnReport func(path, status string)
}

func (c Config) withDefaults() Config {
	if c.Size == 0 {
		c.Size = 4096
	}
	if c.Slow == 0 {
		c.Slow = 10 * time.Millisecond
	}
	if c.OnRequest == nil {
		c.OnRequest = func(string) {}
	}
	if c.OnReport == nil {
		c.OnReport = func(string, string) {}
	}
	return c
}

// Server is the handler. Make it with [New].
type Server struct {
	cfg Config

	mu    sync.Mutex
	count map[string]int // by behaviour; guarded by mu
}

// New makes the handler.
func New(cfg Config) *Server { return &Server{cfg: cfg.withDefaults(), count: map[string]int{}} }

// Path is the path of a package: behaviour is one of [Behaviours], such as
// "ok" or "status-404".
func Path(behaviour, name, version string) string {
	return fmt.Sprintf("/%s/%s-%s.pkg", behaviour, name, version)
}

// Body is what the server sends for a package, as far as the behaviour changes
// its bytes.
func Body(cfg Config, behaviour, name, version string) []byte {
	cfg = cfg.withDefaults()
	sum := sha256.Sum256([]byte(name + "\x00" + version))
	var seed [32]byte
	copy(seed[:], sum[:])
	for i := range 8 {
		seed[i] ^= byte(cfg.Seed >> (8 * i))
	}
	payload := make([]byte, cfg.Size)
	rand.NewChaCha8(seed).Read(payload)
	b := simpackage.Build(simpackage.Package{Name: name, Version: version, Payload: payload})
	switch behaviour {
	case "corrupt":
		b[len(b)-1] ^= 0xff
	case "foreign":
		b[0] ^= 0xff
	}
	return b
}

// Count is how many requests a behaviour has had.
func (s *Server) Count(behaviour string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count[behaviour]
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.cfg.OnRequest(r.URL.Path)
	behaviour, file, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if behaviour == reports {
		s.report(w, r)
		return
	}
	file, isSignature := strings.CutSuffix(file, signatureSuffix)
	base, isPackage := strings.CutSuffix(file, ".pkg")
	dash := strings.LastIndexByte(base, '-')
	serve := behaviours[behaviour]
	if status, isStatus := parseStatus(behaviour); isStatus {
		serve = func(w http.ResponseWriter, _ *http.Request, _ served) { w.WriteHeader(status) }
	}
	if !ok || !isPackage || dash < 0 || serve == nil {
		http.Error(w, "want /BEHAVIOUR/NAME-VERSION.pkg; behaviours: "+strings.Join(Behaviours(), ", "), http.StatusNotFound)
		return
	}
	cfg := s.cfg
	if size := r.URL.Query().Get("size"); size != "" {
		n, err := strconv.Atoi(size)
		if err != nil || n < 0 || n > MaxSize {
			http.Error(w, fmt.Sprintf("size: want 0 to %d", MaxSize), http.StatusBadRequest)
			return
		}
		cfg.Size = max(n, 1)
	}
	body := Body(cfg, behaviour, base[:dash], base[dash+1:])
	if isSignature {
		s.signature(w, behaviour, body)
		return
	}
	s.mu.Lock()
	s.count[behaviour]++
	s.mu.Unlock()
	serve(w, r, served{body, cfg.Slow})
}

// parseStatus reads "status-404".
func parseStatus(s string) (int, bool) {
	digits, ok := strings.CutPrefix(s, "status-")
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n >= 400 && n <= 599
}
