package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
)

// coapFaults are the errors of an exchange.
var coapFaults = []struct {
	err    error
	kind   Kind
	passes bool
	reason string
}{
	{coap.ErrTooLarge, KindTooLarge, false, "the package has more blocks than CoAP can number"},
	{coap.ErrNoAnswer, KindTimeout, true, "no answer in time"},
	{coap.ErrReset, KindInterrupted, true, "the server has reset the exchange"},
	{coap.ErrGarbage, KindServer, true, "its answer makes no sense"},
}

// coapFault classifies the error of an exchange, and begins from the first byte
// where what has come is not good for more.
func (d *download) coapFault(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause == error(errStalled) {
		return &passing{fault: errStalled}
	} else if cause != nil {
		return cause
	}
	switch {
	case err == errNextSocket || isType[*Error](err): // of the Sink
		return err
	case errors.Is(err, coap.ErrChanged):
		return d.changed("it changes while it is fetched")
	case errors.Is(err, coap.ErrGarbage) && d.w.Size() > 0:
		d.wrong = true
		return d.changed("its blocks do not fit together")
	}
	for _, row := range coapFaults {
		if !errors.Is(err, row.err) {
			continue
		}
		e := fault(row.kind, err, "%s", row.reason)
		if row.passes {
			return &passing{fault: e}
		}
		return e
	}
	return fault(KindInternal, err, "the bridge could not ask")
}

// gone are the codes with which servers answer a request for a block that they
// do not have, or cannot find without those before it (RFC 7959, 2.2; RFC 7252,
// 5.4.1).
var gone = map[coap.Code]bool{coap.BadRequest: true, coap.BadOption: true}

// coapEnd is nil when the package is whole, and for 2.03 where an ETag was sent;
// else the fault that the response is.
func (d *download) coapEnd(r coap.Response, asked bool) error {
	switch {
	case r.Code == coap.Content && d.w.Size() == 0:
		return fault(KindServer, nil, "the package is empty")
	case r.Code == coap.Content, r.Code == coap.Valid && asked:
		return nil
	case gone[r.Code] && d.w.Size() > 0:
		return d.changed("it has become shorter")
	}
	return coapStatus(r)
}

// coapKinds are the codes that mean something of their own; else 4.xx is refused
// and the rest the server's fault.
var coapKinds = map[coap.Code]Kind{coap.Unauthorized: KindAuth, coap.Forbidden: KindAuth}

// coapMayPass are the codes of mayPass, as CoAP has them (RFC 7252, 5.9.3; RFC
// 8516).
var coapMayPass = map[coap.Code]bool{
	coap.TooManyRequests:     true,
	coap.InternalServerError: true, coap.BadGateway: true, coap.ServiceUnavailable: true, coap.GatewayTimeout: true,
}

// coapStatus is the fault that a code is.
func coapStatus(r coap.Response) error {
	kind, found := coapKinds[r.Code]
	if !found {
		kind = KindServer
		if r.Code.Class() == 4 {
			kind = KindRefused
		}
	}
	e := fault(kind, nil, "the package server answered %s", r.Code)
	if coapMayPass[r.Code] {
		return &passing{e, time.Duration(r.MaxAge) * time.Second}
	}
	return e
}
