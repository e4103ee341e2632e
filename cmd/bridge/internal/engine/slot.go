package engine

import (
	"container/heap"
	"time"
)

// slot is what a shard keeps in memory for every device: little, because most
// devices are idle.
type slot struct {
	endpoint string
	due      int64 // Unix nanoseconds of the next thing to do; 0 for nothing
	index    int   // in the heap; -1 when not there
	known    bool  // a record is stored
	broken   error // the record cannot be read: the device is left alone
	live     live
	trouble  *trouble // not nil while writes of this device fail
}

// live is what is known of a device only as long as the process runs. It is
// copied for a turn and put back when the turn is durable.
type live struct {
	ask         *asking    // the drive's request under way
	identifying bool       // /3/0 is being read
	identified  uint64     // the registration's epoch for which it was tried last
	taking      *taking    // what was lent is being taken back
	tookBack    bool       // that was tried since the device was heard from last
	session     *dmSession // the DM session under way
	waiting     bool       // for the admission of a session
}

// trouble is a device's unwritten past: events that must not be lost.
type trouble struct {
	backlog []event
	tries   int
	until   time.Time // before that, nothing is tried unless somebody waits for it
}

// dueHeap orders the slots by due time; slots with nothing due are not in it.
type dueHeap []*slot

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].due < h[j].due }
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements [heap.Interface].
func (h *dueHeap) Push(x any) {
	s := x.(*slot)
	s.index = len(*h)
	*h = append(*h, s)
}

// Pop implements [heap.Interface].
func (h *dueHeap) Pop() any {
	old := *h
	s := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	s.index = -1
	return s
}

// set changes when a slot is due; the zero time is never.
func (h *dueHeap) set(s *slot, at time.Time) {
	s.due = 0
	if !at.IsZero() {
		s.due = at.UnixNano()
	}
	switch {
	case s.due == 0 && s.index >= 0:
		heap.Remove(h, s.index)
	case s.due == 0:
	case s.index >= 0:
		heap.Fix(h, s.index)
	default:
		heap.Push(h, s)
	}
}

// next is when the first slot is due.
func (h dueHeap) next() (time.Time, bool) {
	if len(h) == 0 {
		return time.Time{}, false
	}
	return time.Unix(0, h[0].due), true
}

// pop takes out the first slot if it is due now.
func (h *dueHeap) pop(now time.Time) (*slot, bool) {
	if len(*h) == 0 || (*h)[0].due > now.UnixNano() {
		return nil, false
	}
	return heap.Pop(h).(*slot), true
}
