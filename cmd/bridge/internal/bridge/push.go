package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/control"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/transfer"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

// A push by hand is given up after so many answers of either kind. 4.08 in the
// middle was answered with a new beginning once already, by package coap.
const (
	maxRestarts = 3 // 4.08: the device has lost what it had
	maxLater    = 6 // 5.03: later (lwm2m.md, "Seen on a real client", 5)
)

// laterWait is before the first try after 5.03; it doubles.
const laterWait = 10 * time.Second

// pushStep is the least time between two reports.
const pushStep = 250 * time.Millisecond

// push writes a package to a device for bridge package push.
func (b *Bridge) push(ctx context.Context, p delivery.Package, r control.PushRequest, progress func(control.Step)) error {
	instance, err := b.pushTarget(r)
	if err != nil {
		return err
	}
	h := handPush{
		endpoint: r.Endpoint, path: fmt.Sprintf("/9/%d/%d", instance, lwm2m9.RIDPackage),
		devices: b.watch.metrics.Devices(b.server), pause: b.pause, tell: progress,
		begin: func() (*push, error) {
			f, err := b.packs.store.Open(ctx, p.Digest)
			if err != nil {
				return nil, err
			}
			return b.pushes.begin(r.Endpoint, file{f, p.Size}), nil
		},
	}
	if b.sleeps(r.Endpoint) {
		progress(control.Step{Note: "the device sleeps between its messages: it is written to when it is heard from"})
	}
	return h.run(ctx)
}

// handPush is a push by hand. It is no drive: nobody installs the package, and
// no DM server is told.
type handPush struct {
	endpoint, path string
	devices        engine.Devices
	begin          func() (*push, error)
	pause          func(ctx context.Context, d time.Duration) bool // false: ctx has ended
	tell           func(control.Step)
}

// run tries until the device has it or says no for good.
func (h *handPush) run(ctx context.Context) error {
	for restarts, later := 0, 0; ; {
		err := h.try(ctx)
		no, refused := errors.AsType[*server.Refused](err)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return refusedPush(nil, "given up; the device drops what it has when it is sent no more")
		case errors.Is(err, errNoPlace):
			h.note("the device sleeps by now: again when it is heard from")
		case refused && no.Code == lwm2m9.CodeIncomplete && restarts < maxRestarts:
			restarts++
			h.note("the device has lost what it had (4.08): from the beginning")
		case refused && no.Code == lwm2m9.CodeUnavailable && later < maxLater:
			wait := laterWait << later
			later++
			h.note(fmt.Sprintf("the device says later (5.03): again in %v", wait))
			if !h.pause(ctx, wait) {
				return refusedPush(nil, "given up")
			}
		default:
			return pushFailed(err)
		}
	}
}

func (h *handPush) note(text string) { h.tell(control.Step{Note: text}) }

// try writes it once.
func (h *handPush) try(ctx context.Context) error {
	body, err := h.begin()
	if err != nil {
		return refusedPush(nil, "the package cannot be read: %v", err)
	}
	body.waits = func() {
		h.note("as many packages are pushed as may be at once (packages.max_pushes): it waits for its turn")
	}
	told, count := time.Time{}, body.Read
	body.Read = func(n int) {
		count(n)
		if now := body.of.now(); now.Sub(told) >= pushStep {
			told = now
			h.tell(body.step())
		}
	}
	q := server.Write(h.path, server.OctetStream, nil)
	q.Body = &server.Body{ReaderAt: body, Size: body.Size(), Pace: body.Pace}
	_, err = h.devices.Do(ctx, h.endpoint, q)
	body.Done(err)
	h.tell(body.step())
	return err
}

