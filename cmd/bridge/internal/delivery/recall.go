package delivery

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// errClosed ends what is under way when the store is closed.
var errClosed = fault(KindCancelled, nil, "the store of packages is closed")

// recall is a package on its way from the Remote into the directory. It belongs
// to all who wait for it and goes on without them: a device that gives up
// early finds the package when it comes back.
type recall struct {
	done    chan struct{}
	cancel  context.CancelCauseFunc
	removed bool  // guarded by Store.mu: what comes is not wanted any more
	err     error // final when done is closed
}

// recalled waits until a package has come from the Remote. Errors: ErrMissing,
// ErrAltered when the Remote has other bytes, the context's, or [*Error], with
// ErrRemote in it when it is the Remote's.
func (s *Store) recalled(ctx context.Context, d Digest) error {
	r := s.recallOf(d)
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// recallOf finds the recall of a package, or begins it.
func (s *Store) recallOf(d Digest) *recall {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.recalls[d]; r != nil {
		return r
	}
	r := &recall{done: make(chan struct{})}
	if s.closed {
		r.err = errClosed
		close(r.done)
		return r
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	r.cancel = cancel
	s.recalls[d] = r
	go func() {
		defer close(r.done)
		defer cancel(nil)
		err := s.recall(ctx, r, d)
		s.mu.Lock()
		defer s.mu.Unlock()
		r.err = err
		delete(s.recalls, d)
	}()
	return r
}

// recall gets a package from the Remote.
func (s *Store) recall(ctx context.Context, r *recall, d Digest) error {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	from, size, err := s.o.Remote.Get(ctx, d)
	if errors.Is(err, ErrMissing) {
		return ErrMissing
	} else if err != nil {
		return s.ended(ctx, err)
	}
	defer from.Close()
	w, err := s.Begin(size)
	if err != nil {
		return err
	}
	defer w.Abort()
	if err := s.take(ctx, w, from, size); err != nil {
		return err
	}
	if w.Digest() != d {
		s.mu.Lock()
		s.suspect[d] = true // to be put again, whatever its size
		s.mu.Unlock()
		s.o.Logger.Warn("the bucket has other bytes under the name of a package", "digest", d, "size", size)
		return ErrAltered
	}
	if err := w.f.Sync(); err != nil {
		return asError(err)
	}
	e, err := w.publish("")
	if err == nil {
		err = s.syncDir(packagesDir)
	}
	if err != nil {
		return asError(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.removed && s.entries[d] == e {
		s.drop(e)
		return ErrMissing
	}
	return nil
}

// take writes what comes from the Remote, all of it and nothing more.
func (s *Store) take(ctx context.Context, w *Writer, from io.Reader, size int64) error {
	var read error
	_, err := io.Copy(w, readerFunc(func(p []byte) (n int, err error) {
		n, read = from.Read(p)
		if w.Size()+int64(n) > size {
			read = fmt.Errorf("more than the %d bytes it has", size)
		}
		return n, read
	}))
	switch {
	case read != nil && read != io.EOF:
		return s.ended(ctx, read)
	case err != nil:
		return err // of the Writer
	case w.Size() != size:
		return s.ended(ctx, io.ErrUnexpectedEOF)
	}
	return nil
}

// ended is why the Remote gave nothing: what ended the recall, if something
// did.
func (s *Store) ended(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return s.away(ctx, err)
}

// endRecalls ends what is under way, and waits for it.
func (s *Store) endRecalls() {
	s.mu.Lock()
	s.closed = true
	var all []*recall
	for _, r := range s.recalls {
		r.cancel(errClosed)
		all = append(all, r)
	}
	s.mu.Unlock()
	for _, r := range all {
		<-r.done
	}
}
