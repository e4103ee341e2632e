package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmhttp"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// watched is a Poster that looks for Alert 1223.
type watched struct {
	Poster
	aborted func(ctx context.Context) (dmhttp.Response, error) // answers the alert; nil: the Poster does

	mu     sync.Mutex
	posts  int
	aborts []string // SessionID, MsgID and the commands
	at     []time.Time
}

// Post implements Poster.
func (p *watched) Post(ctx context.Context, r dmhttp.Request) (dmhttp.Response, error) {
	m, _, err := syncml.Decode(r.Body, syncml.DefaultLimits)
	if err != nil {
		return dmhttp.Response{}, err
	}
	said := m.Header.SessionID + "/" + m.Header.MsgID
	abort := false
	for _, cmd := range m.Body {
		a, ok := cmd.(*syncml.Alert)
		abort = abort || ok && a.Code == syncml.AlertSessionAbort
		said += " " + string(cmd.Name())
	}
	if m.Final {
		said += " Final"
	}
	p.mu.Lock()
	p.posts++
	if abort {
		p.aborts, p.at = append(p.aborts, said), append(p.at, time.Now())
	}
	p.mu.Unlock()
	if abort && p.aborted != nil {
		return p.aborted(ctx)
	}
	return p.Poster.Post(ctx, r)
}

func (p *watched) seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.aborts)
}

// deaf is a server that does not answer: whoever asks waits for the end.
func deaf(ctx context.Context) (dmhttp.Response, error) {
	<-ctx.Done()
	return dmhttp.Response{}, ctx.Err()
}

// aborting runs a device's first session to its end with a server that draws
// it out, and says how long it took.
func aborting(t *testing.T, w *world, p *watched) (took time.Duration) {
	dev := w.net.add(devA)
	w.startWith(w.store, w.net, p)
	begin := time.Now()
	w.register(dev)
	w.until("the end", time.Hour, func() bool { return w.detail(devA).DM.Failures > 0 })
	return w.detail(devA).DM.Last.Sub(begin)
}

// TestAbortTellsTheServer: a session that is given up while the server goes on
// is aborted with a message of its own, once, whatever the server makes of it.
func TestAbortTellsTheServer(t *testing.T) {
	const limit = 5 * time.Minute
	status := func(code int) func(context.Context) (dmhttp.Response, error) {
		return func(context.Context) (dmhttp.Response, error) { return dmhttp.Response{Status: code}, nil }
	}
	for _, tt := range []struct {
		name    string
		aborted func(context.Context) (dmhttp.Response, error)
		extra   time.Duration // that the abort takes
	}{
		{"answered", nil, 7 * time.Second},
		{"not answered", deaf, abortTimeout},
		{"no connection", func(context.Context) (dmhttp.Response, error) { return dmhttp.Response{}, errors.New("refused") }, 0},
		{"HTTP 503", status(503), 0},
		{"HTTP 404", status(404), 0},
		{"nothing to say", status(200), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.opt.SessionTimeout = limit
				w.dm.latency = 7 * time.Second
				for range 200 {
					w.dm.orders(imeiA, op(syncml.CmdGet, "./DevInfo/Man", "", ""))
				}
				p := &watched{Poster: w.dm, aborted: tt.aborted}
				took := aborting(t, w, p)
				defer func() { w.stop() }()
				if got := p.seen(); len(got) != 1 || !strings.HasSuffix(got[0], " Alert Final") || !strings.HasPrefix(got[0], "1/") {
					t.Fatalf("aborts %q", got)
				}
				if over := took - limit - tt.extra; over < -time.Second || over > time.Second {
					t.Errorf("took %v; want %v and %v for the abort", took, limit, tt.extra)
				}
				if d := w.detail(devA).DM; d.Status != "the session took longer than 5m0s" || d.Failures != 1 || d.Next.Before(time.Now()) {
					t.Errorf("shown as %+v", d)
				}
			})
		})
	}
}

// TestAbortAfterSilence: a server that stops answering in the middle is told
// too; it may have lost the connection only.
func TestAbortAfterSilence(t *testing.T) {
	for _, answered := range []int{0, 1, 2} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.dm.orders(imeiA, op(syncml.CmdGet, "./DevInfo/Man", "", ""))
			w.dm.orders(imeiA, op(syncml.CmdGet, "./DevInfo/Mod", "", ""))
			w.dm.before = func(n int) error {
				if n > answered {
					return context.DeadlineExceeded
				}
				return nil
			}
			p := &watched{Poster: w.dm}
			aborting(t, w, p)
			defer func() { w.stop() }()
			var want []string // a server that answered nothing knows of no session
			posts := 3        // PostTries
			if answered > 0 {
				want = []string{"1/" + string(rune('2'+answered)) + " Alert Final"}
				posts += answered + 1
			}
			if d := cmp.Diff(want, p.seen()); d != "" || p.posts != posts {
				t.Errorf("%d answers: %d posts, want %d; aborts %s", answered, p.posts, posts, d)
			}
			if got := w.detail(devA).DM.Status; got != "no answer from the DM server in time" {
				t.Errorf("shown as %q", got)
			}
		})
	}
}

// TestAbortOfAnEndedSession: who has been told by the session itself, or has
// refused it, is not told again.
func TestAbortOfAnEndedSession(t *testing.T) {
	t.Run("too many messages", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			for range session.MaxMessages {
				w.dm.orders(imeiA, op(syncml.CmdGet, "./DevInfo/Man", "", ""))
			}
			p := &watched{Poster: w.dm, aborted: func(context.Context) (dmhttp.Response, error) { return dmhttp.Response{Status: 503}, nil }}
			aborting(t, w, p)
			defer func() { w.stop() }()
			if got := p.seen(); len(got) != 3 || got[0] != got[2] { // PostTries, as any message
				t.Errorf("aborts %q", got)
			}
		})
	})
	t.Run("HTTP 403", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.dm.orders(imeiA, op(syncml.CmdGet, "./DevInfo/Man", "", ""))
			p := &watched{Poster: forbidding{w.dm, 2}}
			aborting(t, w, p)
			defer func() { w.stop() }()
			if got := p.seen(); got != nil || !strings.HasPrefix(w.detail(devA).DM.Status, "HTTP 403") {
				t.Errorf("aborts %q, shown as %q", got, w.detail(devA).DM.Status)
			}
		})
	})
}

// forbidding answers 403 from a number of messages on.
type forbidding struct {
	Poster
	from int
}

// Post implements Poster.
func (p forbidding) Post(ctx context.Context, r dmhttp.Request) (dmhttp.Response, error) {
	m, _, err := syncml.Decode(r.Body, syncml.DefaultLimits)
	if err == nil && m.Header.MsgID >= string(rune('0'+p.from)) {
		return dmhttp.Response{Status: 403}, nil
	}
	return p.Poster.Post(ctx, r)
}
