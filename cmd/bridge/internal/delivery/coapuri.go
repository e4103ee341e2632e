package delivery

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

// maxCoAPOption bounds the host and each part of path or query (RFC 7252, 5.10),
// in bytes.
const maxCoAPOption = 255

// coapRequest is the GET of a coap URI (RFC 7252, 6.4). Uri-Port is never
// needed: what is asked is always at the URI's port.
func coapRequest(u *url.URL) (coap.Request, error) {
	r := coap.Request{Method: coap.GET, Format: coap.NoFormat, Accept: coap.NoFormat}
	if host := u.Hostname(); !isAddress(host) {
		if len(host) > maxCoAPOption {
			return r, fault(KindURI, nil, "the host is over %d bytes", maxCoAPOption)
		}
		r.Host = lowerASCII(host)
	}
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

// isAddress says whether a host is an IP address and no name.
func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// lowerASCII leaves alone what is beyond ASCII, valid or not.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// resolve finds the addresses of the host that are allowed, and takes one after
// the other: nothing else tells that one of them cannot be reached.
func (f *Fetcher) resolve(ctx context.Context, u *url.URL, try int) (netip.AddrPort, error) {
	ctx, cancel := context.WithTimeout(ctx, f.o.DialTimeout)
	defer cancel()
	all, err := f.o.lookup(ctx, "ip", u.Hostname())
	if err != nil {
		return netip.AddrPort{}, &passing{fault: fault(KindUnreachable, err, "its name has no address")}
	}
	port, err := strconv.ParseUint(portOf(u), 10, 16)
	if err != nil {
		return netip.AddrPort{}, fault(KindURI, nil, "the port is no number up to 65535")
	}
	var allowed []netip.Addr
	for _, ip := range all {
		if f.o.Allow.address(ip) {
			allowed = append(allowed, ip.Unmap())
		}
	}
	if len(allowed) == 0 {
		return netip.AddrPort{}, fault(KindNotAllowed, nil, "none of its addresses is allowed")
	}
	return netip.AddrPortFrom(allowed[try%len(allowed)], uint16(port)), nil
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
