package delivery

import (
	"bytes"
	"context"
	"net/url"
	"path"
	"strings"
)

// The ends that are put to a URL's path for what goes with a package.
const (
	sidecarSuffix   = ".sha256"
	signatureSuffix = ".minisig"
)

// beside is the URL of what goes with the package at u.
func beside(u *url.URL, suffix string) *url.URL {
	v := *u
	v.Path += suffix
	if v.RawPath != "" {
		v.RawPath += suffix
	}
	return &v
}

// promises fetches what is said of a package beside it: the digest in the
// sidecar, the signature. sig is nil where none is wanted.
func (f *Fetcher) promises(ctx context.Context, w *want) (sig *signature, err error) {
	if (w.host.Sidecar || len(w.host.Keys) > 0) && strings.HasPrefix(w.u.Scheme, "coap") {
		return nil, fault(KindNotAllowed, nil, "no signature or digest can be had over %s", w.u.Scheme)
	}
	if w.host.Sidecar {
		b, err := f.small(ctx, beside(w.u, sidecarSuffix), MaxSidecar)
		if err != nil {
			return nil, ofFile(sidecarSuffix, err)
		}
		d, ok := findDigest(b, path.Base(w.u.Path))
		if !ok {
			return nil, fault(KindIntegrity, nil, "the %s file names no digest of the package", sidecarSuffix)
		}
		if err := w.announce(d); err != nil {
			return nil, err
		}
	}
	if len(w.host.Keys) == 0 {
		return nil, nil
	}
	b, err := f.small(ctx, beside(w.u, signatureSuffix), MaxSignature)
	if KindOf(err) == KindRefused {
		return nil, fault(KindSignature, err, "there is no signature: no %s beside the package", signatureSuffix)
	} else if err != nil {
		return nil, ofFile(signatureSuffix, err)
	}
	s, err := parseSignature(b)
	if err != nil {
		return nil, fault(KindSignature, err, "the signature cannot be read")
	}
	_, err = s.signer(w.host.Keys)
	return &s, err
}

// ofFile says that it was not the package that did not come.
func ofFile(suffix string, err error) error {
	e := *asError(err)
	e.Reason = "its " + suffix + " file: " + e.Reason
	return &e
}

// findDigest reads a sidecar: the digest alone, or lines as sha256sum writes
// them ("<digest>  <name>", "<digest> *<name>"), of which the one with the
// package's name counts, or the only one.
func findDigest(b []byte, name string) (found Digest, ok bool) {
	lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	for _, line := range lines {
		hex, file, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
		d, err := ParseDigest(hex)
		if err != nil {
			continue
		}
		file = strings.TrimPrefix(strings.TrimLeft(file, " "), "*")
		if len(lines) == 1 || path.Base(file) == name {
			return d, true
		}
	}
	return Digest{}, false
}

// reuseSigned takes a package from the store whose digest is known by now, if
// its signature is right.
func (f *Fetcher) reuseSigned(ctx context.Context, w want, sig *signature, owner string) (Fetched, bool) {
	if w.digest.IsZero() {
		return Fetched{}, false
	}
	got, ok := f.reuse(ctx, w, w.digest, owner)
	if !ok || sig == nil {
		return got, ok
	}
	file, err := f.o.Store.Open(ctx, w.digest)
	if err == nil {
		err = sig.verify(w.host.Keys, until(ctx, file), got.Size)
		_ = file.Close()
	}
	if err != nil {
		f.o.Store.Release(owner, w.digest)
		return Fetched{}, false
	}
	got.Signed = true
	return got, true
}

// small fetches a small file whole.
func (f *Fetcher) small(ctx context.Context, u *url.URL, limit int64) ([]byte, error) {
	var b []byte
	err := f.retry(ctx, nil, func(ctx context.Context) (bool, error) {
		a, err := f.open(ctx, ask{method: "GET", u: u})
		if err != nil {
			return false, err
		}
		defer a.close()
		if err := a.ok(); err != nil {
			return false, err
		}
		b, err = a.all(limit)
		return false, err
	})
	return b, err
}
