package delivery

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"syscall"
)

// DefaultPorts are the ports that packages may come from where [Allow] names
// none.
var DefaultPorts = []uint16{80, 443, 5683, 5684, 8080, 8443}

// Allow says where connections may go. A URL or an address has to pass all
// three lists.
type Allow struct {
	// Hosts are patterns as in [Host]; none allows all names.
	Hosts []string
	// Networks are the addresses that are allowed; none allows all but those
	// that no package server on another machine has: loopback, link-local,
	// multicast, unspecified, and those where clouds keep their secrets.
	Networks []netip.Prefix
	// Ports that are allowed; none is DefaultPorts. 0 allows all.
	Ports []uint16
}

func (a Allow) check() error {
	for _, p := range a.Networks {
		if !p.IsValid() {
			return errors.New("allowed networks: one is not valid")
		}
	}
	return nil
}

// never lists what is not connected to unless Networks names it: the comments
// say what is there beyond what [netip.Addr] knows by itself.
var never = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),              // "this network": Linux takes it for loopback
	netip.MustParsePrefix("100.100.100.200/32"),     // metadata, Alibaba Cloud
	netip.MustParsePrefix("168.63.129.16/32"),       // the host's services, Azure
	netip.MustParsePrefix("192.0.0.192/32"),         // metadata, Oracle Cloud
	netip.MustParsePrefix("255.255.255.255/32"),     // broadcast
	netip.MustParsePrefix("fd00:ec2::/32"),          // metadata, EC2
	netip.MustParsePrefix("fd20:ce::254/128"),       // metadata, Google Cloud
	netip.MustParsePrefix("fd00:c1::a9fe:a9fe/128"), // metadata, Oracle Cloud
}

// embedding lists the IPv6 prefixes with an IPv4 address inside, and at which
// byte: what is behind them is that address.
var embedding = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("::ffff:0:0/96"), 12}, // mapped (RFC 4291, 2.5.5.2)
	{netip.MustParsePrefix("::/96"), 12},         // compatible (RFC 4291, 2.5.5.1)
	{netip.MustParsePrefix("64:ff9b::/96"), 12},  // NAT64 (RFC 6052, 2.1)
	{netip.MustParsePrefix("2002::/16"), 2},      // 6to4 (RFC 3056, 2)
}

// url checks scheme, host name and port of a URL; addresses are checked when
// they are known.
func (a Allow) url(u *url.URL) error {
	port, err := strconv.ParseUint(portOf(u), 10, 16)
	switch {
	case err != nil:
		return fault(KindURI, nil, "the port is no number up to 65535")
	case !a.port(uint16(port)):
		return fault(KindNotAllowed, nil, "port %d is not among packages.allow.ports", port)
	case len(a.Hosts) > 0 && !slices.ContainsFunc(a.Hosts, func(p string) bool { return fitsHost(p, u) }):
		return fault(KindNotAllowed, nil, "host %s is not among packages.allow.hosts", u.Hostname())
	}
	return nil
}

func (a Allow) port(p uint16) bool {
	ports := a.Ports
	if len(ports) == 0 {
		ports = DefaultPorts
	}
	return slices.Contains(ports, p) || slices.Contains(ports, 0)
}

// address checks an address that a name has turned out to have.
func (a Allow) address(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if len(a.Networks) > 0 {
		return slices.ContainsFunc(a.Networks, func(p netip.Prefix) bool { return p.Masked().Contains(ip) })
	}
	if ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() ||
		slices.ContainsFunc(never, func(p netip.Prefix) bool { return p.Contains(ip) }) {
		return false
	}
	for _, e := range embedding {
		if e.prefix.Contains(ip) {
			b := ip.As16()
			return a.address(netip.AddrFrom4([4]byte(b[e.at : e.at+4])))
		}
	}
	return ip.IsValid()
}

// control is called by net.Dialer for each address before it connects: after
// name resolution, so that no name can lead where it should not.
func (a Allow) control(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	switch {
	case err != nil:
		return fault(KindNotAllowed, err, "an address that cannot be read")
	case !a.address(ap.Addr()):
		return fault(KindNotAllowed, nil, "address %s is not allowed by packages.allow.networks", ap.Addr())
	case !a.port(ap.Port()):
		return fault(KindNotAllowed, nil, "port %d is not among packages.allow.ports", ap.Port())
	}
	return nil
}

// parseURI reads what was written as a URI.
func (f *Fetcher) parseURI(s string) (*url.URL, error) {
	if len(s) > MaxURI {
		return nil, fault(KindURI, nil, "the URI is over %d bytes", MaxURI)
	}
	u, err := url.Parse(s)
	if err != nil { // url.Error holds the URI, with what it may carry
		return nil, fault(KindURI, errors.Unwrap(err), "no URI")
	}
	switch _, known := defaultPorts[u.Scheme]; {
	case !known:
		return nil, fault(KindURI, nil, "scheme %.16q is not http, https, coap or coaps", u.Scheme)
	case u.Hostname() == "":
		return nil, fault(KindURI, nil, "the URI has no host")
	case u.User != nil:
		return nil, fault(KindURI, nil, "the URI has a user in it: credentials are configured by host")
	}
	return u, f.o.Allow.url(u)
}

// dialer is for one connection.
func (f *Fetcher) dialer() *net.Dialer {
	return &net.Dialer{Timeout: f.o.DialTimeout, Control: f.o.Allow.control}
}

// place is a URL as it may be shown: without query and fragment, where tokens
// are.
func place(u *url.URL) string {
	return fmt.Sprintf("%s://%s%s", u.Scheme, u.Host, u.EscapedPath())
}
