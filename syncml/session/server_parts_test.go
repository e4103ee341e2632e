package session

import (
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/syncml"
)

// eventPart is a part of a client event or of a Generic Alert.
func eventPart(code syncml.AlertCode, source, data string, size int64, more bool) *syncml.Alert {
	a := generic("c", data)
	a.Code = code
	a.Items[0].Source.URI, a.Items[0].Meta.Size, a.Items[0].MoreData = source, size, more
	return a
}

// TestServerEventInParts: an event that comes in parts is told whole, once, or
// not at all.
func TestServerEventInParts(t *testing.T) {
	for _, tt := range []struct {
		name string
		next *syncml.Alert
		want string // answers after the first part
		told string
	}{
		{"whole", eventPart(1226, "./a", "def", 0, false), "Status Alert  200 Final", "abcdef"},
		{"too short", eventPart(1226, "./a", "d", 0, false), "Status Alert  424 Final", ""},
		{"another event", eventPart(1226, "./b", "xyz", 0, false), "Status Alert  200 Alert 1225 Final", "xyz"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDevice(t, serverAccount())
			m := d.message(eventPart(1226, "./a", "abc", 6, true))
			m.Final = false
			d.say(m)
			if outline(d.last) != lines("Status SyncHdr - 212", "Status Alert  213", "Alert 1222") || len(d.got.Events) != 0 {
				t.Errorf("%s%v", outline(d.last), d.got.Events)
			}
			d.say(d.message(tt.next))
			got := strings.ReplaceAll(strings.TrimPrefix(outline(d.last), "Status SyncHdr - 212\n"), "\n", " ")
			told := ""
			for _, e := range d.got.Events {
				told += e.Data
			}
			if strings.TrimSpace(got) != tt.want || told != tt.told {
				t.Errorf("%s, told %q", got, told)
			}
		})
	}
}

// TestServerEventTooLarge: the end of an event that was refused is not an event.
func TestServerEventTooLarge(t *testing.T) {
	d := newDevice(t, serverAccount())
	for i, part := range []*syncml.Alert{eventPart(1226, "./a", "abc", DefaultMaxObject+1, true), eventPart(1226, "./a", "d", 0, false)} {
		m := d.message(part)
		m.Final = i == 1
		if d.say(m); !strings.Contains(outline(d.last), "Status Alert  413\n") || len(d.got.Events) != 0 {
			t.Errorf("part %d: %s%v", i, outline(d.last), d.got.Events)
		}
	}
}

// TestServerEventBetweenParts: a whole event between the parts of Results
// leaves them alone.
func TestServerEventBetweenParts(t *testing.T) {
	d := newDevice(t, serverAccount())
	d.say(d.first(), get("./a"))
	part := func(data string, size int64, more bool) *syncml.Results {
		r := results("1", "4", "./a", data)
		r.Items[0].Meta.Size, r.Items[0].MoreData = size, more
		return r
	}
	m := d.answer(nil, part("abc", 6, true))
	m.Final = false
	d.say(m)
	d.say(d.message(generic("c", "200"), part("def", 0, false)))
	if len(d.got.Events) != 1 || len(d.got.Results) != 1 || len(d.got.Results[0].Found) != 1 || string(d.got.Results[0].Found[0].Data) != "abcdef" {
		t.Errorf("%+v", d.got)
	}
}

// TestServerObjectGivenUp: a device that says 1225 of our large object gets no
// further part of it, and the command has failed, whatever it says beside.
func TestServerObjectGivenUp(t *testing.T) {
	for _, final := range []bool{false, true} {
		cfg := serverAccount()
		cfg.LargeObjects = true
		d := newDevice(t, cfg)
		d.head = func(h *syncml.Header) { h.Meta.MaxMsgSize = 2000 }
		d.say(d.first(), add("./a", strings.Repeat("x", 6000)), get("./b"))
		d.say(d.answer(map[string]syncml.Code{"Add ./a": 213}, alert(syncml.AlertNextMessage)))
		m := d.answer(map[string]syncml.Code{"Add ./a": 213}, alert(syncml.AlertNoEndOfData))
		if m.Final = final; !final {
			d.say(m)
			m = d.message()
		}
		d.say(m)
		if len(d.got.Results) != 1 || d.got.Results[0].Code != syncml.StatusSizeMismatch || d.got.Results[0].Err == nil || len(d.got.Results[0].Statuses) != 0 {
			t.Fatalf("final %v: %+v", final, d.got.Results)
		}
		if got := outline(d.last); !strings.HasSuffix(got, "Get ./b\nFinal\n") || strings.Contains(got, "Add") {
			t.Errorf("final %v: %s", final, got)
		}
		if d.say(d.answer(nil)); len(d.got.Results) != 1 || d.reply.End != EndDone {
			t.Errorf("final %v: %+v, end %q", final, d.got.Results, d.reply.End)
		}
	}
	// Without a large object it says nothing.
	d := newDevice(t, serverAccount())
	if d.say(d.message(alert(syncml.AlertNoEndOfData)), get("./b")); outline(d.last) != lines("Status SyncHdr - 212", "Status Alert  200", "Get ./b", "Final") {
		t.Error(outline(d.last))
	}
}

// TestServerObjectWithoutEnd: a device whose parts never end. What is kept of
// them is bounded, and so is the session.
func TestServerObjectWithoutEnd(t *testing.T) {
	d := newDevice(t, serverAccount())
	d.say(d.first(), get("./a"))
	chunk := strings.Repeat("x", 32<<10)
	for n := 0; d.reply.End == EndNot; n++ {
		r := results("1", "4", "./a", chunk)
		r.Items[0].MoreData = true
		if n%20 == 0 {
			r.Items[0].Meta.Size = DefaultMaxObject // begins anew, and anew
		}
		m := d.message(r)
		m.Final = false
		d.say(m)
		if o := d.s.objects.open; o != nil && int64(len(o.data)) > mostCarried(DefaultMaxObject) {
			t.Fatalf("%d bytes are kept", len(o.data))
		}
		if n > MaxMessages {
			t.Fatal("no end")
		}
	}
	if d.reply.End != EndTooManySent || len(d.got.Results) > 0 && len(d.got.Results[0].Found) > 0 {
		t.Errorf("end %q, %+v", d.reply.End, d.got.Results)
	}
}
