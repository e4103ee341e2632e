package bucket_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/minio/minio-go/v7"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery/bucket"
)

// large is a package of seven parts.
const large = 7*(16<<20) + 1

// TestPeers: what comes to one bridge is found by the other, with services of
// others between them, whole, in parts and over TLS with a CA of our own.
func TestPeers(t *testing.T) {
	t.Run("given", func(t *testing.T) { exchange(t, given(t)) })
	for _, pr := range programs {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, secure %t", pr.name, secure), func(t *testing.T) { exchange(t, run(t, pr, secure)) })
		}
	}
}

// exchange is the round that every service has to do.
func exchange(t *testing.T, p *peer) {
	one, two := p.store(), p.store()
	for _, size := range []int{1, 1000, 16 << 20, 16<<20 + 1, large} {
		body := random(size)
		d := delivery.Digest(sha256.Sum256(body))
		if err := two.Verify(t.Context(), d); err != delivery.ErrMissing {
			t.Fatalf("%d bytes: before: %v", size, err)
		}
		mustPut(t, one, body)
		if err := has(t, two, body); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if there, err := two.Delete(t.Context(), d); !there || err != nil {
			t.Fatalf("%d bytes: Delete = %t, %v", size, there, err)
		}
		third := p.store()
		if err := third.Verify(t.Context(), d); err != delivery.ErrMissing {
			t.Fatalf("%d bytes: deleted, and %v", size, err)
		}
		if there, err := third.Delete(t.Context(), d); there || err != nil {
			t.Fatalf("%d bytes: the second Delete = %t, %v", size, there, err)
		}
	}
	if objects, uploads := p.left(); len(objects)+len(uploads) != 0 {
		t.Errorf("left over: %q, %q", objects, uploads)
	}
	tampered(t, p)
}

