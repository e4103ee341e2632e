package lwm2mserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

// Config describes the server. Conn must be set.
type Config struct {
	Conn   net.PacketConn // Run closes it
	Keys   Keys           // not nil: DTLS with these keys
	Script Script         // without steps: DefaultScript
	// PackageURL is what "write 3" writes.
	PackageURL string
	// Retry is the wait before a request is repeated that got no answer, unless
	// the device is heard from before; 0: 1 s. Poll is the time between two reads
	// of a device that takes no observation; 0: 1 s.
	Retry, Poll time.Duration
	// AckTimeout is that of CoAP; 0: as RFC 7252 has it.
	AckTimeout time.Duration
	Log        *slog.Logger
	// OnEvent is called for each event, for one device in order but for those
	// of its registration, for several at once. It must not block.
	OnEvent func(Event)
}

// Server leads devices through the script. Make it with [New].
type Server struct {
	cfg     Config
	lw      *server.Server
	dtls    *dtls.Conn // nil without keys
	started chan *runner
	done    chan struct{} // closed when Run ends

	mu      sync.Mutex
	runners map[string]*runner // by endpoint; guarded by mu
	results []Result           // guarded by mu
	changed chan struct{}      // closed and replaced with each result; guarded by mu
}

// New makes the server, and closes Conn if it cannot. The error lists
// everything wrong with the configuration.
func New(cfg Config) (*Server, error) {
	if len(cfg.Script.Steps) == 0 {
		steps := DefaultScript().Steps
		cfg.Script.Steps = steps
	}
	if err := errors.Join(cfg.Script.Validate(), cfg.checkURL()); err != nil {
		cfg.Conn.Close()
		return nil, fmt.Errorf("lwm2m server: %w", err)
	}
	cfg.Script.Timeout = cmp.Or(cfg.Script.Timeout, DefaultTimeout)
	cfg.Script.Retries = cmp.Or(cfg.Script.Retries, DefaultRetries)
	cfg.Retry, cfg.Poll = cmp.Or(cfg.Retry, time.Second), cmp.Or(cfg.Poll, time.Second)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.OnEvent == nil {
		cfg.OnEvent = func(Event) {}
	}
	s := &Server{cfg: cfg, started: make(chan *runner), done: make(chan struct{}), runners: map[string]*runner{}, changed: make(chan struct{})}
	conn := cfg.Conn
	if cfg.Keys != nil {
		var err error
		if s.dtls, err = dtls.Listen(conn, dtls.Options{Keys: cfg.Keys, Logger: cfg.Log}); err != nil {
			conn.Close()
			return nil, fmt.Errorf("lwm2m server: %w", err)
		}
		conn = s.dtls
	}
	s.lw = server.New(server.Options{Conn: conn, Handler: handler{s}, Logger: cfg.Log, AckTimeout: cfg.AckTimeout})
	return s, nil
}

// checkURL says whether a step wants a package URL that is not there.
func (c Config) checkURL() error {
	for _, step := range c.Script.Steps {
		if step.Verb == Write && step.Value == "" && c.PackageURL == "" {
			return fmt.Errorf("step %q: there is no value and no package URL", step)
		}
	}
	return nil
}

// Addr is the local address.
func (s *Server) Addr() net.Addr { return s.cfg.Conn.LocalAddr() }

// Run serves until ctx ends, and returns after the last goroutine has ended:
// nil when ctx ended it, otherwise why the connection failed. It must be called
// once.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var scripts sync.WaitGroup
	defer scripts.Wait()
	defer close(s.done)
	if s.dtls != nil {
		scripts.Go(func() { _ = s.dtls.Run(ctx) }) // always nil
	}
	failed := make(chan error, 1)
	scripts.Go(func() { failed <- s.lw.Run(ctx) })
	for {
		select {
		case r := <-s.started:
			scripts.Go(func() { r.run(ctx) })
		case err := <-failed:
			cancel()
			return err
		}
	}
}

// Results is how the script went at every device where it is over, in that
// order.
func (s *Server) Results() []Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.results)
}

// Wait returns nil when the script is over at n devices, and the context's
// error before that.
func (s *Server) Wait(ctx context.Context, n int) error {
	for {
		s.mu.Lock()
		over, changed := len(s.results), s.changed
		s.mu.Unlock()
		if over >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// ended notes how the script went.
func (s *Server) ended(r Result) {
	text := ""
	if r.Err != nil {
		text = fmt.Sprintf("step %q: %v", r.Step, r.Err)
	}
	s.event(Event{Kind: EventEnded, Endpoint: r.Endpoint, Text: text})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.results = append(s.results, r)
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Server) event(e Event) {
	s.cfg.Log.Debug("lwm2m server", "event", e.String())
	s.cfg.OnEvent(e)
}
