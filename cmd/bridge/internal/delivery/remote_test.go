package delivery

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"sync"
	"testing"
)

// heldRemote has one package, and gives it when it is told to.
type heldRemote struct {
	body    []byte
	asked   chan struct{} // a token for each Get
	give    chan struct{} // closed: the package comes
	deleted bool
	closed  bool
}

func newHeldRemote(body []byte) *heldRemote {
	return &heldRemote{body: body, asked: make(chan struct{}, 10), give: make(chan struct{})}
}

func (h *heldRemote) Put(context.Context, Digest, io.ReaderAt, int64) error { return nil }
func (h *heldRemote) Stat(context.Context, Digest) (int64, error)           { return int64(len(h.body)), nil }
func (h *heldRemote) Delete(context.Context, Digest) error                  { h.deleted = true; return nil }
func (h *heldRemote) Close()                                                { h.closed = true }
func (h *heldRemote) Get(ctx context.Context, _ Digest) (io.ReadCloser, int64, error) {
	h.asked <- struct{}{}
	select {
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	case <-h.give:
		return io.NopCloser(bytes.NewReader(h.body)), int64(len(h.body)), nil
	}
}

// TestOneRecallForAll: who waits for a package shares one way from the Remote,
// and who gives up does not end it.
func TestOneRecallForAll(t *testing.T) {
	h := newHeldRemote(random(1000))
	s := openStore(t, StoreOptions{Remote: h})
	d := Digest(sha256.Sum256(h.body))
	early, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() { gone <- s.Verify(early, d) }()
	<-h.asked
	cancel()
	if err := <-gone; err != context.Canceled {
		t.Errorf("who gave up: %v", err)
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if f, err := s.Open(t.Context(), d); err != nil {
				t.Error(err)
			} else {
				f.Close()
			}
		})
	}
	close(h.give)
	wg.Wait()
	if n := len(h.asked); n != 0 {
		t.Errorf("asked %d times more", n)
	}
}

// TestDeletedWhileItComes: it does not come back.
func TestDeletedWhileItComes(t *testing.T) {
	h := newHeldRemote(random(1000))
	s := openStore(t, StoreOptions{Remote: h})
	d := Digest(sha256.Sum256(h.body))
	got := make(chan error)
	go func() { got <- s.Verify(t.Context(), d) }()
	<-h.asked
	if there, err := s.Delete(t.Context(), d); !there || err != nil || !h.deleted {
		t.Errorf("Delete = %v, %v", there, err)
	}
	if err := <-got; err != ErrMissing || s.Usage().Packages != 0 {
		t.Errorf("%v, %+v", err, s.Usage())
	}
}

// TestClosedWhileItComes: Close waits for the end, and nothing begins after.
func TestClosedWhileItComes(t *testing.T) {
	h := newHeldRemote(random(1000))
	s, err := OpenStore(StoreOptions{Dir: t.TempDir(), Remote: h})
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan error)
	go func() { got <- s.Verify(t.Context(), Digest{1}) }()
	<-h.asked
	if err := s.Close(); err != nil || !h.closed {
		t.Errorf("Close = %v; the Remote is closed: %v", err, h.closed)
	}
	for _, err := range []error{<-got, s.Verify(t.Context(), Digest{1})} {
		if KindOf(err) != KindCancelled {
			t.Errorf("after Close: %v", err)
		}
	}
}

// TestWrongLength: the Remote gives more or less than it says.
func TestWrongLength(t *testing.T) {
	for _, size := range []int64{999, 1001} {
		s := openStore(t, StoreOptions{Remote: &wrongRemote{newHeldRemote(nil), random(1000), size}})
		if err := s.Verify(t.Context(), sha256.Sum256(random(1000))); !errors.Is(err, ErrRemote) {
			t.Errorf("it says %d bytes: %v", size, err)
		}
		if u := s.Usage(); u.Bytes != 0 || u.Packages != 0 {
			t.Errorf("it says %d bytes: left over %+v", size, u)
		}
	}
}

type wrongRemote struct {
	*heldRemote
	body []byte
	size int64
}

func (w *wrongRemote) Get(context.Context, Digest) (io.ReadCloser, int64, error) {
	return io.NopCloser(bytes.NewReader(w.body)), w.size, nil
}
