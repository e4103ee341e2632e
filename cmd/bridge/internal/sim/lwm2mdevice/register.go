package lwm2mdevice

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// reply is the outcome of a request of the device.
type reply struct {
	code     codes.Code
	location string
	err      error
}

// why says why a request was in vain.
func (r reply) why() string {
	if r.err != nil {
		return r.err.Error()
	}
	return "the server answered " + lwm2m9.ResponseCode(r.code).String()
}

// send sends a request and waits for the answer; it runs in a goroutine of its
// own.
func (b *boot) send(ctx context.Context, code codes.Code, path string, query []string, payload []byte) reply {
	ctx, cancel := context.WithTimeout(ctx, b.d.cfg.Timing.Request)
	defer cancel()
	m := b.conn.AcquireMessage(ctx)
	defer b.conn.ReleaseMessage(m)
	token, err := message.GetToken()
	if err != nil {
		return reply{err: err}
	}
	m.SetCode(code)
	m.SetToken(token)
	if err := m.SetPath(path); err != nil {
		return reply{err: err}
	}
	for _, q := range query {
		m.AddQuery(q)
	}
	if payload != nil {
		m.SetContentFormat(linkFormat)
		m.SetBody(bytes.NewReader(payload))
	}
	resp, err := b.conn.Do(m)
	if err != nil {
		return reply{err: err}
	}
	defer b.conn.ReleaseMessage(resp)
	loc, _ := resp.Options().LocationPath()
	return reply{code: resp.Code(), location: strings.Trim(loc, "/")}
}

// ask sends a request in a goroutine and hands its outcome to the loop. One is
// under way at a time.
func (b *boot) ask(ctx context.Context, code codes.Code, path string, query []string, payload []byte, then func(reply)) {
	if b.asking || b.silent.Load() {
		return
	}
	b.asking = true
	b.touch()
	b.wg.Go(func() {
		r := b.send(ctx, code, path, query, payload)
		b.post(ctx, func() {
			b.asking = false
			b.touch()
			then(r)
		})
	})
}

func (b *boot) sendRegister(ctx context.Context) {
	b.news = false
	payload := b.links()
	b.ask(ctx, codes.POST, "/rd", b.registerQuery(), payload, func(r reply) {
		switch {
		case r.err == nil && r.code == codes.Created && r.location != "":
			b.location = r.location
			b.d.count(func(c *Counts) { c.Registers++ })
			b.d.event(Event{Kind: EventRegistered, Path: r.location, Text: "LwM2M " + b.d.inUse})
			b.update.Reset(b.d.plan.update())
			b.enter(ctx, nil, Registered)
		case r.err == nil && r.code == codes.PreconditionFailed && b.d.olderVersion():
			b.sendRegister(ctx)
		default:
			b.d.event(Event{Kind: EventFailed, Text: "not registered, " + r.why()})
			b.after(ctx, b.d.cfg.Timing.Retry, func() { b.sendRegister(ctx) })
		}
	})
}

// olderVersion steps down to the next older LwM2M version; false when there is
// none.
func (d *Device) olderVersion() bool {
	i := slices.Index(Versions, d.inUse)
	if i+1 >= len(Versions) {
		return false
	}
	d.inUse = Versions[i+1]
	return true
}

func (b *boot) registerQuery() []string {
	cfg := b.d.cfg
	q := []string{"ep=" + cfg.Endpoint, "lt=" + seconds(cfg.Lifetime), "lwm2m=" + b.d.inUse}
	switch {
	case cfg.QueueMode && b.d.inUse == "1.0":
		q = append(q, "b=UQ")
	case cfg.QueueMode:
		q = append(q, "b=U", "Q")
	default:
		q = append(q, "b=U")
	}
	return q
}

func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

// sendUpdate updates the registration; the list of objects goes along when it
// has changed.
func (b *boot) sendUpdate(ctx context.Context) {
	if b.location == "" || b.asking {
		return
	}
	var payload []byte
	if b.news {
		payload = b.links()
		b.news = false
	}
	b.ask(ctx, codes.POST, "/"+b.location, nil, payload, func(r reply) {
		switch {
		case r.err == nil && r.code == codes.Changed:
			b.d.count(func(c *Counts) { c.Updates++ })
			b.d.event(Event{Kind: EventUpdated})
		case r.err == nil && r.code == codes.NotFound:
			b.location = ""
			b.d.event(Event{Kind: EventUnknown})
			b.sendRegister(ctx)
			return
		default:
			b.d.event(Event{Kind: EventFailed, Text: "no update, " + r.why()})
			b.news = b.news || payload != nil
			b.update.Reset(min(b.d.cfg.Timing.Retry, b.d.cfg.UpdateEvery))
			return
		}
		if b.news {
			b.sendUpdate(ctx)
		}
	})
}

// deregister says good-bye; the loop has ended.
func (b *boot) deregister(ctx context.Context) {
	if b.location == "" || b.silent.Load() {
		return
	}
	if r := b.send(ctx, codes.DELETE, "/"+b.location, nil, nil); r.err == nil && r.code == codes.Deleted {
		b.d.event(Event{Kind: EventDeregistered})
	}
}

// links is the list of objects for the registration.
func (b *boot) links() []byte {
	cfg := b.d.cfg
	var links []wire.Link
	if cfg.Root != "" {
		links = append(links, wire.Link{Path: cfg.Root, Params: []wire.Param{{Name: "rt", Value: "oma.lwm2m", HasValue: true, Quoted: true}}})
	}
	links = append(links, wire.Link{Path: cfg.Root + "/3/0"})
	if !cfg.NoObject9 {
		ids := b.d.instanceIDs()
		if b.hidden {
			ids = nil
		}
		for _, id := range ids {
			links = append(links, wire.Link{Path: fmt.Sprintf("%s/9/%d", cfg.Root, id)})
		}
		if len(ids) == 0 {
			links = append(links, wire.Link{Path: cfg.Root + "/9"})
		}
	}
	out, err := wire.AppendLinks(nil, links...)
	if err != nil {
		panic(err) // Validate has checked the root
	}
	return out
}
