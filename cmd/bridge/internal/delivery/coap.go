package delivery

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

// coap fetches over CoAP, with or without DTLS, on a socket of its own.
func (d *download) coap(ctx context.Context) (Fetched, error) {
	var err error
	if d.w, err = d.f.o.Store.Begin(d.want.size); err != nil {
		return Fetched{}, err
	}
	defer d.w.Abort()
	d.m = newMeter(d.f.o.Now, 0)
	r, err := coapRequest(d.want.u)
	if err != nil {
		return Fetched{}, err
	}
	err = d.f.retry(ctx, func(ctx context.Context) (bool, error) {
		resp, err := d.f.coapGet(ctx, d.want, r)
		if err != nil {
			return false, err
		}
		d.total = int64(len(resp.Payload))
		if len(resp.Payload) == 0 {
			return false, fault(KindServer, nil, "the package is empty")
		}
		d.f.counts.bytes.Add(uint64(len(resp.Payload)))
		_, err = d.w.Write(resp.Payload)
		return false, err
	})
	if err != nil {
		return Fetched{}, err
	}
	return d.finish(ctx)
}

// coapRequest is the GET of a coap URI (RFC 7252, 6.4), without Uri-Host.
func coapRequest(u *url.URL) (coap.Request, error) {
	r := coap.Request{Method: coap.GET, Format: coap.NoFormat, Accept: coap.NoFormat}
	for s := range strings.SplitSeq(strings.TrimPrefix(u.EscapedPath(), "/"), "/") {
		if u.EscapedPath() == "" || u.EscapedPath() == "/" {
			break
		}
		segment, err := url.PathUnescape(s)
		if err != nil || len(segment) > maxCoAPOption {
			return r, fault(KindURI, nil, "a part of the path is over %d bytes", maxCoAPOption)
		}
		r.Path = append(r.Path, segment)
	}
	if u.RawQuery != "" {
		for s := range strings.SplitSeq(u.RawQuery, "&") {
			part, err := url.PathUnescape(s) // a + is a + here
			if err != nil || len(part) > maxCoAPOption {
				return r, fault(KindURI, nil, "a part of the query is over %d bytes", maxCoAPOption)
			}
			r.Query = append(r.Query, part)
		}
	}
	return r, nil
}

// maxCoAPOption bounds a part of path or query (RFC 7252, 5.10), in bytes.
const maxCoAPOption = 255

// coapGet resolves the host and asks.
func (f *Fetcher) coapGet(ctx context.Context, w want, r coap.Request) (coap.Response, error) {
	to, err := f.resolve(ctx, w.u)
	if err != nil {
		return coap.Response{}, err
	}
	conn, err := f.packets(w, to)
	if err != nil {
		return coap.Response{}, err
	}
	limit := f.o.MaxCoAP
	if most := f.o.Store.o.MaxPackage; int64(limit) > most {
		limit = int(most)
	}
	e := coap.New(conn, coap.Options{MaxBody: limit, Logger: f.o.Logger, Transmission: f.o.transmission})
	run, stop := context.WithCancel(context.Background()) // ends below, when the answer has come
	var wg sync.WaitGroup
	wg.Go(func() { _ = e.Run(run) })
	defer wg.Wait()
	defer stop()
	resp, err := e.Do(ctx, to, r)
	if err != nil {
		return resp, coapFault(ctx, err, limit)
	}
	return resp, coapStatus(resp.Code)
}

// resolve finds the first address of the host that is allowed.
func (f *Fetcher) resolve(ctx context.Context, u *url.URL) (netip.AddrPort, error) {
	ctx, cancel := context.WithTimeout(ctx, f.o.DialTimeout)
	defer cancel()
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return netip.AddrPort{}, &passing{fault: fault(KindUnreachable, err, "its name has no address")}
	}
	port, err := strconv.ParseUint(portOf(u), 10, 16)
	if err != nil {
		return netip.AddrPort{}, fault(KindURI, nil, "the port is no number up to 65535")
	}
	for _, ip := range all {
		if f.o.Allow.address(ip) {
			return netip.AddrPortFrom(ip.Unmap(), uint16(port)), nil
		}
	}
	return netip.AddrPort{}, fault(KindNotAllowed, nil, "none of its addresses is allowed")
}

// packets opens a socket, with DTLS for coaps.
func (f *Fetcher) packets(w want, to netip.AddrPort) (net.PacketConn, error) {
	conn, err := net.ListenUDP("udp", nil)
	if err != nil {
		return nil, &passing{fault: fault(KindInternal, err, "the bridge has no socket")}
	}
	if w.u.Scheme == "coap" {
		return conn, nil
	}
	h := f.host(w.u)
	if h.Identity == "" {
		_ = conn.Close()
		return nil, fault(KindAuth, nil, "no pre-shared key is configured for %s", w.u.Hostname())
	}
	secure, err := dtls.Dial(conn, to, dtls.ClientOptions{Identity: h.Identity, Key: h.Key, Logger: f.o.Logger})
	if err != nil {
		_ = conn.Close()
		return nil, fault(KindInternal, err, "DTLS could not be set up")
	}
	return secure, nil
}

// coapFaults are the errors of an exchange.
var coapFaults = []struct {
	err    error
	kind   Kind
	passes bool
	reason string
}{
	{coap.ErrTooLarge, KindTooLarge, false, "the package is over the limit for CoAP"},
	{coap.ErrNoAnswer, KindTimeout, true, "no answer in time"},
	{coap.ErrReset, KindInterrupted, true, "the server has reset the exchange"},
	{coap.ErrGarbage, KindServer, true, "its answer makes no sense"},
}

func coapFault(ctx context.Context, err error, limit int) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	for _, row := range coapFaults {
		if !errors.Is(err, row.err) {
			continue
		}
		e := fault(row.kind, err, "%s", row.reason)
		if row.kind == KindTooLarge {
			e.Reason += ", " + strconv.Itoa(limit) + " bytes"
		}
		if row.passes {
			return &passing{fault: e}
		}
		return e
	}
	return fault(KindInternal, err, "the bridge could not ask")
}

// coapStatus is nil for 2.05, else the fault that the code is.
func coapStatus(c coap.Code) error {
	switch {
	case c == coap.Content:
		return nil
	case c == coap.Unauthorized || c == coap.Forbidden:
		return fault(KindAuth, nil, "the package server answered %s", c)
	case c == coap.ServiceUnavailable:
		return &passing{fault: fault(KindServer, nil, "the package server answered %s", c)}
	case c.Class() == 4:
		return fault(KindRefused, nil, "the package server answered %s", c)
	}
	return fault(KindServer, nil, "the package server answered %s", c)
}
