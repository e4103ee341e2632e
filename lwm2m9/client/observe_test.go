package client_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/client"
	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// observed is a bench whose server observes the thing.
type observed struct {
	*bench
	o *thing
	c *client.Client
}

func observe(t *testing.T, cfg func(*client.Config), paths ...string) *observed {
	x := &observed{bench: newBench(t, client.Options{}), o: newThing()}
	config := x.config()
	config.Lifetime = 48 * time.Hour // no Update in between
	if cfg != nil {
		cfg(&config)
	}
	x.c = x.add(config, x.o)
	synctest.Wait()
	for _, p := range paths {
		if r, err := x.do(server.Observe(p, server.TextPlain)); err != nil || !r.Observed {
			t.Fatalf("observe %s: %+v, %v", p, r, err)
		}
	}
	return x
}

// put changes resource 0 and tells.
func (x *observed) put(n int64) { x.c.Changed(x.o.set(0, wire.Integer(n))) }

// notes is what has arrived, after everything is still.
func (x *observed) notes() string {
	synctest.Wait()
	return x.h.tookNotes()
}

// contents is the payloads of the last notifications, as they were sent.
func (x *observed) contents(n int) string {
	var all []string
	for _, p := range x.n.Sent() {
		if kind := coaptest.Kind(p.Data); p.From != serverAt && strings.HasSuffix(kind, "2.05") {
			_, payload, _ := strings.Cut(string(p.Data[12:]), "\xff")
			all = append(all, payload)
		}
	}
	return strings.Join(all[len(all)-n:], " ")
}

// attributes writes attributes of resource 0.
func (x *observed) attributes(list ...string) {
	x.t.Helper()
	if _, err := x.do(server.WriteAttributes("/42/0/0", list...)); err != nil {
		x.t.Fatal(err)
	}
}

// TestObserve: changes are notified in order, what is the same is not.
func TestObserve(t *testing.T) {
	for _, confirmable := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			x := observe(t, func(c *client.Config) { c.Confirmable = confirmable }, "/42/0/0", "/42/0/1")
			x.n.Forget()
			x.put(8)
			check(t, "changed", x.notes(), "/42/0/0=8")
			x.put(8)
			check(t, "the same", x.notes(), "")
			x.c.Changed(x.o.set(1, wire.String("eight")), x.o.set(0, wire.Integer(9)))
			x.notes() // the server's goroutines of the two may come in any order
			check(t, "two", x.contents(2), "eight 9")
			x.c.Changed(x.o.set(5, wire.Float(1)))
			check(t, "not observed", x.notes(), "")
			kinds := map[string]int{}
			for _, p := range x.n.Sent() {
				kinds[coaptest.Kind(p.Data)]++
			}
			want := "map[NON 2.05:3]"
			if confirmable {
				want = "map[ACK 0.00:3 CON 2.05:3]"
			}
			check(t, "messages", fmt.Sprint(kinds), want)
			if _, err := x.do(server.CancelObserve("/42/0/0", server.TextPlain)); err != nil {
				t.Error(err)
			}
			x.put(10)
			check(t, "cancelled", x.notes(), "")
			if n := x.c.Status().Observed; n != 1 {
				t.Errorf("%d observations left", n)
			}
		})
	}
}

// TestPeriods: pmin delays and brings the newest value, pmax repeats it.
func TestPeriods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := observe(t, nil, "/42/0/0")
		x.attributes("pmin=10", "pmax=60")
		start := time.Now()
		at := func(s int) { time.Sleep(time.Until(start.Add(time.Duration(s) * time.Second))) }
		x.put(1)
		at(9)
		x.put(2)
		check(t, "before pmin", x.notes(), "")
		at(10)
		check(t, "at pmin", x.notes(), "/42/0/0=2")
		at(15)
		x.put(3)
		x.put(2)
		at(69)
		check(t, "there and back again", x.notes(), "")
		at(70)
		check(t, "at pmax", x.notes(), "/42/0/0=2")
		x.attributes("pmax=5") // below pmin: ignored
		at(170)
		check(t, "pmax below pmin", x.notes(), "")
		x.attributes("pmin", "pmax")
		if _, err := x.do(server.Write("/1/0/3", server.TextPlain, []byte("7"))); err != nil {
			t.Error(err)
		}
		at(171) // the last one is more than 7 s old
		check(t, "default pmax", x.notes(), "/42/0/0=2")
		at(177)
		check(t, "default pmax again", x.notes(), "/42/0/0=2")
	})
}

