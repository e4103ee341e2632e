package store_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
)

func BenchmarkWrite(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s := openPebble(b, b.TempDir(), store.Options{})
			defer s.Close()
			value := make([]byte, 500)
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for w := range writers {
				wg.Go(func() {
					key, rev := fmt.Sprintf("device/%d", w), uint64(0)
					for next.Add(1) <= int64(b.N) {
						revs, err := s.Write(store.Change{Key: key, Value: value, Expect: rev})
						if err != nil {
							b.Error(err)
							return
						}
						rev = revs[0]
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
		})
	}
}
