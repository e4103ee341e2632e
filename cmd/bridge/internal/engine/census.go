package engine

import (
	"context"
	"sync/atomic"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// Census is what the engine counts: what is stored now, and what has happened
// since it was made. It costs no look at the devices.
type Census struct {
	Phases  map[mapping.Phase]int64 // drives, by the phase they are in; those that are over included
	Letters int64                   // final notifications that wait
	Parked  int64                   // of these, given up

	Sessions map[session.End]uint64   // DM sessions that have ended, by how; EndNot where HTTP failed
	Results  map[fwupdate.Code]uint64 // drives that have ended, by their final notification
}

// share is what one record is in the census.
type share struct {
	phase           mapping.Phase
	drive           bool // phase counts
	letters, parked int64
}

func shareOf(r *record) share {
	s := share{letters: int64(len(r.Outbox))}
	for _, l := range r.Outbox {
		if l.Parked {
			s.parked++
		}
	}
	if r.Drive != nil {
		s.drive, s.phase = true, r.Drive.View().Phase
	}
	return s
}

// phases and ends bound what is counted by number.
const (
	phases = int(mapping.PhaseOver) + 1
	ends   = int(session.EndLeft) + 1
)

// maxCode bounds the codes of FUMO, which have three digits.
const maxCode = 1000

// census holds the counters. All shards change it.
type census struct {
	phases          [phases]atomic.Int64
	letters, parked atomic.Int64
	sessions        [ends]atomic.Uint64
	results         [maxCode]atomic.Uint64
}

// add takes a share in (sign 1) or out (sign -1).
func (c *census) add(s share, sign int64) {
	if s.drive && int(s.phase) < phases {
		c.phases[s.phase].Add(sign)
	}
	c.letters.Add(sign * s.letters)
	c.parked.Add(sign * s.parked)
}

// Census is how many of what there are.
func (e *Engine) Census() Census {
	c := Census{
		Phases: map[mapping.Phase]int64{}, Sessions: map[session.End]uint64{}, Results: map[fwupdate.Code]uint64{},
		Letters: e.census.letters.Load(), Parked: e.census.parked.Load(),
	}
	for i := range e.census.phases {
		c.Phases[mapping.Phase(i)] = e.census.phases[i].Load()
	}
	for i := range e.census.sessions {
		c.Sessions[session.End(i)] = e.census.sessions[i].Load()
	}
	for i := range e.census.results {
		if n := e.census.results[i].Load(); n > 0 {
			c.Results[fwupdate.Code(i)] = n
		}
	}
	return c
}

// counted makes the durable record's share count in place of the one before.
func (t *turn) counted() {
	if now := shareOf(t.rec); now != t.share {
		t.shard.e.census.add(t.share, -1)
		t.shard.e.census.add(now, 1)
	}
}

// countEnd counts the end of a DM session once it is durable.
func (t *turn) countEnd(end session.End) {
	if int(end) < ends {
		t.count(&t.shard.e.census.sessions[end])
	}
}

// countResult counts the result of a drive once it is durable.
func (t *turn) countResult(code fwupdate.Code) {
	if code < maxCode {
		t.count(&t.shard.e.census.results[code])
	}
}

func (t *turn) count(n *atomic.Uint64) {
	t.effects = append(t.effects, func(context.Context) { n.Add(1) })
}
