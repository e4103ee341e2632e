package store

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
)

// Memory keeps everything in memory and forgets it with the process. Its
// writes are as durable as it is.
type Memory struct {
	mu       sync.RWMutex
	entries  map[string]Entry // guarded by mu
	sequence uint64           // guarded by mu; the last revision given out
	closed   bool             // guarded by mu
}

var _ Store = (*Memory)(nil)

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{entries: map[string]Entry{}} }

// Get implements [Store].
func (m *Memory) Get(key string) (Entry, error) {
	if err := checkKey(key); err != nil {
		return Entry{}, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return Entry{}, ErrClosed
	}
	e, ok := m.entries[key]
	if !ok {
		return Entry{}, fmt.Errorf("%w: %q", ErrNotFound, key)
	}
	return e, nil
}

// Scan implements [Store]. It sorts the keys anew each time.
func (m *Memory) Scan(prefix string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		found, err := m.snapshot(prefix)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		for _, e := range found {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (m *Memory) snapshot(prefix string) ([]Entry, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return nil, ErrClosed
	}
	var found []Entry
	for key, e := range m.entries {
		if strings.HasPrefix(key, prefix) {
			found = append(found, e)
		}
	}
	slices.SortFunc(found, func(a, b Entry) int { return strings.Compare(a.Key, b.Key) })
	return found, nil
}

// Write implements [Store].
func (m *Memory) Write(changes ...Change) ([]uint64, error) {
	if err := checkBatch(changes); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	for _, c := range changes {
		if have := m.entries[c.Key].Revision; c.Expect != AnyRevision && c.Expect != have {
			return nil, conflict(c.Key, c.Expect, have)
		}
	}
	revisions := make([]uint64, len(changes))
	for i, c := range changes {
		if c.Value == nil {
			delete(m.entries, c.Key)
			continue
		}
		m.sequence++
		revisions[i] = m.sequence
		m.entries[c.Key] = Entry{Key: c.Key, Value: c.Value, Revision: m.sequence}
	}
	return revisions, nil
}

// Close implements [Store].
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed, m.entries = true, nil
	return nil
}
