package server

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/coap"
)

// Do sends one request to a device and waits for the answer: one request at a
// time goes to one device, others wait their turn in the order of their calls;
// for a device in queue mode all wait until it is heard from. It waits no
// longer than ctx.
//
// A response of class 4 or 5 is a [*Refused], with the Response beside it. A
// device that says nothing until retransmission or ctx ends, or that registers
// again or moves to another address meanwhile, is [ErrNoAnswer]
// (with [ErrNotSent] when nothing went out), an answer that cannot be understood
// or is larger than MaxBody [ErrGarbage]. [ErrNotRegistered] and [ErrClosed]
// are for requests that were not sent.
//
// Called while Handler.Register runs for that endpoint, Do waits until the
// device has been answered; so Handler must not wait for it. Notifications of
// an observation that it begins may reach Handler before Do returns.
func (s *Server) Do(ctx context.Context, endpoint string, r Request) (Response, error) {
	give, err := s.requests.take(ctx, endpoint)
	if err != nil {
		return Response{}, fmt.Errorf("%w: %w", ErrNotSent, err)
	}
	defer give()
	to, err := s.ready(ctx, endpoint)
	if err != nil {
		return Response{}, err
	}
	q, err := to.request(r)
	if err != nil {
		return Response{}, err
	}
	ctx, done := s.cuttable(ctx, to)
	defer done()
	var resp coap.Response
	switch {
	case r.Observe == nil:
		resp, err = s.ep.Do(ctx, to.addr, q)
	case *r.Observe:
		resp, err = s.observe(ctx, to, r.key(), q)
	default:
		resp, err = s.unobserve(ctx, to, r.key(), q)
	}
	if err != nil {
		return Response{}, s.failed(to, err)
	}
	s.alive(to)
	return result(resp)
}

// target is a device as it is when a request goes out.
type target struct {
	d        *device
	endpoint string
	epoch    uint64
	addr     netip.AddrPort
	root     string
}

// ready waits until the device can be spoken to.
func (s *Server) ready(ctx context.Context, endpoint string) (target, error) {
	for {
		s.mu.Lock()
		d := s.devices[endpoint]
		if d == nil {
			s.mu.Unlock()
			return target{}, s.absent()
		}
		asleep := d.asleep()
		if d.answered && !asleep {
			t := target{d, endpoint, d.reg.Epoch, d.reg.Addr, d.reg.Root}
			s.mu.Unlock()
			return t, nil
		}
		if d.changed == nil {
			d.changed = make(chan struct{})
		}
		changed := d.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-s.done:
			return target{}, ErrClosed
		case <-ctx.Done():
			if asleep {
				return target{}, fmt.Errorf("%w: %w", ErrAsleep, context.Cause(ctx))
			}
			return target{}, fmt.Errorf("%w: %w", ErrNotSent, context.Cause(ctx))
		}
	}
}

// asleep says whether the device does not listen now: in queue mode it sleeps,
// and behind a DTLS association of an earlier life it cannot be reached before
// it speaks.
func (d *device) asleep() bool {
	return d.lost || d.reg.Queue && time.Until(d.awake) <= 0
}

// errGone is why a request under way is given up: the device that it was for
// has registered anew or speaks from another address.
var errGone = errors.New("the device has registered again or moved")

