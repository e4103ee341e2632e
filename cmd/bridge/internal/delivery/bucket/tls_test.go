package bucket_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/tlsfiles"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/tlsfiles/tlstest"
)

// TestTLS: the service is who it says, by a CA that is trusted for it, or it
// gets neither a package nor a signature.
func TestTLS(t *testing.T) {
	ours, other := tlstest.NewCA(t, "CA of the bucket"), tlstest.NewCA(t, "another CA")
	for _, row := range []struct {
		name string
		leaf tlstest.Leaf
		ca   string // "" is the system's
		want string // in the error
	}{
		{"private CA", ours.Leaf("bucket"), ours.File, ""},
		{"another CA", ours.Leaf("bucket"), other.File, "unknown authority"},
		{"the system's CAs", ours.Leaf("bucket"), "", "certificate"},
		{"expired", ours.Expired("late"), ours.File, "expired"},
	} {
		t.Run(row.name, func(t *testing.T) {
			pair, err := tls.LoadX509KeyPair(row.leaf.Cert, row.leaf.Key)
			if err != nil {
				t.Fatal(err)
			}
			s := newSecureService(t, &tls.Config{Certificates: []tls.Certificate{pair}})
			o := options(s)
			o.Insecure = false
			if row.ca != "" {
				if o.TLS, err = (tlsfiles.Files{CA: row.ca}).Client(); err != nil {
					t.Fatal(err)
				}
			}
			b, body := open(t, o), random(17<<20) // in two parts
			d := delivery.Digest(sha256.Sum256(body))
			putting := b.Put(t.Context(), d, bytes.NewReader(body), int64(len(body)))
			if row.want == "" {
				if putting != nil || !bytes.Equal(get(t, b, d), body) {
					t.Errorf("%v, or other bytes", putting)
				}
				return
			}
			r, _, getting := b.Get(t.Context(), d)
			if getting == nil {
				r.Close()
			}
			for _, err := range []error{putting, getting} {
				if err == nil || errors.Is(err, delivery.ErrMissing) || !strings.Contains(err.Error(), row.want) {
					t.Errorf("%v, want %s", err, row.want)
				}
			}
			s.set(func(s *service) {
				if len(s.asked) != 0 {
					t.Errorf("it was asked %v", s.asked)
				}
			})
		})
	}
}

// TestPlainForTLS: a service without TLS gets nothing of who wants it.
func TestPlainForTLS(t *testing.T) {
	s := newService(t)
	o := options(s)
	o.Insecure = false
	if err := open(t, o).Put(t.Context(), delivery.Digest{1}, strings.NewReader("x"), 1); err == nil || len(s.names()) != 0 {
		t.Errorf("Put = %v, there is %q", err, s.names())
	}
}
