package coap_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
)

// lab is a server and a device; the device counts what it carries out.
type lab struct {
	n      *coaptest.Net
	server *coap.Endpoint
	device *coap.Endpoint

	mu       sync.Mutex
	ran      int
	observer *coap.Observer
	value    string   // of what is observed
	seen     []string // bodies of notifications, in order of arrival
}

func newLab(t *testing.T, rule coaptest.Rule) *lab {
	l := &lab{n: coaptest.New()}
	l.n.SetRule(rule)
	l.server = run(t, l.n, serverAddr, coap.Options{Transmission: steady(), Handler: l.take})
	l.device = run(t, l.n, deviceAddr, coap.Options{Transmission: steady(), Handler: l.serve})
	return l
}

func (l *lab) serve(_ context.Context, r *coap.Request) coap.Response {
	l.mu.Lock()
	l.ran++
	ran := l.ran
	l.mu.Unlock()
	switch r.Path[0] {
	case "slow":
		time.Sleep(5 * time.Second)
	case "large":
		return coap.Response{Code: coap.Content, Format: 42, Payload: body(5000)}
	case "upload", "both":
		if !bytes.Equal(r.Payload, body(5000)) {
			return text(coap.BadRequest, "")
		}
		if r.Path[0] == "both" {
			return coap.Response{Code: coap.Content, Format: 42, Payload: body(3000)}
		}
	case "observe":
		l.mu.Lock()
		defer l.mu.Unlock()
		if r.Observe != coap.StartObserving { // because it changed between two blocks
			l.ran--
			return coap.Response{Code: coap.Content, Payload: []byte(l.value)}
		}
		l.observer = r.Observer()
		return coap.Response{Code: coap.Content, Observed: true, Sequence: 1, Payload: []byte("0")}
	}
	return text(coap.Content, fmt.Sprint("run ", ran))
}

// exchangeTypes are the ways in which a request and its response travel.
var exchangeTypes = []struct {
	name  string
	drive func(ctx context.Context, l *lab) error
}{
	{"piggybacked", func(ctx context.Context, l *lab) error {
		return l.expect(ctx, coap.Request{Method: coap.POST, Path: []string{"fast"}, Format: coap.NoFormat, Accept: coap.NoFormat}, []byte("run 1"))
	}},
	{"separate", func(ctx context.Context, l *lab) error {
		return l.expect(ctx, coap.Request{Method: coap.POST, Path: []string{"slow"}, Format: coap.NoFormat, Accept: coap.NoFormat}, []byte("run 1"))
	}},
	{"block1", func(ctx context.Context, l *lab) error {
		return l.expect(ctx, coap.Request{Method: coap.PUT, Path: []string{"upload"}, Format: 42, Accept: coap.NoFormat, Payload: body(5000)}, []byte("run 1"))
	}},
	{"block2", func(ctx context.Context, l *lab) error { return l.expect(ctx, get("large"), body(5000)) }},
	{"block1 and block2", func(ctx context.Context, l *lab) error {
		return l.expect(ctx, coap.Request{Method: coap.POST, Path: []string{"both"}, Format: 42, Accept: coap.NoFormat, Payload: body(5000)}, body(3000))
	}},
	{"from the device", func(ctx context.Context, l *lab) error { return l.report(ctx, 10) }},
	{"from the device in blocks", func(ctx context.Context, l *lab) error { return l.report(ctx, 3000) }},
	{"observe", observeThree(true, 0)},
	{"observe non-confirmable", observeThree(false, 0)},
	{"observe with blocks", observeThree(true, 3000)},
	{"observe and cancel", observeNoMore},
}

func (l *lab) expect(ctx context.Context, r coap.Request, want []byte) error {
	resp, err := l.server.Do(ctx, deviceAt, r)
	switch {
	case err != nil:
		return err
	case !bytes.Equal(resp.Payload, want):
		return fmt.Errorf("answer %v of %d bytes %.40q; want %d bytes", resp.Code, len(resp.Payload), resp.Payload, len(want))
	case l.ran != 1:
		return fmt.Errorf("carried out %d times; want once", l.ran)
	}
	return nil
}

// take is the server's side of what a device sends by itself, as it registers.
func (l *lab) take(_ context.Context, r *coap.Request) coap.Response {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ran++
	if !bytes.Equal(r.Payload, body(len(r.Payload))) {
		return text(coap.BadRequest, "")
	}
	return coap.Response{Code: coap.Created, Format: coap.NoFormat, Location: []string{"rd", fmt.Sprint(l.ran, "-", len(r.Payload))}}
}

// report sends n bytes from the device.
func (l *lab) report(ctx context.Context, n int) error {
	resp, err := l.device.Do(ctx, serverAt, coap.Request{Method: coap.POST, Path: []string{"rd"}, Format: 40, Accept: coap.NoFormat, Payload: body(n)})
	if want := []string{"rd", fmt.Sprint("1-", n)}; err != nil || !slices.Equal(resp.Location, want) {
		return fmt.Errorf("answer %v at %v, %w; want %v", resp.Code, resp.Location, err, want)
	}
	return nil
}

