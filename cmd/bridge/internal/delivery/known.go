package delivery

import "context"

// known is what came from a URL last: asked with its ETag, a server says that
// it is the same without sending it.
type known struct {
	etag      string
	digest    Digest
	mediaType string
}

// again takes what the server says is the same from the store.
func (d *download) again(ctx context.Context, k known) (Fetched, bool) {
	w := d.want
	w.digest = k.digest
	got, ok := d.f.reuseSigned(ctx, w, d.sig, d.fl.owner)
	got.Announced = !d.want.digest.IsZero()
	if got.Type == "" {
		got.Type = k.mediaType
	}
	return got, ok
}

// remembered finds what came last from a URL, if it is still in the store.
func (f *Fetcher) remembered(ctx context.Context, w want) (known, bool) {
	f.mu.Lock()
	k, ok := f.known[w.u.String()]
	f.mu.Unlock()
	if !ok || !w.digest.IsZero() && w.digest != k.digest {
		return known{}, false
	}
	if _, err := f.o.Store.Look(ctx, k.digest); err != nil {
		f.forget(w)
		return known{}, false
	}
	return k, true
}

func (f *Fetcher) forget(w want) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.known, w.u.String())
}

// remember keeps what came from a URL. What is forgotten for it is fetched
// again.
func (f *Fetcher) remember(w want, k known) {
	if k.etag == "" {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	bounded(f.known, f.o.MaxKnown, w.u.String(), k)
}

// described keeps what a descriptor has said: whoever wants its package with a
// digest behind the descriptor's URL gets it from the store, and nobody asks
// there again.
func (f *Fetcher) described(at string, dd *descriptor) {
	f.mu.Lock()
	defer f.mu.Unlock()
	bounded(f.descriptors, f.o.MaxKnown, at, dd)
}

// bounded puts a value into a map of at most so many; any other goes for it.
func bounded[V any](m map[string]V, most int, key string, v V) {
	for other := range m {
		if len(m) < most {
			break
		}
		delete(m, other)
	}
	m[key] = v
}

// description is what the descriptor at a URL has said; nil where there was
// none.
func (f *Fetcher) description(at string) *descriptor {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.descriptors[at]
}
