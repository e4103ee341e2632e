package engine

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// maxSurvey is how many instances are read one by one, from a device that
// does not answer a Read of the object.
const maxSurvey = 16

// asker makes requests to one device. It belongs to one goroutine and touches
// no state of the engine.
type asker struct {
	devices  Devices
	endpoint string
	reg      server.Registration
	timeout  time.Duration // of one exchange
	delivery Delivery      // nil: there is only the direct way
	lender   Lender        // nil: the device gets no credentials
}

// do makes one exchange with its own deadline.
func (a asker) do(ctx context.Context, r server.Request) (server.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	return a.devices.Do(ctx, a.endpoint, r)
}

func (a asker) get(ctx context.Context, path string, accept server.ContentFormat) (server.Response, error) {
	return a.do(ctx, server.Request{Method: server.GET, Path: path, Format: server.NoFormat, Accept: accept})
}

func objectPath(parts ...int) string {
	p := "/" + strconv.Itoa(lwm2m9.ObjectID)
	for _, n := range parts {
		p += "/" + strconv.Itoa(n)
	}
	return p
}

// otherForm says whether an error of a Read leaves hope for another form: the device refuses the format or a Read of more than one resource, or
// its answer was not understood.
func otherForm(err error) bool {
	if refused, ok := errors.AsType[*server.Refused](err); ok {
		switch refused.Code {
		case lwm2m9.CodeBadRequest, lwm2m9.CodeBadOption, lwm2m9.CodeMethodNotAllowed, lwm2m9.CodeNotAcceptable,
			lwm2m9.CodeUnsupportedFormat, lwm2m9.CodeNotImplemented, lwm2m9.CodeTooLarge:
			return true
		}
		return false
	}
	return isGarbage(err)
}

// isGarbage says that the device answered, but not in a way that can be
// understood.
func isGarbage(err error) bool {
	_, syntax := errors.AsType[*wire.SyntaxError](err)
	_, format := errors.AsType[*wire.FormatError](err)
	_, value := errors.AsType[*lwm2m9.ValueError](err)
	return syntax || format || value || errors.Is(err, server.ErrGarbage) || errors.Is(err, lwm2m9.ErrNotObject9)
}

func refusedWith(err error, code lwm2m9.ResponseCode) bool {
	refused, ok := errors.AsType[*server.Refused](err)
	return ok && refused.Code == code
}

// read asks for a path in the formats that suit the device, the next one while
// it does not have the one before, and has the answer understood in whatever
// format it came.
func (a asker) read(ctx context.Context, path string, understand func(wire.Format, wire.Path, []byte) error) error {
	base, _ := wire.ParsePath(path) // ours are all good
	var first error
	for _, format := range a.reg.Formats() {
		resp, err := a.get(ctx, path, format)
		if err == nil {
			err = understand(resp.PayloadFormat(base), base, resp.Payload)
		}
		_, refused := errors.AsType[*server.Refused](err)
		switch {
		case first == nil && otherFormat(err):
			first = err
		case first == nil || !refused:
			return err
		case !otherFormat(err):
			return first // what it says to a format that it has not tells less
		}
	}
	return first
}

// otherFormat says whether a Read in another content format may do better.
func otherFormat(err error) bool {
	return refusedWith(err, lwm2m9.CodeNotAcceptable) || refusedWith(err, lwm2m9.CodeUnsupportedFormat) ||
		refusedWith(err, lwm2m9.CodeBadOption)
}

// instance reads one instance, its numbers without names. torn says that
// state and result did not come in one response.
func (a asker) instance(ctx context.Context, id lwm2m9.InstanceID) (i lwm2m9.Instance, torn bool, err error) {
	err = a.read(ctx, objectPath(int(id)), func(f wire.Format, base wire.Path, payload []byte) error {
		list, err := lwm2m9.Decode(f, base, payload)
		if err != nil {
			return err
		}
		if len(list) != 1 || list[0].ID != id {
			return fmt.Errorf("%w: it is about another instance", server.ErrGarbage)
		}
		i, err = lwm2m9.ReadInstance(id, list[0].Values, lwm2m9.DialectUnknown)
		return err
	})
	if !otherForm(err) {
		return i, false, err
	}
	i, err = a.singles(ctx, id)
	return i, true, err
}

