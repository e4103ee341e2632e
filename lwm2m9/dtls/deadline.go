package dtls

import (
	"sync"
	"time"
)

// deadline is a read deadline. Its zero value never passes.
type deadline struct {
	guard   sync.Mutex
	expired chan struct{} // closed once it has passed
	timer   *time.Timer
}

// passed is closed once the deadline that is set now has passed.
func (d *deadline) passed() <-chan struct{} {
	d.guard.Lock()
	defer d.guard.Unlock()
	if d.expired == nil {
		d.expired = make(chan struct{})
	}
	return d.expired
}

// set sets it; the zero time is none. Who waits for one that has not passed
// waits for the new one.
func (d *deadline) set(t time.Time) {
	expired := d.passed()
	d.guard.Lock()
	defer d.guard.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	select {
	case <-expired:
		d.expired = make(chan struct{})
	default:
	}
	now := d.expired
	switch wait := time.Until(t); {
	case t.IsZero():
	case wait <= 0:
		close(now)
	default:
		d.timer = time.AfterFunc(wait, func() {
			d.guard.Lock()
			defer d.guard.Unlock()
			select {
			case <-now: // a new deadline was faster
			default:
				close(now)
			}
		})
	}
}
