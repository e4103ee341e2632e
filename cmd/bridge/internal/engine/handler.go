package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

// Register implements [server.Handler]: nil when the registration is durable.
func (e *Engine) Register(ctx context.Context, r server.Registration) error {
	if r.Endpoint == "" || len(keyOf(r.Endpoint)) > store.MaxKey {
		return &server.Refused{Code: lwm2m9.CodeBadRequest}
	}
	return toDevice(e.submit(ctx, r.Endpoint, registered{r}))
}

// Update implements [server.Handler].
func (e *Engine) Update(ctx context.Context, r server.Registration) error {
	return toDevice(e.submit(ctx, r.Endpoint, updated{r}))
}

// Deregister implements [server.Handler].
func (e *Engine) Deregister(ctx context.Context, r server.Registration) error {
	return toDevice(e.submit(ctx, r.Endpoint, deregistered{r}))
}

// Expired implements [server.Handler]. It does not wait, and is not lost.
func (e *Engine) Expired(_ context.Context, r server.Registration) {
	e.shardOf(r.Endpoint).box.push(event{endpoint: r.Endpoint, what: expired{r}})
}

// Notified implements [server.Handler]. It does not wait; a notification
// that comes while too much waits is dropped, as the network may do.
func (e *Engine) Notified(_ context.Context, n server.Notification) {
	entries, err := n.Entries(nil)
	if err != nil { // that something happened is known all the same
		e.o.Log.Info("notification not understood", "device", n.Endpoint, "path", n.Path, "err", err)
	}
	_ = e.shardOf(n.Endpoint).box.offer(event{endpoint: n.Endpoint, what: notified{n.Path, entries}}, e.o.Inbox)
}

// Sent implements [server.SendHandler]: nil when what was sent is in the mirror,
// and that is durable.
func (e *Engine) Sent(ctx context.Context, s server.Sent) error {
	return toDevice(e.submit(ctx, s.Endpoint, notified{entries: s.Entries}))
}

// errTooMany is answered 4.03: trying again does not help.
var errTooMany = errors.New("engine: too many devices")

// toDevice gives an error the code that the device is answered with: 5.03
// where it should come again. What has none is answered 5.00.
func toDevice(err error) error {
	switch {
	case errors.Is(err, ErrStore), errors.Is(err, ErrBusy), errors.Is(err, ErrStopped):
		return fmt.Errorf("%w: %w", &server.Refused{Code: lwm2m9.CodeUnavailable}, err)
	case errors.Is(err, errTooMany):
		return fmt.Errorf("%w: %w", &server.Refused{Code: lwm2m9.CodeForbidden}, err)
	}
	return err
}
