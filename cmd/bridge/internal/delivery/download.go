package delivery

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// download is one package on its way into the store.
type download struct {
	f    *Fetcher
	fl   *flight
	want want
	sig  *signature
	w    *Writer
	m    meter

	// What the server has said of it; of the answer that what is in w is
	// from.
	total     int64  // bytes, 0 for unknown
	headTotal int64  // the same, by HEAD
	validator string // for If-Range: a strong ETag, else Last-Modified; "" for none. Over CoAP the ETag
	etag      string // strong; "" for none. Over CoAP its bytes
	mediaType string

	restarts int
	tries    int  // over CoAP, that brought nothing
	paced    bool // over CoAP: one socket has to do
	broke    Kind // why the attempt before ended
	wrong    bool // the server's ranges or blocks are wrong: never asked for again
}

// http fetches over HTTP. The error is a *descriptor if that is what there is.
func (d *download) http(ctx context.Context) (Fetched, error) {
	k, remembered := d.f.remembered(ctx, d.want)
	if !remembered && !d.f.o.SkipHead {
		if err := d.head(ctx); err != nil {
			return Fetched{}, err
		}
	}
	got, err := d.take(ctx, k, func(ctx context.Context) (bool, error) { return d.attempt(ctx, k) })
	if err == errLost {
		return d.http(ctx)
	}
	return got, err
}

// errLost means that what was remembered has been lost since, and is forgotten.
var errLost = errors.New("delivery: what the server says is the same is here no more")

// take repeats ask until the package is here. same says that it is the one that
// was remembered, k.
func (d *download) take(ctx context.Context, k known, ask func(context.Context) (same bool, err error)) (Fetched, error) {
	var err error
	if d.w, err = d.f.o.Store.Begin(d.room()); err != nil {
		return Fetched{}, err
	}
	defer d.w.Abort()
	d.m = newMeter(d.f.o.Now, 0)
	same := false
	err = d.f.retry(ctx, d.pauses, func(ctx context.Context) (bool, error) {
		before := d.w.Size()
		same, err = ask(ctx)
		if err != nil {
			d.broke = KindOf(err)
		}
		return d.w.Size()-before >= d.f.o.StallBytes, err
	})
	if err != nil {
		return Fetched{}, err
	}
	if !same {
		return d.finish(ctx)
	}
	if got, ok := d.again(ctx, k); ok {
		return got, nil
	}
	d.f.forget(d.want)
	return Fetched{}, errLost
}

// room is the size to make room for at once.
func (d *download) room() int64 { return max(d.want.size, d.headTotal) }

// head asks for the size. Many servers know no HEAD, or it fails where GET
// does not: only a size that is over the limit, or a place that is not
// allowed, ends the fetch.
func (d *download) head(ctx context.Context) error {
	a, err := d.f.open(ctx, ask{method: http.MethodHead, u: d.want.u})
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if _, mayPass := errors.AsType[*passing](err); mayPass {
			return nil // GET will see the same
		}
		return err
	}
	defer a.close()
	if a.StatusCode != http.StatusOK || isDescriptor(a.Header) {
		return nil
	}
	d.headTotal = max(0, a.ContentLength)
	if d.headTotal > d.f.o.Store.o.MaxPackage {
		return d.f.o.Store.tooLarge()
	}
	return nil
}

// attempt asks for what is missing and takes what comes. same says that the
// package is the one that was remembered.
func (d *download) attempt(ctx context.Context, k known) (same bool, err error) {
	at, err := d.resumeAt()
	if err != nil {
		return false, err
	}
	h := http.Header{}
	switch {
	case at > 0:
		h.Set("Range", fmt.Sprintf("bytes=%d-", at))
		h.Set("If-Range", d.validator)
	case k.etag != "":
		h.Set("If-None-Match", k.etag)
	}
	a, err := d.f.open(ctx, ask{method: http.MethodGet, u: d.want.u, header: h})
	if err != nil {
		return false, err
	}
	defer a.close()
	switch {
	case a.StatusCode == http.StatusNotModified && k.etag != "" && at == 0:
		return true, nil
	case a.StatusCode == http.StatusPartialContent && at > 0:
		return false, d.resume(a, at)
	case a.StatusCode == http.StatusRequestedRangeNotSatisfiable && at > 0:
		return false, d.changed("it has become shorter")
	}
	if err := a.ok(); err != nil {
		if a.StatusCode/100 <= 3 { // 206 unasked, 204, 304 unasked
			err = fault(KindServer, nil, "the package server answered %d", a.StatusCode)
		}
		return false, err
	}
	if at > 0 {
		kind, why := KindServer, "it changes while it is fetched"
		if tag := a.Header.Get("ETag"); tag != "" && tag == d.etag {
			kind, why = KindInterrupted, "it cannot be resumed" // the same, but whole
		}
		if err := d.restart(kind, why); err != nil {
			return false, err
		}
	}
	return false, d.whole(a)
}

// resumeAt is where to go on: at the first byte when that what has come cannot
// be told from another package.
func (d *download) resumeAt() (int64, error) {
	at := d.w.Size()
	if at == 0 || d.validator != "" && !d.wrong {
		return at, nil
	}
	kind := d.broke // a server that stalls each time is one that times out
	if d.wrong {
		kind = KindServer
	}
	return 0, d.restart(kind, "it cannot be resumed")
}

// restart begins from the first byte.
func (d *download) restart(k Kind, why string) error {
	if d.restarts++; d.restarts > d.f.o.MaxRestarts {
		return fault(k, nil, "given up after %d beginnings: %s", d.restarts, why)
	}
	return d.w.Reset()
}

// changed begins from the first byte, after a pause.
func (d *download) changed(why string) error {
	if err := d.restart(KindServer, why); err != nil {
		return err
	}
	return &passing{fault: fault(KindServer, nil, "%s", why)}
}

// finish compares what has come with what was announced and puts it into the
// store.
func (d *download) finish(ctx context.Context) (Fetched, error) {
	switch size, digest := d.w.Size(), d.w.Digest(); {
	case d.want.size != 0 && d.want.size != size:
		return Fetched{}, fault(KindIntegrity, nil, "%d bytes were announced, %d came", d.want.size, size)
	case !d.want.digest.IsZero() && d.want.digest != digest:
		return Fetched{}, fault(KindIntegrity, nil, "the digest is not the one announced")
	}
	if d.sig != nil {
		if err := d.sig.verify(d.want.host.Keys, until(ctx, d.w.reader()), d.w.Size()); err != nil {
			return Fetched{}, err
		}
	}
	if err := context.Cause(ctx); err != nil {
		return Fetched{}, err
	}
	d.total = d.w.Size()
	p, err := d.w.CommitContext(ctx, d.fl.owner)
	if err != nil {
		return Fetched{}, err
	}
	d.report(true)
	d.f.remember(d.want, known{d.etag, p.Digest, d.mediaType})
	got := d.want.fetched(p.Digest, p.Size, d.mediaType)
	got.Signed = d.sig != nil
	return got, nil
}
