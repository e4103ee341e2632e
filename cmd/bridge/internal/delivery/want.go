package delivery

import (
	"context"
	"net/url"
	"path"
	"strings"
)

// want is what a fetch is after.
type want struct {
	u      *url.URL // without fragment
	digest Digest   // announced; zero for nothing
	size   int64    // announced; 0 for nothing
	// host says whose keys and sidecar count: that of the URL as written,
	// also when a descriptor leads to another.
	host Host
	dd   *descriptor // which led here; nil for none
}

// want puts together what is known before anything was asked.
func (f *Fetcher) want(r FetchRequest) (want, error) {
	u, err := f.parseURI(r.URL)
	if err != nil {
		return want{}, err
	}
	w := want{digest: r.Digest, size: r.Size}
	if hex, ok := strings.CutPrefix(u.Fragment, "sha256="); ok {
		d, err := ParseDigest(hex)
		if err != nil {
			return want{}, fault(KindURI, err, "the digest behind # is none")
		}
		if err := w.announce(d); err != nil {
			return want{}, err
		}
	}
	u.Fragment, u.RawFragment = "", ""
	w.u, w.host = u, f.host(u)
	return w, w.announce(f.o.Digests[u.String()])
}

// announce adds a digest that was announced somewhere; zero for none.
func (w *want) announce(d Digest) error {
	switch {
	case d.IsZero() || d == w.digest:
		return nil
	case !w.digest.IsZero():
		return fault(KindIntegrity, nil, "two digests are announced that differ")
	}
	w.digest = d
	return nil
}

// stored finds a package whose digest was announced. Where a signature is
// wanted the fetch has to look.
func (f *Fetcher) stored(ctx context.Context, w want, owner string) (Fetched, bool) {
	if w.digest.IsZero() || len(w.host.Keys) > 0 || w.host.Sidecar {
		return Fetched{}, false
	}
	w.dd = f.description(w.u.String())
	return f.reuse(ctx, w, w.digest, owner)
}

// reuse takes a package from the store, if it is there, whole, and of the size
// announced.
func (f *Fetcher) reuse(ctx context.Context, w want, d Digest, owner string) (Fetched, bool) {
	info, err := f.o.Store.Look(ctx, d)
	if err != nil || w.size != 0 && w.size != info.Size() || !f.o.Store.keep(owner, d) {
		return Fetched{}, false
	}
	got := w.fetched(d, info.Size(), "")
	got.Reused = true
	return got, true
}

// fetched describes a package that is in the store.
func (w want) fetched(d Digest, size int64, mediaType string) Fetched {
	got := Fetched{Digest: d, Size: size, Type: mediaType, Announced: !w.digest.IsZero()}
	if w.dd != nil {
		got.Name, got.Version, got.Notify = w.dd.name, w.dd.version, w.dd.notify
		if w.dd.mediaType != "" {
			got.Type = w.dd.mediaType
		}
	}
	if got.Name == "" {
		got.Name = nameOf(w.u)
	}
	return got
}

// nameOf is the last segment of a path without its extension.
func nameOf(u *url.URL) string {
	base := path.Base(u.Path)
	if base == "." || base == "/" {
		return u.Hostname()
	}
	if name := strings.TrimSuffix(base, path.Ext(base)); name != "" {
		return name
	}
	return base
}
