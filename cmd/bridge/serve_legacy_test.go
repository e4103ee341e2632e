package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestServeLegacyAlone: a bridge for direction B alone speaks HTTPS with the
// operator's certificate, and shows its devices; packages are 404 for everybody
// without a URL.
func TestServeLegacyAlone(t *testing.T) {
	config := write(t, "bridge.yaml", `coap: {secure: {listen: ""}}
http: {listen: "127.0.0.1:0"}
store: {reserve: 16MiB}
legacy:
  listen: "127.0.0.1:0"
  url: https://dm.example.com/dm
  tls: {cert: cert.pem, key: key.pem, min_version: 1.3}
  groups:
    - {name: g, devices: [IMEI:1], account: {client: {scheme: md5, user: u, secret: s}}}
  lwm2m_servers:
    - {name: main, address: "127.0.0.1:9", devices: ["*"]}
`)
	roots := certificate(t, filepath.Dir(config))
	c := begin(t, "serve", "--config", config, "--data", t.TempDir())
	at := c.err.shows(t, `bridge is up.* legacy=(\S+)`)
	api := c.err.shows(t, `bridge is up.* http=(\S+)`)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer client.CloseIdleConnections()
	for url, want := range map[string]int{
		"https://" + at + "/dm":                        http.StatusMethodNotAllowed, // a DM server takes POST only
		"https://" + at + "/packages/x":                http.StatusNotFound,
		"https://" + at + "/api/v1/legacy":             http.StatusNotFound,
		"http://" + api + "/api/v1/legacy/IMEI:1":      http.StatusOK,
		"http://" + api + "/api/v1/legacy/IMEI:2":      http.StatusNotFound,
		"http://" + api + "/api/v1/devices/urn:imei:1": http.StatusNotFound,
	} {
		r, err := client.Get(url)
		if err != nil {
			t.Error(err)
			continue
		}
		r.Body.Close()
		if r.StatusCode != want {
			t.Errorf("%s: %s; want %d", url, r.Status, want)
		}
	}
	client.CloseIdleConnections()
	if code := c.stop(); code != exitDone {
		t.Errorf("exit code %d\n%s", code, c.err)
	}
}

// TestServeUnknownLwM2MServer: a server that cannot be found is named, and
// nothing stays open.
func TestServeUnknownLwM2MServer(t *testing.T) {
	config := write(t, "bridge.yaml", `coap: {secure: {listen: ""}}
http: {listen: ""}
store: {reserve: 16MiB}
legacy:
  listen: "127.0.0.1:0"
  url: http://dm.example.com/dm
  lwm2m_servers:
    - {name: nowhere, address: "nowhere.invalid:5683", devices: ["*"]}
`)
	c := begin(t, "serve", "--config", config, "--data", t.TempDir())
	<-c.ended
	c.err.shows(t, `LwM2M server nowhere: .*nowhere.invalid`)
	if code := c.stop(); code != exitFailed {
		t.Errorf("exit code %d; want %d", code, exitFailed)
	}
}

// certificate writes a certificate for 127.0.0.1 and its key, and returns whom
// to trust.
func certificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	pool.AppendCertsFromPEM(cert)
	for name, text := range map[string][]byte{"cert.pem": cert, "key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return pool
}
