package engine

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmhttp"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

// bomb counts the moments at which a process can die, and lets it die at one
// of them: everything behind the engine is gone from then on.
type bomb struct {
	mu    sync.Mutex
	at    int // 0: never
	n     int
	where string
	died  chan struct{}
}

func newBomb(at int) *bomb { return &bomb{at: at, died: make(chan struct{})} }

// alive passes one moment; false if the process is dead by now.
func (b *bomb) alive(where string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.n++
	if b.at > 0 && b.n == b.at {
		b.where = where
		close(b.died)
	}
	return b.at == 0 || b.n < b.at
}

func (b *bomb) dead() bool {
	select {
	case <-b.died:
		return true
	default:
		return false
	}
}

// mortalStore, mortalDevices and mortalPoster pass a moment before and one
// after each effect.
type mortalStore struct {
	store.Store
	b       *bomb
	written func()
}

func (s mortalStore) Write(c ...store.Change) ([]uint64, error) {
	if !s.b.alive("before a write") {
		return nil, store.ErrClosed
	}
	r, err := s.Store.Write(c...)
	s.written()
	if !s.b.alive("after a write") {
		return nil, store.ErrClosed
	}
	return r, err
}

type mortalDevices struct {
	*network
	b *bomb
}

func (d mortalDevices) Do(ctx context.Context, endpoint string, r server.Request) (server.Response, error) {
	name := methods[r.Method] + " " + r.Path
	if !d.b.alive("before " + name) {
		<-ctx.Done()
		return server.Response{}, server.ErrClosed
	}
	resp, err := d.network.Do(ctx, endpoint, r)
	if !d.b.alive("after " + name) {
		<-ctx.Done()
		return server.Response{}, server.ErrClosed
	}
	return resp, err
}

type mortalPoster struct {
	*dmServer
	b *bomb
}

func (p mortalPoster) Post(ctx context.Context, m dmhttp.Request) (dmhttp.Response, error) {
	if !p.b.alive("before a POST") {
		<-ctx.Done()
		return dmhttp.Response{}, ctx.Err()
	}
	answer, err := p.dmServer.Post(ctx, m)
	if !p.b.alive("after a POST") {
		<-ctx.Done()
		return dmhttp.Response{}, ctx.Err()
	}
	return answer, err
}

// crash runs one update with a process that dies at the given moment and is
// started again after a while. It returns how many moments there were.
func crash(t *testing.T, at int, down time.Duration, prepare func(*fakeDevice), code string) int {
	moments := 0
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		dev := w.net.add(devA)
		prepare(dev)
		b := newBomb(at)
		// settled is how many notifications there were when a durable record
		// first said that the last one was answered.
		settled := -1
		st := mortalStore{w.store, b, func() {
			e, err := w.store.Get(keyOf(devA))
			if err != nil || settled >= 0 {
				return
			}
			if rec, err := decodeRecord(e); err == nil && rec.Letters > 0 && len(rec.Outbox) == 0 {
				alerts, _ := w.dm.seen(imeiA)
				settled = len(alerts)
			}
		}}
		w.dm.orders(imeiA, campaign("p1", pkgURL, "corr")...)
		w.startWith(st, mortalDevices{w.net, b}, mortalPoster{w.dm, b})
		registered := dev.register(t.Context(), w.engine) == nil
		finished := w.answered(devA, imeiA)
		w.until("death or the end", 48*time.Hour, func() bool { return b.dead() || finished() })
		w.stop()
		if b.dead() {
			st.b = newBomb(0)
			<-time.After(down)
			w.startWith(st, w.net, w.dm)
			if !registered {
				w.register(dev)
			}
			if !w.until("the end after death "+b.where, 48*time.Hour, finished) {
				w.stop()
				return
			}
			<-time.After(3 * time.Hour) // sessions on schedule
			w.stop()
		}
		moments = b.n
		alerts, statuses := w.dm.seen(imeiA)
		if len(alerts) != settled || len(alerts) > 2 {
			t.Errorf("died %s: %d notifications, %d when the answer was durable", b.where, len(alerts), settled)
		}
		if b.where == "before POST /9/0/4" && down > server.ExchangeLifetime || b.where == "after a write" && dev.ran("POST /9/0/4") == 0 {
			// The exchange was durable and not sent, but nobody can know: the
			// update fails, cleanly.
			code = "410"
			if down <= server.ExchangeLifetime {
				t.Errorf("died %s: Install was given up although its exchange could be taken up", b.where)
			}
		}
		for _, a := range alerts {
			if a.data != code || a.correlator != "corr" {
				t.Errorf("died %s: notification %+v; want code %s\n%s", b.where, a, code, w.story())
			}
		}
		if n := dev.ran("POST /9/0/4"); n > 1 {
			t.Errorf("died %s: Install ran %d times\n%s", b.where, n, w.story())
		}
		if len(statuses) == 0 {
			t.Errorf("died %s: the server got no Status", b.where)
		}
	})
	return moments
}

// TestDeathAtEveryMoment is the promise of the engine: whenever the process
// dies, the update goes on after the restart, Install is carried out once at
// most, and the server's answer to the notification is the last of it.
func TestDeathAtEveryMoment(t *testing.T) {
	for _, tc := range []struct {
		name    string
		prepare func(*fakeDevice)
		down    time.Duration
		code    string
	}{
		{"restarted at once", func(*fakeDevice) {}, 0, "200"},
		{"restarted after the exchange is forgotten", func(*fakeDevice) {}, 10 * time.Minute, "200"},
		{"failing install", func(d *fakeDevice) { d.installFails = lwm2m9.ResultInstallFailure }, 0, "410"},
		{"queue mode", func(d *fakeDevice) { d.reg.Queue = true }, time.Minute, "200"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			moments := crash(t, 0, 0, tc.prepare, tc.code)
			if moments < 50 {
				t.Fatalf("only %d moments: the harness sees nothing", moments)
			}
			for at := 1; at <= moments && !t.Failed(); at += stride {
				t.Run(fmt.Sprint(at), func(t *testing.T) { crash(t, at, tc.down, tc.prepare, tc.code) })
			}
			t.Logf("%d moments", moments)
		})
	}
}
