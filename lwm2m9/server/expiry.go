package server

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// maxExpiring bounds the calls of Handler.Expired at the same time: after a
// long stop every registration may end at once.
const maxExpiring = 64

// expiryHeap has the device whose lifetime ends next first.
type expiryHeap []*device

func (h expiryHeap) Len() int           { return len(h) }
func (h expiryHeap) Less(i, j int) bool { return h[i].reg.Expires().Before(h[j].reg.Expires()) }
func (h expiryHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i+1, j+1
}
func (h *expiryHeap) Push(x any) {
	d := x.(*device)
	*h = append(*h, d)
	d.place = len(*h)
}
func (h *expiryHeap) Pop() any {
	old := *h
	d := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	d.place = 0
	return d
}

// schedule enters the end of the device's lifetime anew, after each change of
// its registration.
func (s *Server) schedule(d *device) {
	if d.place == 0 {
		heap.Push(&s.expiry, d)
	} else {
		heap.Fix(&s.expiry, d.place-1)
	}
	if d.place == 1 {
		select {
		case s.wake <- struct{}{}:
		default: // told already
		}
	}
}

func (s *Server) unschedule(d *device) {
	if d.place != 0 {
		heap.Remove(&s.expiry, d.place-1)
	}
}

// expireAll ends lifetimes until ctx ends, and returns after the last call of
// the Handler.
func (s *Server) expireAll(ctx context.Context) {
	var calls sync.WaitGroup
	defer calls.Wait()
	room := make(chan struct{}, maxExpiring)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-timer.C:
		}
		for d, next := s.nextExpired(); ; d, next = s.nextExpired() {
			if d == nil {
				timer.Reset(next)
				break
			}
			select {
			case <-ctx.Done():
				return
			case room <- struct{}{}:
			}
			calls.Go(func() {
				s.expire(ctx, d)
				<-room
			})
		}
	}
}

// idleCheck is how long the expiry loop sleeps when nothing is registered.
const idleCheck = time.Hour

// nextExpired takes a device whose lifetime has ended off the heap; nil and the
// time until the next one otherwise.
func (s *Server) nextExpired() (*device, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.expiry) == 0 {
		return nil, idleCheck
	}
	if left := time.Until(s.expiry[0].reg.Expires()); left > 0 {
		return nil, left
	}
	return heap.Pop(&s.expiry).(*device), 0
}

// expire ends a registration, unless the device was heard from after all.
func (s *Server) expire(ctx context.Context, d *device) {
	s.mu.Lock()
	endpoint := d.reg.Endpoint
	s.mu.Unlock()
	give, err := s.turns.take(ctx, endpoint)
	if err != nil {
		return // stopping: it expires in the next life
	}
	defer give()
	s.mu.Lock()
	if s.devices[endpoint] != d || time.Until(d.reg.Expires()) > 0 {
		s.mu.Unlock()
		return
	}
	s.remove(d)
	r := d.reg
	s.mu.Unlock()
	s.o.Handler.Expired(ctx, r)
}
