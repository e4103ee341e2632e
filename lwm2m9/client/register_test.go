package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/client"
	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

// TestRegistration: a device registers, updates before its lifetime ends, tells
// of new instances, and de-registers.
func TestRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, client.Options{})
		x := newThing()
		info := client.NewDevice(func() client.DeviceInfo { return client.DeviceInfo{Manufacturer: "A"} }, client.DeviceActions{})
		c := b.add(b.config(), x, info)
		synctest.Wait()
		r := b.h.reg("dev")
		check(t, "registration", fmt.Sprint(r.Version, r.Lifetime, r.Binding, r.Queue, r.Paths), "1.21h0m0sUfalse [/1 /1/0 /3 /3/0 /42/0]")
		check(t, "calls", b.h.took(), "register")
		if s := c.Status(); !s.Registered || s.Phase != "registered" {
			t.Errorf("status: %+v", s)
		}
		time.Sleep(3 * time.Hour)
		check(t, "calls in three hours", b.h.took(), "update update update")
		if _, err := b.do(server.Create("/42", server.TLV, nil)); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		check(t, "calls", b.h.took(), "update")
		check(t, "paths", fmt.Sprint(b.h.reg("dev").Paths), "[/1 /1/0 /3 /3/0 /42/0 /42/1]")
		if err := c.Remove(t.Context()); err != nil || b.host.Len() != 0 {
			t.Errorf("remove: %v, %d left", err, b.host.Len())
		}
		check(t, "calls", b.h.took(), "deregister")
		c.Changed()
		c.Update()
		synctest.Wait()
		check(t, "calls after the end", b.h.took(), "")
	})
}

// TestVersions: 4.12 leads to older versions, and the one that worked is tried
// first in the next life.
func TestVersions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, client.Options{})
		left := 2
		b.h.setRefuse(func(string) error {
			if left--; left >= 0 {
				return &server.Refused{Code: lwm2m9.CodePreconditionFailed}
			}
			return nil
		})
		var kept []byte
		cfg := b.config()
		cfg.Queue, cfg.KeepRegistration = true, true
		cfg.Keep = func(s client.State) (err error) { kept, err = json.Marshal(s); return err }
		c := b.add(cfg)
		synctest.Wait()
		check(t, "calls", b.h.took(), "register register register")
		if r := b.h.reg("dev"); r.Version != "1.0" || r.Binding != "UQ" || !r.Queue {
			t.Errorf("registered: %+v", r)
		}
		if c.Remove(t.Context()) != nil || b.h.took() != "" {
			t.Error("de-registered")
		}
		again := b.config()
		if err := json.Unmarshal(kept, &again.State); err != nil || len(again.State.Location) != 2 {
			t.Fatalf("%s: %v", kept, err)
		}
		b.add(again)
		synctest.Wait()
		check(t, "calls in the next life", b.h.took(), "register")
		if r := b.h.reg("dev"); r.Version != "1.0" {
			t.Errorf("registered: %+v", r)
		}
	})
}

// TestServerAway: a server that is unreachable for hours gets its devices back
// within the longest pause.
func TestServerAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, client.Options{Random: func() float64 { return 0 }})
		b.n.SetRule(coaptest.Lose)
		c := b.add(b.config())
		time.Sleep(12 * time.Hour)
		if s := c.Status(); s.Registered || s.Failures < 10 || s.Failures > 40 {
			t.Errorf("status: %+v", s)
		}
		b.n.SetRule(coaptest.Deliver)
		time.Sleep(31 * time.Minute)
		check(t, "calls", b.h.took(), "register")
	})
}

// TestForgotten: a server that has lost the registration gets a new one at the
// next Update.
func TestForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, client.Options{})
		c := b.add(b.config())
		synctest.Wait()
		b.h.setRefuse(func(kind string) error {
			if kind == "update" {
				return &server.Refused{Code: lwm2m9.CodeNotFound}
			}
			return nil
		})
		c.Update()
		synctest.Wait()
		check(t, "calls", b.h.took(), "register update register")
	})
}

