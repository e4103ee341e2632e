package lwm2mserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// object is the path of Object 9.
const object = "/9"

func (r *runner) path(id lwm2m9.ResourceID) string {
	return wire.PathOf(lwm2m9.ObjectID, uint16(r.instance), uint16(id)).String()
}

// actions carry out the verbs.
var actions = [...]func(*runner, context.Context, Step) error{
	Observe: (*runner).observe, Read: (*runner).read, Write: (*runner).write, Push: (*runner).push,
	Install: execute(lwm2m9.RIDInstall), Activate: execute(lwm2m9.RIDActivate), Deactivate: execute(lwm2m9.RIDDeactivate),
	Uninstall: execute(lwm2m9.RIDUninstall), Create: (*runner).create, Delete: (*runner).remove,
	Instance: func(r *runner, _ context.Context, s Step) error { r.instance = s.Instance; return nil },
	Wait:     (*runner).wait, Expect: (*runner).expect,
	Pause: func(_ *runner, ctx context.Context, s Step) error { return sleep(ctx, s.Duration, nil) },
}

func (r *runner) observe(ctx context.Context, s Step) error {
	for _, id := range s.Resources {
		p := r.path(id)
		if err := r.observePath(ctx, p); err != nil {
			return err
		}
		if !slices.Contains(r.observed, p) {
			r.observed = append(r.observed, p)
		}
	}
	return nil
}

func (r *runner) observePath(ctx context.Context, p string) error {
	resp, err := r.ask(ctx, "Observe "+p, server.Observe(p, server.TextPlain))
	if err != nil {
		return err
	}
	if !resp.Observed && !r.ignored {
		r.ignored = true
		r.event(Event{Kind: EventPolling, Text: p + " cannot be observed"})
	}
	r.take(p, resp.Format, resp.Payload, false)
	return nil
}

// observeAgain observes again what was observed in an earlier registration.
func (r *runner) observeAgain(ctx context.Context) error {
	for {
		r.mu.Lock()
		current := r.current
		r.mu.Unlock()
		if r.epoch == current {
			return nil
		}
		again := r.epoch != 0
		r.epoch = current
		if !again {
			continue
		}
		for _, p := range r.observed {
			if err := r.observePath(ctx, p); err != nil {
				return err
			}
		}
	}
}

func (r *runner) read(ctx context.Context, s Step) error {
	for _, id := range s.Resources {
		p := r.path(id)
		resp, err := r.ask(ctx, "Read "+p, server.Read(p, server.TextPlain))
		if err != nil {
			return err
		}
		if id != lwm2m9.RIDUpdateState && id != lwm2m9.RIDUpdateResult {
			r.event(Event{Kind: EventAnswered, Text: fmt.Sprintf("%s is %q", p, resp.Payload)})
		}
		r.take(p, resp.Format, resp.Payload, false)
	}
	return nil
}

// begin is called before a request that changes something: what was shown until
// now does not count for the waits that follow.
func (r *runner) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.scanned = r.dropped + len(r.shown)
	r.fresh[r.instance] = false
}

func (r *runner) write(ctx context.Context, s Step) error {
	value := s.Value
	if value == "" && s.Resources[0] == lwm2m9.RIDPackageURI {
		value = r.s.cfg.PackageURL
	}
	r.begin()
	p := r.path(s.Resources[0])
	_, err := r.ask(ctx, "Write "+p, server.Write(p, server.TextPlain, []byte(value)))
	return err
}

func (r *runner) push(ctx context.Context, s Step) error {
	r.begin()
	p := r.path(lwm2m9.RIDPackage)
	_, err := r.ask(ctx, fmt.Sprintf("Write %s, %d bytes", p, len(s.Body)), server.Write(p, server.OctetStream, s.Body))
	return err
}

func execute(id lwm2m9.ResourceID) func(*runner, context.Context, Step) error {
	return func(r *runner, ctx context.Context, s Step) error {
		r.begin()
		p := r.path(id)
		_, err := r.ask(ctx, strings.TrimSpace("Execute "+p+" "+s.Value), server.Execute(p, s.Value))
		if _, refused := errors.AsType[*server.Refused](err); refused && id == lwm2m9.RIDInstall && r.s.cfg.Script.Eager && s.Refused == 0 {
			return nil // it was quicker itself
		}
		return err
	}
}

