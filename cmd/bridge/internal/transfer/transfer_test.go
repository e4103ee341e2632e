package transfer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// clock is time that a test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func (c *clock) on(d time.Duration) { c.at = c.at.Add(d) }

// newBoard has a list of what was told; a quiet one is in brackets.
func newBoard() (*Board, *clock, *[]string) {
	c := &clock{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	b, told := New(c.now), &[]string{}
	b.Tell = func(e Event) {
		text := e.Text()
		if e.Quiet {
			text = "(" + text + ")"
		}
		*told = append(*told, text)
	}
	return b, c, told
}

func wantTold(t *testing.T, told *[]string, want ...string) {
	t.Helper()
	if !slices.Equal(*told, want) {
		t.Errorf("told %q, want %q", *told, want)
	}
	*told = nil
}

func TestTransferFromBeginToEnd(t *testing.T) {
	b, c, told := newBoard()
	k := Key{Device: "d", Way: Push}
	b.Ended(k, "nothing began")
	if len(b.List()) != 0 {
		t.Errorf("shown before anything moved: %+v", b.List())
	}
	b.Moved(k, 0, 0, 1000)
	c.on(time.Second)
	b.Moved(k, 0, 100, 1000)
	c.on(time.Second)
	b.Moved(k, 100, 300, 1000)
	v := b.List()[0]
	if v.Rate != 200 || v.Bytes != 400 || v.Total != 1000 || v.Done { // 100/s, then 300/s
		t.Errorf("%+v", v)
	}
	if n := b.Moving(); n[Push] != 1 || len(n) != 1 {
		t.Errorf("moving: %v", n)
	}
	c.on(2 * time.Second)
	b.Ended(k, "")
	if v := b.List()[0]; !v.Done || v.Error != "" || v.Rate != 100 { // 400 bytes in 4 s
		t.Errorf("at the end: %+v", v)
	}
	if n := b.Moving(); len(n) != 0 {
		t.Errorf("moving: %v", n)
	}
	b.Ended(k, "too late")
	wantTold(t, told, "package pushed, 400 B in 4s, 100 B/s")
	b.Moved(Key{Device: "d", Legacy: true, Way: HTTP}, 0, 5, 0)
	if got := b.Of("d", true); len(got) != 1 || got[0].Way != HTTP {
		t.Errorf("the legacy device: %+v", got)
	}
	c.on(KeepDone + 1)
	if got := b.List(); len(got) != 1 || !got[0].Legacy {
		t.Errorf("what is over is shown for too long: %+v", got)
	}
	c.on(KeepStill)
	if got := b.List(); len(got) != 0 {
		t.Errorf("what stands still is shown for too long: %+v", got)
	}
}

// TestBegunAnew: fewer bytes from the beginning are another transfer, with a
// rate of its own.
func TestBegunAnew(t *testing.T) {
	b, c, told := newBoard()
	k := Key{Device: "d", Way: CoAP}
	b.Moved(k, 0, 900, 1000)
	c.on(time.Second)
	b.Moved(k, 500, 10, 1000) // a block that comes again is none
	if v := b.List()[0]; v.Bytes != 900 || len(*told) != 0 {
		t.Errorf("%+v", v)
	}
	b.Moved(k, 0, 10, 1000)
	if v := b.List()[0]; v.Bytes != 10 || v.Rate != 0 || v.Since != c.at {
		t.Errorf("%+v", v)
	}
	wantTold(t, told, "device's download over CoAP broke at 900 B of 1.0 kB: begun anew")
}

// TestCoAPEndsItself: who has asked for the last block has all of it.
func TestCoAPEndsItself(t *testing.T) {
	b, c, told := newBoard()
	k := Key{Device: "d", Way: CoAP}
	b.Moved(k, 0, 1024, 2000)
	c.on(2 * time.Second)
	b.Moved(k, 1024, 975, 2000)
	wantTold(t, told)
	b.Moved(k, 1024, 976, 2000)
	wantTold(t, told, "device fetched the package over CoAP, 2.0 kB in 2s, 1.0 kB/s")
	b.Moved(k, 1024, 976, 2000) // once more: its answer was lost
	if v := b.List()[0]; !v.Done || v.From != 0 {
		t.Errorf("%+v", v)
	}
	wantTold(t, told)
	p := Key{Device: "d", Way: Push} // what was written last can be refused
	b.Moved(p, 0, 2000, 2000)
	wantTold(t, told)
}

// TestStops: a device that asks for nothing more has stopped, and goes on later
// where it was.
func TestStops(t *testing.T) {
	b, c, told := newBoard()
	k := Key{Device: "d", Way: CoAP}
	b.Moved(k, 0, 1000, 10_000)
	c.on(10 * time.Second)
	b.Moved(k, 1000, 1000, 10_000)
	b.Moved(Key{Device: "d", Way: Push}, 0, 1, 10) // ends by itself, however long it takes
	c.on(KeepStill)
	b.change(b.sweep)
	wantTold(t, told)
	c.on(rateEvery)
	b.change(b.sweep)
	wantTold(t, told, "device's download over CoAP broke at 2.0 kB of 10.0 kB: it has stopped")
	if v := b.Of("d", false); len(v) != 2 || v[0].Rate != 200 || v[1].Done {
		t.Errorf("%+v", v)
	}
	b.Moved(k, 2000, 1000, 10_000)
	c.on(7 * time.Second)
	b.Moved(k, 3000, 7000, 10_000)
	wantTold(t, told, "device fetched the rest of the package over CoAP, 8.0 kB of 10.0 kB in 7s, 1.1 kB/s")
}

func TestRunFindsWhatStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		b := New(nil)
		told := make(chan Event, 1)
		b.Tell = func(e Event) { told <- e }
		go func() { _ = b.Run(ctx) }()
		began := time.Now()
		b.Moved(Key{Device: "d", Way: HTTP}, 0, 10, 20)
		e := <-told
		if after := time.Since(began); e.Error != stopped || after <= KeepStill || after > KeepStill+sweepEvery {
			t.Errorf("%+v after %v", e, after)
		}
		stop()
	})
}

