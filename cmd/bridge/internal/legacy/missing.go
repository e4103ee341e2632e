package legacy

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/fwbridge/fwbridge/mapping"
)

// Needs says whether a device still needs a package. While its record cannot be
// read it does: a device that is refused does not come again.
func (e *Engine) Needs(id, digest string) bool {
	v, err := e.virtual(id)
	if err != nil {
		return !errors.Is(err, ErrUnknown)
	}
	return slices.Contains(v.Needs(), digest)
}

// Missing says that a device has come for a package that is not in the store
// any more: it is fetched again from where it came from, if it was fetched, and
// must be the same. It does not wait.
func (e *Engine) Missing(id, digest string) {
	v, err := e.virtual(id)
	if err != nil {
		return
	}
	i := slices.IndexFunc(v.Slots, func(s mapping.Slot) bool { return s.Package.Digest == digest && s.Package.URI != "" })
	if i < 0 {
		e.o.Log.Error("package lost, and nobody knows where it came from", "device", id, "digest", digest)
		return
	}
	uri, _, _ := strings.Cut(v.Slots[i].Package.URI, "#")
	e.effects.add(func(ctx context.Context) { e.again(ctx, id, uri, digest) })
}

// lostSeq names the fetch of a lost package. The device's own fetches have numbers
// from 1 on.
const lostSeq = 0

// again fetches a package that was there, for as long as the device needs it.
func (e *Engine) again(ctx context.Context, id, uri, digest string) {
	ours, end, ok := e.effects.fetching(ctx, fetchKey{id, lostSeq})
	if !ok {
		return
	}
	defer end()
	info, err := e.o.Packages.Fetch(ours, id, uri+"#sha256="+digest, func(Progress) {})
	switch {
	case err == nil && e.letGo(id, info.Digest): // nobody needs it any more
	case err == nil:
		e.o.Log.Info("package fetched again", "device", id, "digest", digest)
	case ours.Err() == nil: // else the same, or the bridge ends
		e.o.Log.Error("package lost, and not fetched again", "device", id, "digest", digest, "err", err)
	}
}
