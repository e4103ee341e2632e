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
)

// Entry is a stored value. Revision grows with every write of the key and is
// never 0.
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
	Value  []byte // nil deletes the key
	Expect uint64
}

// Store is the narrow interface. All methods are safe for concurrent use; the
// caller may not change a Value handed in or out.
type Store interface {
	Get(key string) (Entry, error)
	// Scan yields the entries whose key starts with prefix, in key order, as
	// they are at the time of the call.
	Scan(prefix string) iter.Seq2[Entry, error]
	// Write applies all changes or none, durably. It returns the new
	// revisions, in the order of the changes (0 for a deletion).
	Write(changes ...Change) ([]uint64, error)
	Close() error
}
