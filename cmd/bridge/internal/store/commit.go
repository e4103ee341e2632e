package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// maxGroup bounds, in bytes, what shares one sync, unless one batch alone is
// larger. It is well below the reserve, which must hold what is under way.
const maxGroup = 4 << 20

// When at least manyWriters shared a sync, the next group is gathered for
// gatherFor: a sync costs the processor and the disk more than what is in it, and
// those who write now wait for it anyway. A few writers never wait.
const (
	manyWriters = 4
	gatherFor   = 4 * time.Millisecond
)

// request is one Write on its way through the committer.
type request struct {
	changes   []Change
	revisions []uint64
	err       error
	done      chan struct{} // closed when revisions and err are final
}

func (r *request) finish(err error) {
	if r.err = err; err != nil {
		r.revisions = nil
	}
	close(r.done)
}

func (r *request) size() int {
	n := 0
	for _, c := range r.changes {
		n += len(c.Key) + len(c.Value)
	}
	return n
}

// queue holds the requests that wait for the committer.
type queue struct {
	mu      sync.Mutex
	waiting []*request    // guarded by mu
	closed  bool          // guarded by mu
	wake    chan struct{} // capacity 1; told after every change
}

func (q *queue) put(r *request) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	q.waiting = append(q.waiting, r)
	q.tell()
	return nil
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.tell()
}

func (q *queue) tell() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take waits for requests and returns the next group, or nil after close when
// none is left.
func (q *queue) take() []*request {
	for {
		q.mu.Lock()
		n, size := 0, 0
		for n < len(q.waiting) && (n == 0 || size+q.waiting[n].size() <= maxGroup) {
			size += q.waiting[n].size()
			n++
		}
		group := slices.Clone(q.waiting[:n])
		q.waiting = slices.Delete(q.waiting, 0, n)
		closed := q.closed
		q.mu.Unlock()
		if n > 0 || closed {
			return group
		}
		<-q.wake
	}
}

// takeAll empties the queue.
func (q *queue) takeAll() []*request {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.waiting
	q.waiting = nil
	return all
}

// Write implements [Store].
func (p *Pebble) Write(changes ...Change) ([]uint64, error) {
	if err := checkBatch(changes); err != nil {
		return nil, err
	}
	if err := p.room.stuck(); err != nil {
		return nil, err
	}
	r := &request{changes: changes, revisions: make([]uint64, len(changes)), done: make(chan struct{})}
	if err := p.queue.put(r); err != nil {
		return nil, err
	}
	select {
	case <-r.done:
		return r.revisions, r.err
	case <-p.room.abandoned: // closed with no room; r.done may never come
		return nil, fmt.Errorf("%w while the disk was full; whether this batch is stored shows after a restart", ErrClosed)
	}
}

// commitLoop is the committer.
func (p *Pebble) commitLoop() {
	defer close(p.committed)
	for group := p.queue.take(); len(group) > 0; group = p.queue.take() {
		p.commit(group)
		if len(group) >= manyWriters {
			time.Sleep(gatherFor)
		}
	}
}

// commit answers every request of the group.
func (p *Pebble) commit(group []*request) {
	if err := p.room.check(); err != nil {
		for _, r := range group {
			r.finish(err)
		}
		return
	}
	batch := p.db.NewBatch()
	staged := make(map[string]uint64) // revisions that the batch gives to keys
	var stored []*request
	for _, r := range group {
		if err := p.stage(batch, staged, r); err != nil {
			r.finish(err)
			continue
		}
		stored = append(stored, r)
	}
	err := p.apply(batch)
	if err == nil {
		p.recent.add(staged)
	} else {
		p.recent = recent{} // whatever is stored now is looked up
	}
	for _, r := range stored {
		r.finish(err)
	}
}

// stage checks the revisions of one request, then puts its changes into the
// batch. A request that fails leaves no trace.
func (p *Pebble) stage(batch *pebble.Batch, staged map[string]uint64, r *request) error {
	for _, c := range r.changes {
		if c.Expect == AnyRevision {
			continue
		}
		have, err := p.revision(staged, c.Key)
		if err != nil {
			return err
		}
		if have != c.Expect {
			return conflict(c.Key, c.Expect, have)
		}
	}
	// Writing into a batch is appending to memory: it has no error to return.
	for i, c := range r.changes {
		if c.Value == nil {
			staged[c.Key] = 0
			_ = batch.Delete(dataKey(c.Key), nil)
			continue
		}
		p.sequence++
		staged[c.Key], r.revisions[i] = p.sequence, p.sequence
		put(batch, c.Key, p.sequence, c.Value)
	}
	return nil
}

// put writes a value into the batch, where its bytes get to at once.
func put(batch *pebble.Batch, key string, revision uint64, value []byte) {
	op := batch.SetDeferred(1+len(key), headerSize+len(value))
	appendKey(op.Key[:0], key)
	appendValue(op.Value[:0], revision, value)
	_ = op.Finish()
}

// revision is the key's revision as the batch will leave it; 0 is none.
func (p *Pebble) revision(staged map[string]uint64, key string) (uint64, error) {
	if rev, ok := staged[key]; ok {
		return rev, nil
	}
	if rev, ok := p.recent.get(key); ok {
		return rev, nil
	}
	raw, closer, err := p.db.Get(dataKey(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	} else if err != nil {
		return 0, fmt.Errorf("store: reading %q: %w", key, err)
	}
	defer closer.Close()
	rev, _, err := decodeValue(key, raw)
	return rev, err
}

// apply makes the batch durable, together with the sequence it has reached.
func (p *Pebble) apply(batch *pebble.Batch) error {
	defer batch.Close()
	if batch.Empty() {
		return nil
	}
	_ = batch.Set([]byte(metaSequence), binary.BigEndian.AppendUint64(nil, p.sequence), nil)
	if err := batch.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("store: writing: %w", orFull(err))
	}
	return nil
}

// refuseQueued answers the requests that the committer has not begun.
func (p *Pebble) refuseQueued(err error) {
	for _, r := range p.queue.takeAll() {
		r.finish(err)
	}
}
