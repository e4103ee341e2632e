package report

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
)

// Run tells what is due, until ctx ends, and returns after the last POST has
// ended. What was not told then is told in the next life.
func (q *Queue) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	slots := make(chan struct{}, MaxPosts)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		w, wait, ok := q.next()
		if ok {
			wg.Go(func() {
				defer func() { <-slots }()
				settled := q.tell(ctx, &w)
				q.done(w, settled)
			})
			continue
		}
		<-slots
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-q.wake:
		case <-timer.C:
		}
	}
	return nil
}

// tell posts a report, unless that has been done, and deletes it from the
// store. It returns false when it has to come again.
func (q *Queue) tell(ctx context.Context, w *waiting) (settled bool) {
	switch {
	case w.settle:
	case time.Since(w.Since) >= Life:
		q.dropped(w.report, "not taken in time")
		q.note(w.report, "not taken in time, dropped", nil)
		w.settle = true
	default:
		w.settle = q.post(ctx, w)
	}
	if !w.settle {
		return false
	}
	if _, err := q.o.Store.Write(drop(w.key)); err != nil {
		q.o.Log.Warn("install report is told, and not deleted yet", "report", w.report, "err", err)
		return false
	}
	return true
}

// post posts a report; false when it has to be posted again.
func (q *Queue) post(ctx context.Context, w *waiting) (settled bool) {
	once, cancel := context.WithTimeout(ctx, PostTime)
	defer cancel()
	first := !w.tried
	w.tried = true
	err := q.o.Post(once, w.URI, w.Status)
	switch {
	case err == nil:
		q.note(w.report, "taken", nil)
		q.count(&q.counts.Accepted)
		return true
	case ctx.Err() != nil:
		return false
	case delivery.Final(err):
		q.o.Log.Warn("install report refused", "report", w.report, "why", reason(err))
		q.note(w.report, "refused", err)
		q.count(&q.counts.Refused)
		return true
	}
	q.o.Log.Info("install report not taken, comes again", "report", w.report, "why", reason(err))
	if first {
		q.note(w.report, "not taken, comes again", err)
	}
	return false
}

// note puts into the device's time line what becomes of its report.
func (q *Queue) note(r report, what string, err error) {
	text := fmt.Sprintf("install report %s to %s: %s", r.Status, r.host(), what)
	if err != nil {
		text += " (" + reason(err) + ")"
	}
	q.o.Note(r.Device, text)
}

func (q *Queue) count(n *uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	*n++
}

// reason is why, without the cause, which may name the URI.
func reason(err error) string {
	if e, ok := errors.AsType[*delivery.Error](err); ok {
		return e.Kind.String() + ": " + e.Reason
	}
	return delivery.KindOf(err).String()
}
