package metrics

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/transfer"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

// Store measures the writes of a store.
func (m *Metrics) Store(s store.Store) store.Store { return measured{s, m} }

type measured struct {
	store.Store
	m *Metrics
}

// Write implements [store.Store]. A conflict is an answer, no failure.
func (s measured) Write(changes ...store.Change) ([]uint64, error) {
	began := time.Now()
	revisions, err := s.Store.Write(changes...)
	s.m.writes.Observe(time.Since(began).Seconds())
	if err != nil && !errors.Is(err, store.ErrConflict) {
		s.m.failures.Inc()
	}
	return revisions, err
}

// Devices counts the requests to devices.
func (m *Metrics) Devices(d engine.Devices) engine.Devices { return counted{d, m} }

type counted struct {
	engine.Devices
	m *Metrics
}

// Do implements [engine.Devices].
func (c counted) Do(ctx context.Context, endpoint string, r server.Request) (server.Response, error) {
	resp, err := c.Devices.Do(ctx, endpoint, r)
	c.m.requests.WithLabelValues(outcome(err)).Inc()
	return resp, err
}

// outcome names how a request ended.
func outcome(err error) string {
	_, refused := errors.AsType[*server.Refused](err)
	switch {
	case err == nil:
		return "answered"
	case refused:
		return "refused"
	case errors.Is(err, server.ErrGarbage):
		return "garbage"
	case errors.Is(err, server.ErrNotSent), errors.Is(err, server.ErrNotRegistered), errors.Is(err, server.ErrClosed):
		return "unsent"
	}
	return "silent"
}

// Block counts the bytes of a package that were read for a device.
func (m *Metrics) Block(way transfer.Way, n int) {
	m.blocks.WithLabelValues(string(way)).Add(float64(n))
}

// Moved counts a package that is on its way no more; those that are not over
// CoAP have counters of their own.
func (m *Metrics) Moved(way transfer.Way, whole bool) {
	if !slices.Contains(blockwise, way) {
		return
	}
	outcome := "done"
	if !whole {
		outcome = "broken"
	}
	m.moved.WithLabelValues(string(way), outcome).Inc()
}
