package dtls

import (
	"container/list"
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"sync"
	"time"
)

const (
	sessionIDSize = 32
	masterSize    = 48
)

// session is what an abbreviated handshake needs (RFC 5246, 7.3), bound to who
// the client has proved to be and how.
type session struct {
	id       [sessionIDSize]byte
	master   [masterSize]byte
	suite    *suite
	identity string
	key      [sha256.Size]byte // hash of the PSK
	ends     time.Time
}

// sessions are those that can be resumed, oldest first. Each identity has a few
// at most, so that one device cannot push out those of the others.
type sessions struct {
	mu     sync.Mutex
	max    int
	maxOne int // of one identity
	life   time.Duration
	byID   map[[sessionIDSize]byte]*list.Element
	of     map[string][]*list.Element // by identity, oldest first
	order  list.List
}

func newSessions(max, maxOne int, life time.Duration) *sessions {
	return &sessions{
		max: max, maxOne: maxOne, life: life,
		byID: make(map[[sessionIDSize]byte]*list.Element), of: make(map[string][]*list.Element),
	}
}

// add remembers a session until its time is over; ends may be sooner.
func (s *sessions) add(x session, now, ends time.Time) {
	x.ends = now.Add(s.life)
	if !ends.IsZero() && ends.Before(x.ends) {
		x.ends = ends
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.order.Len() > 0 && (s.order.Len() >= s.max || now.Sub(s.order.Front().Value.(*session).ends) >= 0) {
		s.remove(s.order.Front())
	}
	if s.max <= 0 {
		return
	}
	if own := s.of[x.identity]; len(own) >= s.maxOne {
		s.remove(own[0])
	}
	e := s.order.PushBack(&x)
	s.byID[x.id] = e
	s.of[x.identity] = append(s.of[x.identity], e)
}

// find looks for a session whose time is not over.
func (s *sessions) find(id []byte, now time.Time) (session, bool) {
	if len(id) != sessionIDSize {
		return session{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byID[[sessionIDSize]byte(id)]
	if e == nil || !now.Before(e.Value.(*session).ends) {
		return session{}, false
	}
	return *e.Value.(*session), true
}

// forget drops the sessions of an identity.
func (s *sessions) forget(identity string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for own := s.of[identity]; len(own) > 0; own = s.of[identity] {
		s.remove(own[0])
	}
}

// drop drops one session (RFC 5246, 7.2.2: after a fatal alert).
func (s *sessions) drop(id [sessionIDSize]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.byID[id]; e != nil {
		s.remove(e)
	}
}

func (s *sessions) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.order.Len()
}

func (s *sessions) remove(e *list.Element) {
	x := e.Value.(*session)
	delete(s.byID, x.id)
	s.order.Remove(e)
	own := s.of[x.identity]
	i := slices.Index(own, e)
	if own = slices.Delete(own, i, i+1); len(own) > 0 {
		s.of[x.identity] = own
	} else {
		delete(s.of, x.identity)
	}
}

// sameKey compares a pre-shared key with the one the session began with.
func (x *session) sameKey(k Key) bool {
	sum := sha256.Sum256(k)
	return subtle.ConstantTimeCompare(sum[:], x.key[:]) == 1
}