// tampered: somebody deletes an object by hand, or puts others under its name.
func tampered(t *testing.T, p *peer) {
	one := p.store()
	body := random(100_000)
	d := mustPut(t, one, body)
	name := p.o.Prefix + d.String()
	bad := bytes.Clone(body)
	bad[50_000] ^= 1
	for _, other := range [][]byte{bad, body[:99_999], append(bad, 0), {}} {
		if _, err := p.admin().PutObject(t.Context(), p.o.Name, name, bytes.NewReader(other), int64(len(other)), minio.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
		two := p.store()
		if err := has(t, two, body); err == nil || err == delivery.ErrMissing || two.Usage().Packages != 0 {
			t.Errorf("%d other bytes: %v", len(other), err)
		}
		mustPut(t, two, body)
		if err := has(t, p.store(), body); err != nil {
			t.Errorf("%d other bytes, not healed: %v", len(other), err)
		}
	}
	if err := p.admin().RemoveObject(t.Context(), p.o.Name, name, minio.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := has(t, one, body); err != nil {
		t.Errorf("deleted in the bucket, not here: %v", err)
	}
	two := p.store()
	if err := has(t, two, body); err != delivery.ErrMissing {
		t.Errorf("deleted in the bucket: %v", err)
	}
	mustPut(t, two, body)
	if err := has(t, p.store(), body); err != nil {
		t.Errorf("put again: %v", err)
	}
	if !two.Remove(d) {
		t.Error("not removed")
	}
}

// onPeers runs a test with each program that fits.
func onPeers(t *testing.T, fits func(program) bool, test func(*testing.T, *peer)) {
	for _, pr := range programs {
		if fits(pr) {
			t.Run(pr.name, func(t *testing.T) { test(t, run(t, pr, false)) })
		}
	}
}

func durable(pr program) bool { return pr.durable }
func keys(pr program) bool    { return pr.keys }

// TestPeerRefuses: nothing that a service refuses looks like a package that is
// not there.
func TestPeerRefuses(t *testing.T) {
	onPeers(t, keys, func(t *testing.T, p *peer) {
		body := random(1000)
		mustPut(t, p.store(), body)
		for _, row := range []struct {
			name string
			set  func(*bucket.Options)
			want string
		}{
			{"no bucket", func(o *bucket.Options) { o.Name = "none" }, "NoSuchBucket"},
			{"other key", func(o *bucket.Options) { o.AccessKey = "somebody" }, "403 "},
			{"other secret", func(o *bucket.Options) { o.SecretKey = "wr0ng-wr0ng" }, "SignatureDoesNotMatch"},
			{"no key", func(o *bucket.Options) { o.AccessKey, o.SecretKey = "", "" }, "AccessDenied"},
		} {
			if row.name == "no bucket" && p.name == "s3s-fs" {
				continue // to it, each directory is a bucket, and it makes them
			}
			for _, region := range []string{"", "us-east-1"} {
				o := p.o
				row.set(&o)
				o.Region = region
				refused(t, row.name, o, body, row.want, true)
			}
		}
		if err := has(t, p.store(), body); err != nil {
			t.Errorf("with the right key: %v", err)
		}
	})
}

// refused does everything with a bucket that wants none of it, or lets reading
// pass.
func refused(t *testing.T, name string, o bucket.Options, there []byte, want string, reads bool) {
	t.Helper()
	d := delivery.Digest(sha256.Sum256(there))
	store := openOn(t, delivery.StoreOptions{}, o)
	_, putting := put(store, random(2000))
	_, deleting := store.Delete(t.Context(), d)
	all := map[string]error{"Commit": putting, "Delete": deleting}
	if reads {
		all["Open"], all["Verify"] = has(t, store, there), store.Verify(t.Context(), d)
	}
	for what, err := range all {
		if !errors.Is(err, delivery.ErrRemote) || errors.Is(err, delivery.ErrMissing) || strings.Contains(err.Error(), string(o.SecretKey)) && o.SecretKey != "" {
			t.Errorf("%s: %s: %v", name, what, err)
		}
		if what == "Open" && err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %s: %v, want %s", name, what, err, want)
		}
	}
}

// TestPeerReadOnly: who may only read has what is there, and says that nothing
// new comes.
func TestPeerReadOnly(t *testing.T) {
	onPeers(t, func(pr program) bool { return pr.name == "minio" }, func(t *testing.T, p *peer) {
		body := random(1000)
		mustPut(t, p.store(), body)
		policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":["s3:GetObject","s3:ListBucket","s3:GetBucketLocation"],
			"Resource":["arn:aws:s3:::` + p.o.Name + `","arn:aws:s3:::` + p.o.Name + `/*"]}]}`
		if err := p.admin().SetBucketPolicy(t.Context(), p.o.Name, policy); err != nil {
			t.Fatal(err)
		}
		o := p.o
		o.AccessKey, o.SecretKey = "", ""
		store := openOn(t, delivery.StoreOptions{}, o)
		if err := has(t, store, body); err != nil {
			t.Error(err)
		}
		if err := has(t, store, random(3)); err != delivery.ErrMissing {
			t.Errorf("one that never was: %v", err)
		}
		refused(t, "read only", o, body, "AccessDenied", false)
	})
}

// TestPeerClock: the clock of this machine is wrong by years.
func TestPeerClock(t *testing.T) {
	onPeers(t, keys, func(t *testing.T, p *peer) {
		synctest.Test(t, func(t *testing.T) { // where it is the year 2000
			o := p.o
			o.Region = "us-east-1"
			b, err := bucket.New(o)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			_, _, err = b.Get(t.Context(), delivery.Digest{1})
			if err == nil || errors.Is(err, delivery.ErrMissing) || !strings.Contains(err.Error(), "RequestTimeTooSkewed") {
				t.Errorf("Get = %v", err)
			}
			if _, err := b.Stat(t.Context(), delivery.Digest{1}); err == nil || errors.Is(err, delivery.ErrMissing) {
				t.Errorf("Stat = %v", err)
			}
		})
	})
}
