package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/control"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/transfer"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/mapping"
)

// refusing answers the first writes with codes or errors, and takes the next.
type refusing struct {
	engine.Devices
	answers []error
	asked   []server.Request
}

func (r *refusing) Do(_ context.Context, _ string, q server.Request) (server.Response, error) {
	r.asked = append(r.asked, q)
	_, _ = q.Body.ReadAt(make([]byte, q.Body.Size), 0)
	if n := len(r.asked); n <= len(r.answers) {
		return server.Response{}, r.answers[n-1]
	}
	return server.Response{Code: lwm2m9.CodeChanged}, nil
}

func says(code lwm2m9.ResponseCode, times int) (all []error) {
	for range times {
		all = append(all, &server.Refused{Code: code})
	}
	return all
}

// TestPushTries: what a device answers decides whether it is tried again, how
// often and when (lwm2m.md, "Interfaces" and "Seen on a real client", 5).
func TestPushTries(t *testing.T) {
	const lost, later = lwm2m9.CodeIncomplete, lwm2m9.CodeUnavailable
	waits := (1<<maxLater - 1) * laterWait // 10 s, 20 s, and so on
	for _, test := range []struct {
		name    string
		answers []error
		tries   int
		took    time.Duration
		err     string // in the error; empty: it has the package
		kind    error
	}{
		{"at once", nil, 1, 0, "", nil},
		{"4.08, as often as may be", says(lost, maxRestarts), maxRestarts + 1, 0, "", nil},
		{"4.08, once more", says(lost, maxRestarts+1), maxRestarts + 1, 0, "4.08: it lost what it had again and again", control.ErrDevice},
		{"5.03, once", says(later, 1), 2, laterWait, "", nil},
		{"5.03, as often as may be", says(later, maxLater), maxLater + 1, waits, "", nil},
		{"5.03, once more", says(later, maxLater+1), maxLater + 1, waits, "5.03: it is busy", control.ErrDevice},
		{"both, as often as may be", append(says(lost, maxRestarts), says(later, maxLater)...), maxRestarts + maxLater + 1, waits, "", nil},
		{"4.13", says(lwm2m9.CodeTooLarge, 1), 1, 0, "4.13: it has not enough storage", control.ErrDevice},
		{"4.05", says(lwm2m9.CodeMethodNotAllowed, 1), 1, 0, "4.05: it cannot be pushed to", control.ErrDevice},
		{"4.00", says(lwm2m9.CodeBadRequest, 1), 1, 0, "4.00: it cannot be pushed to in more than one block", control.ErrDevice},
		{"a code without a meaning here", says(lwm2m9.CodeInternal, 1), 1, 0, "the device answered 5.00", control.ErrDevice},
		{"asleep before its turn", []error{fmt.Errorf("%w: %w", server.ErrNotSent, errNoPlace)}, 2, 0, "", nil},
		{"gone", []error{server.ErrNotRegistered}, 1, 0, "the device is not registered any more", control.ErrDevice},
		{"silent", []error{server.ErrNoAnswer}, 1, 0, "the device does not answer", control.ErrDevice},
		{"nonsense", []error{server.ErrGarbage}, 1, 0, "what the device answered makes no sense", control.ErrDevice},
		{"unsent", []error{server.ErrNotSent}, 1, 0, "nothing was sent", control.ErrDevice},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, d := newWatch(), &refusing{answers: test.answers}
				ps := newPushes(1, nil, nobodySleeps, w)
				var notes []string
				var last control.Step
				h := handPush{
					endpoint: "dev", path: "/9/1/2", devices: d, pause: pause,
					begin: func() (*push, error) { return ps.begin("dev", someFile(t, 10)), nil },
					tell: func(s control.Step) {
						if last = s; s.Note != "" {
							notes = append(notes, s.Note)
						}
					},
				}
				began := time.Now()
				err := h.run(t.Context())
				if took := time.Since(began); len(d.asked) != test.tries || took != test.took {
					t.Errorf("%d tries in %v, want %d in %v", len(d.asked), took, test.tries, test.took)
				}
				if len(notes) != test.tries-1 {
					t.Errorf("told %q", notes)
				}
				if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) || !errors.Is(err, test.kind) {
					t.Errorf("%v, want %q", err, test.err)
				}
				if last.Bytes != 10 || last.Total != 10 || len(ps.places) != 0 || d.asked[0].Path != "/9/1/2" {
					t.Errorf("at the end: %+v, %d places, %+v", last, len(ps.places), d.asked[0])
				}
				if v := w.board.Of("dev", false); len(v) != 1 || !v[0].Done || (v[0].Error == "") != (err == nil) {
					t.Errorf("shown: %+v", v)
				}
			})
		})
	}
}

// TestPushGivenUp: who is interrupted while the device wants to be left alone,
// or while other pushes are on their way, sends nothing more.
func TestPushGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &refusing{answers: says(lwm2m9.CodeUnavailable, 100)}
		ps := newPushes(1, nil, nobodySleeps, newWatch())
		h := handPush{endpoint: "dev", path: "/9/0/2", devices: d, pause: pause, tell: func(control.Step) {},
			begin: func() (*push, error) { return ps.begin("dev", someFile(t, 10)), nil }}
		ctx, cancel := context.WithTimeout(t.Context(), 3*laterWait-1) // in the second wait
		defer cancel()
		began := time.Now()
		if err := h.run(ctx); err == nil || err.Error() != "given up" || len(d.asked) != 2 || time.Since(began) != 3*laterWait-1 {
			t.Errorf("%v after %d tries and %v", err, len(d.asked), time.Since(began))
		}
	})
	h := handPush{tell: func(control.Step) {}, begin: func() (*push, error) { return nil, errors.New("gone") }}
	if err := h.run(t.Context()); err == nil || err.Error() != "the package cannot be read: gone" {
		t.Errorf("%v", err)
	}
}

