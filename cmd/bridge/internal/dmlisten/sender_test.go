package dmlisten

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestSender(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, tt := range []struct {
		remote string
		told   []string
		want   string
	}{
		{"192.0.2.1:99", nil, "192.0.2.1"},
		{"192.0.2.1:99", []string{"198.51.100.7"}, "192.0.2.1"}, // no proxy of ours: it may write what it likes
		{"10.1.2.3:99", nil, "10.1.2.3"},
		{"10.1.2.3:99", []string{"198.51.100.7"}, "198.51.100.7"},
		{"[::ffff:10.1.2.3]:99", []string{"198.51.100.7"}, "198.51.100.7"},
		{"10.1.2.3:99", []string{"203.0.113.9, 198.51.100.7"}, "198.51.100.7"}, // the first one is the guesser's own word
		{"10.1.2.3:99", []string{"203.0.113.9", "198.51.100.7, 10.9.9.9"}, "198.51.100.7"},
		{"10.1.2.3:99", []string{"10.8.8.8, 10.9.9.9"}, "10.8.8.8"},
		{"10.1.2.3:99", []string{"unknown"}, "10.1.2.3"},
		{"10.1.2.3:99", []string{"198.51.100.7, "}, "10.1.2.3"},
		{"10.1.2.3:99", []string{"198.51.100.7, x, 10.9.9.9"}, "10.9.9.9"},
		{"10.1.2.3:99", []string{"198.51.100.7:4711"}, "198.51.100.7"},
		{"[fd00::1]:99", []string{"[2001:db8::5]:4711"}, "2001:db8::5"},
		{"[fd00::1%eth0]:99", []string{"[2001:db8::5]"}, "2001:db8::5"},
		{"@", []string{"198.51.100.7"}, "invalid IP"},
	} {
		r := &http.Request{RemoteAddr: tt.remote, Header: http.Header{}}
		for _, v := range tt.told {
			r.Header.Add(forwarded, v)
		}
		if got := sender(r, proxies).String(); got != tt.want {
			t.Errorf("from %s, %q: %s, want %s", tt.remote, tt.told, got, tt.want)
		}
	}
}
