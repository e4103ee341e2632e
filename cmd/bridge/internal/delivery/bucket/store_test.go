package bucket_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery/bucket"
)

func openStore(t *testing.T, o delivery.StoreOptions, s *service) *delivery.Store {
	t.Helper()
	if s == nil {
		return openOn(t, o, bucket.Options{})
	}
	return openOn(t, o, options(s))
}

// openOn opens a store before a bucket, if it has a name.
func openOn(t *testing.T, o delivery.StoreOptions, at bucket.Options) *delivery.Store {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if at.Name != "" {
		b, err := bucket.New(at)
		if err != nil {
			t.Fatal(err)
		}
		o.Remote = b
	}
	store, err := delivery.OpenStore(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

func put(store *delivery.Store, body []byte) (delivery.Digest, error) {
	w, err := store.Begin(int64(len(body)))
	if err != nil {
		return delivery.Digest{}, err
	}
	defer w.Abort()
	if _, err := w.Write(body); err != nil {
		return delivery.Digest{}, err
	}
	p, err := w.Commit("")
	return p.Digest, err
}

func mustPut(t *testing.T, store *delivery.Store, body []byte) delivery.Digest {
	t.Helper()
	d, err := put(store, body)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// has says what is wrong with a package in a store; nil for nothing.
func has(t *testing.T, store *delivery.Store, body []byte) error {
	t.Helper()
	f, err := store.Open(t.Context(), sha256.Sum256(body))
	if err != nil {
		return err
	}
	defer f.Close()
	got, err := io.ReadAll(f)
	if err == nil && !bytes.Equal(got, body) {
		err = errors.New("other bytes")
	}
	return err
}

// TestContract: what a store does on a directory alone, it does before a
// bucket.
func TestContract(t *testing.T) {
	for _, clustered := range []bool{false, true} {
		var s *service
		if clustered {
			s = newService(t)
		}
		dir := t.TempDir()
		store := openStore(t, delivery.StoreOptions{Dir: dir, MaxPackage: 5000}, s)
		a, b := random(1000), random(5000)
		d := mustPut(t, store, a)
		if again := mustPut(t, store, a); again != d || store.Usage().Packages != 1 {
			t.Errorf("clustered %v: the same bytes are another package", clustered)
		}
		mustPut(t, store, b)
		if _, err := put(store, random(5001)); delivery.KindOf(err) != delivery.KindTooLarge {
			t.Errorf("clustered %v: one over the limit: %v", clustered, err)
		}
		if _, err := put(store, nil); delivery.KindOf(err) != delivery.KindUnsupported {
			t.Errorf("clustered %v: an empty one: %v", clustered, err)
		}
		if err := errors.Join(has(t, store, a), has(t, store, b), store.Verify(t.Context(), d)); err != nil {
			t.Errorf("clustered %v: %v", clustered, err)
		}
		if err := has(t, store, random(3)); err != delivery.ErrMissing {
			t.Errorf("clustered %v: one that never was: %v", clustered, err)
		}
		if !store.Remove(d) || store.Remove(d) {
			t.Errorf("clustered %v: Remove", clustered)
		}
		if err := has(t, store, a); err != delivery.ErrMissing {
			t.Errorf("clustered %v: after Remove: %v", clustered, err)
		}
		if err := has(t, store, b); err != nil || store.Usage().Bytes != 5000 {
			t.Errorf("clustered %v: the other one: %v, %+v", clustered, err, store.Usage())
		}
		if partial, err := os.ReadDir(filepath.Join(dir, "partial")); err != nil || len(partial) != 0 {
			t.Errorf("clustered %v: left over %v, %v", clustered, partial, err)
		}
	}
}

// TestTwoBridges: what comes to one is found by the other, from its own
// directory the second time.
func TestTwoBridges(t *testing.T) {
	s := newService(t)
	one, two := openStore(t, delivery.StoreOptions{}, s), openStore(t, delivery.StoreOptions{}, s)
	a, b := random(100_000), random(200_000)
	d := mustPut(t, one, a)
	mustPut(t, two, b)
	for range 2 {
		if err := errors.Join(has(t, one, a), has(t, one, b), has(t, two, a), two.Verify(t.Context(), d)); err != nil {
			t.Fatal(err)
		}
	}
	s.set(func(s *service) {
		if s.asked["GET"] != 2+2 { // the region of the bucket, and one package each
			t.Errorf("the bucket was read %d times", s.asked["GET"])
		}
		s.asked["PUT"] = 0
	})
	third := openStore(t, delivery.StoreOptions{}, s)
	mustPut(t, third, a)
	s.set(func(s *service) {
		if s.asked["PUT"] != 0 {
			t.Error("what is in the bucket was sent again")
		}
	})
	if there, err := one.Delete(t.Context(), d); !there || err != nil {
		t.Errorf("Delete = %v, %v", there, err)
	}
	if err := has(t, one, a); err != delivery.ErrMissing {
		t.Errorf("deleted, and %v", err)
	}
	fourth := openStore(t, delivery.StoreOptions{}, s)
	if err := fourth.Verify(t.Context(), d); err != delivery.ErrMissing {
		t.Errorf("deleted, and on another bridge %v", err)
	}
	if !one.Remove(sha256.Sum256(b)) || len(s.names()) != 0 {
		t.Errorf("Remove leaves %v", s.names())
	}
}

// TestAlteredObject: it is never offered, and the next one who has the right
// bytes heals it, though it is of the same size.
func TestAlteredObject(t *testing.T) {
	s := newService(t)
	a := random(100_000)
	d := mustPut(t, openStore(t, delivery.StoreOptions{}, s), a)
	bad := bytes.Clone(a)
	bad[50_000] ^= 1
	s.set(func(s *service) { s.objects["p/"+d.String()] = bad })
	two := openStore(t, delivery.StoreOptions{}, s)
	if err := two.Verify(t.Context(), d); err != delivery.ErrAltered {
		t.Errorf("Verify = %v", err)
	}
	if err := has(t, two, a); err != delivery.ErrAltered || two.Usage().Packages != 0 || two.Usage().Bytes != 0 {
		t.Errorf("Open = %v, %+v", err, two.Usage())
	}
	mustPut(t, two, a)
	if err := has(t, openStore(t, delivery.StoreOptions{}, s), a); err != nil {
		t.Errorf("not healed: %v", err)
	}
}

// TestAlteredHere: the bucket heals the directory.
func TestAlteredHere(t *testing.T) {
	for name, harm := range map[string]func(string) error{
		"altered": func(file string) error { return os.WriteFile(file, []byte("x"), 0o600) },
		"deleted": os.Remove,
	} {
		dir := t.TempDir()
		store := openStore(t, delivery.StoreOptions{Dir: dir}, newService(t))
		a := random(1000)
		d := mustPut(t, store, a)
		if err := harm(filepath.Join(dir, "packages", d.String())); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(has(t, store, a), store.Verify(t.Context(), d)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBucketAway: what is here is served; nothing else comes or goes, and it
// does when the bucket is back.
func TestBucketAway(t *testing.T) {
	s := newService(t)
	one, two := openStore(t, delivery.StoreOptions{}, s), openStore(t, delivery.StoreOptions{}, s)
	a, b := random(1000), random(2000)
	d := mustPut(t, one, a)
	s.set(func(s *service) { s.status = 503 })
	if err := errors.Join(has(t, one, a), one.Verify(t.Context(), d)); err != nil {
		t.Errorf("one of the directory: %v", err)
	}
	_, put1 := put(one, b)
	_, delete1 := one.Delete(t.Context(), d)
	for name, err := range map[string]error{"Open": has(t, two, a), "Verify": two.Verify(t.Context(), d), "Commit": put1, "Delete": delete1} {
		if !errors.Is(err, delivery.ErrRemote) || errors.Is(err, delivery.ErrMissing) || delivery.KindOf(err) != delivery.KindInternal {
			t.Errorf("%s: %v", name, err)
		}
	}
	if one.Remove(d) || has(t, one, a) != nil || one.Usage().Packages != 1 || one.Usage().Writing != 0 {
		t.Errorf("the package of the directory is lost: %+v", one.Usage())
	}
	s.set(func(s *service) { s.status = 0 })
	mustPut(t, one, b)
	if err := errors.Join(has(t, two, a), has(t, two, b)); err != nil {
		t.Errorf("back again: %v", err)
	}
}

// TestBreaksWhileGetting: the bucket goes away in the middle of a package.
func TestBreaksWhileGetting(t *testing.T) {
	s := newService(t)
	a := random(300_000)
	mustPut(t, openStore(t, delivery.StoreOptions{}, s), a)
	two := openStore(t, delivery.StoreOptions{}, s)
	s.set(func(s *service) { s.cut = 200_000 })
	if err := has(t, two, a); !errors.Is(err, delivery.ErrRemote) || two.Usage().Bytes != 0 || two.Usage().Writing != 0 {
		t.Errorf("%v, %+v", err, two.Usage())
	}
	s.set(func(s *service) { s.cut = 0 })
	if err := has(t, two, a); err != nil {
		t.Error(err)
	}
}

// TestSmallDirectory: the limits are those of the directory; what has no room
// there is in the bucket.
func TestSmallDirectory(t *testing.T) {
	s := newService(t)
	store := openStore(t, delivery.StoreOptions{MaxBytes: 3000, MaxPackages: 2}, s)
	for range 2 {
		for _, size := range []int{1000, 2000, 2500} {
			mustPut(t, store, random(size))
		}
	}
	for _, size := range []int{1000, 2000, 2500, 1000} {
		if err := has(t, store, random(size)); err != nil || store.Usage().Bytes > 3000 {
			t.Errorf("%d bytes: %v, %+v", size, err, store.Usage())
		}
	}
	big := openStore(t, delivery.StoreOptions{}, s)
	at, over := mustPut(t, big, random(3000)), mustPut(t, big, random(3001))
	if err := store.Verify(t.Context(), at); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if err := store.Verify(t.Context(), over); delivery.KindOf(err) != delivery.KindTooLarge {
		t.Errorf("one over the limit: %v", err)
	}
	store.Hold("drive", at)
	if err := has(t, store, random(1000)); delivery.KindOf(err) != delivery.KindStorage {
		t.Errorf("no room beside one that is held: %v", err)
	}
	if err := has(t, store, random(3000)); err != nil {
		t.Errorf("the one that is held: %v", err)
	}
}