// TestQuarters: they are told of a transfer that takes long, each once.
func TestQuarters(t *testing.T) {
	b, c, told := newBoard()
	k := Key{Device: "d", Way: Push}
	for at := int64(0); at < 1000; at += 100 { // 900 ms each
		b.Moved(k, at, 100, 1000)
		c.on(900 * time.Millisecond)
	}
	b.Ended(k, "")
	wantTold(t, told, "package pushed, 1.0 kB in 9s, 111 B/s")
	c.on(LineEvery)
	for at := int64(0); at < 1000; at += 100 {
		b.Moved(k, at, 100, 1000)
		c.on(20 * time.Second)
	}
	b.Ended(k, "")
	wantTold(t, told, // the first quarter was there within the first minute
		"package is pushed: 500 B of 1.0 kB, 6 B/s", "package is pushed: 800 B of 1.0 kB, 5 B/s", "package pushed, 1.0 kB in 3m20s, 5 B/s")
	b.Moved(k, 0, 0, 1000)
	c.on(Long - 1)
	b.Moved(k, 0, 300, 1000)
	wantTold(t, told)
	b.Moved(k, 0, 0, 1000)
	c.on(Long)
	b.Moved(k, 0, 300, 1000)
	wantTold(t, told, "push broke at 300 B of 1.0 kB: begun anew", "package is pushed: 300 B of 1.0 kB, 5 B/s")
}

// TestLineEvery: a device that fetches again and again is told of now and then,
// a good end after a bad one always.
func TestLineEvery(t *testing.T) {
	b, c, told := newBoard()
	k := Key{Device: "d", Way: HTTP}
	fetch := func(why string) {
		b.Moved(k, 0, 10, 10)
		b.Ended(k, why)
	}
	fetch("the connection broke")
	fetch("the connection broke")
	fetch("")
	wantTold(t, told, "device's download over HTTP broke at 10 B of 10 B: the connection broke",
		"(device's download over HTTP broke at 10 B of 10 B: the connection broke)", "device fetched the package over HTTP, 10 B")
	c.on(LineEvery - 1)
	fetch("")
	c.on(1)
	fetch("")
	wantTold(t, told, "(device fetched the package over HTTP, 10 B)", "device fetched the package over HTTP, 10 B")
	b.Moved(k, 0, 0, 10)
	b.Ended(k, "nothing came")
	wantTold(t, told, "(device's download over HTTP broke at 0 B of 10 B: nothing came)")
}

