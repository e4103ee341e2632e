package delivery

import "cmp"

// Hold keeps a package from being dropped, for owner; also one that is not
// there yet. Holding twice is holding once.
func (s *Store) Hold(owner string, d Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hold(owner, d)
}

func (s *Store) hold(owner string, d Digest) {
	h := s.holders[d]
	if h == nil {
		h = make(map[string]bool)
		s.holders[d] = h
	}
	h[owner] = true
}

// Release undoes Hold.
func (s *Store) Release(owner string, d Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release(owner, d)
}

func (s *Store) release(owner string, d Digest) {
	delete(s.holders[d], owner)
	if len(s.holders[d]) == 0 {
		delete(s.holders, d)
	}
}

// Retain makes what owner holds exactly these packages. It takes time by the
// number of packages that anybody holds.
func (s *Store) Retain(owner string, ds ...Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for d, h := range s.holders {
		if h[owner] {
			s.release(owner, d)
		}
	}
	for _, d := range ds {
		s.hold(owner, d)
	}
}

// drop takes a package out of the store. Its caller has the lock and reports
// it without.
func (s *Store) drop(e *entry) Package {
	p := s.describe(e)
	delete(s.entries, e.digest)
	s.bytes -= e.size
	if err := s.root.Remove(fileOf(e.digest)); err != nil {
		s.o.Logger.Debug("package file not removed", "digest", e.digest, "err", err)
	}
	return p
}

// report tells of packages that are gone.
func (s *Store) report(gone []Package, why error) {
	for _, p := range gone {
		if why != nil {
			s.o.Logger.Warn("package lost", "digest", p.Digest, "size", p.Size, "held by", len(p.Owners), "err", why)
		} else {
			s.o.Logger.Info("package dropped", "digest", p.Digest, "size", p.Size)
		}
		if s.o.Dropped != nil {
			s.o.Dropped(p, why)
		}
	}
}

// spare is the package to be dropped first; nil when all are needed.
func (s *Store) spare() *entry {
	var oldest *entry
	for d, e := range s.entries {
		if len(s.holders[d]) > 0 || s.o.Needed != nil && s.o.Needed(d) {
			continue
		}
		if oldest == nil || lastUsed(e, oldest) < 0 {
			oldest = e
		}
	}
	return oldest
}

// touch notes a use.
func (s *Store) touch(e *entry) {
	s.uses++
	e.used, e.use = s.o.Now(), s.uses
}

// lastUsed orders entries, least recently used first.
func lastUsed(a, b *entry) int {
	return cmp.Or(a.used.Compare(b.used), cmp.Compare(a.use, b.use), cmp.Compare(a.digest.String(), b.digest.String()))
}

// makeRoom drops packages until grow more bytes and more packages fit, or says
// why they never will. Its caller has the lock, and reports what is gone.
func (s *Store) makeRoom(grow int64, more int) (gone []Package, err error) {
	for s.bytes+grow > s.o.MaxBytes || len(s.entries)+len(s.writers)+more > s.o.MaxPackages {
		e := s.spare()
		if e == nil {
			return gone, fault(KindStorage, nil, "the store is full of packages that are needed")
		}
		gone = append(gone, s.drop(e))
	}
	return gone, nil
}

// keep holds a package if it is there.
func (s *Store) keep(owner string, d Digest) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries[d] == nil {
		return false
	}
	if owner != "" {
		s.hold(owner, d)
	}
	return true
}