// TestThresholds: gt and lt report crossings, st reports steps.
func TestThresholds(t *testing.T) {
	for _, x := range []struct {
		attributes string
		values     []int64 // after 7
		want       []int64
	}{
		{"gt=10", []int64{8, 10, 11, 12, 10, 9}, []int64{11, 10}},
		{"lt=5", []int64{6, 5, 4, 3, 6, 8}, []int64{4, 6}},
		{"st=3", []int64{8, 9, 10, 11, 8, 7}, []int64{10, 7}},
		{"gt=20 st=5", []int64{8, 12, 21, 20}, []int64{12, 21, 20}},
		{"pmin=0", []int64{8, 9}, []int64{8, 9}},
	} {
		synctest.Test(t, func(t *testing.T) {
			o := observe(t, nil, "/42/0/0")
			o.attributes(strings.Fields(x.attributes)...)
			var got []string
			for _, v := range x.values {
				o.put(v)
				got = append(got, strings.Fields(o.notes())...)
			}
			var want []string
			for _, v := range x.want {
				want = append(want, fmt.Sprint("/42/0/0=", v))
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %v; want %v", x.attributes, got, want)
			}
		})
	}
}

// TestObserveUnderLoss: on a network that loses, repeats and reorders, what
// arrives keeps its order, and the last value arrives when notifications are
// confirmable.
func TestObserveUnderLoss(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			x := observe(t, func(c *client.Config) { c.Confirmable = seed%2 == 0 }, "/42/0/0")
			random := rand.New(rand.NewPCG(seed, 1))
			rules := []coaptest.Rule{coaptest.Deliver, coaptest.Deliver, coaptest.Lose, coaptest.Repeat(50 * time.Millisecond), coaptest.Delay(400 * time.Millisecond)}
			x.n.SetRule(func(p coaptest.Packet) []coaptest.Arrival { return rules[random.IntN(len(rules))](p) })
			const last = 60
			for i := range int64(last) {
				x.put(1000 + i)
				time.Sleep(100 * time.Millisecond)
			}
			time.Sleep(2 * time.Minute)
			got := strings.Fields(x.notes())
			if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
				t.Errorf("seed %d: out of order: %v", seed, got)
			}
			if want := fmt.Sprint("/42/0/0=", 1000+last-1); seed%2 == 0 && (len(got) == 0 || got[len(got)-1] != want) {
				t.Errorf("seed %d: the last value is missing: %v", seed, got)
			}
		})
	}
}

// TestObserverGone: an observation ends when a notification is reset, and when
// a confirmable one is never answered; after 24 hours one is confirmable.
func TestObserverGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, client.Options{})
		o := newThing()
		cfg := b.config()
		cfg.Server, cfg.Lifetime = peerAt("192.0.2.7:5683"), 96*time.Hour
		peer := newScript(b, "192.0.2.7:5683")
		c := b.add(cfg, o)
		peer.answer(t, 2, "\x82rd\x011") // Location-Path rd, 1
		peer.observe(t, "AAAA")
		put := func(n int64) string {
			c.Changed(o.set(0, wire.Integer(n)))
			synctest.Wait()
			return peer.read(t)
		}
		check(t, "first", put(1), "NON 2.05")
		time.Sleep(23 * time.Hour)
		check(t, "within a day", put(2), "NON 2.05")
		time.Sleep(2 * time.Hour)
		check(t, "after a day", put(3), "CON 2.05")
		peer.send(2<<4, 0) // ACK
		check(t, "afterwards", put(4), "NON 2.05")
		peer.send(3<<4, 0) // RST
		synctest.Wait()
		check(t, "after a reset", put(5), "")
		if n := c.Status().Observed; n != 0 {
			t.Errorf("%d observations after a reset", n)
		}
		peer.observe(t, "BBBB")
		time.Sleep(25 * time.Hour)
		check(t, "after a day", put(6), "CON 2.05")
		time.Sleep(2 * time.Minute)
		if n := c.Status().Observed; n != 0 {
			t.Errorf("%d observations after silence", n)
		}
	})
}