// singles reads an instance resource by resource: 7 and 9 it must have.
func (a asker) singles(ctx context.Context, id lwm2m9.InstanceID) (lwm2m9.Instance, error) {
	v := lwm2m9.Values{}
	for _, rid := range []lwm2m9.ResourceID{
		lwm2m9.RIDUpdateState, lwm2m9.RIDUpdateResult, lwm2m9.RIDActivationState, lwm2m9.RIDPkgName, lwm2m9.RIDPkgVersion,
	} {
		needed := rid == lwm2m9.RIDUpdateState || rid == lwm2m9.RIDUpdateResult
		err := a.single(ctx, id, rid, v)
		if _, refused := errors.AsType[*server.Refused](err); err != nil && (needed || !refused && !isGarbage(err)) {
			return lwm2m9.Instance{}, err
		}
	}
	return lwm2m9.ReadInstance(id, v, lwm2m9.DialectUnknown)
}

// single reads one resource into v, as text or in what form it comes.
func (a asker) single(ctx context.Context, id lwm2m9.InstanceID, rid lwm2m9.ResourceID, v lwm2m9.Values) error {
	path := wire.PathOf(lwm2m9.ObjectID, uint16(id), uint16(rid))
	resp, err := a.get(ctx, path.String(), server.TextPlain)
	if err != nil {
		return err
	}
	list, err := lwm2m9.Decode(resp.PayloadFormat(path), path, resp.Payload)
	if err != nil {
		return err
	}
	for _, i := range list {
		if value, ok := i.Values[rid]; ok {
			v[rid] = value
			return nil
		}
	}
	return fmt.Errorf("%w: no resource %d in the answer", server.ErrGarbage, rid)
}

// survey reads all instances.
func (a asker) survey(ctx context.Context) (list []lwm2m9.Instance, torn bool, err error) {
	err = a.read(ctx, objectPath(), func(f wire.Format, base wire.Path, payload []byte) error {
		values, err := lwm2m9.Decode(f, base, payload)
		if err == nil {
			list, err = lwm2m9.ReadObject(values, lwm2m9.DialectUnknown)
		}
		return err
	})
	if err == nil {
		return list, false, nil
	}
	if !otherForm(err) && !(refusedWith(err, lwm2m9.CodeNotFound) && a.hasObject()) {
		return nil, false, err
	}
	ids, err := a.instances(ctx)
	if err != nil {
		return nil, false, err
	}
	list = []lwm2m9.Instance{}
	for _, id := range ids[:min(len(ids), maxSurvey)] {
		i, t, err := a.instance(ctx, id)
		if refusedWith(err, lwm2m9.CodeNotFound) {
			continue // listed, but not there (any more)
		}
		if err != nil {
			return nil, false, err
		}
		list, torn = append(list, i), torn || t
	}
	return list, torn, nil
}

// hasObject says whether the device registered Object 9 at all.
func (a asker) hasObject() bool {
	for _, p := range a.reg.Paths {
		if p == objectPath() || strings.HasPrefix(p, objectPath()+"/") {
			return true
		}
	}
	return false
}

// instances lists the instances by Discover, or else as registered.
func (a asker) instances(ctx context.Context) ([]lwm2m9.InstanceID, error) {
	resp, err := a.get(ctx, objectPath(), server.LinkFormat)
	if _, refused := errors.AsType[*server.Refused](err); err != nil && !refused && !isGarbage(err) {
		return nil, err
	}
	if err == nil && resp.Format == server.LinkFormat {
		if links, err := wire.ParseLinks(resp.Payload); err == nil {
			return instanceLinks(links, a.reg.Root), nil
		}
	}
	return a.reg.Instances(), nil
}

// instanceLinks picks the instances of Object 9 out of a Discover.
func instanceLinks(links []wire.Link, root string) []lwm2m9.InstanceID {
	var ids []lwm2m9.InstanceID
	for _, l := range links {
		rest, ok := strings.CutPrefix(strings.TrimPrefix(l.Path, root), objectPath()+"/")
		if n, err := strconv.ParseUint(rest, 10, 16); ok && err == nil {
			ids = append(ids, lwm2m9.InstanceID(n))
		}
	}
	return ids
}
