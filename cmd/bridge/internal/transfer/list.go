package transfer

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// Run looks for devices that have stopped, until ctx ends.
func (b *Board) Run(ctx context.Context) error {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			b.change(b.sweep)
		}
	}
}

// sweep ends what stands still and drops what nobody wants to see any more: when
// the board is full, whatever is over. It looks at all, so it does that once in a
// while only, however full the board is. The caller holds mu.
func (b *Board) sweep(now time.Time) (events []Event) {
	if now.Sub(b.swept) < rateEvery {
		return nil
	}
	b.swept = now
	full := len(b.all) >= MaxShown
	for k, s := range b.all {
		if s.still(now) {
			events = append(events, s.end(now, stopped))
		}
		if s.stale(now) || full && s.Done {
			delete(b.all, k)
		}
	}
	return events
}

// still says that a device has stopped.
func (s *shown) still(now time.Time) bool {
	return !s.Done && s.Way.leaves() && now.Sub(s.Moved) > KeepStill
}

// stale says that nobody wants to see it any more.
func (s *shown) stale(now time.Time) bool { return s.Done && now.Sub(s.Moved) > KeepDone }

// List is every transfer, by device and way.
func (b *Board) List() []View {
	return b.list(func(Key) bool { return true })
}

// Of is the transfers of one device.
func (b *Board) Of(device string, legacy bool) []View {
	return b.list(func(k Key) bool { return k.Device == device && k.Legacy == legacy })
}

func (b *Board) list(wanted func(Key) bool) []View {
	now := b.now()
	all := []View{}
	b.mu.Lock()
	for k, s := range b.all {
		if wanted(k) && !s.stale(now) && !s.still(now) {
			all = append(all, s.View)
		}
	}
	b.mu.Unlock()
	slices.SortFunc(all, func(a, b View) int { return cmp.Or(cmp.Compare(a.Device, b.Device), cmp.Compare(a.Way, b.Way)) })
	return all
}

// Moving counts those under way, by way.
func (b *Board) Moving() map[Way]int {
	now := b.now()
	n := make(map[Way]int)
	b.mu.Lock()
	defer b.mu.Unlock()
	for k, s := range b.all {
		if !s.Done && !s.Waiting && !s.still(now) {
			n[k.Way]++
		}
	}
	return n
}