// create makes an instance: with the number in TLV, or of the device's choice.
func (r *runner) create(ctx context.Context, s Step) error {
	var payload []byte
	if s.Numbered {
		var err error
		if payload, err = wire.AppendTLV(nil, wire.TLV{Kind: wire.KindInstance, ID: uint16(s.Instance)}); err != nil {
			return err
		}
	}
	resp, err := r.ask(ctx, "Create "+object, server.Create(object, server.TLV, payload))
	if err == nil && resp.Location != "" {
		r.event(Event{Kind: EventAnswered, Text: "created " + resp.Location})
	}
	return err
}

func (r *runner) remove(ctx context.Context, s Step) error {
	p := wire.PathOf(lwm2m9.ObjectID, uint16(s.Instance)).String()
	_, err := r.ask(ctx, "Delete "+p, server.Delete(p))
	if err == nil {
		r.observed = slices.DeleteFunc(r.observed, func(o string) bool { return strings.HasPrefix(o, p+"/") })
	}
	return err
}

// judged are the resources that conditions are about.
var judged = Step{Resources: []lwm2m9.ResourceID{lwm2m9.RIDUpdateState, lwm2m9.RIDUpdateResult, lwm2m9.RIDActivationState}}

// expect reads the instance and judges what it shows.
func (r *runner) expect(ctx context.Context, s Step) error {
	read := judged
	for _, c := range s.Conditions {
		for id, key := range map[lwm2m9.ResourceID]string{lwm2m9.RIDPkgName: "name=", lwm2m9.RIDPkgVersion: "version="} {
			if strings.Contains(c.text, key) && !slices.Contains(read.Resources, id) {
				read.Resources = append(slices.Clone(read.Resources), id)
			}
		}
	}
	if err := r.read(ctx, read); err != nil {
		return err
	}
	i := r.latest()
	i.fresh = true
	if c, ok := unmet(s.Conditions, i); !ok {
		return fmt.Errorf("want %s; it shows %s, %s, %s", c, i.State, i.Result, i.Activation)
	}
	return nil
}

// unmet is the first condition that does not hold; true: all do.
func unmet(all []Condition, i view) (Condition, bool) {
	for _, c := range all {
		if !c.holds(i) {
			return c, false
		}
	}
	return Condition{}, true
}

// latest is what the instance shows.
func (r *runner) latest() view {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, i := range slices.Backward(r.shown) {
		if i.ID == r.instance {
			return i
		}
	}
	return view{}
}

// wait waits until what came since the last change fulfils the conditions.
func (r *runner) wait(ctx context.Context, s Step) error {
	limit := r.s.cfg.Script.Timeout
	if s.Duration > 0 {
		limit = s.Duration
	}
	until := time.Now().Add(limit)
	for {
		wake := r.waker()
		if err := errors.Join(r.observeAgain(ctx), r.eagerly(ctx)); err != nil {
			return err
		}
		if r.scan(s.Conditions) {
			return nil
		}
		left := time.Until(until)
		if left <= 0 {
			i := r.latest()
			return fmt.Errorf("not within %v; it shows %s, %s, %s", limit, i.State, i.Result, i.Activation)
		}
		if r.ignored {
			left = min(left, r.s.cfg.Poll)
		}
		if err := sleep(ctx, left, wake); err != nil {
			return err
		}
		if r.ignored {
			if err := r.read(ctx, judged); err != nil {
				return err
			}
		}
	}
}

// scan looks for the first thing shown that fulfils the conditions. What is
// shown after it is left for the next wait, and it too.
func (r *runner) scan(all []Condition) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n := max(r.scanned-r.dropped, 0); n < len(r.shown); n++ {
		i := r.shown[n]
		if i.ID != r.instance {
			continue
		}
		if _, ok := unmet(all, i); ok {
			r.scanned = r.dropped + n
			return true
		}
	}
	return false
}

// eagerly executes Install for every notification of DELIVERED.
func (r *runner) eagerly(ctx context.Context) error {
	r.mu.Lock()
	list := r.eager
	r.eager = nil
	r.mu.Unlock()
	for _, id := range list {
		p := wire.PathOf(lwm2m9.ObjectID, uint16(id), uint16(lwm2m9.RIDInstall)).String()
		_, err := r.ask(ctx, "Execute "+p+", eagerly", server.Execute(p, ""))
		if _, refused := errors.AsType[*server.Refused](err); err != nil && !refused {
			return err
		}
	}
	return nil
}