// TestPushByHand pushes to a simulated device that misbehaves.
func TestPushByHand(t *testing.T) {
	for _, test := range []struct {
		name    string
		faults  []string
		most    int64 // that the device takes
		err     string
		notes   int
		refused int // writes
		line    string
	}{
		{"a good device", nil, 0, "", 0, 0, "package pushed, 5.0 kB"},
		{"it loses what it had", []string{"refuse@write-package=4.08*3"}, 0, "", 1, 3, "push broke at 5.0 kB of 5.0 kB: "},
		{"it loses all again and again", []string{"refuse@write-package=4.08"}, 0, "4.08", maxRestarts, 2 * (maxRestarts + 1), "push broke at 5.0 kB of 5.0 kB: "},
		{"it is busy", []string{"refuse@write-package=5.03*2"}, 0, "", 2, 2, "push broke at 5.0 kB of 5.0 kB: the device answered 5.03"},
		{"it is busy for ever", []string{"refuse@write-package=5.03"}, 0, "5.03", maxLater, maxLater + 1, "push broke"},
		{"it is too small", nil, 4999, "4.13", 0, 1, "push broke at 5.0 kB of 5.0 kB: the device answered 4.13: it has not enough storage"},
		{"it takes no push", []string{"refuse@write-package=4.05"}, 0, "4.05", 0, 1, "push broke"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWaysWorld(t)
			w.start(mapping.WayPush)
			registered := make(chan struct{}, 16)
			d := w.device(lwm2mdevice.Config{Endpoint: "dev", Faults: faults(t, test.faults...), MaxPackage: test.most, OnEvent: func(e lwm2mdevice.Event) {
				if e.Kind == lwm2mdevice.EventRegistered {
					registered <- struct{}{}
				}
			}})
			<-registered
			added, err := w.b.packs.store.Begin(5000)
			if err == nil {
				_, err = added.Write(make([]byte, 5000))
			}
			if err != nil {
				t.Fatal(err)
			}
			p, err := added.CommitContext(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			notes := 0
			w.b.pause = func(context.Context, time.Duration) bool { return true }
			err = w.b.push(t.Context(), p, control.PushRequest{Endpoint: "dev"}, func(s control.Step) {
				if s.Note != "" {
					notes++
				}
			})
			if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("%v, want %q", err, test.err)
			}
			if c := d.Counts(); notes != test.notes || c.Refused[lwm2mdevice.OpWritePackage] != test.refused {
				t.Errorf("%d notes, %d writes refused; want %d, %d", notes, c.Refused[lwm2mdevice.OpWritePackage], test.notes, test.refused)
			}
			w.tells(test.line)
			if v := w.b.watch.board.Of("dev", false); len(v) != 1 || v[0].Way != transfer.Push || !v[0].Done {
				t.Errorf("%+v", v)
			}
		})
	}
}

// TestPushTarget: who cannot be pushed to is refused before anything is sent.
func TestPushTarget(t *testing.T) {
	w := newWaysWorld(t)
	w.start(mapping.WayPush)
	registered := make(chan struct{}, 16)
	w.device(lwm2mdevice.Config{
		Endpoint: "dev", Instances: []lwm2mdevice.Software{{ID: 1}, {ID: 4}}, OnEvent: func(e lwm2mdevice.Event) {
			if e.Kind == lwm2mdevice.EventRegistered {
				registered <- struct{}{}
			}
		},
	})
	<-registered
	four := uint16(4)
	for _, test := range []struct {
		r    control.PushRequest
		id   lwm2m9.InstanceID
		want string
		kind error
	}{
		{control.PushRequest{Endpoint: "nobody"}, 0, "nobody: no such device", control.ErrDevice},
		{control.PushRequest{Endpoint: "dev"}, 0, "dev has the instances 1, 4: name one with --instance", control.ErrWrongUse},
		{control.PushRequest{Endpoint: "dev", Instance: &four}, 4, "", nil},
	} {
		id, err := w.b.pushTarget(test.r)
		if id != test.id || !errors.Is(err, test.kind) || err != nil && err.Error() != test.want {
			t.Errorf("%+v: %d, %v; want %d, %q", test.r, id, err, test.id, test.want)
		}
	}
	k := transfer.Key{Device: "dev", Way: transfer.Push}
	w.b.watch.board.Waits(k, 10)
	if _, err := w.b.pushTarget(control.PushRequest{Endpoint: "dev", Instance: &four}); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("while one waits: %v", err)
	}
	w.b.watch.board.Ended(k, "")
	if _, err := w.b.pushTarget(control.PushRequest{Endpoint: "dev", Instance: &four}); err != nil {
		t.Errorf("after it: %v", err)
	}
	if _, err := (&Bridge{}).pushTarget(control.PushRequest{Endpoint: "dev"}); !errors.Is(err, control.ErrDevice) {
		t.Errorf("without direction A: %v", err)
	}
}

// tells waits until a line of the time line begins so.
func (w *waysWorld) tells(line string) {
	w.tb.Helper()
	untilTold(w.tb, line, w.story)
}

// untilTold waits until a line begins so.
func untilTold(tb testing.TB, begin string, lines func() []string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute) // against hanging, no verdict
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !slices.ContainsFunc(lines(), func(s string) bool { return strings.HasPrefix(s, begin) }) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			tb.Fatalf("no line %q in %q", begin, lines())
		}
	}
}
