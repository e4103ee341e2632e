package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
)

var _ Packages = (*Remote)(nil)

// AddPackage implements [Packages].
func (r *Remote) AddPackage(ctx context.Context, body io.Reader, size int64, progress func(Step)) (delivery.Package, error) {
	if size == 0 {
		body = http.NoBody
	}
	sent := &counting{r: body, total: size, progress: progress}
	l, err := r.talk(ctx, http.MethodPost, "/packages", sent, size, nil)
	if sent.err != nil {
		return delivery.Package{}, refuse(nil, "the package could not be read: %v", sent.err)
	}
	return l.pack(), err
}

// counting tells how much has been read.
type counting struct {
	r           io.Reader
	done, total int64
	progress    func(Step)
	err         error
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.done += int64(n)
	if n > 0 && c.progress != nil {
		c.progress(Step{Bytes: c.done, Total: c.total})
	}
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

// FetchPackage implements [Packages].
func (r *Remote) FetchPackage(ctx context.Context, url string, progress func(Step)) (delivery.Package, error) {
	l, err := r.order(ctx, "/packages/fetch", fetchBody{url}, progress)
	return l.pack(), err
}

// ListPackages implements [Packages].
func (r *Remote) ListPackages(ctx context.Context) (PackageList, error) {
	l, err := r.talk(ctx, http.MethodGet, "/packages", nil, 0, nil)
	if l.List == nil {
		return PackageList{}, err
	}
	return *l.List, err
}

// RemovePackage implements [Packages].
func (r *Remote) RemovePackage(ctx context.Context, digest string, force bool) (delivery.Package, error) {
	path := "/packages/" + url.PathEscape(digest)
	if force {
		path += "?force"
	}
	l, err := r.talk(ctx, http.MethodDelete, path, nil, 0, nil)
	return l.pack(), err
}

// PushPackage implements [Packages].
func (r *Remote) PushPackage(ctx context.Context, p PushRequest, progress func(Step)) error {
	_, err := r.order(ctx, "/packages/push", p, progress)
	return err
}

func (r *Remote) order(ctx context.Context, path string, body any, progress func(Step)) (line, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return line{}, err
	}
	return r.talk(ctx, http.MethodPost, path, bytes.NewReader(b), int64(len(b)), progress)
}

// errGivenUp means that whoever asked does not wait any more. The bridge stops
// what it does.
var errGivenUp = refuse(nil, "given up")

// talk makes a request and reads lines until the last one.
func (r *Remote) talk(ctx context.Context, method, path string, body io.Reader, size int64, progress func(Step)) (line, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://bridge"+path, body)
	if err != nil {
		return line{}, err
	}
	req.ContentLength = size
	resp, err := r.client.Do(req)
	if err != nil && ctx.Err() != nil {
		return line{}, errGivenUp
	}
	if err != nil {
		return line{}, fmt.Errorf("%w: %w", ErrNoBridge, err)
	}
	defer resp.Body.Close()
	for d := json.NewDecoder(resp.Body); ; {
		var l line
		switch err := d.Decode(&l); {
		case err != nil && ctx.Err() != nil:
			return line{}, errGivenUp
		case errors.Is(err, io.EOF):
			return line{}, fmt.Errorf("%w: it stopped in the middle", ErrNoBridge)
		case err != nil:
			return line{}, fmt.Errorf("%w: %w", ErrNoBridge, err)
		case l.Error != "":
			return line{}, l.err()
		case l.Step == nil:
			return l, nil
		case progress != nil:
			progress(*l.Step)
		}
	}
}

// err is the error that the other side had.
func (l line) err() error {
	e := &PackageError{Text: l.Error}
	for _, k := range packageKinds {
		if k.name == l.Kind {
			e.Kind = k.kind
		}
	}
	return e
}

func (l line) pack() delivery.Package {
	if l.Package == nil {
		return delivery.Package{}
	}
	return *l.Package
}

// Client is for what else is on the socket; its URLs begin with http://bridge.
func (r *Remote) Client() *http.Client { return r.client }
