package server_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

// proven is a connection whose peers have proved who they are, as far as it
// knows them.
type proven struct {
	net.PacketConn
	who *sync.Map // string identities by netip.AddrPort
}

type provenAddr struct {
	at       netip.AddrPort
	identity string
	remote   netip.AddrPort
}

func (provenAddr) Network() string            { return "test" }
func (a provenAddr) String() string           { return a.at.String() }
func (a provenAddr) Identity() string         { return a.identity }
func (a provenAddr) Remote() netip.AddrPort   { return a.remote }
func (a provenAddr) AddrPort() netip.AddrPort { return a.at }

func (c proven) ReadFrom(b []byte) (int, net.Addr, error) {
	n, a, err := c.PacketConn.ReadFrom(b)
	if err != nil {
		return n, a, err
	}
	from := a.(interface{ AddrPort() netip.AddrPort }).AddrPort()
	identity, _ := c.who.Load(from)
	text, _ := identity.(string)
	return n, provenAddr{from, text, realOf(from)}, nil
}

// realOf is where a device of a secured bench really is: one port higher. The
// address that the server sees stands for its connection.
func realOf(at netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(at.Addr(), at.Port()+1) }

// secured is a bench whose devices have identities by address, and what was
// told of impostors.
type secured struct {
	*bench
	who *sync.Map

	mu        sync.Mutex
	impostors []string
	places    []netip.AddrPort // of these
}

func newSecured(t *testing.T, o server.Options, restored ...server.Registration) *secured {
	s := &secured{bench: &bench{t: t, h: &handler{}}, who: &sync.Map{}}
	s.n = coaptest.New()
	o.OnImpostor = func(i server.Impostor) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.impostors = append(s.impostors, fmt.Sprintf("%s of %s by %q", i.Operation, i.Endpoint, i.Identity))
		s.places = append(s.places, i.Remote)
	}
	o.Conn = proven{s.n.Listen(serverAddr), s.who}
	if o.Handler == nil {
		o.Handler = s.h
	}
	s.s = server.New(o)
	for _, r := range restored {
		if err := s.s.Restore(r); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(background(t, s.s.Run))
	return s
}

// known is a device at an address with an identity.
func (s *secured) known(addr, name, identity string) *device {
	if identity != "" {
		s.who.Store(netip.MustParseAddrPort(addr), identity)
	}
	return s.device(addr, name)
}

func (s *secured) refused() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := strings.Join(s.impostors, ", ")
	s.impostors = nil
	return all
}

// TestIdentities: a registration belongs to who has proved to be it. What
// anybody else says of it is refused, told to the operator, and changes nothing.
func TestIdentities(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSecured(t, server.Options{})
		d := s.known("192.0.2.10:1", "d1", "d1")
		other := s.known("192.0.2.11:1", "d1", "d2")
		nobody := s.known("192.0.2.12:1", "d1", "")
		if code := d.register(); code != coap.Created {
			t.Fatal(code)
		}
		before, _ := s.s.Lookup("d1")
		check(t, "identity", before.Identity, "d1")
		check(t, "real address", before.Where().String(), "192.0.2.10:2")
		s.h.took()
		other.id, nobody.id = d.id, d.id
		for _, wrong := range []*device{other, nobody} {
			for what, code := range map[string]coap.Code{
				"register":   wrong.register(),
				"update":     wrong.update("lt=1"),
				"deregister": wrong.post(coap.DELETE, nil, "", "rd", d.id).Code,
			} {
				if code != coap.Forbidden {
					t.Errorf("%s by another: %v, want 4.03", what, code)
				}
			}
		}
		if !slices.Contains(s.places, netip.MustParseAddrPort("192.0.2.11:2")) || !slices.Contains(s.places, netip.MustParseAddrPort("192.0.2.12:2")) {
			t.Errorf("impostors at %v", s.places)
		}
		for _, who := range []string{"d2", ""} {
			for _, what := range []string{"register", "update", "deregister"} {
				if want := fmt.Sprintf("%s of d1 by %q", what, who); !slices.Contains(s.impostors, want) {
					t.Errorf("nobody was told of: %s", want)
				}
			}
		}
		if after, _ := s.s.Lookup("d1"); after.ID != before.ID || after.Addr != before.Addr || after.Lifetime != before.Lifetime {
			t.Errorf("the registration has changed: %+v, was %+v", after, before)
		}
		check(t, "the handler was told", s.h.took(), "")
		again := s.known("192.0.2.13:1", "d1", "d1")
		if again.id = d.id; again.update() != coap.Changed {
			t.Error("update of its own is refused")
		}
		if r, _ := s.s.Lookup("d1"); r.Where().String() != "192.0.2.13:2" {
			t.Errorf("after an Update it is at %v", r.Where())
		}
	})
}

// TestSecuredMoves: another association of the same identity is the same
// device, which is spoken to where it spoke last.
func TestSecuredMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSecured(t, server.Options{})
		d := s.known("192.0.2.10:1", "d1", "d1")
		d.register()
		if _, err := s.s.Do(within(t, time.Minute), "d1", server.Observe("/9/0/7", server.NoFormat)); err != nil {
			t.Fatal(err)
		}
		s.h.took()
		d.mu.Lock()
		observer := d.observers["/9/0/7"]
		d.mu.Unlock()
		moved := s.known("192.0.2.20:1", "d1", "d1")
		forger := s.known("192.0.2.30:1", "d1", "d9")
		for _, from := range []*device{forger, moved} {
			from.mu.Lock()
			from.observers["/9/0/7"], from.sequence = observer, 100
			from.mu.Unlock()
		}
		_ = forger.notify("/9/0/7", "4") // acknowledged, and not believed
		synctest.Wait()
		check(t, "forged", s.h.took(), "")
		check(t, "told", s.refused(), `notification of d1 by "d9"`)
		moved.mu.Lock()
		moved.sequence = 200
		moved.mu.Unlock()
		if err := moved.notify("/9/0/7", "3"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		check(t, "moved", s.h.took(), "notified d1 /9/0/7=3")
		if r, _ := s.s.Lookup("d1"); r.Addr.String() != "192.0.2.20:1" || r.Where().String() != "192.0.2.20:2" {
			t.Errorf("is at %v, really %v, want where it spoke last", r.Addr, r.Where())
		}
		if _, err := s.s.Do(within(t, time.Minute), "d1", server.Read("/3/0", server.TLV)); err != nil {
			t.Fatal(err)
		}
		check(t, "asked at the new address", moved.took(), "GET /3/0")
	})
}

