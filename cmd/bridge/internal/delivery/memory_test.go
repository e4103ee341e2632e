package delivery

import (
	"crypto/sha256"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// maxHeap is what fetching and serving may need, whatever the size of the
// package, in bytes: a quarter of what issue 6 allows for 2 GiB.
const maxHeap = 16 << 20

// memorySize is the size of the package of TestMemory in MiB, in the environment:
// 2048 is what issue 6 asks for, and needs as much of the disk.
const memorySize = "FWBRIDGE_PACKAGE_MIB"

// TestMemory: a package of 256 MiB, or what memorySize says, passes through, in both directions, in a
// heap that does not know of it.
func TestMemory(t *testing.T) {
	mib := int64(256)
	if text := os.Getenv(memorySize); text != "" {
		var err error
		if mib, err = strconv.ParseInt(text, 10, 64); err != nil {
			t.Fatalf("%s: %v", memorySize, err)
		}
	}
	size := mib << 20
	sparse, err := os.Create(t.TempDir() + "/sparse")
	if err != nil {
		t.Fatal(err)
	}
	defer sparse.Close()
	if err := sparse.Truncate(size); err != nil {
		t.Fatal(err)
	}
	from := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		http.ServeContent(w, r, "", time.Time{}, io.NewSectionReader(sparse, 0, size))
	})
	f, _ := newFetcher(t, FetcherOptions{})
	base, stop := watchHeap()
	got, err := f.Fetch(t.Context(), FetchRequest{URL: from})
	fetched := stop()
	if err != nil || got.Size != size {
		t.Fatalf("%+v, %v", got, err)
	}
	s := newServer(t, ServerOptions{Store: f.o.Store, Progress: func(Transfer) {}})
	web := httptest.NewServer(s)
	defer web.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	_, stop = watchHeap()
	resp, err := http.Get(web.URL + pathOf(t, s, grantOf(got.Digest)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	h := sha256.New()
	if _, err := io.Copy(h, resp.Body); err != nil || Digest(h.Sum(nil)) != got.Digest {
		t.Errorf("%v, or other bytes", err)
	}
	served := stop()
	t.Logf("heap of %d MiB: before %.1f MiB, fetching at most %.1f MiB, serving at most %.1f MiB", size>>20,
		float64(base)/(1<<20), float64(fetched)/(1<<20), float64(served)/(1<<20))
	if max(fetched, served) > base+maxHeap {
		t.Errorf("over %d bytes of heap", maxHeap)
	}
}

// watchHeap looks at the heap all the time, until stop, which returns the most
// that it was.
func watchHeap() (base uint64, stop func() uint64) {
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	runtime.GC()
	base = heap()
	var over atomic.Bool
	var wg sync.WaitGroup
	most := base
	wg.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for !over.Load() {
			most = max(most, heap())
			<-tick.C
		}
	})
	return base, func() uint64 {
		over.Store(true)
		wg.Wait()
		return most
	}
}
