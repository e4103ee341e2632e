package legacy

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/client"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
	"github.com/fwbridge/fwbridge/mapping"
)

// object9 is /9 of a legacy device towards one LwM2M server.
type object9 struct {
	e   *Engine
	id  string
	def *client.Definition
	d   lwm2m9.Dialect
}

var (
	_ client.Object   = (*object9)(nil)
	_ client.Writer   = (*object9)(nil)
	_ client.Executor = (*object9)(nil)
	_ client.Creator  = (*object9)(nil)
	_ client.Limiter  = (*object9)(nil)
)

// definitions are what a legacy device has of /9, by dialect.
var definitions = map[lwm2m9.Dialect]*client.Definition{
	lwm2m9.Draft:      client.Object9(lwm2m9.Draft, lwm2m9.RIDPackage, lwm2m9.RIDPackageURI),
	lwm2m9.Registered: client.Object9(lwm2m9.Registered, lwm2m9.RIDPackage, lwm2m9.RIDPackageURI, lwm2m9.RIDStatusReason),
}

// Object9 is /9 of a device in a dialect that is decided, for an LwM2M client.
func (e *Engine) Object9(id string, d lwm2m9.Dialect) client.Object {
	return &object9{e: e, id: id, d: d, def: definitions[d]}
}

// Definition implements [client.Object].
func (o *object9) Definition() *client.Definition { return o.def }

// Instances implements [client.Object].
func (o *object9) Instances() []uint16 {
	v, err := o.e.virtual(o.id)
	if err != nil {
		return nil
	}
	ids := make([]uint16, len(v.Slots))
	for i, s := range v.Slots {
		ids[i] = uint16(s.ID)
	}
	return ids
}

// Read implements [client.Object]. Of what can be read nothing but what the path
// asks for is made: a notification is of one resource.
func (o *object9) Read(_ context.Context, path wire.Path) ([]wire.Entry, error) {
	v, err := o.e.virtual(o.id)
	if err != nil {
		return nil, err
	}
	s, ok := v.Slot(lwm2m9.InstanceID(path.ID(1)))
	if !ok {
		return nil, refuse(lwm2m9.CodeNotFound)
	}
	var entries []wire.Entry
	for _, r := range o.def.Resources {
		at := wire.PathOf(lwm2m9.ObjectID, path.ID(1), r.ID)
		if r.Operations&lwm2m9.OpRead == 0 || !path.Holds(at) {
			continue
		}
		value, err := valueOf(s, lwm2m9.ResourceID(r.ID), o.d)
		if err != nil {
			return nil, err
		}
		entries = append(entries, wire.Entry{Path: at, Value: value})
	}
	return entries, nil
}

// valueOf is what a resource of an instance shows.
func valueOf(s mapping.Slot, r lwm2m9.ResourceID, d lwm2m9.Dialect) (wire.Value, error) {
	name := "" // looked for in the URI, where it is asked for
	switch r {
	case lwm2m9.RIDStatusReason:
		return wire.String(s.Reason), nil
	case lwm2m9.RIDPkgName:
		name = nameOf(s.Package)
	}
	return s.Machine.Value(r, name, s.Package.Version, d)
}

// virtual is what a device's record says now.
func (e *Engine) virtual(id string) (v mapping.Virtual, err error) {
	err = e.look(id, func(r *record) { v = r.Virtual })
	return v, err
}

// look shows a device's record to f, which must not change it.
func (e *Engine) look(id string, f func(*record)) error {
	l := e.lane(id)
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.seats[id]; s != nil && s.resumed && s.rec != nil {
		f(s.rec)
		return nil
	}
	t, err := e.open(l, id, false)
	if err != nil {
		return err
	}
	f(t.rec)
	if t.seat.resumed { // otherwise it has changed, and is not stored
		l.rest(t)
	}
	return nil
}

// MaxBytes implements [client.Limiter].
func (o *object9) MaxBytes(path wire.Path) int {
	if path.Len() > 2 && lwm2m9.ResourceID(path.ID(2)) != lwm2m9.RIDPackage {
		return maxWrite
	}
	return o.e.o.Packages.MaxPush()
}

// maxWrite bounds what is written to any other resource, in bytes.
const maxWrite = 4 << 10

