package engine

import "sync"

// mailbox is a shard's inbox. Events of devices and operators are refused
// when it is full; outcomes of the shard's own effects never are: there are no
// more of them than effects under way.
type mailbox struct {
	mu     sync.Mutex
	events []event // guarded by mu
	closed bool    // guarded by mu
	wake   chan struct{}
}

func newMailbox() *mailbox { return &mailbox{wake: make(chan struct{}, 1)} }

// offer adds an event unless limit wait already: ErrBusy. After close it is
// ErrStopped.
func (m *mailbox) offer(ev event, limit int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
		return ErrStopped
	case len(m.events) >= limit:
		return ErrBusy
	}
	m.events = append(m.events, ev)
	m.ring()
	return nil
}

// push adds the outcome of an effect; after close it is dropped.
func (m *mailbox) push(ev event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.events = append(m.events, ev)
		m.ring()
	}
}

func (m *mailbox) ring() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// take removes up to n events, the oldest first.
func (m *mailbox) take(n int) []event {
	m.mu.Lock()
	defer m.mu.Unlock()
	n = min(n, len(m.events))
	batch := m.events[:n:n]
	m.events = m.events[n:]
	if len(m.events) == 0 {
		m.events = nil // the batch keeps the array, nobody else
	}
	return batch
}

// close refuses everything from now on and answers whoever waits.
func (m *mailbox) close() {
	m.mu.Lock()
	rest := m.events
	m.events, m.closed = nil, true
	m.mu.Unlock()
	for _, ev := range rest {
		ev.answer(ErrStopped)
	}
}
