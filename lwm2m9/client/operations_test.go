package client_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/client"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

const none = server.NoFormat

// entries encodes what a server writes.
func entries(f wire.Format, base wire.Path, all ...wire.Entry) []byte {
	b, err := wire.Append(nil, f, base, all...)
	if err != nil {
		panic(err)
	}
	return b
}

func at(ids ...uint16) wire.Path { return wire.PathOf(append([]uint16{thingID}, ids...)...) }

// method is a request of a method that has no constructor.
func method(m server.Method, path string, f, accept server.ContentFormat, payload []byte) server.Request {
	return server.Request{Method: m, Path: path, Format: f, Accept: accept, Payload: payload}
}

// TestOperations: every operation, what is answered, and what became of it. In
// want, the payload stands after the code and the format; a payload that is
// binary is decoded to "path=value".
func TestOperations(t *testing.T) {
	tlv := func(all ...wire.Entry) []byte { return entries(wire.FormatTLV, at(0), all...) }
	text := func(s string) wire.Value { return wire.String(s) }
	for _, x := range []struct {
		name string
		r    server.Request
		want string
	}{
		// Read
		{"text", server.Read("/42/0/0", server.TextPlain), "2.05 text 7"},
		{"usual of a resource", server.Read("/42/0/1", none), "2.05 text seven"},
		{"usual of bytes", server.Read("/42/0/7", none), "2.05 opaque \x01\x02"},
		{"usual of an instance", server.Read("/42/0", none), "2.05 SenML CBOR /42/0/0=7 /42/0/1=seven /42/0/4/0=40 /42/0/4/2=42 /42/0/5=1.5 /42/0/7=AQI="},
		{"TLV", server.Read("/42/0", server.TLV), "2.05 TLV /42/0/0=7 /42/0/1=seven /42/0/4/0=40 /42/0/4/2=42 /42/0/5=1.5 /42/0/7=AQI="},
		{"old TLV", server.Read("/42/0/0", server.OldTLV), "2.05 TLV /42/0/0=7"},
		{"object", server.Read("/42", server.SenMLJSON), "2.05 SenML JSON /42/0/0=7 /42/0/1=seven /42/0/4/0=40 /42/0/4/2=42 /42/0/5=1.5 /42/0/7=AQI="},
		{"LwM2M JSON", server.Read("/42/0/1", server.LwM2MJSON), "2.05 LwM2M JSON /42/0/1=seven"},
		{"CBOR", server.Read("/42/0/0", server.CBOR), "2.05 CBOR /42/0/0=7"},
		{"multiple", server.Read("/42/0/4", server.SenMLCBOR), "2.05 SenML CBOR /42/0/4/0=40 /42/0/4/2=42"},
		{"resource instance", server.Read("/42/0/4/2", none), "2.05 text 42"},
		{"multiple as text", server.Read("/42/0/4", server.TextPlain), "4.06"},
		{"number as bytes", server.Read("/42/0/0", server.OctetStream), "4.06"},
		{"instance as text", server.Read("/42/0", server.TextPlain), "4.06"},
		{"unknown format", server.Read("/42/0", 9999), "4.06"},
		{"write-only", server.Read("/42/0/2", none), "4.05"},
		{"executable", server.Read("/42/0/3", none), "4.05"},
		{"no value", server.Read("/42/0/6", none), "4.04"},
		{"no resource", server.Read("/42/0/66", none), "4.04"},
		{"no resource instance", server.Read("/42/0/4/1", none), "4.04"},
		{"instance of a single resource", server.Read("/42/0/0/0", none), "4.04"},
		{"no instance", server.Read("/42/9", none), "4.04"},
		{"no object", server.Read("/43", none), "4.04"},
		{"too deep", server.Read("/42/0/4/0/0", none), "4.04"},
		{"no number", server.Read("/42/x", none), "4.04"},
		{"too large a number", server.Read("/42/65536", none), "4.04"},
		{"reserved number", server.Read("/42/65535", none), "4.04"},
		{"root", server.Read("/", none), "4.05"},
		{"bootstrap", server.Read("/bs", none), "4.04"},
		{"no errors", server.Read("/3/0/11/0", none), "2.05 text 0"},
		// Write
		{"a text", server.Write("/42/0/1", server.TextPlain, []byte("new")), "2.04 W /42/0/1 replace [/42/0/1=new]"},
		{"an empty text", server.Write("/42/0/1", server.TextPlain, nil), "2.04 W /42/0/1 replace [/42/0/1=]"},
		{"bytes", server.Write("/42/0/2", server.OctetStream, []byte{0, 1}), "2.04 W /42/0/2 replace [/42/0/2=AAE=]"},
		{"a float as TLV", server.Write("/42/0/5", server.TLV, entries(wire.FormatTLV, at(0, 5), wire.Entry{Path: at(0, 5), Value: wire.Float(2.5)})), "2.04 W /42/0/5 replace [/42/0/5=2.5]"},
		{"many", server.Write("/42/0/4", server.SenMLJSON, []byte(`[{"bn":"/42/0/4/","n":"1","v":1},{"n":"3","v":3}]`)), "2.04 W /42/0/4 replace [/42/0/4/1=1 /42/0/4/3=3]"},
		{"more", server.WritePartial("/42/0/4", server.SenMLJSON, []byte(`[{"n":"/42/0/4/1","v":1}]`)), "2.04 W /42/0/4 partial [/42/0/4/1=1]"},
		{"an instance", server.Write("/42/0", server.TLV, tlv(wire.Entry{Path: at(0, 1), Value: text("a")}, wire.Entry{Path: at(0, 5), Value: wire.Float(1)})), "2.04 W /42/0 replace [/42/0/1=a /42/0/5=1]"},
		{"part of an instance", server.WritePartial("/42/0", server.TLV, tlv(wire.Entry{Path: at(0, 1), Value: text("a")})), "2.04 W /42/0 partial [/42/0/1=a]"},
		{"a resource instance", server.Write("/42/0/4/9", server.TextPlain, []byte("9")), "2.04 W /42/0/4/9 partial [/42/0/4/9=9]"},
		{"read-only", server.Write("/42/0/0", server.TextPlain, []byte("1")), "4.05"},
		{"read-only in an instance", server.WritePartial("/42/0", server.TLV, tlv(wire.Entry{Path: at(0, 0), Value: wire.Integer(1)})), "4.05"},
		{"unknown in an instance", server.WritePartial("/42/0", server.TLV, tlv(wire.Entry{Path: at(0, 66), Value: wire.Integer(1)})), "4.04"},
		{"an object", server.Write("/42", server.TLV, tlv()), "4.05"},
		{"an executable", server.Write("/42/0/3", server.TextPlain, []byte("1")), "4.05"},
		{"the wrong type", server.Write("/42/0/5", server.TextPlain, []byte("no")), "4.00"},
		{"broken TLV", server.Write("/42/0", server.TLV, []byte{0xff}), "4.00"},
		{"another path", server.Write("/42/0", server.SenMLJSON, []byte(`[{"n":"/42/1/1","vs":"x"}]`)), "4.00"},
		{"one value for many", server.Write("/42/0/4", server.SenMLJSON, []byte(`[{"n":"/42/0/4","v":1}]`)), "4.00"},
		{"null", server.Write("/42/0/1", server.SenMLJSON, []byte(`[{"n":"/42/0/1","v":null}]`)), "4.00"},
		{"unknown format", server.Write("/42/0/1", 9999, []byte("x")), "4.15"},
		{"links", server.Write("/42/0/1", server.LinkFormat, []byte("</x>")), "4.15"},
		{"a single resource, partially", server.WritePartial("/42/0/1", server.TextPlain, []byte("x")), "4.05"},
		{"too much", server.Write("/42/0/2", server.OctetStream, bytes.Repeat([]byte("x"), 1<<16+1)), "4.13"},
		// Execute
		{"execute", server.Execute("/42/0/3", "0='x',1"), "2.04 X /42/0/3 [{0 x true} {1  false}]"},
		{"execute without arguments", server.Execute("/42/0/3", ""), "2.04 X /42/0/3 []"},
		{"bad arguments", server.Execute("/42/0/3", "a"), "4.00"},
		{"arguments in TLV", method(server.POST, "/42/0/3", server.TLV, none, []byte("1")), "4.15"},
		{"execute a value", server.Execute("/42/0/0", ""), "4.05"},
		{"execute nothing", server.Execute("/42/0/66", ""), "4.04"},
		{"reboot, not given", server.Execute("/3/0/4", ""), "4.05"},
		// Create and Delete
		{"create", server.Create("/42", server.TLV, nil), "2.01 /42/1"},
		{"create with a number", server.Create("/42", server.TLV, entries(wire.FormatTLV, at(), wire.Entry{Path: at(5, 1), Value: text("v")})), "2.01 /42/5"},
		{"create without a number", server.Create("/42", server.TLV, entries(wire.FormatTLV, at(), wire.Entry{Path: at(wire.NoInstance, 1), Value: text("v")})), "2.01 /42/1"},
		{"create what is there", server.Create("/42", server.SenMLJSON, []byte(`[{"n":"/42/0/1","vs":"x"}]`)), "4.00"},
		{"create two", server.Create("/42", server.SenMLJSON, []byte(`[{"n":"/42/1/1","vs":"x"},{"n":"/42/2/1","vs":"x"}]`)), "4.00"},
		{"create with an executable", server.Create("/42", server.SenMLJSON, []byte(`[{"n":"/42/1/3","vs":"x"}]`)), "4.00"},
		{"create where none can be", server.Create("/3", server.TLV, nil), "4.05"},
		{"create in nothing", server.Create("/43", server.TLV, nil), "4.04"},
		{"delete", server.Delete("/42/0"), "2.02"},
		{"delete nothing", server.Delete("/42/7"), "4.04"},
		{"delete a resource", server.Delete("/42/0/1"), "4.05"},
		{"delete an object", server.Delete("/42"), "4.05"},
		{"delete the device", server.Delete("/3/0"), "4.05"},
		// Write-Attributes
		{"attributes", server.WriteAttributes("/42/0/0", "pmin=1", "pmax=10", "gt=5", "lt=1", "st=1", "epmin=1", "epmax=2", "con=1"), "2.04"},
		{"attributes of an object", server.WriteAttributes("/42", "pmin=1"), "2.04"},
		{"unset", server.WriteAttributes("/42/0/0", "pmin", "pmax="), "2.04"},
		{"unknown attribute", server.WriteAttributes("/42/0/0", "pmean=1"), "4.00"},
		{"bounds that overlap", server.WriteAttributes("/42/0/0", "gt=1", "lt=2"), "4.00"},
		{"bounds and step", server.WriteAttributes("/42/0/0", "gt=5", "lt=1", "st=2"), "4.00"},
		{"bound of a text", server.WriteAttributes("/42/0/1", "gt=1"), "4.00"},
		{"bound of an instance", server.WriteAttributes("/42/0", "gt=1"), "4.00"},
		{"negative period", server.WriteAttributes("/42/0/0", "pmin=-1"), "4.00"},
		{"no step", server.WriteAttributes("/42/0/0", "st=0"), "4.00"},
		{"half a period", server.WriteAttributes("/42/0/0", "pmin=0.5"), "4.00"},
		{"endless period", server.WriteAttributes("/42/0/0", "pmin=Inf"), "4.00"},
		{"no attribute", server.WriteAttributes("/42/0/0"), "4.00"},
		{"attributes of nothing", server.WriteAttributes("/42/3", "pmin=1"), "4.04"},
		// Composite
		{"read several", method(server.FETCH, "/", server.SenMLJSON, server.SenMLJSON, []byte(`[{"n":"/42/0/0"},{"n":"/42/0/4"},{"n":"/1/0/0"},{"n":"/77"}]`)), "2.05 SenML JSON /42/0/0=7 /42/0/4/0=40 /42/0/4/2=42 /1/0/0=1"},
		{"read several in the format asked in", method(server.FETCH, "/", 320, none, []byte(`[{"n":"/42/0/0"}]`)), "2.05 SenML JSON /42/0/0=7"},
		{"read nothing of several", method(server.FETCH, "/", server.SenMLJSON, none, []byte(`[{"n":"/77"},{"n":"/42/0/2"}]`)), "4.04"},
		{"read the same twice", method(server.FETCH, "/", server.SenMLJSON, none, []byte(`[{"n":"/42/0/0"},{"n":"/42/0/4/0"},{"n":"/42/0/4"}]`)), "2.05 SenML JSON /42/0/0=7 /42/0/4/0=40 /42/0/4/2=42"},
		{"read several in TLV", method(server.FETCH, "/", server.TLV, none, []byte{0xc0, 0}), "4.15"},
		{"read several, none named", method(server.FETCH, "/", server.SenMLJSON, none, []byte(`[]`)), "4.00"},
		{"write several", method(server.IPATCH, "/", 320, none, []byte(`[{"n":"/42/0/1","vs":"a"},{"n":"/1/0/2","v":3},{"n":"/42/0/4/0","v":null}]`)), "2.04 W /42/0 partial [/42/0/1=a /42/0/4/0=null]"},
		{"write several, one read-only", method(server.IPATCH, "/", server.SenMLJSON, none, []byte(`[{"n":"/42/0/1","vs":"a"},{"n":"/42/0/0","v":1}]`)), "4.05"},
		{"write several, one missing", method(server.IPATCH, "/", server.SenMLJSON, none, []byte(`[{"n":"/42/0/1","vs":"a"},{"n":"/77/0/0","v":1}]`)), "4.04"},
		{"fetch a resource", method(server.FETCH, "/42/0/0", server.SenMLJSON, none, []byte(`[]`)), "4.05"},
		{"an unknown method", method(6, "/42/0/0", server.SenMLJSON, none, []byte(`[]`)), "4.05"},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, client.Options{})
				o := newThing()
				b.add(b.config(), o, client.NewDevice(func() client.DeviceInfo { return client.DeviceInfo{} }, client.DeviceActions{}))
				synctest.Wait()
				resp, err := b.do(x.r)
				got := o.did()
				check(t, "answer", strings.TrimSpace(answered(x.r.Path, resp, err)+" "+got), x.want)
			})
		})
	}
}