// TestObservationEnds: with the instance, with a message that says so; and
// with the registration.
func TestObservationEnds(t *testing.T) {
	for _, path := range []string{"/42/0/0", "/42/0/4", "/42/0"} {
		synctest.Test(t, func(t *testing.T) {
			x := observe(t, nil)
			if _, err := x.do(server.Observe(path, server.TLV)); err != nil {
				t.Fatal(err)
			}
			if _, err := x.do(server.Delete("/42/0")); err != nil {
				t.Error(err)
			}
			synctest.Wait()
			if sent := x.n.Sent(); !slices.ContainsFunc(sent, func(p coaptest.Packet) bool { return coaptest.Kind(p.Data) == "CON 4.04" }) {
				t.Errorf("the observer of %s was not told why", path)
			}
			if n := x.c.Status().Observed; n != 0 {
				t.Errorf("%d observations of %s, which is gone", n, path)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		x := observe(t, nil, "/42/0/0")
		x.h.setRefuse(func(kind string) error {
			if kind == "update" {
				return &server.Refused{Code: lwm2m9.CodeNotFound}
			}
			return nil
		})
		x.c.Update()
		synctest.Wait()
		if n := x.c.Status().Observed; n != 0 {
			t.Errorf("%d observations of the registration before", n)
		}
	})
}

// TestMoved: an instance that comes concerns who observes the object, and the
// server is told; the others' values are not read for it.
func TestMoved(t *testing.T) {
	for observed, read := range map[string]bool{"/42": true, "/42/0/0": false} {
		synctest.Test(t, func(t *testing.T) {
			x := observe(t, nil)
			if _, err := x.do(server.Observe(observed, server.TLV)); err != nil {
				t.Fatal(err)
			}
			x.h.took()
			x.o.setFail(errors.New("read")) // a Read ends the observation
			x.c.Moved(wire.PathOf(thingID, 1))
			synctest.Wait()
			check(t, "the server hears", x.h.took(), "update")
			if got := x.c.Status().Observed == 0; got != read {
				t.Errorf("%s is read: %v, want %v", observed, got, read)
			}
		})
	}
}

// TestObserveComposite: one observation of several paths.
func TestObserveComposite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := observe(t, nil)
		start := true
		r := method(server.FETCH, "/", server.SenMLJSON, server.SenMLJSON, []byte(`[{"n":"/42/0/0"},{"n":"/42/0/1"}]`))
		r.Observe = &start
		if resp, err := x.do(r); err != nil || !resp.Observed {
			t.Fatalf("%+v, %v", resp, err)
		}
		x.put(8)
		check(t, "changed", x.notes(), `/=[{"n":"/42/0/0","v":8},{"n":"/42/0/1","vs":"seven"}]`)
		stop := false
		r.Observe = &stop
		x.do(r)
		x.put(9)
		check(t, "cancelled", x.notes(), "")
	})
}

// TestRestart: a device that comes back registers again, and its observed
// values are seen again.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := observe(t, nil, "/42/0/0")
		host := client.New(client.Options{})
		stop := background(t, host.Run)
		cfg := x.config()
		cfg.State = x.c.State()
		c, err := host.Add(cfg, x.o)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		check(t, "calls", x.h.took(), "register register")
		if r, err := x.do(server.Observe("/42/0/0", server.TextPlain)); err != nil || !r.Observed {
			t.Errorf("%+v, %v", r, err)
		}
		c.Changed(x.o.set(0, wire.Integer(99)))
		check(t, "notified", x.notes(), "/42/0/0=99")
		stop()
		check(t, "calls at the end", x.h.took(), "")
	})
}

// TestSend: reports without being asked, to a server that has no /dp.
func TestSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := observe(t, nil)
		e := wire.Entry{Path: at(0, 0), Value: wire.Integer(1)}
		if err := x.c.Send(t.Context(), e); err == nil || err.Error() != "lwm2m client: the server answered 4.04" {
			t.Errorf("send: %v", err)
		}
		if _, err := x.do(server.Write("/1/0/23", server.TextPlain, []byte("1"))); err != nil {
			t.Error(err)
		}
		if err := x.c.Send(t.Context(), e); err != client.ErrMuted {
			t.Errorf("muted: %v", err)
		}
		x.c.Remove(t.Context())
		if err := x.c.Send(t.Context(), e); err != client.ErrNotRegistered {
			t.Errorf("removed: %v", err)
		}
	})
}

// script is a server made of datagrams.
type script struct {
	c    *coaptest.Conn
	last []byte
	from net.Addr
	mid  byte
}

func newScript(b *bench, addr string) *script { return &script{c: b.n.Listen(addr)} }

// read is the kind of the next datagram, "" when none comes at once.
func (s *script) read(t *testing.T) string {
	t.Helper()
	s.c.SetReadDeadline(time.Now().Add(time.Millisecond))
	buf := make([]byte, 2000)
	n, from, err := s.c.ReadFrom(buf)
	if err != nil {
		return ""
	}
	s.last, s.from = buf[:n], from
	return coaptest.Kind(s.last)
}

// send answers the last datagram with an empty message.
func (s *script) send(typ byte, code byte) {
	s.c.WriteTo([]byte{1<<6 | typ, code, s.last[2], s.last[3]}, s.from)
}

// answer reads a Register and answers it with 2.01 and the options.
func (s *script) answer(t *testing.T, _ int, options string) {
	t.Helper()
	check(t, "register", s.read(t), "CON 0.02")
	reply := append([]byte{1<<6 | 2<<4 | 8, 2<<5 | 1}, s.last[2:12]...)
	s.c.WriteTo(append(reply, options...), s.from)
	synctest.Wait()
}

// observe observes /42/0/0.
func (s *script) observe(t *testing.T, token string) {
	t.Helper()
	s.mid++
	s.c.WriteTo(append([]byte{1<<6 | 4, 1, 9, s.mid}, token+"\x60\x5242\x010\x010"...), s.from)
	check(t, "observe", s.read(t), "ACK 2.05")
	synctest.Wait()
}