// TestRestoredSecured: after a restart nobody can speak to a device whose
// association ended with the process, before it speaks itself. What it is asked
// waits, and is certainly not sent.
func TestRestoredSecured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := server.Registration{Endpoint: "d1", ID: "a", Identity: "d1", Addr: deviceAt, Lifetime: time.Hour, Heard: time.Now(), Epoch: 1}
		s := newSecured(t, server.Options{}, reg)
		begin := time.Now()
		_, err := s.s.Do(within(t, 10*time.Second), "d1", server.Read("/3/0", server.TLV))
		if !errors.Is(err, server.ErrNotSent) || time.Since(begin) != 10*time.Second {
			t.Errorf("%v after %v; want ErrNotSent after 10s", err, time.Since(begin))
		}
		d := s.known("192.0.2.40:1", "d1", "d1")
		d.id = "a"
		asked := make(chan error, 1)
		go func() {
			_, err := s.s.Do(within(t, time.Minute), "d1", server.Read("/3/0", server.TLV))
			asked <- err
		}()
		synctest.Wait()
		if code := d.update(); code != coap.Changed {
			t.Fatal(code)
		}
		if err := <-asked; err != nil {
			t.Error(err)
		}
	})
}

// TestAuthorize: who may register what is the operator's word; without
// security nobody takes a name over that has an identity.
func TestAuthorize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSecured(t, server.Options{Authorize: func(_ context.Context, identity, endpoint string) error {
			switch {
			case endpoint == "broken":
				return errors.New("disk")
			case identity == "key-1" && endpoint == "d1", identity == "":
				return nil
			}
			return fmt.Errorf("not in the list: %w", server.ErrIdentity)
		}})
		plain := s.known("192.0.2.9:1", "d1", "")
		if code := plain.register(); code != coap.Created {
			t.Errorf("without security, unclaimed: %v", code)
		}
		for i, test := range []struct {
			endpoint, identity string
			want               coap.Code
		}{
			{"d1", "key-1", coap.Created}, // takes the name over from whom nobody knows
			{"d1", "d1", coap.Forbidden},
			{"d2", "key-1", coap.Forbidden},
			{"d1", "", coap.Forbidden},
			{"broken", "key-1", coap.InternalServerError},
		} {
			d := s.known(fmt.Sprintf("192.0.2.50:%d", i+1), test.endpoint, test.identity)
			if code := d.register(); code != test.want {
				t.Errorf("%s by %q: %v, want %v", test.endpoint, test.identity, code, test.want)
			}
		}
		check(t, "told", s.refused(), `register of d1 by "d1", register of d2 by "key-1", register of d1 by ""`)
	})
}

// TestEnd: the registrations of an identity that is good no more end, whatever
// their names; others stay. What the Handler cannot keep stays, too.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSecured(t, server.Options{Authorize: func(context.Context, string, string) error { return nil }})
		one, two := s.known("192.0.2.60:1", "d1", "key"), s.known("192.0.2.61:1", "d2", "key")
		other, plain := s.known("192.0.2.62:1", "d3", "d3"), s.known("192.0.2.63:1", "d4", "")
		for _, d := range []*device{one, two, other, plain} {
			if code := d.register(); code != coap.Created {
				t.Fatal(code)
			}
		}
		silent := make(chan struct{})
		one.answer = func(*coap.Request) coap.Response { <-silent; return coap.Response{} }
		asked := make(chan error, 1)
		go func() {
			_, err := s.s.Do(context.Background(), "d1", server.Read("/3/0", server.TLV))
			asked <- err
		}()
		synctest.Wait()
		s.h.took()

		s.h.fail(errors.New("disk"))
		if err := s.s.End(t.Context(), "key"); err == nil {
			t.Error("ended without the handler")
		}
		if n := len(s.s.Registrations()); n != 4 {
			t.Errorf("%d registrations are left, want all 4", n)
		}
		s.h.fail(nil)
		s.h.took()
		for _, identity := range []string{"", "nobody", "key", "key"} {
			if err := s.s.End(t.Context(), identity); err != nil {
				t.Errorf("%q: %v", identity, err)
			}
		}
		if got := s.h.took(); got != "deregister d1, deregister d2" && got != "deregister d2, deregister d1" {
			t.Errorf("the handler was told: %s", got)
		}
		if left := s.s.Registrations(); len(left) != 2 || left[0].Endpoint != "d3" || left[1].Endpoint != "d4" {
			t.Errorf("left: %+v", left)
		}
		if err := <-asked; !errors.Is(err, server.ErrNoAnswer) {
			t.Errorf("a request under way: %v", err)
		}
		close(silent)
		if code := two.update(); code != coap.NotFound {
			t.Errorf("an update afterwards: %v, want 4.04", code)
		}
		if code := two.register(); code != coap.Created { // it has new credentials
			t.Error(code)
		}
	})
}
