package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
)

// Packages is what bridge package works on: a [*LocalPackages] in the process
// that has the store of packages, a [*Remote] elsewhere. progress may be nil; it
// is told now and then how far it is. Errors are [*PackageError].
type Packages interface {
	// AddPackage takes size bytes of a package into the store.
	AddPackage(ctx context.Context, body io.Reader, size int64, progress func(Step)) (delivery.Package, error)
	// FetchPackage gets one from its server, as the configuration allows.
	FetchPackage(ctx context.Context, url string, progress func(Step)) (delivery.Package, error)
	ListPackages(ctx context.Context) (PackageList, error)
	// RemovePackage drops the one package whose digest begins so. One that a
	// device needs is only dropped by force.
	RemovePackage(ctx context.Context, digest string, force bool) (delivery.Package, error)
	// PushPackage writes one to a registered LwM2M device.
	PushPackage(ctx context.Context, r PushRequest, progress func(Step)) error
}

// Step is how far something is. Note, when not empty, says what happened on the
// way.
type Step struct {
	Bytes int64   `json:"bytes"`
	Total int64   `json:"total,omitempty"` // 0 when it is not known
	Rate  float64 `json:"rate,omitempty"`  // bytes a second
	Note  string  `json:"note,omitempty"`
}

// PackageList is the store of packages.
type PackageList struct {
	Packages    []delivery.Package `json:"packages"`
	Bytes       int64              `json:"bytes"` // with what is being written
	MaxBytes    int64              `json:"maxBytes"`
	MaxPackages int                `json:"maxPackages"`
}

// PushRequest asks for a push: the package whose digest begins so, to the
// Package resource of an instance of Object 9; nil is the only one there is.
type PushRequest struct {
	Endpoint string  `json:"endpoint"`
	Digest   string  `json:"digest"`
	Instance *uint16 `json:"instance,omitempty"`
}

// PackageError says why something was not done, in words for people.
type PackageError struct {
	Kind error  // one of those below; nil for any other reason
	Text string // for people, without secrets
}

func (e *PackageError) Error() string { return e.Text }

// Unwrap gives the Kind.
func (e *PackageError) Unwrap() error { return e.Kind }

// The kinds of a PackageError.
var (
	ErrNoStore   = errors.New("this bridge keeps no packages")
	ErrNoPackage = errors.New("no such package")
	ErrHeld      = errors.New("the package is needed")
	ErrWrongUse  = errors.New("wrong use")
	ErrDevice    = errors.New("not this device, or not now")
)

func refuse(kind error, format string, args ...any) error {
	return &PackageError{kind, fmt.Sprintf(format, args...)}
}

// LocalPackages works on an open store. Without Push there is none.
type LocalPackages struct {
	Store   *delivery.Store
	Fetcher *delivery.Fetcher
	Push    func(ctx context.Context, p delivery.Package, r PushRequest, progress func(Step)) error
}

var _ Packages = (*LocalPackages)(nil)

// copyBuffer is how much is taken at once, in bytes.
const copyBuffer = 256 << 10

// AddPackage implements [Packages].
func (l *LocalPackages) AddPackage(ctx context.Context, body io.Reader, size int64, progress func(Step)) (delivery.Package, error) {
	w, err := l.Store.Begin(size)
	if err != nil {
		return delivery.Package{}, packageError(err)
	}
	defer w.Abort()
	buf := make([]byte, copyBuffer)
	for ctx.Err() == nil {
		n, err := body.Read(buf)
		if _, bad := w.Write(buf[:n]); bad != nil {
			return delivery.Package{}, packageError(bad)
		}
		if progress != nil {
			progress(Step{Bytes: w.Size(), Total: size})
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return delivery.Package{}, refuse(nil, "the package could not be read: %v", err)
		}
	}
	if err := ctx.Err(); err != nil {
		return delivery.Package{}, errGivenUp
	}
	if w.Size() != size {
		return delivery.Package{}, refuse(nil, "%d of %d bytes came; nothing is kept", w.Size(), size)
	}
	p, err := w.CommitContext(ctx, "")
	if err != nil {
		return delivery.Package{}, packageError(err)
	}
	return p, nil
}

