package trigger

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/syncml/notify"
)

var gate = Gate{User: "gw", Secret: "hunter2"}

// wait waits for n triggers at the engine.
func (b *bed) wait(t *testing.T, n int) {
	t.Helper()
	for range n {
		select {
		case <-b.engine.came:
		case <-t.Context().Done():
			t.Fatal("the trigger did not come")
		}
	}
}

// TestSenderReachesReceiver is the contract of all channels, both ends: a
// trigger of any length arrives whole and once.
func TestSenderReachesReceiver(t *testing.T) {
	for channel := range newBed(t, 0, gate).senders {
		for _, vendor := range []int{0, 100, 101, notify.MaxVendor} { // one SMS holds 133 bytes with the push header
			t.Run(fmt.Sprint(channel, vendor), func(t *testing.T) {
				b := newBed(t, 0, gate)
				if err := b.senders[channel].Send(t.Context(), b.to[channel], package0(t, "dm", vendor)); err != nil {
					t.Fatal(err)
				}
				b.wait(t, 1)
				if got := b.engine.all(); !slices.Equal(got, []string{"dev 2A7"}) {
					t.Errorf("taken %q", got)
				}
			})
		}
	}
}

// TestVerdicts is the contract of all receivers: what the sender is told of
// each outcome, and that it is counted.
func TestVerdicts(t *testing.T) {
	for _, tt := range []struct {
		name    string
		server  string
		err     error
		verdict Verdict
		refused bool // by gateways
		later   bool // they say that trying again helps
	}{
		{"replayed", "dm", engine.ErrReplay, Replayed, false, false},
		{"wrong digest", "dm", notify.ErrDigest, Refused, false, false},
		{"cannot be checked", "dm", engine.ErrNotTheServer, Refused, false, false},
		{"unknown server", "nobody", nil, UnknownServer, false, false},
		{"address of nobody", "two", nil, UnknownDevice, true, false},
		{"never registered", "dm", engine.ErrUnknownDevice, UnknownDevice, true, false},
		{"store is full", "dm", fmt.Errorf("%w: disk", engine.ErrStore), Failed, true, true},
		{"busy", "dm", engine.ErrBusy, Failed, true, true},
	} {
		for _, channel := range []string{ChannelUDP, ChannelPAP, ChannelKannel} {
			t.Run(tt.name+" "+channel, func(t *testing.T) {
				b := newBed(t, 0, gate)
				b.engine.set(tt.err, nil)
				err := b.senders[channel].Send(t.Context(), b.to[channel], package0(t, tt.server, 0))
				if refused := tt.refused && channel != ChannelUDP; (err != nil) != refused || Temporary(err) != (refused && tt.later) {
					t.Errorf("the sender is told %v", err)
				}
				if tt.err != nil {
					b.wait(t, 1)
				}
				b.counted(t, tt.verdict, 1)
			})
		}
	}
}

// counted waits for a counter; UDP tells nobody when it is done.
func (b *bed) counted(t *testing.T, v Verdict, n uint64) {
	t.Helper()
	for b.inbox.Counts()[v.String()] < n {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatalf("%v", b.inbox.Counts())
		}
	}
	for name, got := range b.inbox.Counts() {
		if want := map[bool]uint64{true: n}[name == v.String()]; got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
}

// TestPeers: who is not allowed or sends too much is not heard.
func TestPeers(t *testing.T) {
	strangers := Gate{User: "gw", Secret: "hunter2", Allowed: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}
	for channel := range newBed(t, 0, gate).senders {
		b := newBed(t, 0, strangers)
		if err := b.senders[channel].Send(t.Context(), b.to[channel], package0(t, "dm", 0)); (err != nil) != (channel != ChannelUDP) || Temporary(err) {
			t.Errorf("%s: a stranger is told %v", channel, err)
		}
		b.counted(t, NotAllowed, 1)

		b = newBed(t, 3, gate)
		for n := range 10 {
			err := b.senders[channel].Send(t.Context(), b.to[channel], package0(t, "dm", 0))
			if flooded := n >= 3 && channel != ChannelUDP; (err != nil) != flooded || Temporary(err) != flooded {
				t.Errorf("%s: number %d is told %v", channel, n+1, err)
			}
		}
		b.wait(t, 3)
		for b.inbox.Counts()["tooMany"] < 7 {
			<-time.After(5 * time.Millisecond)
		}
		if n := len(b.engine.all()); n != 3 {
			t.Errorf("%s: %d of 10 came through; want 3", channel, n)
		}
	}
}

// TestWrongPassword is told without it.
func TestWrongPassword(t *testing.T) {
	b := newBed(t, 0, gate)
	for channel, s := range map[string]Sender{
		ChannelPAP:    &PAPSender{URL: b.pap, User: "gw", Secret: "sesame", Client: b.client},
		ChannelKannel: &KannelSender{URL: b.kannel, User: "gw", Secret: "sesame", Client: b.client},
	} {
		err := s.Send(t.Context(), "+49151", package0(t, "dm", 0))
		if err == nil || Temporary(err) || strings.Contains(err.Error()+fmt.Sprintf("%v %+v", s, b.inbox.Counts()), "sesame") {
			t.Errorf("%s: %v", channel, err)
		}
	}
	b.counted(t, NotAllowed, 2)
}