// did is what was done with the thing.
func (x *thing) did() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := ""
	for _, w := range x.writes {
		s += "W " + w.Path.String() + map[bool]string{true: " replace", false: " partial"}[w.Replace] + " [" + show(w.Entries) + "]"
	}
	if x.executed != "" {
		s += "X " + x.executed
	}
	return s
}

// show writes entries as "path=value".
func show(all []wire.Entry) string {
	var words []string
	for _, e := range all {
		v := string(e.Value.AppendText(nil))
		if e.Value.Type == wire.TypeNull {
			v = "null"
		}
		words = append(words, e.Path.String()+"="+v)
	}
	return strings.Join(words, " ")
}

// answered writes an answer on one line.
func answered(path string, r server.Response, err error) string {
	if no, ok := errors.AsType[*server.Refused](err); ok {
		return no.Code.String()
	}
	if err != nil {
		return err.Error()
	}
	s := r.Code.String()
	if r.Location != "" {
		s += " " + r.Location
	}
	if r.Format == server.NoFormat {
		return s
	}
	f := wire.Format(r.Format)
	s += " " + f.String() + " "
	if f == wire.FormatText || f == wire.FormatOpaque || f == wire.FormatLink {
		return s + string(r.Payload)
	}
	base, _ := wire.ParsePath(path)
	all, err := wire.Decode(f, base, r.Payload, func(p wire.Path) wire.Type {
		row, _ := thingDefinition.Resource(p.ID(2))
		if p.ID(0) != thingID {
			return wire.TypeInteger
		}
		return row.Type
	})
	if err != nil {
		return s + err.Error()
	}
	return s + show(all)
}

