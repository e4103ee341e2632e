package legacy

import (
	"context"
	"slices"
	"strings"

	"github.com/fwbridge/fwbridge/mapping"
)

// Needs says whether a device still needs a package.
func (e *Engine) Needs(id, digest string) bool {
	v, err := e.virtual(id)
	return err == nil && slices.Contains(v.Needs(), digest)
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

// again fetches a package that was there. The device's own fetches have numbers
// from 1 on.
func (e *Engine) again(ctx context.Context, id, uri, digest string) {
	ours, end, ok := e.effects.fetching(ctx, fetchKey{id, 0})
	if !ok {
		return
	}
	defer end()
	info, err := e.o.Packages.Fetch(ours, id, uri+"#sha256="+digest, func(Progress) {})
	switch {
	case ours.Err() != nil: // the bridge ends
	case err != nil:
		e.o.Log.Error("package lost, and not fetched again", "device", id, "digest", digest, "err", err)
	case e.letGo(id, info.Digest):
	default:
		e.o.Log.Info("package fetched again", "device", id, "digest", digest)
	}
}
