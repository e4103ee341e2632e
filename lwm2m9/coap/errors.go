package coap

import "errors"

var (
	// ErrNoAnswer means that retransmission ended, or the time for a response
	// after the acknowledgement, and nothing had come.
	ErrNoAnswer = errors.New("coap: no answer")
	// ErrReset means that the peer answered a message with Reset: it lacks
	// the context to process it.
	ErrReset = errors.New("coap: reset by the peer")
	// ErrNotSent means that the context ended while others were being
	// answered by the same peer. The context's error is wrapped beside it.
	ErrNotSent = errors.New("coap: not sent")
	// ErrTooLarge means that a response body exceeds MaxBody, or for a [Sink]
	// what blocks can number.
	ErrTooLarge = errors.New("coap: response body over the limit")
	// ErrGarbage means that a response could not be understood, or that its
	// blocks did not fit together even when fetched a second time.
	ErrGarbage = errors.New("coap: response makes no sense")
	// ErrChanged means that a body was another one in the middle than at its
	// beginning: the request can be made again from its first byte. Without a
	// [Sink], Do does that itself, once.
	ErrChanged = errors.New("coap: body changed between two blocks")
	// ErrMessage means that a request could not be encoded.
	ErrMessage = errors.New("coap: request cannot be encoded")
	// ErrClosed means that the endpoint has stopped.
	ErrClosed = errors.New("coap: endpoint closed")
)