// TestObjectErrors: what an object says becomes the code of the answer, for
// every operation.
func TestObjectErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, client.Options{})
		o := newThing()
		b.add(b.config(), o)
		synctest.Wait()
		for code, err := range map[lwm2m9.ResponseCode]error{
			lwm2m9.CodeInternal:         errors.New("broken"),
			lwm2m9.CodeMethodNotAllowed: &client.Error{Code: lwm2m9.CodeMethodNotAllowed},
			lwm2m9.CodeUnavailable:      fmt.Errorf("wrapped: %w", &client.Error{Code: lwm2m9.CodeUnavailable, Err: errors.New("cause")}),
		} {
			o.setFail(err)
			for _, r := range []server.Request{
				server.Read("/42/0/0", none), server.Read("/42/0", none), server.Observe("/42/0/0", none),
				server.Write("/42/0/1", server.TextPlain, nil), server.Execute("/42/0/3", ""),
				server.Create("/42", server.TLV, nil), server.Delete("/42/0"),
			} {
				if _, got := b.do(r); !refused(got, code) {
					t.Errorf("%v %s: %v; want %v", r.Method, r.Path, got, code)
				}
			}
		}
	})
}

// TestLimits: the object's own limit for a path, at it and one over it.
func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, client.Options{})
		o := newThing()
		o.most = 3000
		b.add(b.config(), o)
		synctest.Wait()
		if _, err := b.do(server.Write("/42/0/2", server.OctetStream, make([]byte, 3000))); err != nil {
			t.Error(err)
		}
		if _, err := b.do(server.Write("/42/0/2", server.OctetStream, make([]byte, 3001))); !refused(err, lwm2m9.CodeTooLarge) {
			t.Error(err)
		}
		big := strings.Repeat("0123456789", 1000)
		o.set(1, wire.String(big))
		if r, err := b.do(server.Read("/42/0/1", none)); err != nil || string(r.Payload) != big {
			t.Errorf("read of 10,000 bytes: %d, %v", len(r.Payload), err)
		}
	})
}