// observeThree observes, and lets the device notify three times, pad bytes more
// each.
func observeThree(con bool, pad int) func(context.Context, *lab) error {
	return func(ctx context.Context, l *lab) error {
		_, resp, err := l.server.Observe(ctx, deviceAt, get("observe"), func(_ context.Context, r coap.Response) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.seen = append(l.seen, string(r.Payload[:1]))
			if len(r.Payload) != pad+1 {
				l.seen = append(l.seen, fmt.Sprint("of ", len(r.Payload), " bytes"))
			}
		})
		if err != nil || string(resp.Payload) != "0" {
			return fmt.Errorf("observe: %q, %w", resp.Payload, err)
		}
		for i := 1; i <= 3; i++ {
			l.mu.Lock()
			l.value = fmt.Sprint(i) + string(body(pad))
			r := coap.Response{Code: coap.Content, Observed: true, Sequence: uint32(i + 1), Payload: []byte(l.value)}
			l.mu.Unlock()
			if err := l.device.Notify(ctx, l.observer, r, con); err != nil {
				return err
			}
			time.Sleep(time.Second)
		}
		time.Sleep(200 * time.Second) // whatever is under way arrives
		synctest.Wait()
		l.mu.Lock()
		defer l.mu.Unlock()
		// With blocks a delayed one may be fetched when its successor is there.
		twice := pad == 0 && len(slices.Compact(slices.Clone(l.seen))) != len(l.seen)
		if !slices.IsSorted(l.seen) || len(l.seen) > 3 || twice {
			return fmt.Errorf("notifications arrived as %v", l.seen)
		}
		if con && (len(l.seen) == 0 || l.seen[len(l.seen)-1] != "3") {
			return fmt.Errorf("notifications %v do not end with the last", l.seen)
		}
		if !con && len(l.seen) < 2 {
			return fmt.Errorf("notifications %v: more than one is missing", l.seen)
		}
		if l.ran != 1 {
			return fmt.Errorf("the observation was registered %d times", l.ran)
		}
		return nil
	}
}

// observeNoMore observes and cancels: what the device still says is not heard.
func observeNoMore(ctx context.Context, l *lab) error {
	o, _, err := l.server.Observe(ctx, deviceAt, get("observe"), func(_ context.Context, r coap.Response) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.seen = append(l.seen, string(r.Payload))
	})
	if err != nil {
		return err
	}
	if resp, err := o.Cancel(ctx, deviceAt); err != nil || resp.Code != coap.Content || resp.Observed {
		return fmt.Errorf("cancel: %+v, %w", resp, err)
	}
	// A device that has not understood it is told with a Reset.
	r := coap.Response{Code: coap.Content, Observed: true, Sequence: 2, Payload: []byte("1")}
	if err := l.device.Notify(ctx, l.observer, r, true); err == nil {
		return errors.New("a notification after the end was acknowledged")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.seen) > 0 || l.ran != 1 {
		return fmt.Errorf("notifications %v, observed %d times", l.seen, l.ran)
	}
	return nil
}

var fates = []struct {
	name string
	rule coaptest.Rule
}{
	{"lost", coaptest.Lose},
	{"corrupted", coaptest.Corrupt},
	{"repeated", coaptest.Repeat(0)},
	{"repeated later", coaptest.Repeat(7 * time.Second)},
	{"delayed", coaptest.Delay(3 * time.Second)},
	{"reordered", coaptest.Delay(1500 * time.Millisecond)},
	{"very late", coaptest.Delay(50 * time.Second)},
}

// TestLosses does to every single datagram of every exchange type everything
// that a network does to datagrams: the outcome is the same, and the device
// has carried the request out once.
func TestLosses(t *testing.T) {
	for _, x := range exchangeTypes {
		there, back := 0, 0
		scenario(t, x.name+"/undisturbed", coaptest.Deliver, func(ctx context.Context, l *lab) error {
			err := x.drive(ctx, l)
			for _, p := range l.n.Sent() {
				if p.From == serverAt {
					there++
				} else {
					back++
				}
			}
			return err
		})
		for _, way := range []struct {
			name     string
			from, to netip.AddrPort
			count    int
		}{{"to the device", serverAt, deviceAt, there}, {"from the device", deviceAt, serverAt, back}} {
			for i := 1; i <= way.count; i++ {
				for _, f := range fates {
					name := fmt.Sprintf("%s/%s %d %s", x.name, way.name, i, f.name)
					scenario(t, name, coaptest.Nth(way.from, way.to, i, f.rule), x.drive)
				}
			}
		}
		if there == 0 || back == 0 {
			t.Errorf("%s: nothing was sent", x.name)
		}
	}
}

func scenario(t *testing.T, name string, rule coaptest.Rule, drive func(context.Context, *lab) error) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t, rule)
			if err := drive(within(t, 10*time.Minute), l); err != nil {
				t.Error(err)
				for _, p := range l.n.Sent() {
					t.Logf("%8v %v > %v  %s", p.At, p.From, p.To, coaptest.Kind(p.Data))
				}
			}
		})
	})
}
