// Package due keeps moments at which something wants attention, by key. It
// has no clock and starts nothing: whoever owns a Queue asks for the next
// moment and waits for it.
package due

import (
	"container/heap"
	"time"
)

// Queue holds at most one moment for each key. The zero value is ready. It is
// not safe for use by more than one goroutine.
type Queue struct {
	order order
	byKey map[string]*entry
}

type entry struct {
	key   string
	at    time.Time
	place int
}

// Set gives the key its moment, instead of an earlier one; the zero time takes
// it out.
func (q *Queue) Set(key string, at time.Time) {
	e := q.byKey[key]
	switch {
	case at.IsZero() && e == nil:
	case at.IsZero():
		heap.Remove(&q.order, e.place)
		delete(q.byKey, key)
	case e == nil:
		if q.byKey == nil {
			q.byKey = make(map[string]*entry)
		}
		e = &entry{key: key, at: at}
		q.byKey[key] = e
		heap.Push(&q.order, e)
	default:
		e.at = at
		heap.Fix(&q.order, e.place)
	}
}

// Next is the earliest moment; false when there is none.
func (q *Queue) Next() (time.Time, bool) {
	if len(q.order) == 0 {
		return time.Time{}, false
	}
	return q.order[0].at, true
}

// Pop takes out the key of the earliest moment if it has come.
func (q *Queue) Pop(now time.Time) (key string, ok bool) {
	if len(q.order) == 0 || q.order[0].at.After(now) {
		return "", false
	}
	e := heap.Pop(&q.order).(*entry)
	delete(q.byKey, e.key)
	return e.key, true
}

// Len is how many keys have a moment.
func (q *Queue) Len() int { return len(q.order) }

type order []*entry

func (o order) Len() int           { return len(o) }
func (o order) Less(i, j int) bool { return o[i].at.Before(o[j].at) }
func (o order) Swap(i, j int) {
	o[i], o[j] = o[j], o[i]
	o[i].place, o[j].place = i, j
}
func (o *order) Push(x any) {
	e := x.(*entry)
	e.place = len(*o)
	*o = append(*o, e)
}
func (o *order) Pop() any {
	old := *o
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*o = old[:len(old)-1]
	return e
}
