package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// Error is a refusal: the code goes to the server, the cause to the log.
type Error struct {
	Code lwm2m9.ResponseCode
	Err  error // or nil
}

func (e *Error) Error() string {
	if e.Err == nil {
		return "lwm2m client: " + e.Code.String()
	}
	return fmt.Sprintf("lwm2m client: %v: %v", e.Code, e.Err)
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// Refused means that the server answered with a code that is not of class 2.
type Refused struct {
	Code lwm2m9.ResponseCode
}

func (e *Refused) Error() string { return "lwm2m client: the server answered " + e.Code.String() }

var (
	// ErrNotRegistered means that the client is not registered at present.
	ErrNotRegistered = errors.New("lwm2m client: not registered")
	// ErrMuted means that the server wants no Send (Object 1, resource 23).
	ErrMuted = errors.New("lwm2m client: the server has muted Send")
	// ErrClosed means that the host has stopped, or the client was removed.
	ErrClosed = errors.New("lwm2m client: closed")
	// ErrConfig means that a Config or Options cannot be used. Its reason is
	// in the error that wraps it.
	ErrConfig = errors.New("lwm2m client: configuration")
)

// The refusals without a cause.
var (
	errBadRequest    = &Error{Code: lwm2m9.CodeBadRequest}
	errNotFound      = &Error{Code: lwm2m9.CodeNotFound}
	errNotAllowed    = &Error{Code: lwm2m9.CodeMethodNotAllowed}
	errNotAcceptable = &Error{Code: lwm2m9.CodeNotAcceptable}
	errFormat        = &Error{Code: lwm2m9.CodeUnsupportedFormat}
	errTooLarge      = &Error{Code: lwm2m9.CodeTooLarge}
)

// codeOf is the one place where an error becomes a code; false when nobody
// has classified it.
func codeOf(err error) (lwm2m9.ResponseCode, bool) {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code, true
	}
	if code := lwm2m9.ResponseCode(wire.Code(err)); code != lwm2m9.CodeInternal {
		return code, true
	}
	if errors.Is(err, context.Canceled) {
		return lwm2m9.CodeUnavailable, true // we stop: the server is to try again
	}
	return lwm2m9.CodeInternal, false
}

// answer is a response without a payload.
func answer(code lwm2m9.ResponseCode) coap.Response {
	return coap.Response{Code: coap.Code(code), Format: coap.NoFormat}
}
