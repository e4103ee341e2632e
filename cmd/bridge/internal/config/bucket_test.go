package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery/bucket"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/tlsfiles/tlstest"
)

func TestBucketProblems(t *testing.T) {
	const good = "endpoint: s3.example.com, name: bucket"
	for _, c := range []struct{ text, want string }{
		{"endpoint: s3.example.com", "packages.bucket.name: is missing: the name of the bucket"},
		{"endpoint: s3.example.com, name: ab", `packages.bucket.name: "ab": name of the bucket: Bucket name cannot be shorter than 3 characters`},
		{"name: bucket", "packages.bucket.endpoint: is missing: the host of the service, with :port if need be"},
		{"name: bucket, endpoint: 'https://s3.example.com/x'", `packages.bucket.endpoint: "https://s3.example.com/x": endpoint of the bucket`},
		{good + ", access_key: a", "packages.bucket.access_key: and secret_key (or secret_file) belong together; one of them is missing"},
		{good + ", secret_key: hunter2", "packages.bucket.access_key: and secret_key (or secret_file) belong together; one of them is missing"},
		{good + ", access_key: a, secret_key: hunter2, secret_file: f", "packages.bucket.secret_file: and secret are both given; remove one"},
		{good + ", access_key: a, secret_file: none", "packages.bucket.secret_file: none: no such file or directory"},
		{good + ", prefix: /p", "packages.bucket.prefix: want no / at the beginning, and none twice"},
		{good + ", prefix: p//q", "packages.bucket.prefix: want no / at the beginning, and none twice"},
		{good + ", insecure: true, ca: c", "packages.bucket.ca: has no effect with insecure: true; HTTP has no certificates"},
		{good + ", ca: none", "packages.bucket.ca: none: no such file or directory"},
	} {
		_, err := parse("f.yaml", []byte("packages: {bucket: {"+c.text+"}}\n"))
		if err == nil || !strings.Contains(err.Error(), "f.yaml:1: "+c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s\ngot  %v\nwant %s", c.text, err, c.want)
		}
	}
}

func TestBucketOptions(t *testing.T) {
	p := loadLegacy(t).Packages.Bucket
	want := bucket.Options{Endpoint: "bucket.example.com:9000", Name: "packages", Prefix: "bridge/", Region: "eu-1", AccessKey: "access", PathStyle: true, Insecure: true}
	got := p.Options()
	if got.SecretKey != "from-file" {
		t.Error("the secret was not read")
	}
	if text := fmt.Sprintf("%v %+v %#v %+v", p, p, p, got); strings.Contains(text, "from-file") {
		t.Error("the secret is printed")
	}
	if got.SecretKey = ""; got != want || !p.Given() {
		t.Errorf("%+v, want %+v", got, want)
	}
	if d := Default().Packages.Bucket; d.Given() {
		t.Error("there is a bucket without configuration")
	}
}

// TestBucketCA: the CA of the configuration is that of the bucket, and no other.
func TestBucketCA(t *testing.T) {
	ours, other := tlstest.NewCA(t, "ours"), tlstest.NewCA(t, "another")
	leaf := ours.Leaf("bucket")
	pair, err := tls.LoadX509KeyPair(leaf.Cert, leaf.Key)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.TLS, s.Config.ErrorLog = &tls.Config{Certificates: []tls.Certificate{pair}}, log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	for file, trusted := range map[string]bool{ours.File: true, other.File: false, "": false} {
		text := "packages: {bucket: {name: bucket, region: r, endpoint: '" + s.Listener.Addr().String() + "', ca: '" + file + "'}}\n"
		c, err := parse("f.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		o := c.Packages.Bucket.Options()
		o.Tries = 1
		b, err := bucket.New(o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Stat(t.Context(), delivery.Digest{1}); errors.Is(err, delivery.ErrMissing) != trusted {
			t.Errorf("%q: %v", file, err)
		}
		b.Close()
	}
}
