package storetest

import (
	"sync"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
)

// Fault is a store whose writes can be made to fail, as a full disk does it:
// nothing of the batch is written. The rest is the embedded store.
type Fault struct {
	store.Store
	mu  sync.Mutex
	err error // guarded by mu
}

// Fail makes every Write return err, until Fail(nil).
func (f *Fault) Fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

// Write implements [store.Store].
func (f *Fault) Write(changes ...store.Change) ([]uint64, error) {
	f.mu.Lock()
	err := f.err
	f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return f.Store.Write(changes...)
}
