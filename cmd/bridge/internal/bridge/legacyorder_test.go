package bridge

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/smsgate"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// TestLegacyAlertBeforeProof: a device sends its final alert before it has proved
// who it is, and again when it has. It counts once.
func TestLegacyAlertBeforeProof(t *testing.T) {
	w := newLegacyWorld(t, wholeUpdate...)
	b := w.bridge("poll: 1s", "poll: 1h") // the alert decides
	w.device(dmdevice.Config{DeviceID: listed, Quiet: true, Auth: session.SchemeMD5, User: "dev", Secret: "s1",
		ServerAuth: session.SchemeMD5, ServerSecret: "s2", Quirks: []dmdevice.Quirk{dmdevice.ChallengeFirst}})
	w.over(1)
	w.until("answered alert", of(dmdevice.EventOver))
	v, err := b.legacy.View(listed)
	if err != nil {
		t.Fatal(err)
	}
	alerts := 0
	for _, line := range v.Timeline {
		if strings.HasPrefix(line.Note, "final alert") {
			alerts++
		}
	}
	if n := w.count(of(dmdevice.EventExecuted)); alerts != 1 || n != 1 {
		t.Errorf("%d alerts in the time line and %d Execs, want one of each: %+v", alerts, n, v.Timeline)
	}
}

// TestLegacyForgedAlert: who cannot prove to be the device cannot say that its
// update is over.
func TestLegacyForgedAlert(t *testing.T) {
	w := newLegacyWorld(t, "observe 7 9 12", "write 3", "wait state=DELIVERED", "install")
	b := w.bridge("poll: 1s", "poll: 1h")
	f, err := dmdevice.ParseFault("no-alert")
	if err != nil {
		t.Fatal(err)
	}
	w.device(dmdevice.Config{Faults: []dmdevice.Fault{f}})
	pkg := w.until("Exec", of(dmdevice.EventExecuted)).Package
	forged := func(cred *syncml.Cred) *syncml.Message {
		return &syncml.Message{
			Header: syncml.Header{Version: syncml.DM12, SessionID: "77", MsgID: "1", Target: syncml.Location{URI: "http://" + w.dm + "/dm"},
				Source: syncml.Location{URI: listed, Name: "dev"}, Cred: cred},
			Body: []syncml.Command{&syncml.Alert{CmdID: "1", Code: syncml.AlertClientInitiated},
				&syncml.Alert{CmdID: "2", Code: syncml.AlertGeneric, Items: []syncml.Item{{
					Source: syncml.Location{URI: "./FwUpdate/" + pkg + "/DownloadAndUpdate"}, Data: []byte("200"),
					Meta: syncml.Meta{Type: "org.openmobilealliance.dm.firmwareupdate.downloadandupdate", Format: "chr"},
				}}}},
			Final: true,
		}
	}
	for name, cred := range map[string]*syncml.Cred{
		"without credentials": nil,
		"with wrong ones":     {Meta: syncml.Meta{Type: "syncml:auth-md5", Format: "b64"}, Data: "AAAAAAAAAAAAAAAAAAAAAA=="},
	} {
		status, answer := w.post(forged(cred))
		head, ok := answer.Body[0].(*syncml.Status)
		if !ok || status != http.StatusOK || head.Code != syncml.StatusCredentialsMissing && head.Code != syncml.StatusUnauthorized {
			t.Errorf("%s: HTTP %d, %+v", name, status, answer.Body)
		}
		if v, err := b.legacy.View(listed); err != nil || v.Instances[0].State != "DELIVERED" || strings.Contains(v.Instances[0].Reason, "200") {
			t.Errorf("%s: %+v, %v", name, v.Instances[0], err)
		}
	}
}

// post sends the bridge a message, as a device would.
func (w *legacyWorld) post(m *syncml.Message) (status int, answer *syncml.Message) {
	w.t.Helper()
	body, err := m.AppendXML(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.Post("http://"+w.dm+"/dm", syncml.XML.MIME(), bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	answer, _, err = syncml.Decode(text, syncml.DefaultLimits)
	if err != nil {
		w.t.Fatalf("%v in %s", err, text)
	}
	return resp.StatusCode, answer
}

// TestLegacySecondPackage: a package for another instance while one runs waits
// for its turn, and one for the same instance is refused; the device gets one
// after the other.
func TestLegacySecondPackage(t *testing.T) {
	w := newLegacyWorld(t, "observe 7 9 12", "write 3", "wait state=DELIVERED", "install", "refused 4.05 write 3",
		"instance 1", "observe 7 9 12", "write 3", "wait state=DELIVERED", "install", "install", "wait installed", "activate", "wait active",
		"instance 0", "expect installed", "activate", "wait active")
	b := w.bridge()
	w.device(dmdevice.Config{})
	w.over(1)
	var order []string
	w.count(func(e dmdevice.Event) bool {
		if e.Kind == dmdevice.EventExecuted || e.Kind == dmdevice.EventOver {
			order = append(order, e.Kind.String()+" "+e.Package)
		}
		return false
	})
	v, err := b.legacy.View(listed)
	if err != nil {
		t.Fatal(err)
	}
	first, second := v.Instances[0].Package, v.Instances[1].Package
	if len(order) < 3 || first == second || order[0] != "executed "+first || order[1] != "over "+first || order[2] != "executed "+second ||
		w.count(of(dmdevice.EventExecuted)) != 2 {
		t.Errorf("packages %s and %s: %q", first, second, order)
	}
}

// TestLegacyGateways: a device that is reached by SMS, or by a push proxy.
func TestLegacyGateways(t *testing.T) {
	for channel, path := range map[string]string{"kannel": smsgate.PathKannel, "pap": smsgate.PathPAP} {
		t.Run(channel, func(t *testing.T) {
			w := newLegacyWorld(t, wholeUpdate...)
			gateway := httptest.NewUnstartedServer(nil)
			url := "http://" + gateway.Listener.Addr().String() + path
			w.bridge("channel: udp", "channel: "+channel+", url: "+`"`+url+`"`, "address: "+w.udp.LocalAddr().String(), `address: "+49151"`, "wake: 1s", "wake: 1h")
			fleet := w.device(dmdevice.Config{DeviceID: listed, Number: "+49151", Quiet: true, Auth: session.SchemeMD5, User: "dev", Secret: "s1",
				ServerAuth: session.SchemeMD5, ServerSecret: "s2"})
			gate := smsgate.New(fleet, nil)
			gateway.Config.Handler = gate
			gateway.Start()
			t.Cleanup(gateway.Close)
			w.over(1)
			w.until("trigger", of(dmdevice.EventTriggered))
			if n := gate.Counts(); n["taken"] == 0 {
				t.Errorf("the gateway has %v", n)
			}
		})
	}
}
