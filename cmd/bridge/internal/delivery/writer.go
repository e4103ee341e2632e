package delivery

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"os"
	"strconv"
	"syscall"
)

// Writer takes a package into the store, of a push or of a fetch. It is for one
// goroutine, and Commit or Abort must end it.
type Writer struct {
	s        *Store
	name     string
	file     io.Writer // f, but for tests
	f        *os.File
	sum      hash.Hash
	size     int64 // written
	reserved int64 // of the store's bytes, under its lock; at least size
	err      error // what ended it for good
}

// Begin makes a Writer. size is what is announced, 0 for nothing: room for it
// is made at once. Errors are [*Error] of KindTooLarge, KindStorage, or
// KindInternal.
func (s *Store) Begin(size int64) (*Writer, error) {
	if size > s.o.MaxPackage {
		return nil, s.tooLarge()
	}
	w := &Writer{s: s, sum: sha256.New(), reserved: max(size, 0)}
	s.mu.Lock()
	gone, err := s.makeRoom(w.reserved, 1)
	if err == nil {
		s.bytes += w.reserved
		s.writers[w] = true
		s.names++
		w.name = partialDir + "/" + strconv.FormatUint(s.names, 10)
	}
	s.mu.Unlock()
	s.report(gone, nil)
	if err != nil {
		return nil, err
	}
	w.f, err = s.root.OpenFile(w.name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		w.end()
		return nil, asError(err)
	}
	w.file = w.f
	return w, nil
}

func (s *Store) tooLarge() error {
	return fault(KindTooLarge, nil, "the package is over %d bytes, packages.max_package", s.o.MaxPackage)
}

// Write appends. An error ends the Writer for good: [*Error] of KindTooLarge,
// KindStorage, also when the disk is full, or KindInternal.
func (w *Writer) Write(p []byte) (n int, err error) {
	if w.err != nil {
		return 0, w.err
	}
	if w.err = w.reserve(int64(len(p))); w.err != nil {
		return 0, w.err
	}
	for n < len(p) {
		m, err := w.file.Write(p[n:])
		w.sum.Write(p[n : n+m]) // never fails
		n += m
		w.size += int64(m)
		full := errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
		if err != nil && !(full && w.s.dropOne()) {
			w.err = asError(err)
			return n, w.err
		}
	}
	return n, nil
}

// reserve makes room for more bytes.
func (w *Writer) reserve(more int64) error {
	s := w.s
	if w.size+more > s.o.MaxPackage {
		return s.tooLarge()
	}
	s.mu.Lock()
	grow := max(0, w.size+more-w.reserved)
	gone, err := s.makeRoom(grow, 0)
	if err == nil {
		s.bytes += grow
		w.reserved += grow
	}
	s.mu.Unlock()
	s.report(gone, nil)
	return err
}

// dropOne drops a package that nobody needs, because the disk is full; false
// when there is none.
func (s *Store) dropOne() bool {
	s.mu.Lock()
	e := s.spare()
	var gone []Package
	if e != nil {
		gone = append(gone, s.drop(e))
	}
	s.mu.Unlock()
	s.report(gone, nil)
	return e != nil
}

// Size is how many bytes have been written.
func (w *Writer) Size() int64 { return w.size }

// Digest is that of what has been written.
func (w *Writer) Digest() Digest { return Digest(w.sum.Sum(nil)) }

// Reset drops what has been written, to begin again. It does not revive a
// Writer that an error has ended.
func (w *Writer) Reset() error {
	if w.err != nil {
		return w.err
	}
	if _, err := w.f.Seek(0, io.SeekStart); err != nil {
		w.err = asError(err)
	} else if err := w.f.Truncate(0); err != nil {
		w.err = asError(err)
	}
	w.sum.Reset()
	w.size = 0
	return w.err
}

// reader reads what has been written, from the beginning.
func (w *Writer) reader() io.Reader { return io.NewSectionReader(w.f, 0, w.size) }

// Commit is CommitContext for who has none.
func (w *Writer) Commit(owner string) (Package, error) {
	return w.CommitContext(context.Background(), owner)
}

// CommitContext makes a package of what was written, synced to the disk, and
// lets owner hold it ("" for nobody). One of the same digest is replaced, which
// heals it. With a Remote it is there before it is here, and ctx bounds that.
// Errors are [*Error]; KindUnsupported for no bytes at all, KindInternal with
// ErrRemote when the Remote did not take it. After an error nothing is left
// here.
func (w *Writer) CommitContext(ctx context.Context, owner string) (Package, error) {
	if w.err != nil {
		err := w.err
		w.Abort()
		return Package{}, err
	}
	if w.size == 0 {
		w.Abort()
		return Package{}, fault(KindUnsupported, nil, "the package is empty")
	}
	if err := w.f.Sync(); err != nil {
		w.Abort()
		return Package{}, asError(err)
	}
	if err := w.s.upload(ctx, w); err != nil {
		w.Abort()
		return Package{}, asError(err)
	}
	e, err := w.publish(owner)
	if err == nil {
		err = w.s.syncDir(packagesDir)
	}
	w.Abort()
	if err != nil {
		return Package{}, asError(err)
	}
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	return w.s.describe(e), nil
}

// publish gives the file its name and the store its entry.
func (w *Writer) publish(owner string) (*entry, error) {
	s, d := w.s, w.Digest()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.root.Rename(w.name, fileOf(d)); err != nil {
		return nil, err
	}
	info, err := w.f.Stat() // renaming has changed the time of change
	if err != nil {
		return nil, err
	}
	if old := s.entries[d]; old != nil {
		s.bytes -= old.size
	}
	e := newEntry(d, w.size, info.ModTime(), info.ModTime())
	e.known = stampOf(info)
	s.entries[d] = e
	delete(s.writers, w) // what it reserved is the entry's now
	s.bytes += w.size - w.reserved
	s.touch(e)
	if owner != "" {
		s.hold(owner, d)
	}
	return e, nil
}

// Abort drops what was written. After Commit it does nothing, so it may be
// deferred.
func (w *Writer) Abort() {
	if w.f == nil {
		return
	}
	_ = w.f.Close()
	_ = w.s.root.Remove(w.name) // gone when it was published
	w.f = nil
	w.end()
}

// end gives back what is reserved.
func (w *Writer) end() {
	if w.err == nil {
		w.err = ErrWriterClosed
	}
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	if w.s.writers[w] {
		delete(w.s.writers, w)
		w.s.bytes -= w.reserved
	}
}
