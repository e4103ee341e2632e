package dmlisten

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// forwarded is the header in which proxies say for whom a request is: each adds
// the address that it saw at the end.
const forwarded = "X-Forwarded-For"

// sender is the address that a request came from. What a proxy of ours says is
// believed, and of that the last address that is none of them: everything before
// it was written by somebody else. Where a proxy says nothing that makes sense,
// the sender is the proxy.
func sender(r *http.Request, proxies []netip.Prefix) netip.Addr {
	at := address(r.RemoteAddr)
	if len(proxies) == 0 {
		return at
	}
	told := strings.Split(strings.Join(r.Header.Values(forwarded), ","), ",")
	for _, text := range slices.Backward(told) {
		if !slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(at) }) {
			break
		}
		next := address(strings.TrimSpace(text))
		if !next.IsValid() {
			break
		}
		at = next
	}
	return at
}

// address reads an address with or without a port; invalid if it is none.
func address(s string) netip.Addr {
	if at, err := netip.ParseAddrPort(s); err == nil {
		return at.Addr().Unmap().WithZone("")
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}
