package client_test

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/client"
	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// TestFlood: a server that sends garbage and requests without end to one
// device does not keep another from its own server, and costs no more than
// the limits of one device.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, client.Options{})
		hostile := b.n.Listen("192.0.2.66:5683")
		cfg := b.config()
		cfg.Server = hostile.AddrPort()
		victim := b.add(cfg, newThing())
		b.add(b.config(), newThing())
		synctest.Wait()
		victimAt := peerAt(victim.Status().Local)
		random := rand.New(rand.NewPCG(1, 2))
		for i := range 20_000 {
			d := make([]byte, 4+random.IntN(40))
			for j := range d {
				d[j] = byte(random.Uint32())
			}
			if i%2 == 0 { // an Observe of /42/0/0 with a new token
				d = append([]byte{1<<6 | 1<<4 | 4, 1, byte(i >> 8), byte(i), byte(i), byte(i >> 8), 1, 2}, "\x60\x5242\x010\x010"...)
			}
			hostile.Send(victimAt, d)
			if i%100 == 0 {
				synctest.Wait()
			}
		}
		if r, err := b.do(server.Read("/42/0/0", none)); err != nil || string(r.Payload) != "7" {
			t.Errorf("another device: %+v, %v", r, err)
		}
		if n := victim.Status().Observed; n > client.MaxObservations {
			t.Errorf("%d observations", n)
		}
	})
}

// TestTooManyObservations: at the limit and one over it.
func TestTooManyObservations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := observe(t, nil)
		many := newThing()
		for i := range uint16(client.MaxObservations + 1) {
			many.instances[i] = map[wire.Path]wire.Value{at(i, 0): wire.Integer(1)}
		}
		x.o.mu.Lock()
		x.o.instances = many.instances
		x.o.mu.Unlock()
		for i := range uint16(client.MaxObservations + 1) {
			r, err := x.do(server.Observe(at(i, 0).String(), none))
			if want := i < client.MaxObservations; err != nil || r.Observed != want || string(r.Payload) != "1" {
				t.Errorf("observation %d: %+v, %v; want observed %v", i+1, r, err, want)
			}
		}
	})
}

// TestLargeDatagram: what Config.Dial made is read up to 2 KiB and dropped
// beyond; the device lives on.
func TestLargeDatagram(t *testing.T) {
	for size, want := range map[int]string{2048: "ACK 4.15", 2049: ""} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, client.Options{})
			peer := newScript(b, "192.0.2.7:5683")
			cfg := b.config()
			cfg.Server = peerAt("192.0.2.7:5683")
			b.add(cfg, newThing())
			peer.answer(t, 2, "\x82rd\x011")
			d := append([]byte{1 << 6, 3, 1, 1}, "\xb242\x010\x011\xff"...) // PUT /42/0/1
			peer.c.WriteTo(append(d, make([]byte, size-len(d))...), peer.from)
			synctest.Wait()
			check(t, "answer", peer.read(t), want)
		})
	}
}

// FuzzServe sends datagrams to a registered device: it answers each
// confirmable request once, and goes on to answer a Read. What the object was
// called with is what it has said it has.
func FuzzServe(f *testing.F) {
	f.Add(byte(1), "42\x000\x000", "", int32(-1), int32(-1), []byte(nil))
	f.Add(byte(3), "42\x000\x001", "", int32(0), int32(-1), []byte("x"))
	f.Add(byte(3), "42\x000\x000", "pmin=1\x00gt=3", int32(-1), int32(-1), []byte(nil))
	f.Add(byte(2), "42", "", int32(11542), int32(-1), []byte{0x08, 0x01, 0x03, 0xc1, 0x01, 'x'})
	f.Add(byte(2), "42\x000\x003", "", int32(0), int32(-1), []byte("0='x'"))
	f.Add(byte(4), "42\x000", "", int32(-1), int32(-1), []byte(nil))
	f.Add(byte(5), "", "", int32(110), int32(112), []byte(`[{"n":"/42/0/0"},{"n":"/"}]`))
	f.Add(byte(7), "", "", int32(322), int32(-1), []byte("\x81\xa2\x00h/42/0/1\x03ax"))
	conn, _ := net.ListenPacket("udp", "127.0.0.1:0")
	registered := make(chan netip.AddrPort, 1)
	e := coap.New(conn, coap.Options{Handler: func(_ context.Context, r *coap.Request) coap.Response {
		select {
		case registered <- r.Peer:
		default:
		}
		return coap.Response{Code: coap.Created, Format: coap.NoFormat, Location: []string{"rd", "1"}}
	}})
	f.Cleanup(background(f, e.Run))
	host := client.New(client.Options{})
	f.Cleanup(background(f, host.Run))
	o := &checking{newThing(), f}
	if _, err := host.Add(client.Config{Endpoint: "d", Server: conn.LocalAddr().(*net.UDPAddr).AddrPort(), Lifetime: 24 * time.Hour}, o); err != nil {
		f.Fatal(err)
	}
	device := <-registered
	f.Fuzz(func(t *testing.T, m byte, path, query string, format, accept int32, payload []byte) {
		if m == 0 || m > 7 || len(path)+len(query) > 500 {
			return
		}
		split := func(s string) []string {
			if s == "" {
				return nil
			}
			return splitNUL(s)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		number := func(n int32) coap.Format { return coap.Format(max(-1, min(n, 65535))) }
		r, err := e.Do(ctx, device, coap.Request{Method: coap.Code(m), Path: split(path), Query: split(query), Format: number(format), Accept: number(accept), Payload: payload})
		if err != nil {
			t.Fatalf("no answer: %v", err)
		}
		if r.Code == coap.InternalServerError {
			t.Errorf("5.00")
		}
		if r, err := e.Do(ctx, device, coap.Request{Method: coap.GET, Path: []string{"3"}, Format: coap.NoFormat, Accept: coap.NoFormat}); err != nil || r.Code != coap.NotFound {
			t.Fatalf("afterwards: %+v, %v", r, err)
		}
		o.restore()
	})
}

func splitNUL(s string) []string {
	all := []string{""}
	for i := range len(s) {
		if s[i] == 0 {
			all = append(all, "")
		} else {
			all[len(all)-1] += s[i : i+1]
		}
	}
	return all
}

// checking is a thing that checks what it is called with.
type checking struct {
	*thing
	t testing.TB
}

func (x *checking) restore() {
	fresh := newThing()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.instances, x.writes, x.executed = fresh.instances, nil, ""
}

func (x *checking) Write(ctx context.Context, w client.Write) error {
	for _, e := range w.Entries {
		r, ok := thingDefinition.Resource(e.Path.ID(2))
		v := e.Value.Type
		if !ok || r.Operations&2 == 0 || !w.Path.Holds(e.Path) || v != r.Type && v != wire.TypeNone && v != wire.TypeNull {
			x.t.Errorf("write of %v: %v of %v", w.Path, v, e.Path)
		}
	}
	return x.thing.Write(ctx, w)
}
