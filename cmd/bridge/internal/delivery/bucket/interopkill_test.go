package bucket_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery/bucket"
)

// fatal calls kill when so many bytes of a package were read.
type fatal struct {
	io.ReaderAt
	after int64
	kill  func()
	mu    sync.Mutex
	read  int64
}

func (f *fatal) ReadAt(p []byte, off int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.ReaderAt.ReadAt(p, off)
	if f.read += int64(n); f.kill != nil && f.read >= f.after {
		f.kill()
		f.kill = nil
	}
	return n, err
}

// TestPeerKilledWhilePutting: nothing is there, and it can be put again.
func TestPeerKilledWhilePutting(t *testing.T) {
	onPeers(t, durable, func(t *testing.T, p *peer) {
		body := random(large)
		for _, at := range []int64{1 << 20, 40 << 20, large} {
			b := open(t, p.o)
			d := delivery.Digest(sha256.Sum256(body))
			err := b.Put(t.Context(), d, &fatal{ReaderAt: bytes.NewReader(body), after: at, kill: p.kill}, large)
			if err == nil || errors.Is(err, delivery.ErrMissing) {
				t.Errorf("killed after %d bytes: Put = %v", at, err)
			}
			p.again()
			objects, uploads := p.left()
			t.Logf("killed after %d bytes: %v; %d objects and %d uploads are there", at, err, len(objects), len(uploads))
			if _, err := b.Stat(t.Context(), d); err != delivery.ErrMissing {
				t.Errorf("killed after %d bytes: %v", at, err)
			}
			if err := b.Put(t.Context(), d, bytes.NewReader(body), large); err != nil {
				t.Fatalf("again: %v", err)
			}
			if err := errors.Join(has(t, p.store(), body), b.Delete(t.Context(), d)); err != nil {
				t.Errorf("again: %v", err)
			}
		}
	})
}

// cutRemote is a Remote whose service is killed in the middle of a Get.
type cutRemote struct {
	*bucket.Bucket
	kill func()
}

func (c *cutRemote) Get(ctx context.Context, d delivery.Digest) (io.ReadCloser, int64, error) {
	r, size, err := c.Bucket.Get(ctx, d)
	if err != nil || c.kill == nil {
		return r, size, err
	}
	kill := c.kill
	c.kill = nil
	var read int64
	return struct {
		io.Reader
		io.Closer
	}{readerFunc(func(p []byte) (int, error) {
		n, err := r.Read(p)
		if read += int64(n); read >= 1<<20 && kill != nil {
			kill()
			kill = nil
		}
		return n, err
	}), r}, size, nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestPeerKilledWhileGetting: who wants the package is told to come later, and
// then has it.
func TestPeerKilledWhileGetting(t *testing.T) {
	onPeers(t, durable, func(t *testing.T, p *peer) {
		body := random(large)
		mustPut(t, p.store(), body)
		b, err := bucket.New(p.o)
		if err != nil {
			t.Fatal(err)
		}
		two, err := delivery.OpenStore(delivery.StoreOptions{Dir: t.TempDir(), Remote: &cutRemote{b, p.kill}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = two.Close() })
		err = has(t, two, body)
		if !errors.Is(err, delivery.ErrRemote) || two.Usage().Bytes != 0 || two.Usage().Writing != 0 {
			t.Errorf("killed: %v, %+v", err, two.Usage())
		}
		t.Log(err)
		if err := has(t, two, body); !errors.Is(err, delivery.ErrRemote) {
			t.Errorf("dead: %v", err)
		}
		p.again()
		if err := has(t, two, body); err != nil {
			t.Errorf("again: %v", err)
		}
	})
}
