package bucket_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery/bucket"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/tlsfiles"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/tlsfiles/tlstest"
)

// Environment variables of the tests with services of others.
const (
	// envS3 names a service that runs: http(s)://key:secret@host:port/bucket.
	// What the tests put there begins with "fwbridge-test/", and is deleted.
	envS3 = "FWBRIDGE_S3"
	// envCA names a file with its CA.
	envCA = "FWBRIDGE_S3_CA"
	// envInterop = 0 skips them.
	envInterop = "FWBRIDGE_INTEROP"
)

const startTimeout = time.Minute

// program is a service that is started for a test, when it is in PATH.
type program struct {
	name    string
	durable bool // keeps objects when it is killed
	keys    bool // looks at signatures
	secure  bool // has TLS
	args    func(dir, host, port string, leaf tlstest.Leaf) []string
}

var programs = []program{
	{"minio", true, true, true, func(dir, host, port string, leaf tlstest.Leaf) []string {
		args := []string{"server", "--quiet", "--address", net.JoinHostPort(host, port), "--console-address", net.JoinHostPort(host, "0")}
		if leaf.Cert != "" {
			args = append(args, "--certs-dir", dir)
		}
		return append(args, filepath.Join(dir, "data"))
	}},
	{"s3s-fs", true, true, false, func(dir, host, port string, _ tlstest.Leaf) []string {
		return []string{"--host", host, "--port", port, "--access-key", peerKey, "--secret-key", peerSecret, filepath.Join(dir, "data")}
	}},
	{"moto_server", false, false, true, func(_, host, port string, leaf tlstest.Leaf) []string {
		args := []string{"-H", host, "-p", port}
		if leaf.Cert != "" {
			args = append(args, "-c", leaf.Cert, "-k", leaf.Key)
		}
		return args
	}},
}

const peerKey, peerSecret = "fwbridge-test", "s3cr3t-s3cr3t-s3cr3t"

// peer is a service of others.
type peer struct {
	program
	t       *testing.T
	o       bucket.Options
	command []string
	leash   interface{ Close() error }
	ended   chan struct{}
	log     bytes.Buffer // read when it has ended
}

// wanted skips unless services of others may be asked.
func wanted(t *testing.T) {
	if os.Getenv(envInterop) == "0" {
		t.Skipf("interop: skipped, %s=0", envInterop)
	}
}

// given is the service of envS3.
func given(t *testing.T) *peer {
	wanted(t)
	text := os.Getenv(envS3)
	if text == "" {
		t.Skipf("interop: skipped, %s names no service", envS3)
	}
	u, err := url.Parse(text)
	if err != nil {
		t.Fatalf("%s is no URL", envS3) // it has a secret
	}
	secret, _ := u.User.Password()
	p := &peer{t: t, o: bucket.Options{
		Endpoint: u.Host, Name: strings.Trim(u.Path, "/"), Prefix: "fwbridge-test/", AccessKey: u.User.Username(), SecretKey: delivery.Secret(secret),
		Insecure: u.Scheme == "http", PathStyle: true, Tries: 2,
	}}
	if ca := os.Getenv(envCA); ca != "" {
		p.trust(ca)
	}
	return p
}

func (p *peer) trust(ca string) {
	conf, err := tlsfiles.Files{CA: ca}.Client()
	if err != nil {
		p.t.Fatal(err)
	}
	p.o.TLS = conf
}

