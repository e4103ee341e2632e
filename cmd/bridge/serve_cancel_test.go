package main

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// TestServeCancel: the way to give up updates is there when the configuration
// says so, and only then. The engine answers: there is no such device.
func TestServeCancel(t *testing.T) {
	for cancel, want := range map[string]string{"true": "no such device", "false": "no such resource"} {
		config := strings.Replace(quietConfig, `http: {listen: "127.0.0.1:0"`, `http: {listen: "127.0.0.1:0", cancel: `+cancel, 1)
		c := begin(t, "serve", "--config", write(t, "bridge.yaml", config), "--data", t.TempDir())
		c.err.shows(t, "bridge is up")
		addr := regexp.MustCompile(`http=(\S+)`).FindStringSubmatch(c.err.String())
		if addr == nil {
			t.Fatalf("no address in\n%s", c.err)
		}
		resp, err := http.Post("http://"+addr[1]+"/api/v1/devices/d1/cancel", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusNotFound || !strings.Contains(string(body), want) {
			t.Errorf("cancel: %s: %d %s %v; want %q", cancel, resp.StatusCode, body, err, want)
		}
		c.stop()
	}
	http.DefaultClient.CloseIdleConnections()
}
