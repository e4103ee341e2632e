package client_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/client"
	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// TestScripted: what our own server never does.
func TestScripted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, client.Options{})
		peer := newScript(b, "192.0.2.7:5683")
		cfg := b.config()
		cfg.Server = peerAt("192.0.2.7:5683")
		o := newThing()
		c := b.add(cfg, o)
		peer.answer(t, 2, "") // 2.01 without a location
		if c.Status().Registered {
			t.Error("registered nowhere")
		}
		time.Sleep(3 * time.Second)
		peer.answer(t, 2, "\x82rd\x011")
		if !c.Status().Registered {
			t.Error("not registered")
		}
		peer.observe(t, "AAAA")
		peer.observe(t, "BBBB") // without cancelling the one before
		if n := c.Status().Observed; n != 1 {
			t.Errorf("%d observations of one path", n)
		}
		peer.c.WriteTo([]byte("\x40\x01\x07\x01\xb242\x010\x010\x00"), peer.from)
		check(t, "a slash at the end", peer.read(t), "ACK 2.05")
		stranger := b.n.Listen("192.0.2.99:5683")
		stranger.WriteTo([]byte("\x40\x02\x00\x01\xb242\x010\x013"), peer.from)
		synctest.Wait()
		check(t, "a stranger's Execute", o.did(), "")
	})
}

// TestOldServer: in LwM2M 1.0 an instance is TLV when no format is asked for.
func TestOldServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, client.Options{})
		cfg := b.config()
		cfg.Versions = []string{"1.0"}
		o := newThing()
		b.add(cfg, o)
		synctest.Wait()
		o.set(2, wire.Opaque([]byte("secret"))) // write-only, and read out by the object all the same
		r, err := b.do(server.Read("/42/0", none))
		check(t, "read", answered("/42/0", r, err), "2.05 TLV /42/0/0=7 /42/0/1=seven /42/0/4/0=40 /42/0/4/2=42 /42/0/5=1.5 /42/0/7=AQI=")
	})
}

// TestAttributesEnd: with their instance; and there are only so many.
func TestAttributesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := observe(t, nil)
		x.attributes("pmin=5")
		for _, r := range []server.Request{server.Delete("/42/0"), server.Create("/42", server.TLV, nil)} {
			if _, err := x.do(r); err != nil {
				t.Error(err)
			}
		}
		r, err := x.do(server.Discover("/42/0/0"))
		check(t, "a new instance", answered("", r, err), "2.05 link-format </42/0/0>")
		const most = 256
		x.o.mu.Lock()
		for i := range uint16(most + 1) {
			x.o.instances[i] = map[wire.Path]wire.Value{}
		}
		x.o.mu.Unlock()
		for i := range uint16(most + 1) {
			r, err := x.do(server.WriteAttributes(at(i).String(), "pmin=1"))
			want := "2.04"
			if i == most {
				want = "5.03"
			}
			check(t, "attributes", answered("", r, err), want)
		}
	})
}

// TestReplaceAccount: a replace of Object 1's instance keeps what is mandatory
// and takes back the rest.
func TestReplaceAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := observe(t, nil)
		write := func(r server.Request) {
			t.Helper()
			if _, err := x.do(r); err != nil {
				t.Error(err)
			}
		}
		write(server.Write("/1/0/1", server.TextPlain, []byte("600")))
		write(server.Write("/1/0/2", server.TextPlain, []byte("3")))
		write(server.Write("/1/0", server.SenMLJSON, []byte(`[{"n":"/1/0/3","v":9}]`)))
		if a := x.c.State().Account; a != (client.Account{Lifetime: 600, MaxPeriod: 9}) {
			t.Errorf("account: %+v", a)
		}
	})
}

// TestTriggerAnswered: the answer to a Registration Update Trigger goes out
// before the Update.
func TestTriggerAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := observe(t, nil)
		x.n.Forget()
		if _, err := x.do(server.Execute("/1/0/8", "")); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		var kinds []string
		for _, p := range x.n.Sent() {
			if p.From != serverAt {
				kinds = append(kinds, coaptest.Kind(p.Data))
			}
		}
		check(t, "sent", strings.Join(kinds, ", "), "ACK 2.04, CON 0.02")
	})
}

// TestRemoveWhileSilent: a client that waits for a server which says nothing
// goes at once when it need not de-register, and so does its host.
func TestRemoveWhileSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, client.Options{MaxRegistering: 1})
		b.n.SetRule(coaptest.Lose)
		cfg := b.config()
		cfg.KeepRegistration = true
		c := b.add(cfg)
		next := b.config()
		next.Endpoint = "next"
		b.add(next)
		synctest.Wait()
		if err := c.Remove(t.Context()); err != nil {
			t.Error(err)
		}
		b.n.SetRule(coaptest.Deliver)
		synctest.Wait()
		check(t, "the next one's turn", b.h.took(), "register")
	})
}

// TestRemoveKeepsNothing: after Remove nothing is handed out any more, or an
// owner that has deleted its record would get it back.
func TestRemoveKeepsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, client.Options{})
		removed := false
		cfg := b.config()
		cfg.Keep = func(s client.State) error {
			if removed {
				t.Errorf("kept after Remove: %+v", s)
			}
			return nil
		}
		c := b.add(cfg)
		synctest.Wait()
		c.Remove(t.Context())
		removed = true
		synctest.Wait()
	})
}
