package report

import (
	"context"
	"errors"
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
				q.done(w, q.tell(ctx, &w))
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
		w.settle = true
	default:
		w.settle = q.post(ctx, w.report)
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
func (q *Queue) post(ctx context.Context, r report) (settled bool) {
	once, cancel := context.WithTimeout(ctx, PostTime)
	defer cancel()
	err := q.o.Post(once, r.URI, r.Status)
	switch {
	case err == nil:
		q.o.Log.Info("install report taken", "report", r)
		q.count(&q.counts.Accepted)
		return true
	case ctx.Err() != nil:
		return false
	case delivery.Final(err):
		q.o.Log.Warn("install report refused", "report", r, "why", reason(err))
		q.count(&q.counts.Refused)
		return true
	}
	q.o.Log.Info("install report not taken, comes again", "report", r, "why", reason(err))
	return false
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
