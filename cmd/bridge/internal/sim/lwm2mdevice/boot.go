package lwm2mdevice

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plgd-dev/go-coap/v3/udp/client"
)

// end says why a boot ended.
type end uint8

const (
	endContext end = iota // the simulation is over
	endReboot             // a fault; memory says what survives
	endRebind             // only the port changes
)

// boot is the device from one start to the next: a socket, a registration,
// the observations. All fields without a word about it belong to the loop.
type boot struct {
	d     *Device
	conn  *client.Conn
	inbox chan func()    // work for the loop
	wg    sync.WaitGroup // every goroutine of this boot
	run   func()         // lives until the boot ends

	end    end
	memory Memory
	ended  bool // the loop ends after this step
	hidden bool // the registration does not name the instances

	location  string               // of the registration, "rd/4f2"; empty before it
	asking    bool                 // a registration or update is under way
	news      bool                 // the list of objects has changed since the last one
	observers map[string]*observer // by token
	notices   notices
	update    *time.Timer // when the next Update is due
	sleep     *time.Timer // when a sleepy device falls asleep
	reboot    *time.Timer // when the device reboots by itself; nil: never
	roam      *roam       // the socket below DTLS; nil without

	silent atomic.Bool // no answer, no message any more
	asleep atomic.Bool // as silent, until the device wakes up
	dying  atomic.Bool // as silent, and all work rests: the boot ends in a moment

	mu     sync.Mutex
	flying string             // token of the confirmable notification that waits for its ACK; guarded by mu
	mids   map[string]int32   // message id of the last NON notification, by token; guarded by mu
	lost   map[int32]struct{} // message ids whose answers get lost; guarded by mu
}

// newBoot opens a socket. A boot after a rebind takes over the registration
// and the observations of the last one.
func (d *Device) newBoot(outer context.Context, server string, last *boot) (*boot, error) {
	// The boot outlives the outer context by the time of a good-bye.
	ctx, cancel := context.WithCancel(context.WithoutCancel(outer))
	b := &boot{
		d:         d,
		inbox:     make(chan func()),
		observers: map[string]*observer{},
		notices:   notices{more: make(chan struct{}, 1)},
		update:    time.NewTimer(d.cfg.UpdateEvery),
		sleep:     time.NewTimer(d.cfg.AwakeFor),
		mids:      map[string]int32{},
		lost:      map[int32]struct{}{},
	}
	switch {
	case last == nil:
	case last.end == endRebind:
		b.location, b.observers, b.hidden = last.location, last.observers, last.hidden
		b.silent.Store(last.silent.Load())
	case last.end == endReboot:
		b.hidden = last.memory == Hide
	}
	conn, err := b.open(ctx, server)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("lwm2m device %s: %w", d.cfg.Endpoint, err)
	}
	b.conn = conn
	if after, ok := d.plan.reboot(); ok {
		b.reboot = time.NewTimer(after)
	}
	b.run = func() {
		b.wg.Go(func() { b.sendNotices(ctx) })
		b.start(ctx)
		b.loop(ctx, outer.Done())
		if b.end == endContext && d.cfg.Deregister {
			b.deregister(ctx)
		}
		cancel()
		b.close()
	}
	return b, nil
}

// close returns after every goroutine of the boot has ended.
func (b *boot) close() {
	b.conn.Close()
	<-b.conn.Done()
	b.wg.Wait()
	b.update.Stop()
	b.sleep.Stop()
	if b.reboot != nil {
		b.reboot.Stop()
	}
}

// start greets the server and takes up work that a reboot interrupted.
func (b *boot) start(ctx context.Context) {
	if b.location != "" {
		b.sendUpdate(ctx)
	} else {
		b.d.count(func(c *Counts) { c.Boots++ })
		b.d.event(Event{Kind: EventBooted, Text: b.conn.LocalAddr().String()})
		b.sendRegister(ctx)
	}
	for _, id := range b.d.instanceIDs() {
		b.resume(ctx, b.d.soft[id])
	}
}

func (b *boot) loop(ctx context.Context, over <-chan struct{}) {
	for !b.ended {
		select {
		case <-over:
			return
		case <-b.conn.Done(): // go-coap gave up, for example on a malformed datagram
			b.finish(endRebind, Keep)
		case f := <-b.inbox:
			f()
		case <-b.update.C:
			b.update.Reset(b.d.plan.update())
			b.sendUpdate(ctx)
		case <-b.sleep.C:
			b.fallAsleep()
		case <-b.rebootC():
			b.d.event(Event{Kind: EventRebooting, Text: "by itself"})
			b.finish(endReboot, Keep)
		}
	}
}

func (b *boot) rebootC() <-chan time.Time {
	if b.reboot == nil {
		return nil
	}
	return b.reboot.C
}

// finish ends the boot after the present step of the loop.
func (b *boot) finish(e end, m Memory) {
	if !b.ended {
		b.ended, b.end, b.memory = true, e, m
	}
}

// grace is how long a boot lives on after a fault has ended it: the answer to
// the request that brought the device there still goes out.
const grace = 5 * time.Millisecond

// die ends the boot because of a fault: in a moment, and from now on nothing
// is heard or done.
func (b *boot) die(ctx context.Context, e end, m Memory) {
	if !b.dying.Swap(true) {
		b.after(ctx, grace, func() { b.finish(e, m) })
	}
}

// post hands work to the loop; false when the boot is over.
func (b *boot) post(ctx context.Context, f func()) bool {
	select {
	case b.inbox <- f:
		return true
	case <-ctx.Done():
		return false
	}
}

// call hands work to the loop and waits until it is done; false when the boot
// is over.
func (b *boot) call(ctx context.Context, f func()) bool {
	done := make(chan struct{})
	if !b.post(ctx, func() { defer close(done); f() }) {
		return false
	}
	<-done // the loop finishes what it has taken
	return true
}

// after hands work to the loop when a time has passed.
func (b *boot) after(ctx context.Context, d time.Duration, f func()) {
	b.wg.Go(func() {
		wait(ctx, d)
		b.post(ctx, f)
	})
}

// touch keeps a sleepy device awake, and wakes it up.
func (b *boot) touch() {
	if !b.d.cfg.QueueMode {
		return
	}
	b.sleep.Reset(b.d.cfg.AwakeFor)
	if b.asleep.Swap(false) {
		b.d.event(Event{Kind: EventWoke})
	}
}

func (b *boot) fallAsleep() {
	switch {
	case !b.d.cfg.QueueMode:
	case b.asking || b.location == "":
		b.sleep.Reset(b.d.cfg.AwakeFor)
	case !b.asleep.Swap(true):
		b.d.event(Event{Kind: EventSlept})
	}
}
