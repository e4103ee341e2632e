package report

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/due"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
)

// Options of a [Queue]. Store and Post are required.
type Options struct {
	Store store.Store
	// Post tells one status; [delivery.Final] says what its errors mean.
	Post func(ctx context.Context, uri string, s delivery.InstallStatus) error
	// Note, if set, is told what becomes of a device's report, for its time
	// line. It must not wait.
	Note func(device, text string)
	Log  *slog.Logger // nil logs nothing
}

// Counts are for who looks at the whole.
type Counts struct {
	Waiting  int    // reports still to be told
	Accepted uint64 // taken by their servers
	Refused  uint64 // refused for good
	Dropped  uint64 // not taken in time, or over a limit
}

// Queue holds the reports that are still to be told. Its methods may be called
// from any goroutine.
type Queue struct {
	o    Options
	wake chan struct{}

	mu     sync.Mutex
	places map[string]*place // by host
	due    due.Queue         // of hosts
	counts Counts
}

// place is a host with reports.
type place struct {
	line  []waiting
	busy  bool // one is under way; it is not in the line
	after time.Time
	pause time.Duration // after the next failure; 0 for the first
}

// New makes a queue of what an earlier life has left. The error is that of a
// store that cannot be read.
func New(o Options) (*Queue, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Note == nil {
		o.Note = func(string, string) {}
	}
	q := &Queue{o: o, wake: make(chan struct{}, 1), places: make(map[string]*place)}
	return q, q.read()
}

// Draft makes a report: the change that has it told, to be written with the end
// itself, and what to call when it is written. It returns false where nobody
// can be told; then there is nothing to write.
func (q *Queue) Draft(device, uri string, s delivery.InstallStatus) (c store.Change, written func(), ok bool) {
	w := waiting{report: report{Device: device, URI: uri, Status: s, Since: time.Now().Round(0).UTC()}}
	w.key = fmt.Sprintf("%s%016x%s", prefix, w.Since.UnixNano(), rand.Text()[:8])
	switch {
	case uri == "":
		return c, nil, false
	case len(uri) > MaxURI || w.host() == "":
		q.dropped(w.report, "no URI that can be posted to")
		return c, nil, false
	case q.Counts().Waiting >= MaxWaiting:
		q.dropped(w.report, "too many wait")
		return c, nil, false
	}
	b, err := json.Marshal(w.report)
	if err != nil {
		return c, nil, false // a struct of words
	}
	return store.Change{Key: w.key, Value: b, Expect: 0}, func() { q.add(w) }, true
}

// dropped counts and logs a report that will never be told.
func (q *Queue) dropped(r report, why string) {
	q.mu.Lock()
	q.counts.Dropped++
	q.mu.Unlock()
	q.o.Log.Warn("install report dropped", "report", r, "why", why)
}

// Counts is how many of what there are.
func (q *Queue) Counts() Counts {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.counts
}

// add puts a report into its host's line.
func (q *Queue) add(w waiting) {
	q.mu.Lock()
	defer q.mu.Unlock()
	host := w.host()
	p := q.places[host]
	if p == nil {
		p = &place{}
		q.places[host] = p
	}
	p.line = append(p.line, w)
	q.counts.Waiting++
	q.plan(host, p)
}

// plan sets when a host is asked next; the caller holds mu.
func (q *Queue) plan(host string, p *place) {
	at := p.after
	switch {
	case p.busy:
		at = time.Time{}
	case len(p.line) == 0:
		delete(q.places, host)
		at = time.Time{}
	case at.IsZero():
		at = time.Now()
	}
	q.due.Set(host, at)
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// next takes a report whose time has come, or says how long to wait for one.
func (q *Queue) next() (w waiting, wait time.Duration, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	if host, ok := q.due.Pop(now); ok {
		p := q.places[host]
		w, p.line, p.busy = p.line[0], p.line[1:], true
		return w, 0, true
	}
	if at, ok := q.due.Next(); ok {
		return w, at.Sub(now), false
	}
	return w, time.Hour, false
}

// done takes in what became of a report. One that is not settled goes to the end
// of its host's line, which is left alone for a while.
func (q *Queue) done(w waiting, settled bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	host := w.host()
	p := q.places[host]
	p.busy, p.after = false, time.Time{}
	if settled {
		q.counts.Waiting--
		p.pause = 0
	} else {
		p.line = append(p.line, w)
		p.pause = cmp.Or(min(2*p.pause, MaxPause), FirstPause)
		p.after = time.Now().Add(p.pause)
	}
	q.plan(host, p)
}
