package dmhttp

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/tlsfiles"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/tlsfiles/tlstest"
)

func mustTLS(t *testing.T, get func() (*tls.Config, error)) *tls.Config {
	t.Helper()
	c, err := get()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// echo answers a message with itself.
func echo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", dmXML)
	_, _ = io.Copy(w, r.Body)
}

// serveTLS is a DM server that wants a certificate of the CA.
func serveTLS(t *testing.T, ca *tlstest.CA, leaf tlstest.Leaf, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.TLS = mustTLS(t, tlsfiles.Files{CA: ca.File, Cert: leaf.Cert, Key: leaf.Key}.Server)
	s.EnableHTTP2 = true // it would, but we do not ask
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

// TestEachServerItsOwnTLS: three servers, three kinds of trust, one client.
func TestEachServerItsOwnTLS(t *testing.T) {
	ours, theirs := tlstest.NewCA(t, "ours"), tlstest.NewCA(t, "theirs")
	client, stranger, late := ours.Leaf("client"), theirs.Leaf("stranger"), ours.Expired("late")
	var seen string
	address := serveTLS(t, ours, ours.Leaf("server"), func(w http.ResponseWriter, r *http.Request) {
		seen += r.Proto + " from " + r.TLS.PeerCertificates[0].Subject.CommonName
		echo(w, r)
	})
	stale := serveTLS(t, ours, ours.Expired("server"), echo)
	way := func(f tlsfiles.Files) Server { return Server{TLS: mustTLS(t, f.Client)} }
	c := newClient(t, Options{Servers: map[string]Server{
		"good":      way(tlsfiles.Files{CA: ours.File, Cert: client.Cert, Key: client.Key}),
		"wrong CA":  way(tlsfiles.Files{CA: theirs.File, Cert: client.Cert, Key: client.Key}),
		"anonymous": way(tlsfiles.Files{CA: ours.File}),
		"stranger":  way(tlsfiles.Files{CA: ours.File, Cert: stranger.Cert, Key: stranger.Key}),
		"late":      way(tlsfiles.Files{CA: ours.File, Cert: late.Cert, Key: late.Key}),
	}})
	for _, tc := range []struct{ server, url, fails string }{
		{"good", address, ""},
		{"wrong CA", address, "unknown authority"},
		// Who is refused by the server may find the connection broken before it
		// reads why.
		{"anonymous", address, "dmhttp: "},
		{"stranger", address, "dmhttp: "},
		{"late", address, "dmhttp: "},
		{"nobody's", address, "certificate"}, // the default way knows no CA of ours
		{"good", stale, "expired"},
	} {
		answer, err := c.Post(t.Context(), Request{Server: tc.server, URL: tc.url, Body: []byte("m")})
		if tc.fails == "" && (err != nil || string(answer.Body) != "m") {
			t.Errorf("%s: %+v, %v", tc.server, answer, err)
		}
		if tc.fails != "" && (err == nil || !strings.Contains(err.Error(), tc.fails)) {
			t.Errorf("%s: %+v, %v; want %q", tc.server, answer, err, tc.fails)
		}
	}
	if seen != "HTTP/1.1 from client" {
		t.Errorf("the server saw %s", seen)
	}
}

// TestProxy: http goes to it as it is, https in a tunnel that it cannot look
// into; only the servers that are configured so use it.
func TestProxy(t *testing.T) {
	ca := tlstest.NewCA(t, "ca")
	leaf := ca.Leaf("client")
	plain := serve(t, echo)
	secure := serveTLS(t, ca, ca.Leaf("server"), echo)
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.RequestURI)
		if user, password, ok := parseProxyAuth(r); !ok || user != "u" || password != "p" {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		if r.Method == http.MethodConnect {
			tunnel(t, w, r.Host)
			return
		}
		echo(w, r)
	}))
	t.Cleanup(proxy.Close)
	at, _ := url.Parse(proxy.URL)
	conf := mustTLS(t, tlsfiles.Files{CA: ca.File, Cert: leaf.Cert, Key: leaf.Key}.Client)
	c := newClient(t, Options{Servers: map[string]Server{
		"by proxy":  {TLS: conf, Proxy: Proxy{URL: at, User: "u", Secret: "p"}},
		"no secret": {TLS: conf, Proxy: Proxy{URL: at}},
		"direct":    {TLS: conf, Proxy: Proxy{Direct: true}},
	}})
	for _, tc := range []struct {
		server, url string
		asked       string
		status      int
		fails       string
	}{
		{"by proxy", plain + "/dm", "POST " + plain + "/dm", 200, ""},
		{"by proxy", secure, "CONNECT " + strings.TrimPrefix(secure, "https://"), 200, ""},
		{"no secret", plain, "POST " + plain + "/", 407, ""},
		{"no secret", secure, "CONNECT " + strings.TrimPrefix(secure, "https://"), 0, "Proxy Authentication Required"},
		{"direct", plain, "", 200, ""},
		{"direct", secure, "", 200, ""},
	} {
		asked = nil
		answer, err := c.Post(t.Context(), Request{Server: tc.server, URL: tc.url, Body: []byte("m")})
		if answer.Status != tc.status || tc.status == 200 && string(answer.Body) != "m" || strings.Join(asked, ", ") != tc.asked {
			t.Errorf("%s to %s: %+v, %v; the proxy was asked %q", tc.server, tc.url, answer, err, asked)
		}
		if (err != nil) != (tc.fails != "") || err != nil && !strings.Contains(err.Error(), tc.fails) {
			t.Errorf("%s to %s: %v; want %q", tc.server, tc.url, err, tc.fails)
		}
	}
}

func parseProxyAuth(r *http.Request) (user, password string, ok bool) {
	as := &http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}
	return as.BasicAuth()
}

// tunnel joins the connection of w with one to host.
func tunnel(t *testing.T, w http.ResponseWriter, host string) {
	there, err := net.Dial("tcp", host)
	if err != nil {
		t.Error(err)
		return
	}
	here, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		t.Error(err)
		there.Close()
		return
	}
	_, _ = io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		_, _ = io.Copy(there, here)
		there.Close()
	}()
	_, _ = io.Copy(here, there)
	here.Close()
}