// TestServerObject: what a server writes to Object 1 changes the registration
// and is kept; Disable leaves and comes back.
func TestServerObject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, client.Options{})
		var kept client.State
		var full error
		cfg := b.config()
		cfg.ShortID = 7
		cfg.Keep = func(s client.State) error { kept = s; return full }
		b.add(cfg)
		synctest.Wait()
		ok := func(r server.Request) {
			t.Helper()
			if _, err := b.do(r); err != nil {
				t.Errorf("%+v: %v", r, err)
			}
			synctest.Wait()
		}
		ok(server.Write("/1/0/1", server.TextPlain, []byte("600")))
		ok(server.Write("/1/0/7", server.TextPlain, []byte("UQ")))
		ok(server.Write("/1/0/5", server.TextPlain, []byte("60")))
		if r := b.h.reg("dev"); r.Lifetime != 10*time.Minute {
			t.Errorf("registered: %+v", r)
		}
		check(t, "calls", b.h.took(), "register update update")
		if a := kept.Account; a.Lifetime != 600 || a.Binding != "UQ" || a.DisableTimeout != 60 {
			t.Errorf("kept: %+v", a)
		}
		ok(server.Execute("/1/0/8", ""))
		check(t, "calls", b.h.took(), "update")
		for path, value := range map[string]string{"/1/0/1": "0", "/1/0/2": "-1", "/1/0/7": "T", "/1/0/5": "0", "/1/0/3": "2147483648"} {
			if _, err := b.do(server.Write(path, server.TextPlain, []byte(value))); !refused(err, lwm2m9.CodeBadRequest) {
				t.Errorf("%s=%s: %v", path, value, err)
			}
		}
		full = errors.New("disk full")
		if _, err := b.do(server.Write("/1/0/1", server.TextPlain, []byte("60"))); !refused(err, lwm2m9.CodeInternal) {
			t.Errorf("not kept, and answered %v", err)
		}
		full = nil
		r, err := b.do(server.Read("/1/0", server.LwM2MJSON))
		if err != nil || !strings.Contains(string(r.Payload), `{"n":"0","v":7},{"n":"1","v":600},`) {
			t.Errorf("account: %s, %v", r.Payload, err)
		}
		ok(server.Execute("/1/0/4", ""))
		check(t, "calls", b.h.took(), "deregister")
		time.Sleep(59 * time.Second)
		check(t, "calls while disabled", b.h.took(), "")
		time.Sleep(2 * time.Second)
		check(t, "calls after it", b.h.took(), "register")
	})
}

// TestManyRegister: no more than so many register at once with one server, and
// one server that says nothing keeps nobody from another.
func TestManyRegister(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, client.Options{MaxRegistering: 4})
		b.n.SetRule(coaptest.From(serverAt, coaptest.Delay(time.Second)))
		for i := range 20 {
			cfg := b.config()
			cfg.Endpoint = fmt.Sprint("dev", i)
			b.add(cfg)
			silent := b.config()
			silent.Endpoint, silent.Server = cfg.Endpoint, peerAt("192.0.2.2:5683")
			b.add(silent)
		}
		for i := range 5 {
			synctest.Wait()
			if n := len(strings.Fields(b.h.took())); n != 4 {
				t.Errorf("second %d: %d registered; want 4", i, n)
			}
			time.Sleep(time.Second)
		}
		synctest.Wait()
		check(t, "calls", b.h.took(), "")
	})
}

// TestAdd: what cannot be, and a host that has ended.
func TestAdd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := client.New(client.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		good := client.Config{Endpoint: "e", Server: serverAt}
		for name, change := range map[string]func(c *client.Config){
			"no name": func(c *client.Config) { c.Endpoint = "" }, "long name": func(c *client.Config) { c.Endpoint = strings.Repeat("x", client.MaxEndpointName+1) },
			"no server": func(c *client.Config) { c.Server = peerAt("0.0.0.0:0") }, "short id": func(c *client.Config) { c.ShortID = 65535 },
			"lifetime": func(c *client.Config) { c.Lifetime = time.Millisecond }, "version": func(c *client.Config) { c.Versions = []string{"2.0"} },
		} {
			cfg := good
			change(&cfg)
			if _, err := h.Add(cfg); !errors.Is(err, client.ErrConfig) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := h.Add(good, newThing(), newThing()); !errors.Is(err, client.ErrConfig) {
			t.Errorf("an object twice: %v", err)
		}
		cancel()
		if err := h.Run(ctx); err != nil {
			t.Error(err)
		}
		if _, err := h.Add(good); !errors.Is(err, client.ErrClosed) {
			t.Errorf("after the end: %v", err)
		}
	})
}
