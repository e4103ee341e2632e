package delivery

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// Error is why a package did not come, in all its forms: a Kind that decides what
// either side is told, a Reason for people, and the cause for the log. Neither
// holds credentials, the query of a URL, or content.
type Error struct {
	Kind   Kind
	Status int    // of the package server, HTTP; 0 for none
	Reason string // one clause, for Status Reason and the time line
	// Notify is where the descriptor that led here wants to be told of the
	// end ([Fetcher.Notify]); "" for nowhere.
	Notify string
	Err    error // the cause; may be nil
}

func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("package: %s: %s", e.Kind, e.Reason)
	}
	return fmt.Sprintf("package: %s: %s: %v", e.Kind, e.Reason, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Errors of the store.
var (
	// ErrMissing means that no such package is in the store: it never was, it
	// was dropped to make room, or somebody deleted it.
	ErrMissing = errors.New("delivery: package not in the store")
	// ErrAltered means that a package's bytes were not those of its digest. It
	// has been removed; errors.Is(err, ErrMissing) holds as well.
	ErrAltered = fmt.Errorf("%w: it had been altered and was removed", ErrMissing)
	// ErrWriterClosed means that a Writer was used after Commit or Abort.
	ErrWriterClosed = errors.New("delivery: writer is closed")
)

// KindOf is the kind of an error; KindInternal for one that is no [Error].
func KindOf(err error) Kind { return asError(err).Kind }

// asError makes an Error of any error: what nobody classified is internal.
func asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	switch {
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return &Error{Kind: KindStorage, Reason: "the disk is full", Err: err}
	case errors.Is(err, context.Canceled):
		return &Error{Kind: KindCancelled, Reason: "given up", Err: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Kind: KindTimeout, Reason: "out of time", Err: err}
	}
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err // paths of the bridge are nobody's business
	}
	return &Error{Kind: KindInternal, Reason: "the bridge could not store it", Err: err}
}

// fault makes an Error.
func fault(k Kind, cause error, format string, args ...any) *Error {
	return &Error{Kind: k, Reason: fmt.Sprintf(format, args...), Err: cause}
}
