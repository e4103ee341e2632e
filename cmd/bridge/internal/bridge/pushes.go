package bridge

import (
	"cmp"
	"context"
	"errors"
	"io"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/transfer"
)

// DefaultMaxPushes are the pushes at once where the options say nothing.
const DefaultMaxPushes = 64

// placeWait is how long a device that sleeps between its messages is kept waiting
// for its turn: it listens for a while only. After that it is asked again later.
const placeWait = 20 * time.Second

// errNoPlace means that a device would sleep before its turn.
var errNoPlace = errors.New("other devices are pushed to first")

// pushes bounds what pushes take of the bridge: how many go on at once, first
// come first served, and how fast each is.
type pushes struct {
	places chan struct{}
	rate   func(endpoint string) int64 // bytes a second; 0 or less is no limit
	sleeps func(endpoint string) bool  // the device is in queue mode
	watch  watch
	now    func() time.Time
}

// newPushes makes the places. A nil rate limits nothing.
func newPushes(most int, rate func(string) int64, sleeps func(string) bool, w watch) *pushes {
	if rate == nil {
		rate = func(string) int64 { return 0 }
	}
	return &pushes{make(chan struct{}, cmp.Or(most, DefaultMaxPushes)), rate, sleeps, w, time.Now}
}

// push is a package on its way to a device, block by block. It has its place
// from the first block on: a device that sleeps takes none.
type push struct {
	*transfer.Reader
	file   io.Closer
	of     *pushes
	waits  func() // told when there is no place at once; may be nil
	placed bool
	rate   int64     // bytes a second; 0 or less is no limit
	next   time.Time // when the next block may go
}

var _ engine.PackageBody = (*push)(nil)

// begin begins a push of an open package.
func (p *pushes) begin(endpoint string, f file) *push {
	k := transfer.Key{Device: endpoint, Way: transfer.Push}
	return &push{Reader: p.watch.reader(f, k, f.Size()), file: f, of: p, rate: p.rate(endpoint)}
}

// Size implements [engine.PackageBody].
func (p *push) Size() int64 { return p.Total }

// Pace implements [engine.PackageBody].
func (p *push) Pace(ctx context.Context, n int) error {
	if err := p.take(ctx); err != nil {
		return err
	}
	if d := p.wait(n); d > 0 && !pause(ctx, d) {
		return context.Cause(ctx)
	}
	return nil
}

// take gets a place, once.
func (p *push) take(ctx context.Context) error {
	if p.placed {
		return nil
	}
	select {
	case p.of.places <- struct{}{}:
		p.placed = true
		return nil
	default:
	}
	p.Board.Waits(p.Key, p.Total)
	if p.waits != nil {
		p.waits()
	}
	var late <-chan time.Time
	if p.of.sleeps(p.Key.Device) {
		t := time.NewTimer(placeWait)
		defer t.Stop()
		late = t.C
	}
	select {
	case p.of.places <- struct{}{}:
		p.placed = true
		return nil
	case <-late:
		return errNoPlace
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// wait is how long to wait before the next n bytes. Time in which the device was
// slower than its pace is not made up for.
func (p *push) wait(n int) time.Duration {
	if p.rate <= 0 {
		return 0
	}
	now := p.of.now()
	if p.next.Before(now) {
		p.next = now
	}
	wait := p.next.Sub(now)
	p.next = p.next.Add(time.Duration(float64(n) / float64(p.rate) * float64(time.Second)))
	return wait
}

// Done implements [engine.PackageBody].
func (p *push) Done(err error) {
	why := ""
	if err != nil {
		why = pushFailed(err).Error()
	}
	p.Board.Ended(p.Key, why)
	_ = p.file.Close() // it was only read
	if p.placed {
		<-p.of.places
	}
}

// pushed is the [engine.Delivery] of a bridge: its pushes are bounded.
type pushed struct {
	*routes
	pushes *pushes
}

var _ engine.Delivery = pushed{}

// Open implements [engine.Delivery].
func (d pushed) Open(endpoint, uri string) (engine.PackageBody, error) {
	f, err := d.routes.openFor(endpoint, uri)
	if err != nil {
		return nil, err
	}
	return d.pushes.begin(endpoint, f), nil
}
