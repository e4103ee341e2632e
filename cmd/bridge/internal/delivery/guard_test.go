package delivery

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

func TestAddresses(t *testing.T) {
	for s, want := range map[string]bool{
		"93.184.216.34": true, "10.1.2.3": true, "192.168.1.1": true, "2001:db8::1": true, "fd12::1": true, // private networks are where packages are
		"127.0.0.1": false, "127.255.255.254": false, "0.0.0.0": false, "0.1.2.3": false, "169.254.169.254": false, "169.254.0.1": false,
		"224.0.0.1": false, "255.255.255.255": false, "100.100.100.200": false, "168.63.129.16": false, "192.0.0.192": false,
		"::1": false, "::": false, "fe80::1": false, "fe80::1%eth0": false, "ff02::1": false, "fd00:ec2::254": false,
		"::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false, "::127.0.0.1": false, "64:ff9b::a9fe:a9fe": false, "64:ff9b::8.8.8.8": true,
		"2002:7f00:1::": false, "2002:5db8:d822::1": true,
	} {
		if got := (Allow{}).address(netip.MustParseAddr(s)); got != want {
			t.Errorf("%s: %v", s, got)
		}
	}
	only := Allow{Networks: []netip.Prefix{netip.MustParsePrefix("10.1.2.3/8"), netip.MustParsePrefix("127.0.0.1/32")}}
	for s, want := range map[string]bool{"10.9.9.9": true, "127.0.0.1": true, "::ffff:127.0.0.1": true, "127.0.0.2": false, "93.184.216.34": false} {
		if got := only.address(netip.MustParseAddr(s)); got != want {
			t.Errorf("only some networks: %s: %v", s, got)
		}
	}
}

func TestURIs(t *testing.T) {
	f, _ := newFetcher(t, FetcherOptions{Allow: Allow{Hosts: []string{"fw.example.com", "*.fw.example.net", "10.0.0.1:8443", "[2001:db8::1]:443"}, Ports: DefaultPorts}})
	for s, want := range map[string]Kind{
		"http://fw.example.com/x": 255, "HTTP://FW.example.COM./x": 255, "https://fw.example.com:8443/": 255, "coap://fw.example.com/x": 255,
		"coaps://a.fw.example.net": 255, "https://10.0.0.1:8443/": 255, "https://[2001:db8::1]/": 255,
		"http://fw.example.net/": KindNotAllowed, "http://xfw.example.net/": KindNotAllowed, "http://fw.example.com.evil.org/": KindNotAllowed,
		"https://10.0.0.1/": KindNotAllowed, "http://fw.example.com:22/": KindNotAllowed, "http://fw.example.com:99999/": KindURI,
		"http://fw.example.com@evil.org/": KindURI, "ftp://fw.example.com/": KindURI, "file:///etc/passwd": KindURI, "": KindURI, "/x": KindURI,
		"fw.example.com": KindURI, "http:///x": KindURI, "http:fw": KindURI, "http://fw.example.com/\x00": KindURI, "http://[::1": KindURI,
		"http://fw.example.com/" + strings.Repeat("x", MaxURI-22): 255, "http://fw.example.com/" + strings.Repeat("x", MaxURI-21): KindURI,
	} {
		if _, err := f.parseURI(s); err == nil != (want == 255) || err != nil && KindOf(err) != want {
			t.Errorf("%.60q: %v", s, err)
		}
	}
}

// TestGuard: addresses are looked at when a name has been resolved, and ports
// with them.
func TestGuard(t *testing.T) {
	asked := false
	at := serve(t, func(http.ResponseWriter, *http.Request) { asked = true })
	u, _ := url.Parse(at)
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"} {
		f, _ := newFetcher(t, FetcherOptions{Allow: Allow{Ports: []uint16{0}, Networks: []netip.Prefix{}}, MaxAttempts: 1})
		_, err := f.Fetch(t.Context(), FetchRequest{URL: "http://" + host + ":" + u.Port() + "/"})
		if KindOf(err) != KindNotAllowed || asked {
			t.Errorf("%s: %v", host, err)
		}
	}
	f, _ := newFetcher(t, FetcherOptions{Allow: Allow{Ports: []uint16{80}, Networks: loopback.Networks}})
	if _, err := f.Fetch(t.Context(), FetchRequest{URL: at}); KindOf(err) != KindNotAllowed || asked {
		t.Errorf("another port: %v", err)
	}
	if _, err := f.Fetch(t.Context(), FetchRequest{URL: "coap://127.0.0.1:5683/x"}); KindOf(err) != KindNotAllowed {
		t.Errorf("another port, coap: %v", err)
	}
	if _, err := NewFetcher(FetcherOptions{Store: f.o.Store, Allow: Allow{Networks: []netip.Prefix{{}}}}); err == nil {
		t.Error("a network that is none")
	}
}
