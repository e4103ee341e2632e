package dmhttp

import (
	"errors"
	"net/http"
	"testing"
)

// TestSameHost: which redirects are followed, at the limit and one over it.
func TestSameHost(t *testing.T) {
	request := func(method, url string) *http.Request {
		r, err := http.NewRequest(method, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := request(http.MethodPost, "https://dm.example.com:8443/dm")
	var at, over []*http.Request
	for range maxRedirects {
		at = append(at, first)
	}
	over = append(append(over, at...), first)
	for _, tt := range []struct {
		name, method, url string
		via               []*http.Request
		ok                bool
	}{
		{"same", http.MethodPost, "https://dm.example.com:8443/other", over[:1], true},
		{"no TLS any more", http.MethodPost, "http://dm.example.com:8443/dm", over[:1], false},
		{"another port", http.MethodPost, "https://dm.example.com/dm", over[:1], false},
		{"another host", http.MethodPost, "https://dm.example.org:8443/dm", over[:1], false},
		{"a GET", http.MethodGet, "https://dm.example.com:8443/other", over[:1], false},
		{"the last that is allowed", http.MethodPost, "https://dm.example.com:8443/other", at, true},
		{"one more", http.MethodPost, "https://dm.example.com:8443/other", over, false},
	} {
		err := sameHost(request(tt.method, tt.url), tt.via)
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
		if tt.method == http.MethodGet && !errors.Is(err, http.ErrUseLastResponse) {
			t.Errorf("%s: %v, want the status to be shown", tt.name, err)
		}
	}
}
