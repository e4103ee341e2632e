package engine

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
	"github.com/fwbridge/fwbridge/mapping"
)

// writeFormats are the formats to send entries in: TLV, which every LwM2M 1.0
// device has and most later ones, and then the others that suit the device.
func (a asker) writeFormats() []server.ContentFormat {
	all := []server.ContentFormat{server.TLV}
	for _, f := range a.reg.Formats() {
		if f != server.TLV {
			all = append(all, f)
		}
	}
	return all
}

// send makes a request in one format after the other, while the device says
// that it does not have the one before. payload is the body in a format. When
// it has none of them, the error is what it said first.
func (a asker) send(ctx context.Context, r server.Request, formats []server.ContentFormat, payload func(wire.Format) ([]byte, error)) (server.Response, error) {
	var first error
	for _, f := range formats {
		var err error
		r.Format = f
		if r.Payload, err = payload(wire.Format(f)); err != nil {
			return server.Response{}, err
		}
		resp, err := a.do(ctx, r)
		if !otherFormat(err) {
			return resp, err
		}
		if first == nil {
			first = err
		}
	}
	return server.Response{}, first
}

// askCreate lets the device choose the number, and where it wants to be told,
// takes the lowest one that is free.
func (a asker) askCreate(ctx context.Context, q question, to *mapping.Answer) error {
	object := wire.PathOf(lwm2m9.ObjectID)
	id, err := a.create(ctx, q, func(f wire.Format) ([]byte, error) { return wire.Append(nil, f, object) })
	if refusedWith(err, lwm2m9.CodeBadRequest) {
		instance := uint16(a.free(q.known))
		id, err = a.create(ctx, q, func(f wire.Format) ([]byte, error) {
			if f.Current() == wire.FormatTLV {
				return wire.AppendTLV(nil, wire.Instance(instance))
			}
			// The others have no instance without a resource. An empty URI is
			// what a new one has.
			empty := wire.Entry{Path: object.Down(instance).Down(uint16(lwm2m9.RIDPackageURI)), Value: wire.String("")}
			return wire.Append(nil, f, object, empty)
		})
	}
	to.Created = id
	return err
}

// create posts to the object. A device that does not say where the instance
// is shows it in a survey.
func (a asker) create(ctx context.Context, q question, payload func(wire.Format) ([]byte, error)) (lwm2m9.InstanceID, error) {
	r := server.Request{Method: server.POST, Path: objectPath(), Accept: server.NoFormat}
	resp, err := a.send(ctx, r, a.writeFormats(), payload)
	if err != nil {
		return 0, err
	}
	if id, ok := createdAt(resp.Location); ok {
		return id, nil
	}
	list, _, err := a.survey(ctx)
	for _, i := range list {
		if !slices.ContainsFunc(q.known, func(k lwm2m9.Instance) bool { return k.ID == i.ID }) {
			return i.ID, err
		}
	}
	if err == nil {
		err = server.ErrGarbage // created, but where?
	}
	return 0, err
}

// createdAt reads the Location-Path of a Create.
func createdAt(location string) (lwm2m9.InstanceID, bool) {
	i := strings.LastIndex(location, objectPath()+"/")
	if i < 0 {
		return 0, false
	}
	n, err := strconv.ParseUint(location[i+len(objectPath())+1:], 10, 16)
	return lwm2m9.InstanceID(n), err == nil
}

// free is the lowest number that neither a reading nor the registration has.
func (a asker) free(known []lwm2m9.Instance) lwm2m9.InstanceID {
	taken := a.reg.Instances()
	for _, i := range known {
		taken = append(taken, i.ID)
	}
	id := lwm2m9.InstanceID(0)
	for slices.Contains(taken, id) {
		id++
	}
	return id
}

// askWriteURI writes the Package URI, also the empty one: as text first, the
// smallest that every version has. The Content-Format is always there: without
// it some devices take the Write for Write-Attributes (lwm2m.md).
func (a asker) askWriteURI(ctx context.Context, q question, _ *mapping.Answer) error {
	uri, err := a.packageURI(q)
	if err != nil {
		return err
	}
	if err := a.lend(ctx, q); err != nil {
		return err
	}
	return a.writeText(ctx, q.Instance, lwm2m9.RIDPackageURI, uri)
}

// writeText writes a resource that holds text.
func (a asker) writeText(ctx context.Context, id lwm2m9.InstanceID, rid lwm2m9.ResourceID, text string) error {
	path := wire.PathOf(lwm2m9.ObjectID, uint16(id), uint16(rid))
	formats := append([]server.ContentFormat{server.TextPlain}, a.writeFormats()...)
	_, err := a.send(ctx, server.Request{Method: server.PUT, Path: path.String(), Accept: server.NoFormat}, formats,
		func(f wire.Format) ([]byte, error) {
			return wire.Append(nil, f, path, wire.Entry{Path: path, Value: wire.String(text)})
		})
	return err
}
