package delivery

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

var (
	errNobody = fault(KindCancelled, nil, "nobody waits for it any more")
	errTotal  = fault(KindTimeout, nil, "it took too long in all")
)

// flightKey is equal for fetches that can be one.
type flightKey struct {
	url    string
	digest Digest
	size   int64
}

// flight is a fetch under way and those who wait for it.
type flight struct {
	key     flightKey
	owner   string // holds the package until the waiters do
	done    chan struct{}
	cancel  context.CancelCauseFunc
	waiters map[*waiter]bool // guarded by Fetcher.mu
	over    bool             // guarded by Fetcher.mu; then result and err are final
	result  Fetched
	err     error

	tell sync.Mutex // held while waiters are told of progress; taken after Fetcher.mu, if both
}

// waiter is one call of Fetch.
type waiter struct {
	owner    string
	progress func(Progress)
}

// Fetch gets a package into the store, or finds it there. All who want the same
// URL at the same time share one fetch, which goes on until the last of them
// gives up. Errors are [*Error].
func (f *Fetcher) Fetch(ctx context.Context, r FetchRequest) (Fetched, error) {
	w, err := f.want(r)
	if err != nil {
		return Fetched{}, asError(err)
	}
	if got, ok := f.stored(ctx, w, r.Owner); ok {
		return got, nil
	}
	if f.o.Watch == nil {
		return f.wait(ctx, w, &waiter{owner: r.Owner, progress: r.Progress})
	}
	f.o.Watch(r.Owner, Progress{}, false, nil)
	got, err := f.wait(ctx, w, &waiter{owner: r.Owner, progress: f.watched(r)})
	end := Progress{Bytes: got.Size, Total: got.Size}
	if got.Reused {
		end.Bytes = 0
	}
	f.o.Watch(r.Owner, end, true, err)
	return got, err
}

// watched is the Progress of a request, with the options' Watch.
func (f *Fetcher) watched(r FetchRequest) func(Progress) {
	return func(p Progress) {
		f.o.Watch(r.Owner, p, false, nil)
		if r.Progress != nil {
			r.Progress(p)
		}
	}
}

// wait waits for the flight of a want.
func (f *Fetcher) wait(ctx context.Context, w want, me *waiter) (Fetched, error) {
	fl := f.join(w, me)
	select {
	case <-fl.done:
	case <-ctx.Done():
		if !f.leave(fl, me) {
			return Fetched{}, asError(context.Cause(ctx))
		}
	}
	return fl.result, fl.err
}

// join finds the flight of a want, or begins it.
func (f *Fetcher) join(w want, me *waiter) *flight {
	key := flightKey{w.u.String(), w.digest, w.size}
	f.mu.Lock()
	defer f.mu.Unlock()
	if fl := f.flights[key]; fl != nil {
		fl.waiters[me] = true
		return fl
	}
	fl := &flight{key: key, done: make(chan struct{}), waiters: map[*waiter]bool{me: true}}
	fl.owner = fmt.Sprintf("fetch %p", fl)
	f.flights[key] = fl
	// The flight belongs to all who wait, so it has the context of none.
	ctx, cancel := context.WithCancelCause(context.Background())
	fl.cancel = cancel
	f.counts.running.Add(1)
	go f.fly(ctx, fl, w)
	return fl
}

// fly is the goroutine of a flight.
func (f *Fetcher) fly(ctx context.Context, fl *flight, w want) {
	defer close(fl.done)
	defer fl.cancel(nil)
	ctx, stop := context.WithTimeoutCause(ctx, f.o.TotalTimeout, errTotal)
	defer stop()
	got, err := f.get(ctx, fl, w)
	if err != nil {
		err = f.failed(ctx, w, err)
	}
	f.counts.ended(err)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.flights[fl.key] == fl {
		delete(f.flights, fl.key)
	}
	fl.over, fl.result, fl.err = true, got, err
	for me := range fl.waiters {
		if err == nil && me.owner != "" {
			f.o.Store.Hold(me.owner, got.Digest)
		}
	}
	if err == nil {
		f.o.Store.Release(fl.owner, got.Digest)
	}
}

// failed classifies the end of a fetch: when the fetch was ended, that counts
// and not what it led to.
func (f *Fetcher) failed(ctx context.Context, w want, err error) error {
	e := *asError(err)
	if cause := context.Cause(ctx); cause != nil {
		notify := e.Notify // is to be told, whatever ended it
		err, e = cause, *asError(cause)
		e.Notify = notify
	}
	f.o.Logger.Info("package not fetched", "from", place(w.u), "why", e.Kind, "status", e.Status, "err", err)
	return &e
}

// leave takes a waiter off its flight. The last one ends it and waits for its
// end. It returns true when the flight was over already.
func (f *Fetcher) leave(fl *flight, me *waiter) bool {
	f.mu.Lock()
	if fl.over {
		f.mu.Unlock()
		<-fl.done
		return true
	}
	fl.tell.Lock() // no progress is told after this
	delete(fl.waiters, me)
	fl.tell.Unlock()
	last := len(fl.waiters) == 0
	if last {
		fl.cancel(errNobody)
		if f.flights[fl.key] == fl {
			delete(f.flights, fl.key)
		}
	}
	f.mu.Unlock()
	if last {
		<-fl.done
	}
	return false
}

// progress tells all who wait.
func (f *Fetcher) progress(fl *flight, p Progress) {
	f.mu.Lock()
	fl.tell.Lock()
	defer fl.tell.Unlock()
	told := make([]*waiter, 0, len(fl.waiters))
	for me := range fl.waiters {
		if me.progress != nil {
			told = append(told, me)
		}
	}
	f.mu.Unlock()
	for _, me := range told {
		me.progress(p)
	}
}

// get fetches by the scheme of the URL, and follows a descriptor.
func (f *Fetcher) get(ctx context.Context, fl *flight, w want) (Fetched, error) {
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	case <-ctx.Done():
		return Fetched{}, context.Cause(ctx)
	}
	got, err := f.getOne(ctx, fl, w)
	if dd, ok := errors.AsType[*descriptor](err); ok {
		at := w.u.String()
		if w, err = f.follow(w, dd); err == nil {
			got, err = f.getOne(ctx, fl, w)
		}
		if err == nil {
			f.described(at, dd)
		}
		if _, again := errors.AsType[*descriptor](err); again {
			err = fault(KindUnsupported, nil, "a descriptor that leads to a descriptor")
		}
		if err != nil {
			e := *asError(err)
			e.Notify = dd.notify
			err = &e
		}
	}
	return got, err
}

// getOne checks what can be checked before, and fetches. The error is a
// *descriptor if that is what there is.
func (f *Fetcher) getOne(ctx context.Context, fl *flight, w want) (Fetched, error) {
	sig, err := f.promises(ctx, &w)
	if err != nil {
		return Fetched{}, err
	}
	if got, ok := f.reuseSigned(ctx, w, sig, fl.owner); ok {
		return got, nil
	}
	d := &download{f: f, fl: fl, want: w, sig: sig}
	if w.u.Scheme == "coap" || w.u.Scheme == "coaps" {
		return d.coap(ctx)
	}
	return d.http(ctx)
}
