package dmserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Server is the handler. Make it with [New].
type Server struct{ cfg Config }

// New makes the handler. The error lists everything wrong with the
// configuration.
func New(cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("dm server: %w", err)
	}
	return &Server{cfg: cfg}, nil
}

// ServeHTTP implements [http.Handler]: one POST, one message, one answer.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {}

// AddCampaign adds one while the server runs. Devices get it in their next
// session.
func (s *Server) AddCampaign(c Campaign) error { return c.Validate() }

// Campaigns is how every campaign stands at every device, in the order of
// first contact. A campaign for [AnyDevice] is listed once a device has come.
func (s *Server) Campaigns() []Result { return nil }

// Result is the latest campaign of a device; false when it has none yet.
func (s *Server) Result(device string) (Result, bool) { return Result{}, false }

// Counts is a copy of the counters.
func (s *Server) Counts() Counts { return Counts{} }

// Wait returns nil when n campaigns (at one device each) are final, and the
// context's error before that.
func (s *Server) Wait(ctx context.Context, n int) error { return errors.New("dmserver: not yet") }
