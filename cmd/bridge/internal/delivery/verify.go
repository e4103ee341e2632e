package delivery

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
)

// Open opens a package for reading. Its file is hashed first if it is not as
// it was when it was last found right. What is missing or altered comes from
// the Remote, if there is one. Errors: ErrMissing, ErrAltered, the context's,
// one of the disk, or of a Remote, [*Error] with ErrRemote or of the store's
// limits. What is open stays readable when the package is dropped.
func (s *Store) Open(ctx context.Context, d Digest) (*os.File, error) {
	f, _, err := s.open(ctx, d, false)
	return f, err
}

// Look is Open for one who does not read: what the package's file is like. As
// long as it is as it was when it was last found right, it is not opened.
func (s *Store) Look(ctx context.Context, d Digest) (fs.FileInfo, error) {
	if e := s.used(d); e != nil {
		if info, err := s.packages.Stat(d.String()); err == nil && s.asKnown(e, info) {
			return info, nil
		}
	}
	f, info, err := s.open(ctx, d, false)
	if err != nil {
		return nil, err
	}
	return info, f.Close()
}

// Verify reads the whole package and compares its digest: nil, ErrMissing,
// ErrAltered, the context's error, or one of the disk or the Remote, which
// leaves the package where it is. What had to come from the Remote was hashed
// while it came.
func (s *Store) Verify(ctx context.Context, d Digest) error {
	f, _, err := s.open(ctx, d, true)
	if err != nil {
		return err
	}
	return f.Close()
}

// open is Open, with what the file is like.
func (s *Store) open(ctx context.Context, d Digest, always bool) (*os.File, fs.FileInfo, error) {
	f, info, err := s.openHere(ctx, d, always)
	if s.o.Remote == nil || !errors.Is(err, ErrMissing) {
		return f, info, err
	}
	switch coming := s.recalled(ctx, d); {
	case coming == ErrMissing:
		return nil, nil, err // which may say that it was altered here
	case coming != nil:
		return nil, nil, coming
	}
	return s.openHere(ctx, d, false)
}

// openHere opens what is in the directory.
func (s *Store) openHere(ctx context.Context, d Digest, always bool) (*os.File, fs.FileInfo, error) {
	e := s.used(d)
	if e == nil {
		return nil, nil, ErrMissing
	}
	f, err := s.packages.Open(d.String())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, s.lost(e, ErrMissing)
	} else if err != nil {
		return nil, nil, err
	}
	info, err := s.check(ctx, e, f, always)
	if err != nil {
		_ = f.Close()
		if errors.Is(err, ErrAltered) {
			return nil, nil, s.lost(e, err)
		}
		return nil, nil, err
	}
	return f, info, nil
}

// used finds a package that is used now; nil for none.
func (s *Store) used(d Digest) *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[d]
	if e != nil {
		s.touch(e)
	}
	return e
}

// lost takes a package out that is not what it was, unless another one has
// come in its place meanwhile.
func (s *Store) lost(e *entry, why error) error {
	var gone []Package
	s.mu.Lock()
	if s.entries[e.digest] == e {
		gone = append(gone, s.drop(e))
	}
	s.mu.Unlock()
	s.report(gone, why)
	return why
}

// check compares the file with what is known of it, and hashes it if need be.
// One at a time hashes a package.
func (s *Store) check(ctx context.Context, e *entry, f *os.File, always bool) (fs.FileInfo, error) {
	info, err := f.Stat()
	if err != nil || !always && s.asKnown(e, info) {
		return info, err
	}
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-e.turn:
	}
	defer func() { e.turn <- struct{}{} }()
	info, err = f.Stat()
	if err != nil || !always && s.asKnown(e, info) {
		return info, err // somebody else has looked meanwhile
	}
	h := sha256.New()
	if _, err := io.Copy(h, until(ctx, f)); err != nil {
		return nil, err
	}
	if Digest(h.Sum(nil)) != e.digest {
		return nil, ErrAltered
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	s.mu.Lock()
	e.known = stampOf(info)
	s.mu.Unlock()
	return info, nil
}

// asKnown says whether the file is as it was when it was found right.
func (s *Store) asKnown(e *entry, info fs.FileInfo) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return e.known == stampOf(info)
}

// readerFunc is a function as io.Reader.
type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// until reads r for as long as ctx lasts.
func until(ctx context.Context, r io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		return r.Read(p)
	})
}
