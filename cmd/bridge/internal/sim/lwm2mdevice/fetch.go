package lwm2mdevice

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/simpackage"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// fetched is a package as it came.
type fetched struct {
	body   []byte
	digest string // hex, as announced by the URI's fragment or the header; or ""
	name   string // last segment of the path
}

// intact says whether the body has the announced digest, if one was.
func (f fetched) intact() bool {
	if f.digest == "" {
		return true
	}
	want, err := hex.DecodeString(f.digest)
	got := sha256.Sum256(f.body)
	return err == nil && bytes.Equal(got[:], want)
}

// fetchError is a download that failed with an Update Result.
type fetchError struct {
	result lwm2m9.UpdateResult
	err    error
}

func (e *fetchError) Error() string { return fmt.Sprintf("%s: %v", e.result, e.err) }
func (e *fetchError) Unwrap() error { return e.err }

// checkURI says whether the device would fetch from there: one of its schemes,
// with a host.
func (d *Device) checkURI(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, errors.New("not a URI")
	case !slices.Contains(d.cfg.Schemes, u.Scheme):
		return nil, fmt.Errorf("scheme %q is not supported", u.Scheme)
	case u.Host == "":
		return nil, errors.New("no host")
	}
	return u, nil
}

// fetch downloads a package. Its error is a [*fetchError], with the results
// that real clients give (spec "LwM2M: what real devices do", 10).
func (d *Device) fetch(ctx context.Context, uri string) (fetched, error) {
	u, err := d.checkURI(uri)
	if err != nil {
		return fetched{}, &fetchError{lwm2m9.ResultInvalidURI, err}
	}
	ctx, cancel := context.WithTimeout(ctx, d.cfg.Timing.HTTP)
	defer cancel()
	if u.Scheme == "coap" {
		return d.fetchCoAP(ctx, u)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return fetched{}, &fetchError{lwm2m9.ResultInvalidURI, err}
	}
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req) // a RoundTripper follows no redirect
	if err != nil {
		return fetched{}, &fetchError{connectResult(err), err}
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fetched{}, &fetchError{lwm2m9.ResultDeviceError, fmt.Errorf("HTTP status %d", resp.StatusCode)}
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, d.cfg.MaxPackage+1))
	switch {
	case ctx.Err() != nil:
		return fetched{}, &fetchError{lwm2m9.ResultConnectionLost, ctx.Err()}
	case err != nil:
		return fetched{}, &fetchError{lwm2m9.ResultDeviceError, err}
	case int64(len(body)) > d.cfg.MaxPackage:
		return fetched{}, &fetchError{lwm2m9.ResultNotEnoughStorage, fmt.Errorf("over %d bytes", d.cfg.MaxPackage)}
	}
	got := fetched{body: body, digest: resp.Header.Get(simpackage.HeaderSHA256), name: path.Base(u.Path)}
	if sum, ok := strings.CutPrefix(u.Fragment, "sha256="); ok {
		got.digest = sum
	}
	return got, nil
}

// connectResult is the Update Result of a request that got no response.
func connectResult(err error) lwm2m9.UpdateResult {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return lwm2m9.ResultInvalidURI
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return lwm2m9.ResultInvalidURI
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return lwm2m9.ResultInvalidURI
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return lwm2m9.ResultDeviceError // answered, but cut off
	}
	return lwm2m9.ResultConnectionLost
}
