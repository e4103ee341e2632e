// Package transfer is a board of the packages that are on their way: into the
// bridge, or to devices, with bytes and rate. It moves no bytes, stores nothing,
// and knows neither records nor protocols; who moves bytes tells it.
package transfer

import (
	"cmp"
	"io"
	"slices"
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

// Key names a transfer. Device is the endpoint name, or with Legacy the name in
// DM sessions.
type Key struct {
	Device string
	Legacy bool
	Way    Way
}

// View is a transfer as it is shown.
type View struct {
	Device string    `json:"device"`
	Legacy bool      `json:"legacy,omitempty"`
	Way    Way       `json:"way"`
	Bytes  int64     `json:"bytes"`
	Total  int64     `json:"total,omitempty"` // 0 when it is not known
	Rate   float64   `json:"rate"`            // bytes a second, of the last few seconds
	Since  time.Time `json:"since"`
	Moved  time.Time `json:"moved"` // when bytes were last told of
	Done   bool      `json:"done,omitempty"`
	Error  string    `json:"error,omitempty"` // why it ended early
}

// Limits of a Board.
const (
	// MaxShown bounds the transfers that are shown; the oldest goes first.
	MaxShown = 4096
	// KeepDone is how long one is shown after its end, KeepStill one that does
	// not move: a device that fetches by CoAP says no good-bye.
	KeepDone  = time.Minute
	KeepStill = 10 * time.Minute
)

// rateEvery is the least time over which a rate is measured.
const rateEvery = time.Second

// Board holds the transfers. Make it with [New]; its methods may be called from
// any goroutine, and do not wait.
type Board struct {
	now func() time.Time

	mu    sync.Mutex
	all   map[Key]*shown // guarded by mu
	swept time.Time      // guarded by mu
}

type shown struct {
	View
	at    time.Time // of the last rate
	bytes int64     // then
}

// New makes a board; a nil now is time.Now.
func New(now func() time.Time) *Board {
	if now == nil {
		now = time.Now
	}
	return &Board{now: now, all: make(map[Key]*shown)}
}

// Moved says how far a transfer has come: bytes of total (0 is unknown). Fewer
// bytes than before, or bytes after the end, are another transfer.
func (b *Board) Moved(k Key, bytes, total int64) {
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.all[k]
	if s == nil || s.Done || bytes < s.Bytes {
		b.sweep(now)
		s = &shown{View: View{Device: k.Device, Legacy: k.Legacy, Way: k.Way, Since: now}, at: now}
		b.all[k] = s
	}
	s.Bytes, s.Total, s.Moved = bytes, total, now
	if dt := now.Sub(s.at); dt >= rateEvery {
		rate := float64(bytes-s.bytes) / dt.Seconds()
		if s.Rate > 0 {
			rate = (rate + s.Rate) / 2
		}
		s.Rate, s.at, s.bytes = rate, now, bytes
	}
}

// Ended says that a transfer is over; why is empty when all has come. One that
// never moved is not shown.
func (b *Board) Ended(k Key, why string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.all[k]
	if s == nil || s.Done {
		return
	}
	now := b.now()
	s.Done, s.Error, s.Moved = true, why, now
	if dt := now.Sub(s.Since); dt > 0 {
		s.Rate = float64(s.Bytes) / dt.Seconds() // of the whole
	}
}

// sweep drops what nobody wants to see any more, and the oldest when there are
// too many. The caller holds mu.
func (b *Board) sweep(now time.Time) {
	if len(b.all) < MaxShown && now.Sub(b.swept) < rateEvery {
		return
	}
	b.swept = now
	var oldest *shown
	for k, s := range b.all {
		if s.stale(now) {
			delete(b.all, k)
		} else if oldest == nil || s.Moved.Before(oldest.Moved) {
			oldest = s
		}
	}
	if len(b.all) >= MaxShown {
		delete(b.all, Key{oldest.Device, oldest.Legacy, oldest.Way})
	}
}

func (s *shown) stale(now time.Time) bool {
	still := now.Sub(s.Moved)
	return s.Done && still > KeepDone || still > KeepStill
}

// List is every transfer, by device and way.
func (b *Board) List() []View {
	return b.list(func(Key) bool { return true })
}

// Of is the transfers of one device.
func (b *Board) Of(device string, legacy bool) []View {
	return b.list(func(k Key) bool { return k.Device == device && k.Legacy == legacy })
}

func (b *Board) list(wanted func(Key) bool) []View {
	now := b.now()
	all := []View{}
	b.mu.Lock()
	for k, s := range b.all {
		if wanted(k) && !s.stale(now) {
			all = append(all, s.View)
		}
	}
	b.mu.Unlock()
	slices.SortFunc(all, func(a, b View) int { return cmp.Or(cmp.Compare(a.Device, b.Device), cmp.Compare(a.Way, b.Way)) })
	return all
}

// Reader tells of what is read of a package: how far the furthest byte is that
// was asked for. read, if set, is told each number of bytes.
type Reader struct {
	io.ReaderAt
	Key   Key
	Total int64
	Board *Board
	Read  func(n int)
}

// ReadAt implements [io.ReaderAt].
func (r *Reader) ReadAt(p []byte, off int64) (int, error) {
	n, err := r.ReaderAt.ReadAt(p, off)
	if n > 0 {
		r.Board.Moved(r.Key, off+int64(n), r.Total)
		if r.Read != nil {
			r.Read(n)
		}
	}
	return n, err
}
