package delivery

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// The names in the store's directory.
const (
	packagesDir = "packages" // a file a package, named by its digest
	partialDir  = "partial"  // what is being written
	lockFile    = "lock"
)

// OpenStore opens the store, or makes it. It removes what was being written
// when the last process ended, and hashes nothing: packages are checked when
// they are first used. Files in its directory that are not its own stay. The
// error says when another process has the store.
func OpenStore(o StoreOptions) (*Store, error) {
	o.fill()
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("package store: %w", err)
	}
	root, err := os.OpenRoot(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("package store: %w", err)
	}
	s := &Store{
		o: o, root: root,
		entries: make(map[Digest]*entry), holders: make(map[Digest]map[string]bool), writers: make(map[*Writer]bool),
		recalls: make(map[Digest]*recall), suspect: make(map[Digest]bool), slots: make(chan struct{}, maxRecalls),
	}
	if err := errors.Join(s.claim(), s.clean(), s.load()); err != nil {
		return nil, errors.Join(fmt.Errorf("package store: %w", err), s.Close())
	}
	return s, nil
}

// Close gives the directory to others, after the end of what comes from the
// Remote. Writers have to be ended before; open files stay readable.
func (s *Store) Close() error {
	s.endRecalls()
	if s.o.Remote != nil {
		s.o.Remote.Close()
	}
	err := s.root.Close()
	if s.packages != nil {
		err = errors.Join(err, s.packages.Close())
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}

// claim locks the directory.
func (s *Store) claim() error {
	f, err := s.root.OpenFile(lockFile, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	s.lock = f
	return lockFileOf(f)
}

// clean makes the directories and empties "partial".
func (s *Store) clean() error {
	if s.lock == nil {
		return nil // claim has failed
	}
	if err := errors.Join(s.root.RemoveAll(partialDir), s.root.Mkdir(partialDir, 0o700)); err != nil {
		return err
	}
	err := s.root.MkdirAll(packagesDir, 0o700)
	if err == nil {
		s.packages, err = s.root.OpenRoot(packagesDir)
	}
	return err
}

// load finds the packages.
func (s *Store) load() error {
	files, err := fs.ReadDir(s.root.FS(), packagesDir)
	if err != nil {
		return err
	}
	for _, f := range files {
		d, err := ParseDigest(f.Name())
		info, err2 := f.Info()
		if err != nil || err2 != nil || d.String() != f.Name() || !info.Mode().IsRegular() {
			s.o.Logger.Warn("not a package, and left alone", "file", f.Name())
			continue
		}
		s.entries[d] = newEntry(d, info.Size(), info.ModTime(), lastAccess(info))
		s.bytes += info.Size()
	}
	return nil
}

// fileOf is a package's file.
func fileOf(d Digest) string { return packagesDir + "/" + d.String() }

// syncDir makes the names in a directory durable.
func (s *Store) syncDir(name string) error {
	dir, err := s.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
