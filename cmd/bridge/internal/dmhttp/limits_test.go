package dmhttp

import (
	"net/http"
	"strings"
	"testing"
)

// TestDirectAsksNobody: net/http exempts loopback from the proxy of the
// environment, so that no connection of a test would show it.
func TestDirectAsksNobody(t *testing.T) {
	if (Proxy{Direct: true}).choose() != nil {
		t.Error("direct looks at the environment")
	}
	if (Proxy{}).choose() == nil {
		t.Error("the environment is not looked at")
	}
}

// TestHeaderLimit: an answer's header may be large, but not without end.
func TestHeaderLimit(t *testing.T) {
	for size, ok := range map[int]bool{maxHeader / 2: true, 2 * maxHeader: false} {
		url := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Filler", strings.Repeat("x", size)) })
		if _, err := post(t, Options{}, url, "m"); (err == nil) != ok {
			t.Errorf("a header of %d bytes: %v", size, err)
		}
	}
}
