package trigger

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Sender carries a Package 0 to a device. To is the address that the channel
// takes: host:port for UDP, a telephone number for the others. nil means that
// the channel has accepted it; whether the device got it, nobody tells. The
// error is, or wraps, a [*SendError].
type Sender interface {
	Send(ctx context.Context, to string, package0 []byte) error
}

// SendError is a trigger that was not accepted.
type SendError struct {
	Channel   string
	Temporary bool // it may go better later
	Err       error
}

func (e *SendError) Error() string { return fmt.Sprintf("trigger by %s: %v", e.Channel, e.Err) }

// Unwrap gives the cause.
func (e *SendError) Unwrap() error { return e.Err }

// Temporary says whether trying again may help.
func Temporary(err error) bool {
	e, ok := errors.AsType[*SendError](err)
	return ok && e.Temporary
}

// Schedule says when a trigger is sent again: after Base, twice that, and so
// on up to Cap, Tries times in all.
type Schedule struct {
	Tries     int
	Base, Cap time.Duration
}

// Next is the wait after so many failures, from 1; false is the end.
func (s Schedule) Next(failures int) (time.Duration, bool) {
	if failures >= s.Tries {
		return 0, false
	}
	wait := s.Base
	for n := 1; n < failures && wait < s.Cap; n++ {
		wait *= 2
	}
	return min(wait, s.Cap), true
}

// Deliver sends, and sends again as the schedule says, as long as the failure
// is temporary. The error is the last one, or the context's.
func Deliver(ctx context.Context, s Sender, plan Schedule, to string, package0 []byte) error {
	for failures := 1; ; failures++ {
		err := s.Send(ctx, to, package0)
		if err == nil || !Temporary(err) {
			return err
		}
		wait, more := plan.Next(failures)
		if !more {
			return fmt.Errorf("given up after %d tries: %w", failures, err)
		}
		if !pause(ctx, wait) {
			return context.Cause(ctx)
		}
	}
}

// maxAnswer is what is read of a gateway's answer, in bytes.
const maxAnswer = 16 << 10

// temporaryStatus says which HTTP answers may be different later.
func temporaryStatus(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500 && status != http.StatusNotImplemented
}

// statusError is an HTTP answer that is none of success.
func statusError(channel string, status int) error {
	return &SendError{channel, temporaryStatus(status), fmt.Errorf("HTTP %d %s", status, http.StatusText(status))}
}

// Limits at gateways that have no client of their own.
const (
	// MaxAtGateway bounds the requests to one gateway at a time; as many
	// connections are kept for the next ones.
	MaxAtGateway = 16
	// GatewayTimeout bounds a request, with its wait for one of these
	// connections. It is tried again after that, as the schedule says.
	GatewayTimeout = 30 * time.Second
)

// gateways is the client of all senders that have none.
var gateways = newGateways()

func newGateways() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxConnsPerHost, t.MaxIdleConnsPerHost = MaxAtGateway, MaxAtGateway
	return &http.Client{Transport: t, Timeout: GatewayTimeout}
}

// noRedirects: credentials go where they were meant to, and nowhere else.
func noRedirects(c *http.Client) *http.Client {
	if c == nil {
		c = gateways
	}
	own := *c
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}
