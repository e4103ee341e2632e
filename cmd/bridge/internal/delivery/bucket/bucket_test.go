package bucket_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery/bucket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// random is n bytes that are the same for the same n.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)}).Read(b)
	return b
}

func options(s *service) bucket.Options {
	return bucket.Options{Endpoint: s.host, Name: "bucket", Prefix: "p/", AccessKey: "access", SecretKey: "s3cr3t", Insecure: true, Tries: 1}
}

func open(t *testing.T, o bucket.Options) *bucket.Bucket {
	t.Helper()
	b, err := bucket.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func get(t *testing.T, b *bucket.Bucket, d delivery.Digest) []byte {
	t.Helper()
	r, size, err := b.Get(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	all, err := io.ReadAll(r)
	if err != nil || int64(len(all)) != size {
		t.Fatalf("%d of %d bytes, %v", len(all), size, err)
	}
	return all
}

// TestRoundTrip: in one piece, and in parts.
func TestRoundTrip(t *testing.T) {
	s := newService(t)
	b := open(t, options(s))
	for _, size := range []int{1, 1000, 16 << 20, 16<<20 + 1} {
		body := random(size)
		d := delivery.Digest(sha256.Sum256(body))
		if _, err := b.Stat(t.Context(), d); err != delivery.ErrMissing {
			t.Errorf("%d bytes: Stat before: %v", size, err)
		}
		if _, _, err := b.Get(t.Context(), d); err != delivery.ErrMissing {
			t.Errorf("%d bytes: Get before: %v", size, err)
		}
		if err := b.Put(t.Context(), d, bytes.NewReader(body), int64(size)); err != nil {
			t.Fatal(err)
		}
		if n, err := b.Stat(t.Context(), d); err != nil || n != int64(size) {
			t.Errorf("%d bytes: Stat = %d, %v", size, n, err)
		}
		if want := []string{"p/" + d.String()}; !cmp.Equal(s.names(), want) {
			t.Errorf("%d bytes: the bucket has %v, want %v", size, s.names(), want)
		}
		if !bytes.Equal(get(t, b, d), body) {
			t.Errorf("%d bytes: others came back", size)
		}
		if err := errors.Join(b.Delete(t.Context(), d), b.Delete(t.Context(), d)); err != nil {
			t.Errorf("%d bytes: Delete: %v", size, err)
		}
		if len(s.names()) != 0 {
			t.Errorf("%d bytes: still there: %v", size, s.names())
		}
	}
	if !s.signed {
		t.Error("a request was not signed")
	}
}

// TestBreaksWhilePutting: nothing is there, and no part is left.
func TestBreaksWhilePutting(t *testing.T) {
	s := newService(t)
	s.set(func(s *service) { s.stop = 1 })
	body := random(40 << 20)
	err := open(t, options(s)).Put(t.Context(), sha256.Sum256(body), bytes.NewReader(body), int64(len(body)))
	if err == nil || !strings.Contains(err.Error(), "403 AccessDenied") {
		t.Errorf("Put = %v", err)
	}
	s.set(func(s *service) {
		if len(s.objects)+len(s.parts) != 0 {
			t.Errorf("left over: %d objects, %d uploads", len(s.objects), len(s.parts))
		}
	})
}

func TestErrors(t *testing.T) {
	s := newService(t)
	away := options(s)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	away.Endpoint = l.Addr().String()
	_ = l.Close()
	noBucket := options(s)
	noBucket.Name = "other"
	for _, row := range []struct {
		name   string
		o      bucket.Options
		status int
		want   string
	}{
		{"away", away, 0, "refused"},
		{"no such bucket", noBucket, 0, "NoSuchBucket"},
		{"no access", options(s), http.StatusForbidden, "403"},
		{"out of order", options(s), http.StatusServiceUnavailable, "503"},
	} {
		s.set(func(s *service) { s.status = row.status })
		row.o.Region = "eu-1"
		b := open(t, row.o)
		_, _, err := b.Get(t.Context(), delivery.Digest{1})
		err2 := b.Put(t.Context(), delivery.Digest{1}, strings.NewReader("x"), 1)
		for _, err := range []error{err, err2} {
			if err == nil || errors.Is(err, delivery.ErrMissing) || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("%s: %v", row.name, err)
			}
		}
	}
}

// TestSilentService: a service that takes the request and says nothing.
func TestSilentService(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b := open(t, bucket.Options{Endpoint: l.Addr().String(), Name: "bucket", Region: "eu-1", Insecure: true, Tries: 1, Patience: 20 * time.Millisecond})
	if _, _, err := b.Get(t.Context(), delivery.Digest{1}); err == nil || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("Get = %v", err)
	}
}

func TestOptions(t *testing.T) {
	for name, good := range map[string]bool{"": false, "ab": false, "abc": true, strings.Repeat("a", 63): true, strings.Repeat("a", 64): false, "a_b/c": false} {
		if _, err := bucket.New(bucket.Options{Endpoint: "s3.example.com", Name: name}); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, o := range []bucket.Options{{}, {Endpoint: "s3.example.com"}, {Name: "bucket"}, {Endpoint: "https://s3.example.com/x", Name: "bucket"}} {
		if b, err := bucket.New(o); err == nil {
			t.Errorf("%+v is taken: %p", o, b)
		}
	}
	o := bucket.Options{Endpoint: "s3.example.com", Name: "bucket", AccessKey: "a", SecretKey: "s3cr3t"}
	for _, text := range []string{fmt.Sprintf("%v %+v %#v", o, o, o), fmt.Sprintf("%+v", open(t, o))} {
		if strings.Contains(text, "s3cr3t") {
			t.Errorf("printed: %s", text)
		}
	}
}

// TestCancelled: what nobody waits for ends.
func TestCancelled(t *testing.T) {
	b := open(t, options(newService(t)))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Stat(ctx, delivery.Digest{1}); !errors.Is(err, context.Canceled) {
		t.Errorf("Stat = %v", err)
	}
}
