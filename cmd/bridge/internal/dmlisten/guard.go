package dmlisten

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fwbridge/fwbridge/syncml/session"
)

// guard is the lockout of all sessions.
type guard struct {
	mu      sync.Mutex
	lockout session.Lockout
}

func (g *guard) wait(device, peer string, now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lockout.Wait(device, peer, now)
}

func (g *guard) wrong(device, peer string, now time.Time) []session.Alarm {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lockout.Wrong(device, peer, now)
}

func (g *guard) right(device string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lockout.Right(device)
}

// judge counts what a message has told about its sender.
func (h *Handler) judge(l *live, m message, auth session.Auth) {
	switch auth {
	case session.AuthOK:
		h.guard.right(l.device.key)
	case session.AuthWrong:
		h.counts.wrong.Add(1)
		for _, a := range h.guard.wrong(l.device.key, m.peer, h.o.Now()) {
			h.counts.alarms.Add(1)
			h.o.Log.Warn("DM peer locked out for wrong passwords", "device", l.device.key, "by_peer", a.Peer, "name", a.Name,
				"wrong", a.Wrong, "wait", a.Wait)
			h.o.Alarm(a)
		}
	}
}

// counts are what a Handler counts.
type counts struct {
	messages, sessions, repeated, refusals, wrong, alarms atomic.Uint64

	http [600]atomic.Uint64 // by status
	ends [maxEnd]atomic.Uint64
}

// maxEnd bounds the ends that are counted by number.
const maxEnd = session.EndLeft + 1

// over counts a session that comes to its end; an expiry has none.
func (c *counts) over(end session.End) {
	if end < maxEnd {
		c.ends[end].Add(1)
	}
}

func (c *counts) refused(status int) { c.http[status].Add(1) }

// Counts are numbers since the start, but for the first two, which are of now.
type Counts struct {
	Sessions int // in the table
	Devices  int // that have them

	Messages uint64                 // answered, repeated ones included
	Begun    uint64                 // sessions
	Repeated uint64                 // messages answered with the same bytes once more
	Refused  uint64                 // messages without a session, answered with Statuses
	Wrong    uint64                 // wrong passwords
	Alarms   uint64                 // of the lockout
	HTTP     map[int]uint64         // requests refused in HTTP, by status
	Ends     map[session.End]uint64 // sessions that came to an end, by how
}

// Counts are the numbers as of now.
func (h *Handler) Counts() Counts {
	c := Counts{Messages: h.counts.messages.Load(), Begun: h.counts.sessions.Load(), Repeated: h.counts.repeated.Load(),
		Refused: h.counts.refusals.Load(), Wrong: h.counts.wrong.Load(), Alarms: h.counts.alarms.Load(), HTTP: map[int]uint64{}}
	c.Sessions, c.Devices = h.table.size()
	c.Ends = map[session.End]uint64{}
	for i := range h.counts.ends {
		if end := session.End(i); end != session.EndNot {
			c.Ends[end] = h.counts.ends[i].Load()
		}
	}
	for status := http.StatusBadRequest; status < len(h.counts.http); status++ {
		if n := h.counts.http[status].Load(); n > 0 {
			c.HTTP[status] = n
		}
	}
	return c
}
