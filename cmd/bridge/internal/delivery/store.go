package delivery

import (
	"cmp"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Limits of a Store where the options say nothing.
const (
	DefaultMaxBytes    = 16 << 30 // of all packages
	DefaultMaxPackages = 1024
	DefaultMaxPackage  = 2 << 30 // of one
)

// StoreOptions configure a [Store]. Only Dir has no default.
type StoreOptions struct {
	Dir string // made if it is not there; nothing else may use it
	// MaxBytes and MaxPackages bound what is in the store, with what is being
	// written; MaxPackage bounds one package, in bytes.
	MaxBytes    int64
	MaxPackages int
	MaxPackage  int64
	// Needed, if set, says of a package whether somebody needs it, besides
	// those who hold it. It is called under the store's lock, and must not
	// wait or call the store.
	Needed func(Digest) bool
	// Dropped, if set, is told of every package that is in the store no more,
	// and why: nil when it made room or was removed, else ErrMissing or
	// ErrAltered. It is called without a lock, by whoever found out.
	Dropped func(Package, error)
	Now     func() time.Time // time.Now
	Logger  *slog.Logger     // nil logs nothing
}

func (o *StoreOptions) fill() {
	o.MaxBytes = cmp.Or(o.MaxBytes, DefaultMaxBytes)
	o.MaxPackages = cmp.Or(o.MaxPackages, DefaultMaxPackages)
	o.MaxPackage = min(cmp.Or(o.MaxPackage, DefaultMaxPackage), o.MaxBytes)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// Package is a package in the store.
type Package struct {
	Digest Digest    `json:"digest"`
	Size   int64     `json:"size"`            // bytes
	Added  time.Time `json:"added"`           // to the second
	Used   time.Time `json:"used"`            // opened or committed last
	Owners []string  `json:"owners,omitzero"` // who hold it, sorted
}

// Usage is how full a store is.
type Usage struct {
	Bytes, MaxBytes       int64 // with what is being written
	Packages, MaxPackages int
	Writing               int // of them, being written
}

// Store keeps packages in a directory, by digest. Its methods may be called
// from any goroutine. What nobody holds is dropped, least recently used first,
// when room is needed for another package.
//
// Holds are not stored: after a restart, [Store.Retain] what the records need
// before the first Begin.
type Store struct {
	o    StoreOptions
	root *os.Root

	mu      sync.Mutex // guards everything below; no file is read or written under it
	entries map[Digest]*entry
	owners  map[string]map[Digest]bool
	bytes   int64 // in the entries
	writers map[*Writer]bool
	clock   int64 // counts uses, so that two in one tick have an order
}
