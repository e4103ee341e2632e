// Package transfer is a board of the packages that are on their way: into the
// bridge, or to devices, with bytes and rate, and what is worth telling of them
// ([Event]). It moves no bytes, stores nothing, and knows neither records nor
// protocols; who moves bytes tells it.
package transfer

import (
	"sync"
	"time"
)

// Way is how a package goes.
type Way string

// The ways.
const (
	Fetch Way = "fetch" // from its server into the bridge
	HTTP  Way = "http"  // fetched from the bridge by a device
	CoAP  Way = "coap"  // the same, block by block
	Push  Way = "push"  // written to a device, block by block
)

// Ways are all of them.
var Ways = []Way{Fetch, HTTP, CoAP, Push}

// leaves says that who fetches so may go without a good-bye.
func (w Way) leaves() bool { return w == HTTP || w == CoAP }

// Key names a transfer. Device is the endpoint name, or with Legacy the name in
// DM sessions.
type Key struct {
	Device string
	Legacy bool
	Way    Way
}

// View is a transfer as it is shown.
type View struct {
	Device  string    `json:"device"`
	Legacy  bool      `json:"legacy,omitempty"`
	Way     Way       `json:"way"`
	Bytes   int64     `json:"bytes"`           // how far it has come
	From    int64     `json:"from,omitempty"`  // where it began: an earlier one got so far
	Total   int64     `json:"total,omitempty"` // 0 when it is not known
	Rate    float64   `json:"rate"`            // bytes a second, of the last few seconds, at the end of the whole
	Since   time.Time `json:"since"`
	Moved   time.Time `json:"moved"`             // when bytes were last told of
	Waiting bool      `json:"waiting,omitempty"` // for its turn
	Pause   string    `json:"pause,omitempty"`   // why nothing moves just now; empty when it may
	Done    bool      `json:"done,omitempty"`
	Error   string    `json:"error,omitempty"` // why it ended early
}

// Limits of a Board.
const (
	// MaxShown bounds the transfers that are shown: more are not while so many
	// move, only the ends of those over CoAP are told.
	MaxShown = 16_384
	// KeepDone is how long one is shown after its end. KeepStill is after which
	// time a device that asks for nothing has stopped: it says no good-bye.
	KeepDone  = time.Minute
	KeepStill = 10 * time.Minute
)

// rateEvery is the least time over which a rate is measured, sweepEvery that
// between two looks at what stands still.
const (
	rateEvery  = time.Second
	sweepEvery = time.Minute
)

// Board holds the transfers. Make it with [New]; its methods may be called from
// any goroutine, and do not wait.
type Board struct {
	// Tell, if set, is told what is worth it, by whoever moves the bytes. It is
	// set before the board is used, and must not wait.
	Tell func(Event)

	now func() time.Time

	mu    sync.Mutex
	all   map[Key]*shown // guarded by mu
	swept time.Time      // guarded by mu
}

type shown struct {
	View
	at      time.Time // of the last rate
	bytes   int64     // then
	quarter int64     // that was passed last
	told    told      // of this one and those before it
}

// New makes a board; a nil now is time.Now.
func New(now func() time.Time) *Board {
	if now == nil {
		now = time.Now
	}
	return &Board{now: now, all: make(map[Key]*shown)}
}

// Waits says that a transfer of total bytes is to come, and waits for its turn.
func (b *Board) Waits(k Key, total int64) {
	b.change(func(now time.Time) []Event {
		s, events := b.begin(k, now, 0, total)
		s.Waiting = true
		return events
	})
}

// Moved says that n bytes have moved, which are at that place in a package of
// total bytes (0 is unknown). Bytes from the beginning, fewer than before, are
// another transfer, and so are those after the end.
func (b *Board) Moved(k Key, at, n, total int64) {
	b.change(func(now time.Time) (events []Event) {
		s := b.all[k]
		switch {
		case s != nil && s.again(now, at, n, total):
			return nil
		case s == nil || s.Done || s.Waiting || at == 0 && n < s.Bytes:
			s, events = b.begin(k, now, at, total)
		}
		s.Total, s.Moved, s.Pause = total, now, ""
		if at+n > s.Bytes {
			s.Bytes = at + n
		}
		s.rated(now)
		if s.passed(now) {
			events = append(events, Event{View: s.View, Took: now.Sub(s.Since)})
		}
		if k.Way == CoAP && s.Bytes == total { // it has asked for the last block
			events = append(events, s.end(now, ""))
		}
		return events
	})
}

// again says that a device asks once more for the last block.
func (s *shown) again(now time.Time, at, n, total int64) bool {
	return s.Way == CoAP && s.Done && s.Error == "" && at > 0 && at+n == total && total == s.Total && !s.stale(now)
}

// begin puts a transfer in place of one of the same key.
func (b *Board) begin(k Key, now time.Time, at, total int64) (s *shown, events []Event) {
	old := b.all[k]
	if old != nil && !old.Done && !old.Waiting && old.Bytes > old.From {
		events = append(events, old.end(now, begunAnew))
	}
	events = append(events, b.sweep(now)...)
	s = &shown{View: View{Device: k.Device, Legacy: k.Legacy, Way: k.Way, Bytes: at, From: at, Total: total, Since: now, Moved: now}, at: now, bytes: at}
	s.quarter = s.quarters()
	if old = b.all[k]; old != nil {
		s.told = old.told
	}
	if old != nil || len(b.all) < MaxShown {
		b.all[k] = s
	}
	return s, events
}

// rated measures the rate when it is time to.
func (s *shown) rated(now time.Time) {
	dt := now.Sub(s.at)
	if dt < rateEvery {
		return
	}
	rate := float64(s.Bytes-s.bytes) / dt.Seconds()
	if s.Rate > 0 {
		rate = (rate + s.Rate) / 2
	}
	s.Rate, s.at, s.bytes = rate, now, s.Bytes
}

// Pauses says that nothing moves for a while, and why: until the next Moved.
func (b *Board) Pauses(k Key, why string) {
	b.change(func(time.Time) []Event {
		if s := b.all[k]; s != nil && !s.Done {
			s.Pause = why
		}
		return nil
	})
}

// Ended says that a transfer is over; why is empty when all has come. One that
// nobody knows of is none.
func (b *Board) Ended(k Key, why string) {
	b.change(func(now time.Time) []Event {
		s := b.all[k]
		if s == nil || s.Done {
			return nil
		}
		return []Event{s.end(now, why)}
	})
}

// Dropped says that nothing has to move.
func (b *Board) Dropped(k Key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.all, k)
}

// end makes the last event of a transfer.
func (s *shown) end(now time.Time, why string) Event {
	took := now.Sub(s.Since)
	s.Done, s.Waiting, s.Pause, s.Error = true, false, "", why
	if why == stopped {
		took = s.Moved.Sub(s.Since)
	}
	s.Moved = now
	if took > 0 {
		s.Rate = float64(s.Bytes-s.From) / took.Seconds()
	}
	nothing := s.Bytes == s.From && (s.Way != Fetch || why == "") // that no byte came is the worst end of a fetch
	return Event{View: s.View, Took: took, Quiet: nothing || s.told.lately(now, why == "")}
}

// change makes a change of the board and tells of it.
func (b *Board) change(f func(now time.Time) []Event) {
	now := b.now()
	b.mu.Lock()
	events := f(now)
	b.mu.Unlock()
	b.tell(events)
}

func (b *Board) tell(events []Event) {
	if b.Tell == nil {
		return
	}
	for _, e := range events {
		b.Tell(e)
	}
}