// Write implements [client.Writer]. Of what a Write brings, a package or its
// URI is looked at, not both; PkgName and the rest are not for a server to
// write.
func (o *object9) Write(ctx context.Context, w client.Write) error {
	var uri, body *wire.Value
	for i, en := range w.Entries {
		switch lwm2m9.ResourceID(en.Path.ID(2)) {
		case lwm2m9.RIDPackageURI:
			uri = &w.Entries[i].Value
		case lwm2m9.RIDPackage:
			body = &w.Entries[i].Value
		}
	}
	instance := lwm2m9.InstanceID(w.Path.ID(1))
	switch {
	case uri != nil && body != nil:
		return refuse(lwm2m9.CodeBadRequest)
	case uri != nil:
		return o.e.operate(o.id, mapping.WroteURI{Instance: instance, URI: uri.Str}, nil)
	case body != nil:
		return o.e.push(ctx, o.id, instance, []byte(body.Str))
	}
	return nil // nothing that can be set
}

// push brings a package that the server has written into the store.
func (e *Engine) push(ctx context.Context, id string, instance lwm2m9.InstanceID, body []byte) error {
	var seq uint32
	err := e.operate(id, mapping.PushBegun{Instance: instance}, func(t *turn) {
		s, _ := t.rec.Virtual.Slot(instance)
		seq = s.Fetch
	})
	if err != nil {
		return err
	}
	info, err := e.o.Packages.Put(ctx, id, body)
	if err != nil {
		e.o.Log.Warn("package not stored", "device", id, "err", err)
		failed := mapping.FetchFailed{Instance: instance, Seq: seq, Result: lwm2m9.ResultDeviceError, Reason: "the package could not be stored"}
		if p, ok := errors.AsType[*PackageError](err); ok {
			failed.Result, failed.Reason = p.Result, p.Reason
		}
		e.event(id, failed)
		return nil // the Write was taken; Update Result says how it ended
	}
	e.event(id, mapping.Received{Instance: instance, Seq: seq, Package: info})
	return nil
}

// Execute implements [client.Executor].
func (o *object9) Execute(_ context.Context, path wire.Path, args []wire.Argument) error {
	instance := lwm2m9.InstanceID(path.ID(1))
	var ev mapping.VirtualEvent
	switch lwm2m9.ResourceID(path.ID(2)) {
	case lwm2m9.RIDInstall:
		ev = mapping.InstallAsked{Instance: instance, Package: newName("fwb-", 8), Correlator: newName("", 26)}
	case lwm2m9.RIDUninstall:
		if _, ok := lwm2m9.ForUpdate(args); !ok {
			return refuse(lwm2m9.CodeBadRequest)
		}
		ev = mapping.UninstallAsked{Instance: instance}
	case lwm2m9.RIDActivate:
		ev = mapping.ActivateAsked{Instance: instance}
	case lwm2m9.RIDDeactivate:
		ev = mapping.DeactivateAsked{Instance: instance}
	default:
		return refuse(lwm2m9.CodeMethodNotAllowed)
	}
	return o.e.operate(o.id, ev, nil)
}

// newName is a name that nothing had before: n characters of 5 random bits.
func newName(prefix string, n int) string { return prefix + strings.ToLower(rand.Text()[:n]) }

// Create implements [client.Creator]. What comes with it is written afterwards,
// as by a Write: an instance begins as INITIAL.
func (o *object9) Create(ctx context.Context, id uint16, entries []wire.Entry) (uint16, error) {
	ev := mapping.CreateAsked{Named: id != wire.NoInstance, Instance: lwm2m9.InstanceID(id)}
	var made lwm2m9.InstanceID
	if err := o.e.operate(o.id, ev, func(t *turn) { made = t.created }); err != nil {
		return 0, err
	}
	w := client.Write{Path: wire.PathOf(lwm2m9.ObjectID, uint16(made)), Entries: entries}
	if err := o.Write(ctx, w); err != nil {
		_ = o.Delete(ctx, uint16(made)) // all or nothing; when it stays it is INITIAL
		return 0, err
	}
	return uint16(made), nil
}

// Delete implements [client.Creator].
func (o *object9) Delete(_ context.Context, id uint16) error {
	return o.e.operate(o.id, mapping.DeleteAsked{Instance: lwm2m9.InstanceID(id)}, nil)
}

// operate carries an operation of a server out; done is told of the turn when
// it was accepted, before it is stored.
func (e *Engine) operate(id string, ev mapping.VirtualEvent, done func(*turn)) error {
	var code lwm2m9.ResponseCode
	err := e.turn(id, false, func(t *turn) error {
		code = t.step(ev)
		if code.Success() && done != nil {
			done(t)
		}
		return nil // also a refusal may have changed Status Reason
	})
	if err != nil {
		return err
	}
	if !code.Success() {
		return refuse(code)
	}
	return nil
}

func refuse(code lwm2m9.ResponseCode) error { return &client.Error{Code: code} }
