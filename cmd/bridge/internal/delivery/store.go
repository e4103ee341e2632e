package delivery

import (
	"cmp"
	"log/slog"
	"maps"
	"os"
	"slices"
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
	// Remote, if set, has the packages of all bridges of a cluster, and the
	// directory those that this one has used last: Commit puts a package there
	// before it counts, and Open and Verify get from there what is missing or
	// altered here. The limits, what is held, Stat, List, Usage and Dropped are
	// of the directory. The store closes it.
	Remote Remote
	Now    func() time.Time // time.Now
	Logger *slog.Logger     // nil logs nothing
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
	o        StoreOptions
	root     *os.Root
	packages *os.Root // the directory in root: one step less for every Open
	lock     *os.File // keeps other processes out

	// mu guards everything below, and the names in the directory "packages":
	// they are made and removed under it, so that dropping a package never
	// takes the one that has just come. Nothing is read, written or synced
	// under it.
	mu      sync.Mutex
	entries map[Digest]*entry
	holders map[Digest]map[string]bool
	writers map[*Writer]bool
	bytes   int64  // in the entries and reserved by the writers
	names   uint64 // of partial files so far
	uses    uint64
	recalls map[Digest]*recall // under way
	suspect map[Digest]bool    // other bytes came from the Remote
	closed  bool

	slots chan struct{} // one for each recall under way
}

// entry is a package in the directory.
type entry struct {
	digest Digest
	size   int64
	added  time.Time
	used   time.Time
	use    uint64        // orders uses in one tick of the clock
	known  stamp         // of the file when its digest was right; zero if not yet
	turn   chan struct{} // holds one token: who has it may hash the file
}

func newEntry(d Digest, size int64, added, used time.Time) *entry {
	e := &entry{digest: d, size: size, added: added, used: used, turn: make(chan struct{}, 1)}
	e.turn <- struct{}{}
	return e
}

// stamp tells whether a file is as it was. A change of its bytes changes at
// least the time of change, which nobody can set.
type stamp struct {
	size             int64
	inode            uint64
	modified, change int64 // Unix nanoseconds
}

// Stat is what is known of a package, without looking at its file.
func (s *Store) Stat(d Digest) (Package, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[d]
	if e == nil {
		return Package{}, false
	}
	return s.describe(e), true
}

// List is all packages, most recently used first.
func (s *Store) List() []Package {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.SortedFunc(maps.Values(s.entries), func(a, b *entry) int { return lastUsed(b, a) })
	out := make([]Package, 0, len(all))
	for _, e := range all {
		out = append(out, s.describe(e))
	}
	return out
}

func (s *Store) describe(e *entry) Package {
	p := Package{Digest: e.digest, Size: e.size, Added: e.added, Used: e.used}
	if h := s.holders[e.digest]; len(h) > 0 {
		p.Owners = slices.Sorted(maps.Keys(h))
	}
	return p
}

// Usage is how full the store is.
func (s *Store) Usage() Usage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Usage{
		Bytes: s.bytes, MaxBytes: s.o.MaxBytes,
		Packages: len(s.entries) + len(s.writers), MaxPackages: s.o.MaxPackages, Writing: len(s.writers),
	}
}