// step is how far a push is.
func (p *push) step() control.Step {
	for _, v := range p.Board.Of(p.Key.Device, false) {
		if v.Way == transfer.Push {
			return control.Step{Bytes: v.Bytes, Total: v.Total, Rate: v.Rate}
		}
	}
	return control.Step{}
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// pushMeanings are what a refusal of Write Package means (lwm2m.md,
// "Interfaces").
var pushMeanings = map[lwm2m9.ResponseCode]string{
	lwm2m9.CodeTooLarge:         "it has not enough storage, or its limit is lower",
	lwm2m9.CodeMethodNotAllowed: "it cannot be pushed to, or the instance is not INITIAL: remove what it has first",
	lwm2m9.CodeBadRequest:       "it cannot be pushed to in more than one block, or the instance is not INITIAL",
	lwm2m9.CodeNotFound:         "it has no such instance",
	lwm2m9.CodeIncomplete:       "it lost what it had again and again",
	lwm2m9.CodeUnavailable:      "it is busy; an earlier push that broke can block it for minutes",
	lwm2m9.CodeUnauthorized:     "this server may not write it",
}

func pushFailed(err error) error {
	no, refused := errors.AsType[*server.Refused](err)
	ours, known := errors.AsType[*control.PackageError](err)
	switch {
	case known:
		return ours
	case errors.Is(err, errNoPlace):
		return refusedPush(control.ErrDevice, "%v", errNoPlace)
	case errors.Is(err, context.Canceled):
		return refusedPush(nil, "given up")
	case refused && pushMeanings[no.Code] != "":
		return refusedPush(control.ErrDevice, "the device answered %v: %s", no.Code, pushMeanings[no.Code])
	case refused:
		return refusedPush(control.ErrDevice, "the device answered %v", no.Code)
	case errors.Is(err, server.ErrNotRegistered):
		return refusedPush(control.ErrDevice, "the device is not registered any more")
	case errors.Is(err, server.ErrGarbage):
		return refusedPush(control.ErrDevice, "what the device answered makes no sense, and nobody knows what it has (%v)", err)
	case errors.Is(err, server.ErrNotSent):
		return refusedPush(control.ErrDevice, "nothing was sent: %v", err)
	}
	return refusedPush(control.ErrDevice, "the device does not answer: %v", err)
}

func refusedPush(kind error, format string, args ...any) error {
	return &control.PackageError{Kind: kind, Text: fmt.Sprintf(format, args...)}
}

// pushing says whether a push to a device is under way, or waits for its turn.
func (b *Bridge) pushing(endpoint string) bool {
	return slices.ContainsFunc(b.watch.board.Of(endpoint, false), func(v transfer.View) bool { return v.Way == transfer.Push && !v.Done })
}

// pushTarget is the instance to push to, of a device that can be pushed to now.
func (b *Bridge) pushTarget(r control.PushRequest) (lwm2m9.InstanceID, error) {
	if b.server == nil {
		return 0, refusedPush(control.ErrDevice, "this bridge has no LwM2M devices: no coap.listen, no coap.secure.listen")
	}
	d, err := b.engine.Device(r.Endpoint)
	if errors.Is(err, engine.ErrUnknownDevice) {
		return 0, refusedPush(control.ErrDevice, "%s: no such device", r.Endpoint)
	}
	if err != nil {
		return 0, err
	}
	reg, registered := b.server.Lookup(r.Endpoint)
	instances := reg.Instances()
	switch {
	case !registered:
		return 0, refusedPush(control.ErrDevice, "%s is not registered", r.Endpoint)
	case d.Drive != nil && !d.Drive.Over:
		return 0, refusedPush(control.ErrDevice, "an update by the DM server is running on %s", r.Endpoint)
	case b.pushing(r.Endpoint):
		return 0, refusedPush(control.ErrDevice, "a package is being pushed to %s already", r.Endpoint)
	case r.Instance != nil:
		return lwm2m9.InstanceID(*r.Instance), nil
	case len(instances) == 1:
		return instances[0], nil
	case len(instances) == 0:
		return 0, refusedPush(control.ErrWrongUse, "%s shows no instance of Object 9: name one with --instance", r.Endpoint)
	}
	var names []string
	for _, i := range instances {
		names = append(names, fmt.Sprint(i))
	}
	return 0, refusedPush(control.ErrWrongUse, "%s has the instances %s: name one with --instance", r.Endpoint, strings.Join(names, ", "))
}
