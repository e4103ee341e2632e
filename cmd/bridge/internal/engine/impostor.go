package engine

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

// Limits of what is told of impostors and of wrong servers: whoever forges
// messages must not be able to fill a time line, a store or /healthz.
const (
	maxSuspects   = 100            // named in the health
	suspectMemory = 24 * time.Hour // after the last time
	suspectNote   = time.Hour      // between two lines in a time line about the same suspect
)

// suspects are those who were not who they said, newest last.
type suspects struct {
	mu    sync.Mutex
	total uint64              // guarded by mu; since the start
	by    map[string]*suspect // guarded by mu; by what they did
}

type suspect struct {
	name        string // of the Condition
	text        string
	times       int
	from        netip.AddrPort // the last time; not valid: not known
	since, last time.Time
	noted       time.Time // in the time line
}

// saw counts one time and says whether it is worth a line in the time line. The
// address is no part of the text: from is easily changed, each time.
func (s *suspects) saw(now time.Time, name, text string, from netip.AddrPort) (note bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total++
	if s.by == nil {
		s.by = map[string]*suspect{}
	}
	x := s.by[name+" "+text]
	if x == nil {
		s.makeRoom()
		x = &suspect{name: name, text: text, since: now}
		s.by[name+" "+text] = x
	}
	x.times++
	x.last, x.from = now, from
	if !x.noted.IsZero() && now.Sub(x.noted) < suspectNote {
		return false
	}
	x.noted = now
	return true
}

// makeRoom forgets the one that was seen longest ago when there are too many.
func (s *suspects) makeRoom() {
	if len(s.by) < maxSuspects {
		return
	}
	oldest := ""
	for key, x := range s.by {
		if oldest == "" || x.last.Before(s.by[oldest].last) {
			oldest = key
		}
	}
	delete(s.by, oldest)
}

// conditions are the suspects that were seen not long ago.
func (s *suspects) conditions(now time.Time) (total uint64, list []Condition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, x := range s.by {
		if now.Sub(x.last) > suspectMemory {
			delete(s.by, key)
			continue
		}
		last := x.last.Format(time.RFC3339) + at(x.from)
		list = append(list, Condition{Name: x.name, Text: fmt.Sprintf("%s (%d times, last %s)", x.text, x.times, last), Since: x.since})
	}
	slices.SortFunc(list, func(a, b Condition) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Text, b.Text))
	})
	return s.total, list
}

// at is an address for the end of a text, if it is known.
func at(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return " at " + a.String()
}

// Impostor is for [server.Options]: the operator is told of a device that was
// refused because it is not who it said, in the health and in the time line of
// the device whose name it used. It does not wait.
func (e *Engine) Impostor(i server.Impostor) {
	who := "a device without security"
	if i.Identity != "" {
		who = fmt.Sprintf("identity %q", i.Identity)
	}
	text := fmt.Sprintf("%s of %q refused: it came from %s", i.Operation, i.Endpoint, who)
	if e.suspects.saw(stamp(time.Now()), "identity", text, i.Remote) {
		_ = e.shardOf(i.Endpoint).box.offer(event{endpoint: i.Endpoint, what: suspected{text + at(i.Remote)}}, e.o.Inbox)
	}
}

// wrongServer tells the operator of a DM server whose credentials were wrong.
// The next session waits as after any failure, longer each time, so that who
// stands at the server's address cannot guess; triggers wait with it.
func (t *turn) wrongServer(dm dmSession) {
	text := fmt.Sprintf("DM server %s at %s did not prove to %q that it is %s: nothing it said was carried out", dm.server, withoutUser(dm.url), t.rec.Endpoint, dm.acc.ServerID)
	if t.shard.e.suspects.saw(t.now, "server-auth", text, netip.AddrPort{}) {
		t.note(text)
	}
}
