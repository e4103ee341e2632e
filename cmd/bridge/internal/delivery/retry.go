package delivery

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strconv"
	"syscall"
	"time"
)

// passing is an error that may not come again: the fetch goes on after a pause.
type passing struct {
	fault *Error
	after time.Duration // what the server asks for; 0 for nothing
}

func (p *passing) Error() string { return p.fault.Error() }
func (p *passing) Unwrap() error { return p.fault }

// retry repeats what fails with a passing error, up to MaxAttempts times in a
// row without progress. The pause doubles. pauses, if not nil, is told why there
// is one and how long it is.
func (f *Fetcher) retry(ctx context.Context, pauses func(*Error, time.Duration), do func(context.Context) (progress bool, err error)) error {
	pause := f.o.Backoff
	for failed := 1; ; failed++ {
		progress, err := do(ctx)
		if progress {
			failed, pause = 1, f.o.Backoff
		}
		p, ok := errors.AsType[*passing](err)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !ok:
			return err
		case failed >= f.o.MaxAttempts:
			return p.fault
		}
		f.o.Logger.Debug("a fetch goes on after a pause", "why", p.fault.Kind, "err", err)
		wait := min(max(pause, p.after), f.o.MaxBackoff)
		if pauses != nil {
			pauses(p.fault, wait)
		}
		if err := f.o.sleep(ctx, wait); err != nil {
			return err
		}
		pause *= 2
	}
}

// network classifies an error of a connection, by how far it had come.
func network(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause // why we ended it
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e // the guard's
	}
	if isType[*tls.CertificateVerificationError](err) {
		return fault(KindUnreachable, err, "its certificate is not trusted")
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return &passing{fault: fault(KindUnreachable, err, "its name has no address")}
	}
	kind, reason := KindServer, "its answer is no HTTP"
	op, isOp := errors.AsType[*net.OpError](err)
	switch ne, isNet := errors.AsType[net.Error](err); {
	case isType[textproto.ProtocolError](err):
	case isOp && op.Op == "dial" && op.Timeout():
		kind, reason = KindTimeout, "no connection in time"
	case isOp && op.Op == "dial":
		kind, reason = KindUnreachable, "no connection"
	case isNet && ne.Timeout():
		kind, reason = KindTimeout, "no answer in time"
	case isOp && op.Op == "remote error": // a TLS alert
		kind, reason = KindUnreachable, "it refuses TLS with the bridge"
	case isOp, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		kind, reason = KindInterrupted, "the connection broke"
	case errors.Is(err, http.ErrSchemeMismatch), isType[tls.RecordHeaderError](err):
		kind, reason = KindUnreachable, "it does not speak TLS"
	}
	return &passing{fault: fault(kind, err, "%s", reason)}
}

func isType[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// statusKinds are the statuses that mean something of their own; else 4xx is
// refused and the rest the server's fault.
var statusKinds = map[int]Kind{
	http.StatusUnauthorized:      KindAuth,
	http.StatusForbidden:         KindAuth,
	http.StatusProxyAuthRequired: KindAuth,
}

// mayPass are the statuses that ask to come again (RFC 9110, 15; RFC 6585, 4),
// and those that servers give while they restart.
var mayPass = map[int]bool{
	http.StatusRequestTimeout: true, http.StatusTooEarly: true, http.StatusTooManyRequests: true,
	http.StatusInternalServerError: true, http.StatusBadGateway: true, http.StatusServiceUnavailable: true, http.StatusGatewayTimeout: true,
}

// ok is nil for 200, else the fault that the status is.
func (a *answer) ok() error {
	if a.StatusCode == http.StatusOK {
		return nil
	}
	kind, found := statusKinds[a.StatusCode]
	if !found {
		kind = KindServer
		if a.StatusCode/100 == 4 {
			kind = KindRefused
		}
	}
	e := fault(kind, nil, "the package server answered %d", a.StatusCode)
	e.Status = a.StatusCode
	if mayPass[a.StatusCode] {
		seconds, _ := strconv.Atoi(a.Header.Get("Retry-After"))
		return &passing{e, time.Duration(max(0, min(seconds, 1<<20))) * time.Second}
	}
	return e
}