// TestDiscover: attributes where they are attached; a resource also says what
// it inherits.
func TestDiscover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, client.Options{})
		b.add(b.config(), newThing())
		synctest.Wait()
		for path, attribute := range map[string]string{"/42": "pmin=10", "/42/0": "pmax=60", "/42/0/0": "gt=9.5"} {
			if _, err := b.do(server.WriteAttributes(path, attribute)); err != nil {
				t.Error(err)
			}
		}
		for path, want := range map[string]string{
			"/42":       "</42>;pmin=10,</42/0>;pmax=60,</42/0/0>;gt=9.5,</42/0/1>,</42/0/2>,</42/0/3>,</42/0/4>;dim=2,</42/0/5>,</42/0/6>,</42/0/7>",
			"/42/0":     "</42/0>;pmax=60,</42/0/0>;gt=9.5,</42/0/1>,</42/0/2>,</42/0/3>,</42/0/4>;dim=2,</42/0/5>,</42/0/6>,</42/0/7>",
			"/42/0/0":   "</42/0/0>;pmin=10;pmax=60;gt=9.5",
			"/42/0/4":   "</42/0/4>;dim=2;pmin=10;pmax=60",
			"/42/0/4/2": "</42/0/4/2>;pmin=10;pmax=60",
			"/42/0/4/3": "4.04",
			"/44":       "4.04",
		} {
			r, err := b.do(server.Discover(path))
			check(t, path, strings.TrimPrefix(answered(path, r, err), "2.05 link-format "), want)
		}
	})
}
