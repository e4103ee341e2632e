package legacy

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmlisten"
)

// Stranger is a device that came and is not known (yet): nothing of what it said is
// proved.
type Stranger struct {
	Device string    `json:"device"`
	Peer   string    `json:"peer"`
	Times  int       `json:"times"`
	Last   time.Time `json:"last"`
}

// maxStrangers bounds those that are remembered.
const maxStrangers = 1000

// strangers are those that came lately, at most maxStrangers.
type strangers struct {
	mu  sync.Mutex
	all map[string]*Stranger
}

func (s *strangers) saw(c dmlisten.Caller, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = make(map[string]*Stranger)
	}
	id := strings.ToValidUTF8(c.DeviceID, "?")
	one := s.all[id]
	if one == nil {
		if len(s.all) >= maxStrangers {
			s.forgetOldest()
		}
		one = &Stranger{Device: id}
		s.all[id] = one
	}
	one.Peer, one.Last = c.Peer.String(), now
	one.Times++
}

// forget takes one out that has become known.
func (s *strangers) forget(device string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, strings.ToValidUTF8(device, "?"))
}

func (s *strangers) forgetOldest() {
	oldest := ""
	for id, one := range s.all {
		if oldest == "" || one.Last.Before(s.all[oldest].Last) {
			oldest = id
		}
	}
	delete(s.all, oldest)
}

// Strangers are the devices that were refused because nobody knows them, or
// that did not know the secret for those that may be adopted, the latest first.
func (e *Engine) Strangers() []Stranger {
	e.strangers.mu.Lock()
	defer e.strangers.mu.Unlock()
	var all []Stranger
	for _, s := range e.strangers.all {
		all = append(all, *s)
	}
	slices.SortFunc(all, func(a, b Stranger) int { return b.Last.Compare(a.Last) })
	return all
}
