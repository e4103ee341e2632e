package delivery

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
)

// coap fetches over CoAP, with or without DTLS.
func (d *download) coap(ctx context.Context) (Fetched, error) {
	r, err := coapRequest(d.want.u)
	if err != nil {
		return Fetched{}, err
	}
	k, _ := d.f.remembered(ctx, d.want)
	got, err := d.take(ctx, k, func(ctx context.Context) (bool, error) { return d.askCoAP(ctx, r, k) })
	if err == errLost {
		return d.coap(ctx)
	}
	return got, err
}

// askCoAP asks for what is missing and takes what comes. same says that the
// package is the one that was remembered.
func (d *download) askCoAP(ctx context.Context, r coap.Request, k known) (same bool, err error) {
	at, err := d.resumeAt()
	if err != nil {
		return false, err
	}
	if at == 0 {
		r.ETag = []byte(k.etag)
	}
	to, err := d.f.resolve(ctx, d.want.u, d.tries)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := newWatch(d.f.o.StallTimeout, d.f.o.StallBytes, func() { cancel(errStalled) })
	defer w.stop()
	code, err := d.blocks(ctx, to, r, w, false)
	for err == errNextSocket {
		r.ETag = nil
		code, err = d.blocks(ctx, to, r, w, true)
	}
	if d.w.Size() == at {
		d.tries++
	}
	return err == nil && code == coap.Valid, err
}

// blocks asks over one socket, from what is there on. further says that another
// socket has just been given up for it.
func (d *download) blocks(ctx context.Context, to netip.AddrPort, r coap.Request, w *watch, further bool) (coap.Code, error) {
	conn, err := d.f.packets(d.want, to)
	if err != nil {
		return 0, err
	}
	e := coap.New(conn, coap.Options{Logger: d.f.o.Logger, Transmission: d.f.o.transmission})
	run, stop := context.WithCancel(context.Background()) // ends below, when the answer has come
	var wg sync.WaitGroup
	wg.Go(func() { _ = e.Run(run) })
	defer wg.Wait()
	defer stop()
	ids, taken := &usedIDs{messageIDs: d.f.o.ids, paced: d.paced, start: time.Now()}, 0
	r.Sink = &coap.Sink{Offset: d.w.Size(), Take: func(b coap.Response) error {
		w.bytes.Add(int64(len(b.Payload)))
		if err := ids.next(ctx); err != nil {
			return err
		}
		taken++
		return d.block(b, taken == 1)
	}}
	if d.w.Size() > 0 {
		r.Sink.ETag = []byte(d.validator)
	}
	resp, err := e.Do(ctx, to, r)
	if err != nil {
		d.paced = d.paced || further && taken == 0 && errors.Is(err, coap.ErrChanged)
		return 0, d.coapFault(ctx, err)
	}
	return resp.Code, d.coapEnd(resp, len(r.ETag) > 0)
}

// block takes one block into the store; first says that it is the first of a
// request.
func (d *download) block(b coap.Response, first bool) error {
	switch {
	case d.w.Size() == 0:
		d.etag, d.validator, d.total = string(b.ETag), string(b.ETag), 0
	case first && b.Part.Total > 0 && d.total > 0 && b.Part.Total != d.total:
		return coap.ErrChanged // ETags that are counted begin anew with their server
	}
	// Size2 is an estimate (RFC 7959, 4), so the bytes decide what is announced.
	if b.Part.Total > d.f.o.Store.o.MaxPackage {
		return d.f.o.Store.tooLarge()
	}
	size := d.w.Size() + int64(len(b.Payload))
	if d.want.size != 0 && size > d.want.size {
		return fault(KindIntegrity, nil, "%d bytes were announced, more came", d.want.size)
	}
	if _, err := d.w.Write(b.Payload); err != nil {
		return err
	}
	if b.Part.Total > 0 {
		d.total = b.Part.Total
	}
	if size > d.total {
		d.total = 0
	}
	d.f.counts.bytes.Add(uint64(len(b.Payload)))
	d.report(false)
	return nil
}
