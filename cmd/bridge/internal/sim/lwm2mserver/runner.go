package lwm2mserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// maxHistory bounds what is kept of what a device has shown.
const maxHistory = 1000

// runner leads one device through the script.
type runner struct {
	s        *Server
	endpoint string

	// Owned by run.
	instance lwm2m9.InstanceID
	observed []string            // paths, in order
	ignored  bool                // the device did not take an observation: poll
	epoch    uint64              // in which observed was asked for
	wants    lwm2m9.ResponseCode // the refusal that the step wants; 0: none
	scanned  int                 // of shown: what waits have looked at, by its number

	mu      sync.Mutex
	wake    chan struct{}                       // closed and replaced when something comes; guarded by mu
	current uint64                              // epoch; guarded by mu
	values  map[lwm2m9.InstanceID]lwm2m9.Values // guarded by mu
	shown   []view                              // what came, in order; guarded by mu
	fresh   map[lwm2m9.InstanceID]bool          // see view; guarded by mu
	dropped int                                 // of shown, from its beginning; guarded by mu
	eager   []lwm2m9.InstanceID                 // notifications of DELIVERED that want an Install; guarded by mu
}

func newRunner(s *Server, endpoint string) *runner {
	return &runner{s: s, endpoint: endpoint, wake: make(chan struct{}), values: map[lwm2m9.InstanceID]lwm2m9.Values{},
		fresh: map[lwm2m9.InstanceID]bool{}}
}

// registered notes a registration: what was observed is not any more.
func (r *runner) registered(epoch uint64) {
	r.mu.Lock()
	r.current = epoch
	r.mu.Unlock()
	r.poke()
}

// poke wakes the script.
func (r *runner) poke() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.wake)
	r.wake = make(chan struct{})
}

// waker is closed with the next poke.
func (r *runner) waker() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.wake
}

// take takes values that came: in an answer, or in a notification.
func (r *runner) take(path string, format server.ContentFormat, payload []byte, notified bool) {
	p, ok := wire.ParsePath(path)
	f := wire.Format(format)
	if format == server.NoFormat {
		f = wire.FormatText
	}
	list, err := lwm2m9.Decode(f, p, payload)
	if !ok || err != nil {
		r.event(Event{Kind: EventAnswered, Text: fmt.Sprintf("%s: garbage: %v", path, err)})
		return
	}
	for _, one := range list {
		if i, whole := r.keep(one, notified); whole {
			r.event(Event{Kind: EventShown, Instance: i})
		}
	}
	r.poke()
}

// keep adds values to what is known. whole says that there is enough for an
// instance, and something to say about it.
func (r *runner) keep(one lwm2m9.InstanceValues, notified bool) (i lwm2m9.Instance, whole bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := r.values[one.ID]
	if v == nil {
		v = lwm2m9.Values{}
		r.values[one.ID] = v
	}
	for rid, value := range one.Values {
		v[rid] = value
	}
	if i, whole = known(one.ID, v, r.s.cfg.Script.dialect()); !whole {
		return i, false
	}
	if _, result := one.Values[lwm2m9.RIDUpdateResult]; result {
		r.fresh[one.ID] = true
	}
	r.shown = append(r.shown, view{i, r.fresh[one.ID]})
	if drop := len(r.shown) - maxHistory; drop > 0 {
		r.shown, r.dropped = slices.Delete(r.shown, 0, drop), r.dropped+drop
	}
	_, state := one.Values[lwm2m9.RIDUpdateState]
	if r.s.cfg.Script.Eager && notified && state && i.State == lwm2m9.Delivered {
		r.eager = append(r.eager, i.ID)
	}
	return i, true
}

// known is an instance of values of which some may be missing; false: none that
// a script asks for is there.
func known(id lwm2m9.InstanceID, v lwm2m9.Values, d lwm2m9.Dialect) (lwm2m9.Instance, bool) {
	i := lwm2m9.Instance{ID: id, RawState: -1, RawResult: -1, Name: v[lwm2m9.RIDPkgName].Str, Version: v[lwm2m9.RIDPkgVersion].Str}
	if state, ok := v[lwm2m9.RIDUpdateState]; ok {
		i.RawState, i.State = state.Int, d.State(state.Int)
	}
	if result, ok := v[lwm2m9.RIDUpdateResult]; ok {
		i.RawResult, i.Result = result.Int, d.Result(result.Int)
	}
	if on, ok := v[lwm2m9.RIDActivationState]; ok {
		if i.Activation = lwm2m9.Disabled; on.Int != 0 {
			i.Activation = lwm2m9.Enabled
		}
	}
	return i, len(v) > 0
}

// run is the script from its first step to its last.
func (r *runner) run(ctx context.Context) {
	last := ""
	for _, step := range r.s.cfg.Script.Steps {
		last = step.String()
		r.event(Event{Kind: EventStep, Text: last})
		if err := r.step(ctx, step); err != nil {
			if ctx.Err() != nil {
				return
			}
			r.s.ended(Result{Endpoint: r.endpoint, Step: last, Err: err})
			return
		}
	}
	r.s.ended(Result{Endpoint: r.endpoint, Step: last})
}

func (r *runner) event(e Event) {
	e.Endpoint = r.endpoint
	r.s.event(e)
}

// step carries out one step; a step that the device has to refuse fails unless
// it does.
func (r *runner) step(ctx context.Context, step Step) error {
	if err := r.observeAgain(ctx); err != nil {
		return err
	}
	r.wants = step.Refused
	err := actions[step.Verb](r, ctx, step)
	refused, no := errors.AsType[*server.Refused](err)
	switch {
	case step.Refused == 0:
		return err
	case no && refused.Code == step.Refused:
		return nil
	case err == nil:
		return fmt.Errorf("the device did not refuse it, want %s", step.Refused)
	}
	return fmt.Errorf("%w, want %s", err, step.Refused)
}

// ask sends a request, and again if there was no answer. When the device then
// says that this is not the time for it (4.05), the first one may well have
// arrived: that counts as an answer, and the waits decide.
func (r *runner) ask(ctx context.Context, what string, q server.Request) (server.Response, error) {
	for try := 0; ; try++ {
		wake := r.waker()
		resp, err := r.s.lw.Do(ctx, r.endpoint, q)
		if !errors.Is(err, server.ErrNoAnswer) && !errors.Is(err, server.ErrNotRegistered) {
			text := fmt.Sprintf("%s: %s", what, resp.Code)
			refused, ok := errors.AsType[*server.Refused](err)
			if err != nil && !ok {
				text = fmt.Sprintf("%s: %v", what, err)
			}
			r.event(Event{Kind: EventAnswered, Text: text})
			if ok && refused.Code == lwm2m9.CodeMethodNotAllowed && try > 0 && r.wants == 0 {
				return resp, nil
			}
			return resp, err
		}
		if ctx.Err() != nil {
			return resp, ctx.Err()
		}
		r.event(Event{Kind: EventNoAnswer, Text: fmt.Sprintf("%s: %v", what, err)})
		if try >= r.s.cfg.Script.Retries {
			return resp, err
		}
		if err := sleep(ctx, r.s.cfg.Retry, wake); err != nil {
			return resp, err
		}
	}
}

// sleep returns after the time or when wake is closed; the error is ctx's.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
	case <-wake:
	}
	return nil
}
