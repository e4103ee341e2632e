package store

import (
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Pebble is the durable store. A value is on disk when Write returns; writers
// at the same time share one sync.
//
// Threads: one goroutine of its own, the committer, which Close ends; it alone
// checks revisions and writes, so a check and its write cannot come apart.
//
// A full disk is ErrFull and not the end: see [Options.Reserve]. Any other
// failure to write the log or the manifest is: after a failed sync nobody
// knows what is on disk, except a new process that reads it. Pebble panics
// then with a message that names the cause; what Write acknowledged is there
// after the restart.
type Pebble struct {
	dir  string
	db   *pebble.DB
	lock *pebble.Lock
	room *room

	queue     queue
	sequence  uint64 // the last revision given out; the committer's own
	recent    recent // the committer's own
	committed chan struct{}

	mu     sync.Mutex
	closed bool           // guarded by mu
	users  sync.WaitGroup // calls that read db; Add under mu
}

var _ Store = (*Pebble)(nil)

// ErrLocked is returned by OpenPebble when another process, or another store
// of this one, has the directory open.
var ErrLocked = errors.New("store: directory in use")

// DefaultReserve is the disk space that Pebble keeps back, in bytes.
const DefaultReserve = 64 << 20

// Options are the settings of OpenPebble. The zero value is good.
type Options struct {
	// Logger gets what Pebble has to say; nil drops it.
	Logger *slog.Logger
	// Reserve is the size in bytes of a file RESERVE beside the data; 0 means
	// DefaultReserve. When the disk is full the file is given up, what is under
	// way ends well, and every Write after that returns ErrFull until the file
	// can be made again. Where the file system cannot allocate space in
	// advance (Linux can) the file is empty; then a write that meets a full
	// disk waits for room, and those after it get ErrFull. A quota that is used
	// up is a full disk.
	Reserve int64
	// FS is the file system; nil means the machine's.
	FS vfs.FS

	pause time.Duration // between two looks for room; 0 means probePause
}

// OpenPebble opens the store in dir, and makes both when they are not there.
// Its errors name dir. ErrLocked and ErrFull can be told apart.
func OpenPebble(dir string, opts Options) (*Pebble, error) {
	if opts.FS == nil {
		opts.FS = vfs.Default
	}
	opts.FS = quotaFS{opts.FS}
	if opts.Reserve == 0 {
		opts.Reserve = DefaultReserve
	}
	if opts.pause == 0 {
		opts.pause = probePause
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	lock, err := lockDir(dir, opts.FS)
	if err != nil {
		return nil, err
	}
	p := &Pebble{dir: dir, lock: lock, committed: make(chan struct{})}
	p.queue.wake = make(chan struct{}, 1)
	p.room = newRoom(opts, dir, p.refuseQueued)
	if err := p.open(opts); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	go p.commitLoop()
	return p, nil
}

// blockCache is the memory for blocks of the database, in bytes. Each write reads
// the revision that it replaces: with Pebble's own 8 MiB and 15,000 devices even
// the indexes were read from the disk again and again.
const blockCache = 32 << 20

// open opens the database of a locked directory. Nothing is lost yet when the
// disk fails here, so that is an error and no panic.
func (p *Pebble) open(opts Options) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case fatal:
			err = fmt.Errorf("store: opening %s: %w", p.dir, p.room.blame(r))
		default:
			panic(r)
		}
	}()
	db, err := pebble.Open(p.dir, &pebble.Options{
		FS:                 vfs.OnDiskFull(opts.FS, p.room.onFull),
		Lock:               p.lock,
		CacheSize:          blockCache,
		FormatMajorVersion: pebble.FormatValueSeparation, // raised on purpose, never by an update of Pebble
		Logger:             logger{opts.Logger.With("component", "pebble")},
	})
	if err != nil {
		return fmt.Errorf("store: opening %s: %w", p.dir, orFull(err))
	}
	p.db = db
	if err := p.readMeta(); err != nil {
		return errors.Join(fmt.Errorf("store: %s: %w", p.dir, orFull(err)), db.Close())
	}
	p.room.opened()
	return nil
}

// acquire announces a call that reads the database; release ends it.
func (p *Pebble) acquire() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrClosed
	}
	p.users.Add(1)
	return nil
}

// Get implements [Store].
func (p *Pebble) Get(key string) (Entry, error) {
	if err := checkKey(key); err != nil {
		return Entry{}, err
	}
	if err := p.acquire(); err != nil {
		return Entry{}, err
	}
	defer p.users.Done()
	raw, closer, err := p.db.Get(dataKey(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return Entry{}, fmt.Errorf("%w: %q", ErrNotFound, key)
	} else if err != nil {
		return Entry{}, fmt.Errorf("store: reading %q: %w", key, err)
	}
	defer closer.Close()
	return entry(key, raw)
}

// Scan implements [Store].
func (p *Pebble) Scan(prefix string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if err := p.acquire(); err != nil {
			yield(Entry{}, err)
			return
		}
		defer p.users.Done()
		if err := p.scan(prefix, yield); err != nil {
			yield(Entry{}, fmt.Errorf("store: reading %q…: %w", prefix, err))
		}
	}
}

// scan yields until the end (nil), the caller's end (nil), or an error.
func (p *Pebble) scan(prefix string, yield func(Entry, error) bool) (err error) {
	lower := dataKey(prefix)
	it, err := p.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: prefixEnd(lower)})
	if err != nil {
		return err
	}
	stopped := false
	defer func() {
		if cerr := it.Close(); err == nil && !stopped { // after its break a loop must not be called
			err = cerr
		}
	}()
	for ok := it.First(); ok; ok = it.Next() {
		e, err := entry(string(it.Key()[1:]), it.Value())
		if err != nil {
			return err
		}
		if stopped = !yield(e, nil); stopped {
			return nil
		}
	}
	return nil
}

// entry decodes what stands under key; raw stays Pebble's.
func entry(key string, raw []byte) (Entry, error) {
	revision, value, err := decodeValue(key, raw)
	if err != nil {
		return Entry{}, err
	}
	return Entry{Key: key, Value: slices.Clone(value), Revision: revision}, nil
}
