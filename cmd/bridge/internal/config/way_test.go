package config

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmhttp"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/tlsfiles/tlstest"
)

// TestWay: what tls, proxy and content_type say reaches the HTTP client, each
// server's its own.
func TestWay(t *testing.T) {
	ca := tlstest.NewCA(t, "ca")
	leaf := ca.Leaf("client")
	dir := writeFiles(t, map[string]string{"proxy-secret": "hunter2\n"})
	for name, from := range map[string]string{"ca.pem": ca.File, "c.pem": leaf.Cert, "c-key.pem": leaf.Key} {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "bridge.yaml")
	text := strings.Replace(minimal, "http:", "https:", 1) + `    content_type: syncml
    tls: {ca: ca.pem, cert: c.pem, key: c-key.pem, min_version: 1.0, legacy_suites: true}
    proxy: {url: "http://proxy.example.com:3128", user: u, secret_file: proxy-secret}
` + strings.NewReplacer("dm_servers:\n", "", "name: a", "name: b", "server_id: srv", "server_id: srv2", `"*"`, "other").Replace(minimal) + `    proxy: {url: none}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	w := c.Servers[0].Way()
	if w.Family != dmhttp.FamilySyncML || w.Proxy.URL.Host != "proxy.example.com:3128" || w.Proxy.User != "u" || w.Proxy.Secret != "hunter2" || w.Proxy.Direct {
		t.Errorf("first server: %+v", w.Proxy)
	}
	if conf := w.TLS; conf.RootCAs == nil || len(conf.Certificates) != 1 || conf.MinVersion != tls.VersionTLS10 || len(conf.CipherSuites) == 0 || conf.InsecureSkipVerify {
		t.Errorf("first server: least version %x, %d certificates", conf.MinVersion, len(conf.Certificates))
	}
	w = c.Servers[1].Way()
	if w.Family != dmhttp.FamilyDM || w.Proxy.URL != nil || !w.Proxy.Direct {
		t.Errorf("second server: %+v", w)
	}
	if conf := w.TLS; conf.RootCAs != nil || conf.Certificates != nil || conf.MinVersion != tls.VersionTLS12 || conf.CipherSuites != nil {
		t.Errorf("second server has the TLS of another")
	}
	if shown := fmt.Sprintf("%v %+v %#v", c, c.Servers, w); strings.Contains(shown, "hunter2") {
		t.Error("printing shows a secret")
	}
}

// TestTLSWarning: settings for TLS and an http URL are probably a mistake.
func TestTLSWarning(t *testing.T) {
	c := load(t, minimal+"    tls: {min_version: 1.3}\n")
	if len(c.Warnings) != 1 || !strings.HasPrefix(c.Warnings[0], "bridge.yaml:6: dm_servers[0].tls: the URL of a is http") {
		t.Errorf("got %q", c.Warnings)
	}
	if c := load(t, strings.Replace(minimal, "http:", "HTTPS:", 1)+"    tls: {min_version: 1.3}\n"); len(c.Warnings) != 0 {
		t.Errorf("warned of https: %q", c.Warnings)
	}
}
