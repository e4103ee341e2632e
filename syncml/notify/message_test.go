package notify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func plain() Message { return Message{Version: Version11, SessionID: 1, ServerID: "dm"} }

// TestBuildLimits: each field at its limit and one over it.
func TestBuildLimits(t *testing.T) {
	for _, tt := range []struct {
		field string
		set   func(*Message)
	}{
		{"", func(m *Message) { m.ServerID = strings.Repeat("s", 255); m.Vendor = make([]byte, MaxVendor) }},
		{"server-identifier", func(m *Message) { m.ServerID = strings.Repeat("s", 256) }},
		{"server-identifier", func(m *Message) { m.ServerID = "" }},
		{"server-identifier", func(m *Message) { m.ServerID = "ö" }},
		{"vendor-specific", func(m *Message) { m.Vendor = make([]byte, MaxVendor+1) }},
		{"", func(m *Message) { m.SessionID = 0xFFFF }},
		{"sessionid", func(m *Message) { m.SessionID = 0 }},
		{"", func(m *Message) { m.Version = 10 }}, {"", func(m *Message) { m.Version = 13 }},
		{"version", func(m *Message) { m.Version = 9 }}, {"version", func(m *Message) { m.Version = 14 }},
		{"", func(m *Message) { m.UIMode = 3 }}, {"ui-mode", func(m *Message) { m.UIMode = 4 }},
		{"", func(m *Message) { m.Initiator = 1 }}, {"initiator", func(m *Message) { m.Initiator = 2 }},
		{"", func(m *Message) { m.Future = 1<<27 - 1 }}, {"future-use", func(m *Message) { m.Future = 1 << 27 }},
	} {
		m := plain()
		tt.set(&m)
		b, err := m.Append([]byte("before"))
		if tt.field == "" {
			if err != nil {
				t.Error(err)
				continue
			}
			got, err := Parse(bytes.TrimPrefix(b, []byte("before")))
			if diff := cmp.Diff(&m, got); diff != "" || err != nil {
				t.Errorf("%v %s", err, diff)
			}
		} else if fe, ok := errors.AsType[*FieldError](err); !ok || fe.Field != tt.field || b != nil {
			t.Errorf("want a refusal of %s, got %v", tt.field, err)
		}
	}
}

// TestParseRefusals: what is wrong and where.
func TestParseRefusals(t *testing.T) {
	m := plain()
	good, _ := m.Append(nil)
	with := func(at int, b ...byte) []byte {
		c := bytes.Clone(good)
		copy(c[at:], b)
		return c
	}
	for name, tt := range map[string]struct {
		b  []byte
		at int
	}{
		"empty":               {nil, 0},
		"without a server id": {good[:MinSize-1], MinSize - 1},
		"server id cut off":   {good[:len(good)-1], 23},
		"server id of 0":      {with(23, 0), 23},
		"length past the end": {with(23, 3), 23},
		"session 0":           {with(21, 0, 0), 21},
		"server id not ASCII": {with(24, 0x80), 24},
		"oversize":            {make([]byte, MaxSize+1), MaxSize},
		"vendor part too big": {append(bytes.Clone(good), make([]byte, MaxVendor+1)...), 26 + MaxVendor},
	} {
		_, err := Parse(tt.b)
		if se, ok := errors.AsType[*SyntaxError](err); !ok || se.Offset != tt.at {
			t.Errorf("%s: %v; want a syntax error at %d", name, err, tt.at)
		}
	}
	for version, v := range map[Version]byte{9: 0x40, 14: 0x80} {
		_, err := Parse(with(16, byte(version>>2), v))
		if ve, ok := errors.AsType[*VersionError](err); !ok || ve.Version != version {
			t.Errorf("version: %v", err)
		}
	}
}

func anyMessage() *rapid.Generator[*Message] {
	return rapid.Custom(func(t *rapid.T) *Message {
		return &Message{
			Digest:    Digest(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "digest")),
			Version:   rapid.SampledFrom([]Version{10, 11, 12, 13}).Draw(t, "version"),
			UIMode:    UIMode(rapid.IntRange(0, 3).Draw(t, "ui")),
			Initiator: Initiator(rapid.IntRange(0, 1).Draw(t, "initiator")),
			Future:    rapid.Uint32Range(0, 1<<27-1).Draw(t, "future"),
			SessionID: rapid.Uint16Min(1).Draw(t, "session"),
			ServerID:  rapid.StringMatching(`[ -~]{1,255}`).Draw(t, "server"),
			Vendor:    rapid.SliceOfN(rapid.Byte(), 0, MaxVendor).Draw(t, "vendor"),
		}
	})
}

// TestRoundTrip: any message comes back out of every form.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := anyMessage().Draw(t, "m")
		if len(m.Vendor) == 0 {
			m.Vendor = nil
		}
		b, err := m.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		push := Push(b)
		for name, form := range map[string][]byte{"Package 0": b, "push": push} {
			got, err := Open(form)
			if diff := cmp.Diff(m, got); err != nil || diff != "" {
				t.Fatalf("%s: %v %s", name, err, diff)
			}
		}
		list, err := Segment(push, Port, 9)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 1 {
			if got, err := Open(append(list[0].UDH, list[0].Data...)); err != nil || !cmp.Equal(m, got) {
				t.Fatalf("SMS: %v", err)
			}
		}
	})
}

// TestNotPrinted: no verb, log or JSON shows a digest, a nonce or a secret.
func TestNotPrinted(t *testing.T) {
	m := plain()
	m.Sign(vectorKey, DefaultNonce)
	nonce := Nonce("sesame-nonce")
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "digest", m.Digest, "nonce", nonce, "key", vectorKey)
	j, err := json.Marshal([]any{m, nonce, vectorKey})
	if err != nil {
		t.Fatal(err)
	}
	all := log.String() + string(j)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		all += fmt.Sprintf(verb+verb+verb+verb+"\n", m, &m, nonce, vectorKey)
	}
	for _, secret := range []string{fmt.Sprintf("%x", m.Digest[:4]), fmt.Sprintf("%d", m.Digest[0:3]), "sesame", fmt.Sprintf("%x", "sesame"), "s3rv3r"} {
		if strings.Contains(all, secret) {
			t.Errorf("%q is shown in %s", secret, all)
		}
	}
	if !strings.Contains(all, redacted) {
		t.Error("nothing was redacted")
	}
}

// TestDescribe: the words for people.
func TestDescribe(t *testing.T) {
	m := Message{Digest: Digest{0xAB}, Version: 11, UIMode: UIBackground, Initiator: ByServer, Future: 2, SessionID: 0x2A7, ServerID: "dm", Vendor: []byte{1, 2}}
	want := `digest      [redacted]
version     1.1
ui-mode     background
initiator   server
future-use  0000002
session     2A7
server id   dm
vendor      0102
`
	var b strings.Builder
	if err := Describe(&b, &m, false); err != nil || b.String() != want {
		t.Errorf("%v %s", err, cmp.Diff(want, b.String()))
	}
	b.Reset()
	if err := Describe(&b, &m, true); err != nil || !strings.HasPrefix(b.String(), "digest      ab00") {
		t.Errorf("%v %s", err, b.String())
	}
	if s := fmt.Sprint(UIMode(9), Initiator(9), Match(9)); s != "UIMode(9) Initiator(9) Match(9)" {
		t.Error(s)
	}
}
