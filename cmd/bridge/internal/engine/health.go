package engine

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Condition is something that an operator has to look at.
type Condition struct {
	Name  string    `json:"name"` // "store", "record", "identity" or "server-auth"
	Text  string    `json:"text"`
	Since time.Time `json:"since"`
}

// Health is the state of the engine as a whole. OK is false while writes
// fail; a record that cannot be read is a condition, but concerns one device.
type Health struct {
	OK         bool        `json:"ok"`
	Devices    int64       `json:"devices"`
	Conditions []Condition `json:"conditions"`
	// LegacyDevices are those of direction B; whoever runs it fills it in.
	LegacyDevices int64 `json:"legacyDevices,omitempty"`
	// Suspects counts, since the start, devices and DM servers that were not who
	// they said; those of the last day are conditions.
	Suspects uint64 `json:"suspects"`
	// Triggers are those that came in, by what became of them; nil without a
	// listener for them. Whoever listens fills it in.
	Triggers map[string]uint64 `json:"triggers,omitempty"`
}

// maxBroken is how many unreadable records are named.
const maxBroken = 100

// health collects the conditions of all shards.
type health struct {
	mu      sync.Mutex
	failing int         // guarded by mu; devices whose last write failed
	down    bool        // guarded by mu; the last write of all failed
	store   Condition   // guarded by mu; the last failure
	broken  []Condition // guarded by mu
}

// failed notes a failed write; first says that the device's previous one was
// good.
func (h *health) failed(now time.Time, err error, first bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failing == 0 && !h.down {
		h.store.Since = now
	}
	h.down = true
	if first {
		h.failing++
	}
	h.store.Name, h.store.Text = "store", err.Error()
}

// recovered notes that a device whose write failed is stored again.
func (h *health) recovered() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failing--
	h.down = h.down && h.failing > 0 // what was stored already needs no write
}

// wrote notes a good write.
func (h *health) wrote() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down = false
}

func (h *health) brokenRecord(now time.Time, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.broken) < maxBroken {
		h.broken = append(h.broken, Condition{Name: "record", Text: err.Error(), Since: now})
	}
}

func (h *health) conditions() (ok bool, list []Condition) {
	h.mu.Lock()
	defer h.mu.Unlock()
	list = slices.Clone(h.broken)
	slices.SortFunc(list, func(a, b Condition) int { return strings.Compare(a.Text, b.Text) })
	ok = h.failing == 0 && !h.down
	if !ok {
		c := h.store
		c.Text = fmt.Sprintf("writing fails (%d devices wait): %s", h.failing, c.Text)
		list = append([]Condition{c}, list...)
	}
	if list == nil {
		list = []Condition{}
	}
	return ok, list
}

// Health is the state of the engine as a whole.
func (e *Engine) Health() Health {
	ok, conditions := e.health.conditions()
	suspects, list := e.suspects.conditions(stamp(time.Now()))
	return Health{OK: ok, Devices: e.known.Load(), Conditions: append(conditions, list...), Suspects: suspects}
}