// TestWaits: what waits for its turn is shown, and its time does not count.
func TestWaits(t *testing.T) {
	b, c, told := newBoard()
	k := Key{Device: "d", Way: Push}
	b.Waits(k, 100)
	if v := b.List(); len(v) != 1 || !v[0].Waiting || len(b.Moving()) != 0 {
		t.Errorf("%+v", v)
	}
	c.on(time.Hour)
	b.Moved(k, 0, 50, 100)
	c.on(time.Second)
	b.Moved(k, 50, 50, 100)
	b.Ended(k, "")
	wantTold(t, told, "package pushed, 100 B in 1s, 100 B/s")
	b.Waits(k, 100)
	b.Dropped(k)
	if v := b.List(); len(v) != 0 {
		t.Errorf("%+v", v)
	}
}

// TestMaxShown: at the limit a further one is not shown while the others move,
// and is when one of them is over. Those that are shown stay.
func TestMaxShown(t *testing.T) {
	b, c, _ := newBoard()
	for i := range MaxShown {
		b.Moved(Key{Device: fmt.Sprint(i), Way: Fetch}, 0, 1, 2)
	}
	one := Key{Device: "one more", Way: Fetch}
	for _, step := range []struct {
		over        string // a device whose transfer ends
		shown, more int
	}{{"", MaxShown, 0}, {"0", MaxShown, 1}, {"", MaxShown, 1}} {
		if step.over != "" {
			b.Ended(Key{Device: step.over, Way: Fetch}, "")
		}
		c.on(rateEvery)
		b.Moved(one, 0, 1, 2)
		b.Moved(Key{Device: "1", Way: Fetch}, 1, 1, 2)
		if all, more := b.List(), b.Of(one.Device, false); len(all) != step.shown || len(more) != step.more {
			t.Errorf("%d shown, one more %d times; want %d and %d", len(all), len(more), step.shown, step.more)
		}
	}
	if all := b.Of("1", false); len(all) != 1 || all[0].From != 0 || all[0].Bytes != 2 {
		t.Errorf("%+v", all)
	}
}

// TestFullBoardIsSweptSeldom: a thousand that find no place do not each look at
// all of the others.
func TestFullBoardIsSweptSeldom(t *testing.T) {
	b, c, _ := newBoard()
	for i := range MaxShown {
		b.Moved(Key{Device: fmt.Sprint(i), Way: Fetch}, 0, 1, 2)
	}
	c.on(rateEvery)
	b.Moved(Key{Device: "one more", Way: Fetch}, 0, 1, 2)
	swept := b.swept
	for i := range 1000 {
		c.on(rateEvery / 2000)
		b.Moved(Key{Device: fmt.Sprint("more", i), Way: Fetch}, 0, 1, 2)
	}
	if b.swept != swept || len(b.all) != MaxShown {
		t.Errorf("swept again after %v, %d shown", b.swept.Sub(swept), len(b.all))
	}
}

func TestReader(t *testing.T) {
	b, _, _ := newBoard()
	read := 0
	r := &Reader{ReaderAt: strings.NewReader("0123456789"), Key: Key{Device: "d", Way: CoAP}, Total: 10, Board: b, Read: func(n int) { read += n }}
	for _, off := range []int64{0, 4, 8} {
		_, _ = r.ReadAt(make([]byte, 4), off) // the last one is short
	}
	if v := b.List()[0]; v.Bytes != 10 || v.Total != 10 || !v.Done || read != 10 {
		t.Errorf("%+v, %d bytes read", v, read)
	}
}

func TestTextOfFetches(t *testing.T) {
	for want, e := range map[string]Event{
		"package fetched, 12.3 MB in 8.1s, 1.5 MB/s":                  {View: View{Way: Fetch, Bytes: 12_300_000, Rate: 1_518_518, Done: true}, Took: 8_100 * time.Millisecond},
		"package fetched, 12 B in 12ms, 1.0 kB/s":                     {View: View{Way: Fetch, Bytes: 12, Rate: 1000, Done: true}, Took: 12_345 * time.Microsecond},
		"package not fetched: no connection":                          {View: View{Way: Fetch, Done: true, Error: "no connection"}},
		"fetch of the package broke at 3.1 MB: timed out":             {View: View{Way: Fetch, Bytes: 3_100_000, Done: true, Error: "timed out"}},
		"package on its way into the bridge: 500 B of 1.0 kB, 10 B/s": {View: View{Way: Fetch, Bytes: 500, Total: 1000, Rate: 10}},
	} {
		if got := e.Text(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for _, w := range Ways {
		if words[w].moves == "" || words[w].done == "" || words[w].rest == "" || words[w].broke == "" {
			t.Errorf("no words for %s", w)
		}
	}
}
