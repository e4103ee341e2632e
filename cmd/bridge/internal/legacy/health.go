package legacy

import (
	"sync"
	"time"
)

// Health is the state of the engine as a whole.
type Health struct {
	Devices int64 // with a record
	Broken  int   // of these, with a record that cannot be read
	// Err is why the last write failed, and Since when failing began; nil while
	// writes are good.
	Err   error
	Since time.Time
}

// health is what writes have come to.
type health struct {
	mu     sync.Mutex
	err    error
	since  time.Time
	broken int
}

// wrote notes how a write went.
func (h *health) wrote(now time.Time, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil && h.err == nil {
		h.since = now
	}
	h.err = err
}

func (h *health) brokenRecord() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.broken++
}

// Health is the state of the engine as a whole.
func (e *Engine) Health() Health {
	e.health.mu.Lock()
	defer e.health.mu.Unlock()
	return Health{Devices: e.known.Load(), Broken: e.health.broken, Err: e.health.err, Since: e.health.since}
}
