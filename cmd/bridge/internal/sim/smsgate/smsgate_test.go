package smsgate_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/smsgate"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/trigger"
	"github.com/fwbridge/fwbridge/syncml/notify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// package0 is a trigger of a server for a session.
func package0(t *testing.T, server, secret string, session uint16) []byte {
	t.Helper()
	m := &notify.Message{Version: notify.Version11, SessionID: session, ServerID: server}
	m.Sign(notify.Key{User: server, Secret: "spw"}, notify.DefaultNonce)
	if secret != "spw" {
		m.Digest[0]++
	}
	b, err := m.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// bed is two devices that wait, with every way in.
type bed struct {
	came    chan string
	gate    *smsgate.Gate
	senders map[string]trigger.Sender
	udp     string
}

func newBed(t *testing.T, quirks ...dmdevice.Quirk) *bed {
	t.Helper()
	b := &bed{came: make(chan string, 100)}
	f, err := dmdevice.New(dmdevice.Config{DeviceID: "IMEI:%d", Count: 2, Server: "http://127.0.0.1:1/dm", ServerSecret: "spw", Number: "+49%d", Quiet: true,
		Quirks: quirks, OnEvent: func(e dmdevice.Event) {
			if e.Kind == dmdevice.EventTriggered {
				b.came <- e.Device + " " + e.Text
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	b.gate = smsgate.New(f, nil)
	web := httptest.NewServer(b.gate)
	t.Cleanup(web.Close)
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.udp = conn.LocalAddr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.gate.RunUDP(ctx, conn) }()
	transport := &http.Transport{}
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		transport.CloseIdleConnections()
	})
	client := &http.Client{Transport: transport}
	b.senders = map[string]trigger.Sender{"udp": trigger.UDPSender{}, "pap": &trigger.PAPSender{URL: web.URL + smsgate.PathPAP, Client: client},
		"kannel": &trigger.KannelSender{URL: web.URL + smsgate.PathKannel, Client: client}}
	return b
}

// next is the next n triggers that devices took, sorted.
func (b *bed) next(t *testing.T, n int) (list []string) {
	t.Helper()
	for range n {
		select {
		case e := <-b.came:
			list = append(list, e)
		case <-time.After(30 * time.Second): // against hanging, no verdict
			t.Fatalf("only %v came", list)
		}
	}
	slices.Sort(list)
	return list
}

// TestWaysIn: what the bridge's own senders send reaches the device that has the
// number, and by UDP all whose digest it is.
func TestWaysIn(t *testing.T) {
	b := newBed(t)
	for i, tc := range []struct {
		way, to string
		want    []string
	}{
		{"kannel", "+492", []string{"IMEI:2 session 1000 of fwbridge"}},
		{"pap", "+491", []string{"IMEI:1 session 1001 of fwbridge"}},
		{"udp", b.udp, []string{"IMEI:1 session 1002 of fwbridge", "IMEI:2 session 1002 of fwbridge"}},
		{"kannel", "IMEI:1", []string{"IMEI:1 session 1003 of fwbridge"}},
	} {
		if err := b.senders[tc.way].Send(t.Context(), tc.to, package0(t, dmdevice.DefaultServerID, "spw", uint16(0x1000+i))); err != nil {
			t.Errorf("%s: %v", tc.way, err)
			continue
		}
		if diff := cmp.Diff(tc.want, b.next(t, len(tc.want))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.way, diff)
		}
	}
}

// TestRefusals: what is not good starts nothing; the gateway says only what a
// gateway can know.
func TestRefusals(t *testing.T) {
	b := newBed(t)
	good := package0(t, dmdevice.DefaultServerID, "spw", 7)
	for _, tc := range []struct {
		name, to string
		body     []byte
		refused  bool
		counter  string
	}{
		{"good", "+491", good, false, "taken"},
		{"again", "+491", good, false, "replayed"},
		{"forged", "+491", package0(t, dmdevice.DefaultServerID, "other", 8), false, "refused"},
		{"other server", "+491", package0(t, "other", "spw", 9), false, "unknownServer"},
		{"no such number", "+493", package0(t, dmdevice.DefaultServerID, "spw", 10), true, "unknownDevice"},
	} {
		before := b.gate.Counts()[tc.counter]
		err := b.senders["kannel"].Send(t.Context(), tc.to, tc.body)
		if _, isSend := errors.AsType[*trigger.SendError](err); isSend != tc.refused || err != nil && !isSend {
			t.Errorf("%s: %v", tc.name, err)
		}
		if n := b.gate.Counts()[tc.counter]; n != before+1 {
			t.Errorf("%s: %v", tc.name, b.gate.Counts())
		}
	}
	if len(b.came) != 1 {
		t.Errorf("%d triggers were taken, want 1", len(b.came))
	}
}

func TestSwappedSession(t *testing.T) {
	b := newBed(t, dmdevice.SwappedSession)
	if err := b.senders["kannel"].Send(t.Context(), "+491", package0(t, dmdevice.DefaultServerID, "spw", 0x1234)); err != nil {
		t.Fatal(err)
	}
	if got := b.next(t, 1)[0]; got != "IMEI:1 session 3412 of fwbridge" {
		t.Error(got)
	}
}
