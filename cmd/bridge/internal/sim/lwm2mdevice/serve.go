package lwm2mdevice

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/fwbridge/fwbridge/lwm2m9"
)

// executes gives the request that an executable resource of Object 9 stands
// for.
var executes = map[string]Op{"4": OpInstall, "6": OpUninstall, "10": OpActivate, "11": OpDeactivate}

// inRoot is the path without the root; false when it is not under it.
func (d *Device) inRoot(path []string) ([]string, bool) {
	if d.cfg.Root == "" {
		return path, true
	}
	root := splitPath(d.cfg.Root)
	if len(path) < len(root) || !slices.Equal(path[:len(root)], root) {
		return nil, false
	}
	return path[len(root):], true
}

// opOf says what kind of request it is.
func (d *Device) opOf(req request) Op {
	path, _ := d.inRoot(req.path)
	switch {
	case req.method == codes.GET && req.accept == linkFormat:
		return OpDiscover
	case req.method == codes.GET && req.observe == 0 && len(path) > 2:
		return OpObserveValue
	case req.method == codes.GET && req.observe == 0:
		return OpObserve
	case req.method == codes.GET:
		return OpRead
	case req.method == codes.DELETE:
		return OpDelete
	case req.method == codes.POST && len(path) == 1:
		return OpCreate
	case req.method == codes.POST && len(path) == 3:
		if op, ok := executes[path[2]]; ok && path[0] == "9" {
			return op
		}
	}
	return d.writeOp(path, req)
}

// serve answers a request of the server; it runs in the loop.
func (b *boot) serve(ctx context.Context, req request) answer {
	b.touch()
	op := b.d.opOf(req)
	if f, ok := b.d.faults.strike(Refuse, func(f Fault) bool { return f.Op == AnyOp || f.Op == op }); ok {
		return b.answered(op, answer{code: f.Code})
	}
	path, ok := b.d.inRoot(req.path)
	if !ok || len(path) == 0 {
		return b.answered(op, answer{code: lwm2m9.CodeNotFound})
	}
	var a answer
	switch op {
	case OpDiscover:
		a = b.discover(path)
	case OpRead, OpObserve, OpObserveValue:
		a = b.readOrObserve(req)
	case OpCreate:
		a = b.create(ctx, path, req)
	case OpDelete:
		a = b.delete(ctx, path)
	case OpInstall, OpUninstall, OpActivate, OpDeactivate:
		a = b.execute(ctx, op, path, req)
	default:
		a = b.write(ctx, op, path, req)
	}
	return b.answered(op, a)
}

// answered counts and reports what a request came to.
func (b *boot) answered(op Op, a answer) answer {
	if a.code.Success() {
		b.d.count(func(c *Counts) { c.Done[op]++ })
		b.d.event(Event{Kind: EventDone, Op: op})
	} else {
		b.d.count(func(c *Counts) { c.Refused[op]++ })
		b.d.event(Event{Kind: EventRefused, Op: op, Code: a.code})
	}
	return a
}

// find is the instance that a path /9/i or /9/i/r names; nil when there is
// none.
func (d *Device) find(path []string) *software {
	if len(path) < 2 || path[0] != "9" {
		return nil
	}
	id, err := strconv.ParseUint(path[1], 10, 16)
	if err != nil {
		return nil
	}
	return d.soft[lwm2m9.InstanceID(id)]
}

// wrongState is the answer to an operation out of its state.
func (d *Device) wrongState() answer {
	if f, ok := d.faults.strike(WrongState, nil); ok {
		return answer{code: f.Code}
	}
	return answer{code: lwm2m9.CodeMethodNotAllowed}
}

// execute carries out 4, 6, 10 or 11. 2.04 means accepted: the outcome shows
// later.
func (b *boot) execute(ctx context.Context, op Op, path []string, req request) answer {
	s := b.d.find(path)
	if s == nil {
		return answer{code: lwm2m9.CodeNotFound}
	}
	if op == OpUninstall && b.d.cfg.Dialect == lwm2m9.Registered && !uninstallArgument(req.payload) {
		return answer{code: lwm2m9.CodeBadRequest}
	}
	rid, _ := strconv.Atoi(path[2])
	if s.busy != AnyStep || !s.m.Answer(lwm2m9.ResourceID(rid), b.d.options()).Success() {
		return b.d.wrongState()
	}
	switch op {
	case OpInstall:
		b.install(ctx, s)
	case OpUninstall:
		b.uninstall(ctx, s)
	case OpActivate:
		b.activate(ctx, s)
	default:
		b.deactivate(ctx, s)
	}
	return answer{code: lwm2m9.CodeChanged}
}

// create makes an instance of Object 9 (LwM2M 1.1 Core, 6.3.6).
func (b *boot) create(ctx context.Context, path []string, req request) answer {
	if path[0] != "9" || b.d.cfg.NoObject9 {
		return answer{code: lwm2m9.CodeNotFound}
	}
	id, asked, ok := wantedID(req)
	for !asked && b.d.soft[id] != nil {
		id++
	}
	if !ok || b.d.soft[id] != nil || len(b.d.soft) >= b.d.cfg.MaxInstances {
		return answer{code: lwm2m9.CodeBadRequest}
	}
	b.d.soft[id] = newSoftware(Software{ID: id})
	b.objectsChanged(ctx)
	location := append(splitPath(b.d.cfg.Root), "9", fmt.Sprint(id))
	return answer{code: lwm2m9.CodeCreated, location: location}
}

// delete removes an instance of Object 9 (LwM2M 1.1 Core, 6.3.7).
func (b *boot) delete(ctx context.Context, path []string) answer {
	s := b.d.find(path)
	switch {
	case s == nil:
		return answer{code: lwm2m9.CodeNotFound}
	case len(path) != 2:
		return answer{code: lwm2m9.CodeMethodNotAllowed}
	}
	s.turn++
	delete(b.d.soft, s.id)
	b.objectsChanged(ctx)
	return answer{code: lwm2m9.CodeDeleted}
}

// objectsChanged tells the server, soon, that there are other instances.
func (b *boot) objectsChanged(ctx context.Context) {
	b.d.publish()
	b.news, b.hidden = true, false
	b.sendUpdate(ctx)
}