// TestGatewayAnswers is the contract of the HTTP senders: what of a gateway is
// a success, what may go better later, and that nothing is followed or leaked.
func TestGatewayAnswers(t *testing.T) {
	pap := func(code int) string { return string(papAnswer("id", papCode(code), "", time.Unix(0, 0))) }
	for _, tt := range []struct {
		status             int
		pap, kannel        string
		papErr, kannelErr  bool
		papLate, kannelLat bool
	}{
		{202, pap(1001), "0: Accepted for delivery", false, false, false, false},
		{200, pap(1000), "3: Queued for later delivery", false, false, false, false},
		{202, pap(2000), "5: no", true, true, false, false},
		{202, pap(3000), "", true, true, true, false},
		{202, pap(4001), "hello", true, true, true, false},
		{202, "<pap/>", "30", true, true, false, false},
		{202, "nonsense", "nonsense", true, true, false, false},
		{404, "", "", true, true, false, false},
		{429, "", "", true, true, true, true},
		{501, "", "", true, true, false, false},
		{503, "", "", true, true, true, true},
		{302, "", "", true, true, false, false},
	} {
		text := ""
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(tt.status)
			fmt.Fprint(w, text)
		}))
		client := s.Client()
		for _, c := range []struct {
			name, text string
			sender     Sender
			err, later bool
		}{
			{"pap", tt.pap, &PAPSender{URL: s.URL, Client: client}, tt.papErr, tt.papLate},
			{"kannel", tt.kannel, &KannelSender{URL: s.URL, Client: client}, tt.kannelErr, tt.kannelLat},
		} {
			text = c.text
			err := c.sender.Send(t.Context(), "+49151", package0(t, "dm", 0))
			if (err != nil) != c.err || Temporary(err) != c.later {
				t.Errorf("%s: %d %q is %v, temporary %v", c.name, tt.status, c.text, err, Temporary(err))
			}
		}
		s.Close()
	}
}

// TestNobodyThere: a gateway that cannot be reached is a trouble that passes,
// and its URL, which may hold a password, is not shown.
func TestNobodyThere(t *testing.T) {
	const secretURL = "http://u:hunter2@127.0.0.1:1/x?password=hunter2"
	for _, s := range []Sender{&PAPSender{URL: secretURL}, &KannelSender{URL: secretURL}} {
		err := s.Send(t.Context(), "+49151", package0(t, "dm", 0))
		if !Temporary(err) || strings.Contains(err.Error(), "hunter2") {
			t.Error(err)
		}
	}
	for _, s := range []Sender{&PAPSender{URL: "http://u:hunter2@ %zz"}, &KannelSender{URL: "http://u:hunter2@ %zz"}, UDPSender{}} {
		if err := s.Send(t.Context(), "nowhere", package0(t, "dm", 0)); err == nil || Temporary(err) || strings.Contains(err.Error(), "hunter2") {
			t.Error(err)
		}
	}
}

// TestKannelRequestSent: what a gateway is given, all of it in the body. Without
// coding 1 it would send the bytes as text of 7 bits.
func TestKannelRequestSent(t *testing.T) {
	var got url.Values
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil || r.Method != http.MethodPost || r.URL.RawQuery != "" {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		got = r.PostForm
		fmt.Fprint(w, kannelAccepted)
	}))
	defer gateway.Close()
	s := &KannelSender{URL: gateway.URL, User: "gw", Secret: "hunter2", From: "12345", Client: gateway.Client()}
	if err := s.Send(t.Context(), "+49151", package0(t, "dm", 0)); err != nil {
		t.Fatal(err)
	}
	want := url.Values{"to": {"+49151"}, "from": {"12345"}, "username": {"gw"}, "password": {"hunter2"}, "coding": {"1"},
		"udh": {"\x06\x05\x04\x0b\x84\x0b\x84"}, "text": {string(notify.Push(package0(t, "dm", 0)))}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestSchedule: the waits, as data.
func TestSchedule(t *testing.T) {
	s := Schedule{Tries: 6, Base: time.Second, Cap: 5 * time.Second}
	for failures, want := range []time.Duration{1: 1, 2: 2, 3: 4, 4: 5, 5: 5} {
		if failures == 0 {
			continue
		}
		if got, ok := s.Next(failures); !ok || got != want*time.Second {
			t.Errorf("after %d: %v, %v", failures, got, ok)
		}
	}
	if _, ok := s.Next(6); ok {
		t.Error("there is a seventh try")
	}
	if got, ok := (Schedule{Tries: 1 << 40, Base: time.Second, Cap: time.Hour}).Next(1 << 30); !ok || got != time.Hour {
		t.Errorf("after very many: %v, %v", got, ok)
	}
}

// sendFunc is a Sender.
type sendFunc func() error

func (f sendFunc) Send(context.Context, string, []byte) error { return f() }

// TestDeliver: temporary failures are tried again in time, others are not.
func TestDeliver(t *testing.T) {
	plan := Schedule{Tries: 4, Base: time.Minute, Cap: time.Hour}
	late, never := &SendError{"x", true, errors.New("later")}, &SendError{"x", false, errors.New("never")}
	for _, tt := range []struct {
		name    string
		answers []error
		tries   int
		took    time.Duration
	}{
		{"at once", []error{nil}, 1, 0},
		{"third time", []error{late, late, nil}, 3, 3 * time.Minute},
		{"given up", []error{late, late, late, late, nil}, 4, 7 * time.Minute},
		{"no use", []error{late, never, nil}, 2, time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			begin, tries := time.Now(), 0
			err := Deliver(t.Context(), sendFunc(func() error { tries++; return tt.answers[tries-1] }), plan, "", nil)
			if took := time.Since(begin); tries != tt.tries || took != tt.took || !errors.Is(err, tt.answers[tries-1]) {
				t.Errorf("%s: %d tries in %v, %v", tt.name, tries, took, err)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		if err := Deliver(ctx, sendFunc(func() error { return late }), plan, "", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cut off: %v", err)
		}
	})
}