// run starts a program with an empty bucket.
func run(t *testing.T, pr program, secure bool) *peer {
	t.Helper()
	wanted(t)
	if _, err := exec.LookPath(pr.name); err != nil {
		t.Skipf("interop: skipped, %v", err)
	}
	if secure && !pr.secure {
		t.Skipf("interop: skipped, %s has no TLS", pr.name)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	p := &peer{program: pr, t: t, o: bucket.Options{
		Endpoint: l.Addr().String(), Name: "packages", Prefix: "p/", AccessKey: peerKey, SecretKey: peerSecret,
		Insecure: !secure, PathStyle: true, Tries: 2, Patience: 10 * time.Second,
	}}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	leaf := tlstest.Leaf{}
	if secure {
		ca := tlstest.NewCA(t, "CA of the bucket")
		p.trust(ca.File)
		leaf = ca.Leaf("bucket")
		for from, to := range map[string]string{leaf.Cert: "public.crt", leaf.Key: "private.key"} {
			if err := os.Symlink(from, filepath.Join(dir, to)); err != nil {
				t.Fatal(err)
			}
		}
	}
	p.command = append([]string{pr.name}, pr.args(dir, host, port, leaf)...)
	p.start()
	t.Cleanup(p.kill)
	p.await("bucket", func(ctx context.Context) error {
		return p.admin().MakeBucket(ctx, p.o.Name, minio.MakeBucketOptions{})
	})
	return p
}

// leashed runs a program until its standard input ends, and then kills it: also
// when the test is killed.
const leashed = `"$@" & trap '' INT; cat >/dev/null; kill -9 $!`

func (p *peer) start() {
	p.t.Helper()
	cmd := exec.Command("sh", append([]string{"-c", leashed, "sh"}, p.command...)...)
	cmd.Env = append(os.Environ(), "MINIO_ROOT_USER="+peerKey, "MINIO_ROOT_PASSWORD="+peerSecret, "MINIO_BROWSER=off")
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	leash, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.leash, p.ended = leash, make(chan struct{})
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // it was killed
	}()
}

// kill kills the service, which is dead when it returns.
func (p *peer) kill() {
	_ = p.leash.Close()
	<-p.ended
}

// again starts it anew.
func (p *peer) again() {
	p.t.Helper()
	p.start()
	p.await("bucket again", func(ctx context.Context) error {
		there, err := p.admin().BucketExists(ctx, p.o.Name)
		if err == nil && !there {
			err = errors.New("not there")
		}
		return err
	})
}

// await asks until there is no error.
func (p *peer) await(what string, ask func(context.Context) error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), startTimeout)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var err error
	for ctx.Err() == nil {
		if err = ask(ctx); err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		case <-p.ended:
			p.t.Fatalf("%s ended:\n%s", p.name, p.log.String())
		}
	}
	p.t.Fatalf("no %s: %v", what, err)
}

// admin is who does what the bridge does not do.
func (p *peer) admin() *minio.Client {
	p.t.Helper()
	tr := &http.Transport{TLSClientConfig: p.o.TLS.Clone(), DisableKeepAlives: true}
	c, err := minio.New(p.o.Endpoint, &minio.Options{
		Creds: credentials.NewStaticV4(p.o.AccessKey, string(p.o.SecretKey), ""), Secure: !p.o.Insecure,
		Transport: tr, BucketLookup: minio.BucketLookupPath, MaxRetries: 1, Region: "us-east-1",
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// left is what is in the bucket: objects, and uploads that are not complete.
func (p *peer) left() (objects, uploads []string) {
	p.t.Helper()
	for o := range p.admin().ListObjects(p.t.Context(), p.o.Name, minio.ListObjectsOptions{Prefix: p.o.Prefix, Recursive: true}) {
		if o.Err != nil {
			p.t.Fatal(o.Err)
		}
		objects = append(objects, o.Key)
	}
	for u := range p.admin().ListIncompleteUploads(p.t.Context(), p.o.Name, p.o.Prefix, true) {
		if u.Err != nil {
			p.t.Log(u.Err)
			break
		}
		uploads = append(uploads, u.Key)
	}
	slices.Sort(objects)
	return objects, uploads
}

// store is one of a bridge, behind the bucket.
func (p *peer) store() *delivery.Store {
	p.t.Helper()
	return openOn(p.t, delivery.StoreOptions{MaxPackage: 1 << 30, MaxBytes: 4 << 30}, p.o)
}

func (p *peer) String() string { return fmt.Sprintf("%s at %s", p.name, p.o.Endpoint) }
