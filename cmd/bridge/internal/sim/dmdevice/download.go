package dmdevice

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"

	"github.com/fwbridge/fwbridge/fwupdate"
)

// chunk is what one Range asks for, in bytes.
const chunk = 64 << 10

// packageType is what a package has to be (fwupdate-csp.md, "Download").
const packageType = "application/octet-stream"

// download is a package on its way.
type download struct {
	sized bool // size is known
	size  int64
	body  []byte
}

// downloadError is a download that failed with a FUMO result.
type downloadError struct {
	code fwupdate.Code
	err  error
}

func (e *downloadError) Error() string { return fmt.Sprintf("%d %s: %v", e.code, e.code.Name(), e.err) }
func (e *downloadError) Unwrap() error { return e.err }

func failed(code fwupdate.Code, format string, args ...any) error {
	return &downloadError{code, fmt.Errorf(format, args...)}
}

// request does one request: HEAD first, then GET for GET until the package is
// there. The error is a [*downloadError], or that of ctx.
func (d *Device) request(ctx context.Context, l *download, uri string) (done bool, err error) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return false, failed(fwupdate.CodeBadURL, "want http or https with a host")
	}
	head, ranged := !l.sized && !d.quirks.has(NoHead), !d.quirks.has(NoRange)
	rctx, cancel := context.WithTimeout(ctx, d.f.cfg.Timing.HTTP)
	defer cancel()
	r, err := http.NewRequestWithContext(rctx, map[bool]string{true: http.MethodHead, false: http.MethodGet}[head], uri, nil)
	if err != nil {
		return false, failed(fwupdate.CodeBadURL, "no URL")
	}
	if !head && ranged {
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", len(l.body), l.last()))
	}
	d.f.count(func(c *Counts) { c.Requests++ })
	resp, err := d.f.packages.RoundTrip(r) // follows no redirect
	if err != nil {
		return false, d.broken(ctx, rctx, err)
	}
	defer resp.Body.Close()
	d.event(Event{Kind: EventDownload, Package: d.job.exec.Package, Text: requestText(r, resp)})
	if code := statusResult(resp.StatusCode); code != 0 {
		return false, failed(code, "HTTP %d", resp.StatusCode)
	}
	if head {
		return false, d.measure(l, resp.ContentLength, resp.Header.Get("Content-Length") != "")
	}
	return d.take(ctx, rctx, l, resp)
}

// last is the last byte that the next Range asks for.
func (l *download) last() int64 {
	last := int64(len(l.body)) + chunk - 1
	if l.sized {
		last = min(last, max(l.size-1, 0))
	}
	return last
}

func requestText(r *http.Request, resp *http.Response) string {
	text := r.Method
	if v := r.Header.Get("Range"); v != "" {
		text += " " + v
	}
	return text + ": " + strconv.Itoa(resp.StatusCode)
}

// measure takes the length that HEAD has told: a device cannot do without.
func (d *Device) measure(l *download, size int64, told bool) error {
	switch {
	case !told || size < 0:
		return failed(fwupdate.CodeServerError, "HEAD has no Content-Length")
	case size == 0:
		return failed(fwupdate.CodeCorrupted, "an empty package")
	case size > d.f.cfg.MaxPackage:
		return failed(fwupdate.CodeDownloadOutOfMemory, "%d bytes, at most %d", size, d.f.cfg.MaxPackage)
	}
	l.sized, l.size = true, size
	return nil
}

// take adds what a GET has brought.
func (d *Device) take(ctx, rctx context.Context, l *download, resp *http.Response) (done bool, err error) {
	if t := resp.Header.Get("Content-Type"); t != packageType {
		return false, failed(fwupdate.CodeNotAcceptable, "Content-Type %q, want %s", t, packageType)
	}
	if resp.StatusCode == http.StatusOK {
		l.body = nil // the whole package, whatever was asked for
	} else if err := d.partial(l, resp); err != nil {
		return false, err
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, d.f.cfg.MaxPackage-int64(len(l.body))+1))
	if err != nil {
		return false, d.broken(ctx, rctx, err)
	}
	d.f.count(func(c *Counts) { c.Bytes += int64(len(b)) })
	l.body = append(l.body, b...)
	got := int64(len(l.body))
	switch {
	case got > d.f.cfg.MaxPackage:
		return false, failed(fwupdate.CodeDownloadOutOfMemory, "over %d bytes", d.f.cfg.MaxPackage)
	case !l.sized: // without HEAD, and 200
		l.sized, l.size = true, got
	case got > l.size || resp.StatusCode == http.StatusOK && got != l.size:
		return false, failed(fwupdate.CodeCorrupted, "%d bytes, HEAD said %d", got, l.size)
	case len(b) == 0:
		return false, failed(fwupdate.CodeNetwork, "nothing came")
	}
	return got == l.size, nil
}

// partial looks at the Content-Range of a 206.
func (d *Device) partial(l *download, resp *http.Response) error {
	var first, last, size int64
	if n, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d/%d", &first, &last, &size); n != 3 || err != nil || first != int64(len(l.body)) {
		return failed(fwupdate.CodeServerError, "206 with another Content-Range than was asked for")
	}
	if !l.sized {
		return d.measure(l, size, true)
	}
	if size != l.size {
		return failed(fwupdate.CodeCorrupted, "the package has changed: %d bytes, then %d", l.size, size)
	}
	return nil
}

// statusResult is the FUMO result of an HTTP status; 0 for a good one.
func statusResult(status int) fwupdate.Code {
	switch {
	case status == http.StatusOK, status == http.StatusPartialContent:
		return 0
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return fwupdate.CodeAuthFailure
	case status == http.StatusRequestTimeout, status == http.StatusGatewayTimeout:
		return fwupdate.CodeRequestTimeout
	case status >= 500:
		return fwupdate.CodeServerError
	}
	return fwupdate.CodeBadURL // 404 and its like, and redirects
}

// broken is the error of a request without a whole answer.
func (d *Device) broken(ctx, rctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if rctx.Err() != nil {
		return failed(fwupdate.CodeRequestTimeout, "no answer in %v", d.f.cfg.Timing.HTTP)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return failed(fwupdate.CodeServerUnavailable, "no connection")
	}
	return failed(fwupdate.CodeNetwork, "the connection broke")
}
