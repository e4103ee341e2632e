package delivery

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// Probed is what a server says of a package without sending it.
type Probed struct {
	URL  string // where the package is: a descriptor's object, if there was one
	Size int64  // bytes; 0 when the server does not say
	Type string // "" when it does not say
	// Name, Version and Notify as in Fetched; Digest is what was announced,
	// zero for nothing.
	Name, Version string
	Digest        Digest
	Notify        string
}

// Probe asks what there is at a URL and stores nothing: for pass-through, where
// the device fetches it itself. So coap is KindURI: no legacy device speaks it.
// Size and digest of the request are compared with what is said. A server that
// refuses HEAD is asked for one byte. Errors are [*Error].
func (f *Fetcher) Probe(ctx context.Context, r FetchRequest) (Probed, error) {
	w, err := f.want(r)
	if err != nil {
		return Probed{}, asError(err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, f.o.TotalTimeout, errTotal)
	defer cancel()
	p, err := f.probe(ctx, w)
	if dd, ok := errors.AsType[*descriptor](err); ok {
		if w, err = f.follow(w, dd); err == nil {
			p, err = f.probe(ctx, w)
		}
		if _, again := errors.AsType[*descriptor](err); again {
			err = fault(KindUnsupported, nil, "a descriptor that leads to a descriptor")
		}
		if err != nil {
			e := *asError(err)
			e.Notify = dd.notify
			err = &e
		}
	}
	if err != nil {
		return Probed{}, asError(err)
	}
	return p, nil
}

func (f *Fetcher) probe(ctx context.Context, w want) (p Probed, err error) {
	if w.u.Scheme != "http" && w.u.Scheme != "https" {
		return p, fault(KindURI, nil, "a legacy device cannot fetch over %s", w.u.Scheme)
	}
	err = f.retry(ctx, nil, func(ctx context.Context) (bool, error) {
		p, err = f.look(ctx, w, ask{method: http.MethodHead, u: w.u})
		return false, err
	})
	if e, ok := errors.AsType[*Error](err); ok && noHead[e.Status] {
		first := http.Header{"Range": {"bytes=0-0"}}
		err = f.retry(ctx, nil, func(ctx context.Context) (bool, error) {
			p, err = f.look(ctx, w, ask{method: http.MethodGet, u: w.u, header: first})
			return false, err
		})
	}
	return p, err
}

// noHead are the statuses of servers that serve GET but not HEAD.
var noHead = map[int]bool{http.StatusBadRequest: true, http.StatusForbidden: true, http.StatusNotFound: true,
	http.StatusMethodNotAllowed: true, http.StatusInternalServerError: true, http.StatusNotImplemented: true}

// look asks and reads the header.
func (f *Fetcher) look(ctx context.Context, w want, q ask) (Probed, error) {
	a, err := f.open(ctx, q)
	if err != nil {
		return Probed{}, err
	}
	defer a.close()
	size := max(0, a.ContentLength)
	if a.StatusCode == http.StatusPartialContent {
		_, _, size, _ = contentRange(a.Header.Get("Content-Range"))
	} else if err := a.ok(); err != nil {
		return Probed{}, err
	}
	switch {
	case isDescriptor(a.Header):
		return Probed{}, f.readDescriptor(ctx, w.u)
	case size > f.o.Store.o.MaxPackage:
		return Probed{}, f.o.Store.tooLarge()
	case w.size != 0 && size != 0 && w.size != size:
		return Probed{}, fault(KindIntegrity, nil, "%d bytes were announced, the server has %d", w.size, size)
	}
	got := w.fetched(Digest{}, size, a.Header.Get("Content-Type"))
	return Probed{URL: w.u.String(), Size: size, Type: got.Type, Name: got.Name, Version: got.Version, Digest: w.digest, Notify: got.Notify}, nil
}

// readDescriptor fetches a descriptor, and returns it as the error that it is.
func (f *Fetcher) readDescriptor(ctx context.Context, u *url.URL) error {
	a, err := f.open(ctx, ask{method: http.MethodGet, u: u})
	if err != nil {
		return err
	}
	defer a.close()
	if err := a.ok(); err != nil {
		return err
	}
	b, err := a.all(MaxDescriptor)
	if err != nil {
		return err
	}
	dd, err := parseDescriptor(b, a.at)
	if err != nil {
		return err
	}
	return dd
}