// FetchPackage implements [Packages].
func (l *LocalPackages) FetchPackage(ctx context.Context, url string, progress func(Step)) (delivery.Package, error) {
	r := delivery.FetchRequest{URL: url}
	if progress != nil {
		r.Progress = func(p delivery.Progress) { progress(Step{Bytes: p.Bytes, Total: p.Total, Rate: p.Rate, Note: p.Pause}) }
	}
	got, err := l.Fetcher.Fetch(ctx, r)
	if err != nil {
		return delivery.Package{}, packageError(err)
	}
	p, ok := l.Store.Stat(got.Digest)
	if !ok { // dropped again already
		return delivery.Package{}, refuse(ErrNoPackage, "the package came, and had to make room for another one")
	}
	return p, nil
}

// ListPackages implements [Packages].
func (l *LocalPackages) ListPackages(context.Context) (PackageList, error) {
	u := l.Store.Usage()
	return PackageList{l.Store.List(), u.Bytes, u.MaxBytes, u.MaxPackages}, nil
}

// RemovePackage implements [Packages].
func (l *LocalPackages) RemovePackage(ctx context.Context, digest string, force bool) (delivery.Package, error) {
	p, err := l.find(digest)
	switch {
	case err != nil:
		return p, err
	case len(p.Owners) > 0 && !force:
		who := p.Owners[0]
		if more := len(p.Owners) - 1; more > 0 {
			who = fmt.Sprintf("%s and %d more", who, more)
		}
		return p, refuse(ErrHeld, "%s is needed by %s; --force removes it all the same", short(p.Digest), who)
	}
	there, err := l.Store.Delete(ctx, p.Digest)
	if err == nil && !there {
		return p, refuse(ErrNoPackage, "%s: no such package", digest)
	}
	if err != nil {
		return p, packageError(err)
	}
	return p, nil
}

// PushPackage implements [Packages].
func (l *LocalPackages) PushPackage(ctx context.Context, r PushRequest, progress func(Step)) error {
	p, err := l.find(r.Digest)
	if err != nil {
		return err
	}
	if l.Push == nil {
		return refuse(ErrDevice, "no bridge runs that has devices")
	}
	if progress == nil {
		progress = func(Step) {}
	}
	holder := "push to " + r.Endpoint
	l.Store.Hold(holder, p.Digest)
	defer l.Store.Release(holder, p.Digest)
	return l.Push(ctx, p, r, progress)
}

// MinPrefix is the least length of the beginning of a digest, in hexadecimal
// digits.
const MinPrefix = 4

// find is the one package whose digest begins so.
func (l *LocalPackages) find(digest string) (found delivery.Package, err error) {
	digest = strings.ToLower(strings.TrimPrefix(digest, "sha256:"))
	if len(digest) < MinPrefix || len(digest) > 64 || strings.Trim(digest, "0123456789abcdef") != "" {
		return found, refuse(ErrWrongUse, "%.80q: want a SHA-256 in hexadecimal, or its first %d digits or more", digest, MinPrefix)
	}
	n := 0
	for _, p := range l.Store.List() {
		if strings.HasPrefix(p.Digest.String(), digest) {
			found = p
			n++
		}
	}
	switch n {
	case 0:
		return found, refuse(ErrNoPackage, "%s: no such package", digest)
	case 1:
		return found, nil
	}
	return delivery.Package{}, refuse(ErrWrongUse, "%s: %d packages begin so", digest, n)
}

// short names a package for people.
func short(d delivery.Digest) string { return d.String()[:12] }

// packageError is an error of package delivery for people: why, not where.
func packageError(err error) error {
	if e, ok := errors.AsType[*delivery.Error](err); ok {
		return refuse(nil, "%s", e.Reason)
	}
	return refuse(nil, "%v", err)
}
