package delivery

import "sync/atomic"

// FetchCounts are numbers since a [Fetcher] was made, but for the first.
type FetchCounts struct {
	Running int64           // now, those that wait for a slot included
	Bytes   uint64          // that have come, what was dropped again included
	Done    uint64          // packages that have come or were found in the store by a fetch
	Failed  map[Kind]uint64 // by why
}

// fetchCounts are the counters behind them.
type fetchCounts struct {
	running     atomic.Int64
	bytes, done atomic.Uint64
	failed      [kinds]atomic.Uint64
}

// ended counts the end of a flight.
func (c *fetchCounts) ended(err error) {
	c.running.Add(-1)
	if err == nil {
		c.done.Add(1)
		return
	}
	c.failed[KindOf(err)%kinds].Add(1)
}

// Counts are the numbers as of now.
func (f *Fetcher) Counts() FetchCounts {
	c := FetchCounts{
		Running: f.counts.running.Load(), Bytes: f.counts.bytes.Load(), Done: f.counts.done.Load(), Failed: map[Kind]uint64{},
	}
	for i := range f.counts.failed {
		if n := f.counts.failed[i].Load(); n > 0 {
			c.Failed[Kind(i)] = n
		}
	}
	return c
}

// ServeCounts are numbers since a [Server] was made, but for the first.
type ServeCounts struct {
	Running int    // answers going out now
	Bytes   uint64 // of packages that have gone out
	Done    uint64 // answers that went out whole
	Broken  uint64 // answers that ended early
	Refused uint64 // requests answered 404 or 503
}

// serveCounts are the counters behind them.
type serveCounts struct{ bytes, done, broken, refused atomic.Uint64 }

// Counts are the numbers as of now.
func (s *Server) Counts() ServeCounts {
	return ServeCounts{
		Running: len(s.slots), Bytes: s.counts.bytes.Load(), Done: s.counts.done.Load(), Broken: s.counts.broken.Load(), Refused: s.counts.refused.Load(),
	}
}