// cuttable gives the request a context that ends when the device registers
// again or moves. A request that went on being repeated would keep the device
// from everything else, and after a reboot the device would no longer know it
// as a duplicate: it might be carried out a second time.
func (s *Server) cuttable(ctx context.Context, to target) (context.Context, func()) {
	ctx, cut := context.WithCancelCause(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if to.d.reg.Epoch != to.epoch || to.d.reg.Addr != to.addr {
		cut(errGone)
	}
	to.d.cut = cut
	return ctx, func() {
		s.mu.Lock()
		to.d.cut = nil
		s.mu.Unlock()
		cut(nil)
	}
}

// cutOff gives up the request under way, if there is one. The caller holds mu.
func (d *device) cutOff() {
	if d.cut != nil {
		d.cut(errGone)
	}
}

// absent is the error for an endpoint that is not there.
func (s *Server) absent() error {
	select {
	case <-s.done:
		return ErrClosed
	default:
		return ErrNotRegistered
	}
}

// plainPath is the one spelling of a path, "/9/0/7".
func plainPath(path string) string { return "/" + strings.Trim(path, "/") }

// request translates a request for this device.
func (t target) request(r Request) (coap.Request, error) {
	q := coap.Request{
		Method: coap.Code(r.Method), Query: r.Query, Payload: r.Payload,
		Format: coap.Format(r.Format), Accept: coap.Format(r.Accept),
	}
	for _, p := range []string{t.root, r.Path} {
		if p = strings.Trim(p, "/"); p != "" {
			q.Path = append(q.Path, strings.Split(p, "/")...)
		}
	}
	switch {
	case r.Method == GET || r.Method == DELETE:
		q.Format, q.Payload = coap.NoFormat, nil
	case (len(r.Payload) > 0 || r.Body != nil) && r.Format == NoFormat:
		// A Write without it is taken for a Write-Attributes by some.
		return q, fmt.Errorf("%w: a payload without Content-Format", ErrNotSent)
	}
	if r.Body != nil {
		q.Body = &coap.Body{ReaderAt: r.Body, Size: r.Body.Size, Pace: r.Body.Pace}
	}
	if x := r.Exchange; x != nil {
		if x.Addr != t.addr || time.Since(x.Begun) > ExchangeLifetime {
			return q, ErrStaleExchange
		}
		q.Exchange = &coap.Exchange{MessageID: x.MessageID, Token: coap.MakeToken(x.Token)}
	}
	return q, nil
}

// result translates a response.
func result(r coap.Response) (Response, error) {
	resp := Response{
		Code: lwm2m9.ResponseCode(r.Code), Format: ContentFormat(r.Format),
		Payload: r.Payload, Observed: r.Observed,
	}
	if len(r.Location) > 0 {
		resp.Location = "/" + strings.Join(r.Location, "/")
	}
	switch {
	case r.Code.Class() != 2:
		return resp, &Refused{Code: resp.Code, Repeated: r.Repeated}
	case resp.Code == lwm2m9.CodeContinue: // to a request that was complete
		return resp, fmt.Errorf("%w: 2.31 at the end", ErrGarbage)
	}
	return resp, nil
}

// failed translates an error of the exchange. The order matters: what went out
// before the server closed may have been carried out.
func (s *Server) failed(to target, err error) error {
	switch {
	case errors.Is(err, coap.ErrNotSent), errors.Is(err, coap.ErrMessage):
		return fmt.Errorf("%w: %w", ErrNotSent, err)
	case errors.Is(err, coap.ErrNoAnswer):
		if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
			s.silent(to) // all retransmissions were in vain: it is not only slow
		}
		return fmt.Errorf("%w: %w", ErrNoAnswer, err)
	case errors.Is(err, coap.ErrClosed):
		return ErrClosed
	case errors.Is(err, coap.ErrTooLarge), errors.Is(err, coap.ErrGarbage):
		s.alive(to)
		return fmt.Errorf("%w: %w", ErrGarbage, err)
	}
	return fmt.Errorf("%w: %w", ErrNoAnswer, err) // reset, and what nobody classified
}

// alive notes that the device has answered.
func (s *Server) alive(to target) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.devices[to.endpoint] == to.d && to.d.answered {
		s.heard(to.d)
	}
}

// silent notes that the device has not answered: in queue mode it sleeps.
func (s *Server) silent(to target) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if to.d.reg.Epoch == to.epoch {
		to.d.awake = time.Time{}
	}
}

// NewExchange reserves a message id and token for a request to the endpoint,
// at its address of now.
func (s *Server) NewExchange(endpoint string) (Exchange, error) {
	s.mu.Lock()
	d := s.devices[endpoint]
	if d == nil {
		s.mu.Unlock()
		return Exchange{}, s.absent()
	}
	addr := d.reg.Addr
	s.mu.Unlock()
	x, err := s.ep.NewExchange(addr)
	if err != nil {
		return Exchange{}, ErrClosed
	}
	return Exchange{MessageID: x.MessageID, Token: x.Token.Bytes(), Addr: addr, Begun: time.Now().UTC()}, nil
}
