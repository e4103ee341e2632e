package delivery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrRemote means that the [Remote] did not do what it was asked: it is away,
// refuses, or broke off. It says nothing of whether it has the package, so what
// wants one comes back later. It is never together with ErrMissing.
var ErrRemote = errors.New("delivery: the bucket of packages does not do it")

// maxRecalls is how many packages a store gets from its Remote at once; others
// wait.
const maxRecalls = 4

// removeTimeout bounds [Store.Remove], which has no context.
const removeTimeout = 30 * time.Second

// Remote is where all bridges of a cluster keep their packages: the directory
// of a store is then a cache before it, read and written through. Its methods
// may be called from any goroutine. Their errors are ErrMissing for a package
// that is not there, the context's, and whatever else, which the store wraps in
// ErrRemote; they hold no secrets.
type Remote interface {
	// Put keeps a package, whole or not at all, in place of one of the same
	// digest. It is durable when Put returns.
	Put(ctx context.Context, d Digest, r io.ReaderAt, size int64) error
	// Get reads a package, of so many bytes, until ctx ends or it is closed.
	Get(ctx context.Context, d Digest) (io.ReadCloser, int64, error)
	// Stat is the size of a package, in bytes.
	Stat(ctx context.Context, d Digest) (int64, error)
	// Delete removes a package. One that is not there is no error.
	Delete(ctx context.Context, d Digest) error
	// Close ends idle connections.
	Close()
}

// upload gives what a Writer has to the Remote, if there is one. What is there
// already, and was never found wrong, is not sent again.
func (s *Store) upload(ctx context.Context, w *Writer) error {
	if s.o.Remote == nil {
		return nil
	}
	d := w.Digest()
	s.mu.Lock()
	suspect := s.suspect[d]
	s.mu.Unlock()
	if !suspect {
		size, err := s.o.Remote.Stat(ctx, d)
		if err == nil && size == w.size {
			return nil
		}
		if err != nil && !errors.Is(err, ErrMissing) {
			return s.away(ctx, err)
		}
	}
	if err := s.o.Remote.Put(ctx, d, io.NewSectionReader(w.f, 0, w.size), w.size); err != nil {
		return s.away(ctx, err)
	}
	s.mu.Lock()
	delete(s.suspect, d)
	s.mu.Unlock()
	return nil
}

// away makes an Error of one of the Remote.
func (s *Store) away(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return asError(context.Cause(ctx))
	}
	s.o.Logger.Warn("the bucket of packages does not do it", "err", err)
	return fault(KindInternal, fmt.Errorf("%w: %w", ErrRemote, err), "the bridge's bucket of packages is away")
}

// Delete removes a package, whoever holds it, from the Remote and from the
// directory; false when it was in neither. When the Remote fails, everything
// stays where it is: else the package would come back with it. The directories
// of other bridges keep the package until they need the room.
func (s *Store) Delete(ctx context.Context, d Digest) (bool, error) {
	there := false
	if s.o.Remote != nil {
		_, err := s.o.Remote.Stat(ctx, d)
		if there = err == nil; there {
			err = s.o.Remote.Delete(ctx, d)
		}
		if err != nil && !errors.Is(err, ErrMissing) {
			return false, s.away(ctx, err)
		}
	}
	s.mu.Lock()
	if r := s.recalls[d]; r != nil {
		r.removed = true
		r.cancel(ErrMissing)
	}
	delete(s.suspect, d)
	e := s.entries[d]
	var gone []Package
	if e != nil {
		gone = append(gone, s.drop(e))
	}
	s.mu.Unlock()
	s.report(gone, nil)
	return there || e != nil, nil
}

// Remove is Delete for who cannot wait for long: half a minute at most. false
// also when the Remote failed, which is logged.
func (s *Store) Remove(d Digest) bool {
	ctx, cancel := context.WithTimeout(context.Background(), removeTimeout)
	defer cancel()
	there, err := s.Delete(ctx, d)
	if err != nil {
		s.o.Logger.Warn("package not removed", "digest", d, "err", err)
	}
	return there
}
