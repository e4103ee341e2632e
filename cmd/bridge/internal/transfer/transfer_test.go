package transfer

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// clock is time that a test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newBoard() (*Board, *clock) {
	c := &clock{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	return New(c.now), c
}

func TestTransferFromBeginToEnd(t *testing.T) {
	b, c := newBoard()
	k := Key{Device: "d", Way: Push}
	b.Ended(k, "nothing began")
	if len(b.List()) != 0 {
		t.Errorf("shown before anything moved: %+v", b.List())
	}
	b.Moved(k, 0, 1000)
	c.at = c.at.Add(time.Second)
	b.Moved(k, 100, 1000)
	c.at = c.at.Add(time.Second)
	b.Moved(k, 400, 1000)
	v := b.List()[0]
	if v.Rate != 200 || v.Bytes != 400 || v.Total != 1000 || v.Done { // 100/s, then 300/s
		t.Errorf("%+v", v)
	}
	c.at = c.at.Add(2 * time.Second)
	b.Ended(k, "")
	if v := b.List()[0]; !v.Done || v.Error != "" || v.Rate != 100 { // 400 bytes in 4 s
		t.Errorf("at the end: %+v", v)
	}
	b.Ended(k, "too late")
	b.Moved(Key{Device: "d", Legacy: true, Way: HTTP}, 5, 0)
	if got := b.Of("d", true); len(got) != 1 || got[0].Way != HTTP {
		t.Errorf("the legacy device: %+v", got)
	}
	c.at = c.at.Add(KeepDone + 1)
	if got := b.List(); len(got) != 1 || !got[0].Legacy {
		t.Errorf("what is over is shown for too long: %+v", got)
	}
	c.at = c.at.Add(KeepStill)
	if got := b.List(); len(got) != 0 {
		t.Errorf("what stands still is shown for too long: %+v", got)
	}
}

// TestBegunAnew: fewer bytes are another transfer, with a rate of its own.
func TestBegunAnew(t *testing.T) {
	b, c := newBoard()
	k := Key{Device: "d", Way: CoAP}
	b.Moved(k, 900, 1000)
	c.at = c.at.Add(time.Second)
	b.Moved(k, 10, 1000)
	if v := b.List()[0]; v.Bytes != 10 || v.Rate != 0 || v.Since != c.at {
		t.Errorf("%+v", v)
	}
}

// TestMaxShown: at the limit the one goes that moved first.
func TestMaxShown(t *testing.T) {
	b, c := newBoard()
	for i := range MaxShown {
		c.at = c.at.Add(time.Millisecond)
		b.Moved(Key{Device: fmt.Sprint(i), Way: Fetch}, 1, 2)
	}
	if n := len(b.List()); n != MaxShown {
		t.Fatalf("%d shown, want %d", n, MaxShown)
	}
	c.at = c.at.Add(time.Millisecond)
	b.Moved(Key{Device: "one more", Way: Fetch}, 1, 2)
	if n := len(b.List()); n != MaxShown || len(b.Of("0", false)) != 0 || len(b.Of("one more", false)) != 1 {
		t.Errorf("%d shown; the first %v, the last %v", n, b.Of("0", false), b.Of("one more", false))
	}
}

func TestReader(t *testing.T) {
	b, _ := newBoard()
	read := 0
	r := &Reader{ReaderAt: strings.NewReader("0123456789"), Key: Key{Device: "d", Way: CoAP}, Total: 10, Board: b, Read: func(n int) { read += n }}
	for _, off := range []int64{0, 4, 8} {
		_, _ = r.ReadAt(make([]byte, 4), off) // the last one is short
	}
	if v := b.List()[0]; v.Bytes != 10 || v.Total != 10 || read != 10 {
		t.Errorf("%+v, %d bytes read", v, read)
	}
}
