// Package store keeps the bridge's durable state: small values under string
// keys, written in atomic batches that are on disk when Write returns. It
// knows nothing of what the values mean.
//
// Pebble is the store of a bridge, Memory the one for demos and tests; both
// pass the contract in storetest.
package store

import (
	"errors"
	"iter"
)

// Limits of every implementation, checked by Write.
const (
	MaxKey   = 512     // bytes in a key
	MaxValue = 1 << 20 // bytes in a value
	MaxBatch = 1024    // changes in one batch
	// MaxBatchBytes bounds the keys and values of one batch together.
	MaxBatchBytes = 8 << 20
)

var (
	// ErrNotFound is returned by Get for a key that is not there.
	ErrNotFound = errors.New("store: key not found")
	// ErrConflict is returned by Write when a key's revision is not the one
	// expected; nothing of the batch was written.
	ErrConflict = errors.New("store: revision conflict")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("store: closed")
	// ErrFull wraps the cause when the disk has no room; nothing of the batch
	// was written, and the store can be used again when there is room.
	ErrFull = errors.New("store: disk full")
	// ErrInvalid is returned by Get and Write for what breaks a limit, for an
	// empty key and for a key that stands twice in one batch; nothing of the
	// batch was written.
	ErrInvalid = errors.New("store: invalid request")
)

// Entry is a stored value. Revision grows with every write of the key, also
// over its deletion, and is never 0: a revision once seen never comes back with
// another value.
type Entry struct {
	Key      string
	Value    []byte
	Revision uint64
}

// AnyRevision as Change.Expect writes whatever is there.
const AnyRevision = ^uint64(0)

// Change is one write of a batch. Expect is the revision that the key must
// have: 0 for a key that must not exist, AnyRevision for whatever is there.
type Change struct {
	Key    string
	Value  []byte // nil deletes the key; a value of length zero is a value
	Expect uint64
}

// Store is the narrow interface. All methods are safe for concurrent use; the
// caller may not change a Value handed in or out.
type Store interface {
	// Get returns the value of key, or ErrNotFound.
	Get(key string) (Entry, error)
	// Scan yields the entries whose key starts with prefix, in key order, as
	// they are when the loop over them begins: writes of the loop's body and of
	// others do not show in it. An error is yielded once, last. Close waits for
	// running loops, so it may not be called from the body of one.
	Scan(prefix string) iter.Seq2[Entry, error]
	// Write applies all changes or none, durably. It returns the new
	// revisions, in the order of the changes (0 for a deletion).
	Write(changes ...Change) ([]uint64, error)
	// Close ends the use of the store; every later call returns ErrClosed,
	// another Close nil.
	Close() error
}
