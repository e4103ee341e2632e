package legacy

import (
	"errors"
	"slices"

	"github.com/fwbridge/fwbridge/mapping"
)

// What a device holds in the store of packages is what its record needs. Fetches
// hold and turns release for the same device at the same time, and two instances
// may have the same package: so it is released only where the record says so,
// with the lane locked, and held once more by the turn that begins to need it.

// drop gives a package up unless another instance of the device has it too. When
// it was lost it is no longer fetched again; for another lost one the device comes
// back. The lane is locked.
func (e *Engine) drop(id, digest string, v mapping.Virtual) (dropped bool) {
	if slices.Contains(v.Needs(), digest) {
		return false
	}
	e.o.Packages.Release(id, digest)
	e.effects.stopFetch(fetchKey{id, lostSeq})
	return true
}

// own holds what the device needs since this turn.
func (t *turn) own() {
	before := t.before.Needs()
	for _, digest := range t.rec.Virtual.Needs() {
		if !slices.Contains(before, digest) {
			t.e.o.Packages.Hold(t.id, digest)
		}
	}
}

// letGo gives a package up that a fetch has brought, unless the device needs it.
// When that cannot be read it is kept until the next start.
func (e *Engine) letGo(id, digest string) (gone bool) {
	err := e.look(id, func(r *record) { gone = e.drop(id, digest, r.Virtual) })
	switch {
	case errors.Is(err, ErrUnknown):
		e.o.Packages.Release(id, digest)
		return true
	case err != nil:
		e.o.Log.Warn("package kept for a device until the next start", "device", id, "digest", digest, "err", err)
	}
	return gone
}
