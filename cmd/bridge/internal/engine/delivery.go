package engine

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/mapping"
)

// Delivery gets packages to devices by other ways than the server's own URI.
// Its methods are called from many goroutines; those without a context must be
// fast.
type Delivery interface {
	// Route says which ways there are for a device, and which one worked with
	// its model.
	Route(endpoint, model string) mapping.Route
	// Worked remembers the way that worked with a model.
	Worked(endpoint, model string, way mapping.Way)
	// Fetch brings the package at uri into the bridge's store and holds it for
	// the device until Release. An error that is a *DeliveryError ends the
	// drive; after any other one it is tried again.
	Fetch(ctx context.Context, endpoint, uri string) error
	// URI is the bridge's own for the package, for a proxy's way.
	URI(endpoint, uri string, way mapping.Way) (string, error)
	// Open opens the package for a push. The end of it is told to Done.
	Open(endpoint, uri string) (PackageBody, error)
	// Release says that the device needs the package no more: its update has
	// ended with this code, by this way. It is also called when the last Fetch
	// has failed.
	Release(endpoint, uri string, way mapping.Way, code fwupdate.Code)
}

// PackageBody is an open package on its way to a device.
type PackageBody interface {
	io.ReaderAt
	Size() int64
	// Pace waits until so many bytes of it may go, or for the end of ctx.
	Pace(ctx context.Context, n int) error
	// Done closes it; err is what became of the push.
	Done(err error)
}

// DeliveryError says why a package will never come.
type DeliveryError struct {
	Fault  mapping.Fault       // or, when there is none for it:
	Result lwm2m9.UpdateResult // what a device would have said
	Err    error
}

func (e *DeliveryError) Error() string { return "engine: package not fetched: " + e.Err.Error() }

// Unwrap gives the cause.
func (e *DeliveryError) Unwrap() error { return e.Err }

// model names a device's model as far as it is known.
func (r *record) model() string {
	if r.Who.Manufacturer == "" && r.Who.Model == "" {
		return ""
	}
	return r.Who.Manufacturer + "/" + r.Who.Model
}

// errNoDelivery means that a drive asks for a way that this bridge, started
// with another configuration than the one before, does not have.
var errNoDelivery = errors.New("engine: no store of packages is configured")

// route is how packages may get to the device.
func (t *turn) route() mapping.Route {
	if t.shard.o.Delivery == nil {
		return mapping.Route{}
	}
	return t.shard.o.Delivery.Route(t.rec.Endpoint, t.rec.model())
}

// delivered lets go of a drive's package, and remembers what worked.
func (t *turn) delivered(f mapping.Finish) {
	o, d := t.shard.o, t.rec.Drive
	if o.Delivery == nil {
		return
	}
	endpoint, model, way := t.rec.Endpoint, t.rec.model(), d.Way
	fetched := d.Tried&^mapping.WaysOf(mapping.WayDirect) != 0
	t.effects = append(t.effects, func(context.Context) {
		if f.Code.Success() {
			o.Delivery.Worked(endpoint, model, way)
		}
		if fetched {
			o.Delivery.Release(endpoint, f.Execution.URL, way, f.Code)
		}
	})
}

// Drive is a device's drive as it is stored, running or last; false without
// one. A Delivery that starts finds out with it what an earlier life has not
// released: what the drive's turn has stored counts, also when the bridge was
// killed before it was carried out. Errors as Device, but for ErrUnknownDevice.
func (e *Engine) Drive(endpoint string) (d mapping.Drive, ok bool, err error) {
	entry, err := e.o.Store.Get(keyOf(endpoint))
	if errors.Is(err, store.ErrNotFound) {
		return d, false, nil
	}
	if err != nil {
		return d, false, fmt.Errorf("engine: %w", err)
	}
	rec, err := decodeRecord(entry)
	if err != nil || rec.Drive == nil {
		return d, false, err
	}
	return *rec.Drive, true, nil
}

// askFetch is no request to the device: the package comes into the store.
func (a asker) askFetch(ctx context.Context, q question, to *mapping.Answer) error {
	if a.delivery == nil {
		to.Fault = mapping.FaultNoInstance
		return errNoDelivery
	}
	err := a.delivery.Fetch(ctx, a.endpoint, q.URI)
	if no, ok := errors.AsType[*DeliveryError](err); ok {
		to.Fault, to.Result = no.Fault, no.Result
	}
	return err
}

// askPush writes the package itself, block by block.
func (a asker) askPush(ctx context.Context, q question, _ *mapping.Answer) error {
	if a.delivery == nil {
		return server.ErrNotSent
	}
	body, err := a.delivery.Open(a.endpoint, q.URI)
	if err != nil {
		return errors.Join(server.ErrNotSent, err)
	}
	r := server.Write(objectPath(int(q.Instance), int(lwm2m9.RIDPackage)), server.OctetStream, nil)
	r.Body = &server.Body{ReaderAt: body, Size: body.Size(), Pace: body.Pace}
	_, err = a.devices.Do(ctx, a.endpoint, r) // the drive's deadline ends it: each block has its own
	body.Done(err)
	return err
}

// packageURI is what is written into Package URI.
func (a asker) packageURI(q question) (string, error) {
	if q.Way != mapping.WayProxyCoAP && q.Way != mapping.WayProxyHTTP {
		return q.URI, nil
	}
	if a.delivery == nil {
		return "", errors.Join(server.ErrNotSent, errNoDelivery)
	}
	uri, err := a.delivery.URI(a.endpoint, q.URI, q.Way)
	if err != nil {
		return "", errors.Join(server.ErrNotSent, err)
	}
	return uri, nil
}
