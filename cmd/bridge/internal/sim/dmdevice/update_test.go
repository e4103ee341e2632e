package dmdevice_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmserver"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

var goodStates = []int{10, 30, 40, 50, 100}

// alerts are the final alerts that the server took, "200 job-1".
func (b *bed) alerts() (list []string) {
	for _, e := range b.work.Seen(b.device).Events {
		if e.Code == syncml.AlertGeneric {
			list = append(list, e.Data+" "+e.Correlator)
		}
	}
	return list
}

func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// TestUpdate: a whole update with our DM server, in each way to prove oneself.
func TestUpdate(t *testing.T) {
	for _, scheme := range []session.Scheme{session.SchemeNone, session.SchemeBasic, session.SchemeMD5, session.SchemeMAC} {
		for _, enc := range []syncml.Encoding{syncml.XML, syncml.WBXML} {
			t.Run(fmt.Sprintf("%d %s", scheme, enc), func(t *testing.T) {
				b := newBed(t, func(c *dmdevice.Config) {
					c.Auth, c.ServerAuth, c.Encoding = scheme, scheme, enc
					if scheme != session.SchemeNone {
						c.Secret, c.ServerSecret = "pw-%d", "server-pw"
					}
				})
				b.work.Send(b.device, campaign(b.files+"/ok/radio-2.0.pkg?size=100000")...)
				b.start(t)
				same(t, "results", b.waits(t, 1), []dmdevice.Result{{Device: b.device, Package: "x", State: 100, Code: 200}})
				same(t, "States", b.log.states(), goodStates)
				same(t, "alerts", b.alerts(), []string{"200 job-1"})
				got := b.log.texts(dmdevice.EventDownload)
				for i := range got {
					got[i], _, _ = strings.Cut(got[i], "-1") // the length is the package server's affair
				}
				same(t, "requests", got, []string{"HEAD: 200", "GET bytes=0-65535: 206", "GET bytes=65536"})
				if n := b.Counts(); n.Sessions != 2 || n.SessionsFailed != 0 || n.Alerts != 1 || n.Answered != 1 {
					t.Errorf("%+v", n)
				}
			})
		}
	}
}

// TestStateIsReadable: State can be read while the update stands, and the new
// version afterwards.
func TestStateIsReadable(t *testing.T) {
	b := newBed(t, func(c *dmdevice.Config) {
		c.Faults = []dmdevice.Fault{{Kind: dmdevice.Stuck, Step: dmdevice.Halfway, Times: 1}}
		c.Every = quick.Retry
	})
	b.work.Send(b.device, campaign(b.files+"/ok/radio-2.0.pkg?size=200000")...)
	b.start(t)
	b.log.happens(t, dmdevice.EventFault, 1)
	key := b.work.Send(b.device, get("./FwUpdate/x/State"))[0]
	b.log.when(t, "an answer", func([]dmdevice.Event) bool { return len(b.work.Seen(b.device).Results[key].Found) > 0 })
	if got := string(b.work.Seen(b.device).Results[key].Found[0].Data); got != "30" {
		t.Errorf("State %s, want 30", got)
	}
}

// TestNewFirmware: DevDetail and ROMPackage show what was installed.
func TestNewFirmware(t *testing.T) {
	b := newBed(t, func(c *dmdevice.Config) { c.Every = quick.Retry })
	b.work.Send(b.device, campaign(b.files+"/ok/radio-2.0.pkg")...)
	b.start(t)
	b.waits(t, 1)
	keys := b.work.Send(b.device, get("./DevDetail/FwV"), get("./Vendor/MSFT/ROMPackage/x/PkgVersion"))
	b.log.when(t, "answers", func([]dmdevice.Event) bool { return len(b.work.Seen(b.device).Results[keys[1]].Found) > 0 })
	for _, key := range keys {
		if got := string(b.work.Seen(b.device).Results[key].Found[0].Data); got != "2.0" {
			t.Errorf("%q, want 2.0", got)
		}
	}
}

// TestDeletedUnderway: a Delete of the package stops its download.
func TestDeletedUnderway(t *testing.T) {
	b := newBed(t, func(c *dmdevice.Config) {
		c.Faults = []dmdevice.Fault{{Kind: dmdevice.Stuck, Step: dmdevice.Downloading, Times: 1}}
		c.Every = quick.Retry
	})
	b.work.Send(b.device, campaign(b.files+"/ok/radio-2.0.pkg")...)
	b.start(t)
	b.log.happens(t, dmdevice.EventFault, 1)
	b.work.Send(b.device, &syncml.Op{Cmd: syncml.CmdDelete, Items: []syncml.Item{{Target: syncml.Location{URI: "./FwUpdate/x"}}}})
	b.log.happens(t, dmdevice.EventDeleted, 1)
	b.work.Send(b.device, campaign(b.files+"/ok/radio-3.0.pkg")...)
	same(t, "results", b.waits(t, 1), []dmdevice.Result{{Device: b.device, Package: "x", State: 100, Code: 200}})
}

// TestAgainstOtherServer: sim dm-server, which has a session handling of its
// own, in every style and in both versions.
func TestAgainstOtherServer(t *testing.T) {
	for style := dmserver.StylePlain; style <= dmserver.StyleSessions; style++ {
		for _, version := range []syncml.Version{syncml.DM12, syncml.DM112} {
			t.Run(style.String()+" "+version.Proto, func(t *testing.T) {
				t.Parallel()
				r := otherServer(t, version, style, nil, nil)
				if !r.OK() || r.ExecStatus != syncml.StatusAccepted {
					t.Errorf("%+v", r)
				}
				if version == syncml.DM12 && (r.AlertsBefore != 1 || r.AlertsAfter != 0) {
					t.Errorf("%d alerts, then %d", r.AlertsBefore, r.AlertsAfter)
				}
			})
		}
	}
}

// otherServer has a device with quirks updated by a dmserver in a style.
func otherServer(t *testing.T, version syncml.Version, style dmserver.Style, quirks []dmdevice.Quirk, change func(*dmserver.Config)) dmserver.Result {
	t.Helper()
	var result func() (dmserver.Result, bool)
	b := newBed(t, func(c *dmdevice.Config) {
		sc := dmserver.Config{Auth: dmserver.AuthMD5, Accounts: []dmserver.Account{{Device: dmserver.AnyDevice, Password: "pw"}},
			ServerAuth: dmserver.AuthMD5, ServerID: serverID, ServerPassword: "server-pw",
			Campaigns: []dmserver.Campaign{{Package: "x", Name: "radio", Version: "2.0", URL: files(t) + "/ok/radio-2.0.pkg", Correlator: "c", Style: style}}}
		if change != nil {
			change(&sc)
		}
		s, err := dmserver.New(sc)
		if err != nil {
			t.Fatal(err)
		}
		dm := httptest.NewServer(s)
		t.Cleanup(dm.Close)
		c.Server, c.Version, c.Every, c.Quirks = dm.URL, version, quick.Retry, quirks
		c.Auth, c.Secret, c.ServerAuth, c.ServerSecret = session.SchemeMD5, "pw", session.SchemeMD5, "server-pw"
		if sc.ServerAuth == dmserver.AuthNone {
			c.ServerAuth = session.SchemeNone
		}
		t.Cleanup(func() {
			for _, r := range s.Campaigns() {
				t.Logf("campaign: %+v", r)
			}
		})
		result = func() (dmserver.Result, bool) { return s.Result("IMEI:351") }
	})

	b.start(t)
	var r dmserver.Result
	b.log.when(t, "the end of the campaign", func([]dmdevice.Event) bool {
		r, _ = result()
		return r.Phase.Final()
	})
	return r
}

// TestDownloads: what each kind of package server leads to.
func TestDownloads(t *testing.T) {
	for _, tc := range []struct {
		path   string
		states []int
		code   fwupdate.Code
	}{
		{"/ok/radio-2.0.pkg", goodStates, 200},
		{"/slow/radio-2.0.pkg?size=3000", goodStates, 200},
		{"/corrupt/radio-2.0.pkg", []int{10, 30, 40, 80}, 402},
		{"/foreign/radio-2.0.pkg", goodStates, 200},
		{"/chunked/radio-2.0.pkg", []int{10, 30, 20}, 500},
		{"/reset/radio-2.0.pkg", []int{10, 30, 20}, 503},
		{"/status-404/radio-2.0.pkg", []int{10, 30, 20}, 411},
		{"/status-403/radio-2.0.pkg", []int{10, 30, 20}, 406},
		{"/status-503/radio-2.0.pkg", []int{10, 30, 20}, 500},
		{"/redirect/radio-2.0.pkg", []int{10, 30, 20}, 411},
		{"/ok/radio-2.0.pkg?size=300000", []int{10, 30, 20}, 501},
	} {
		t.Run(tc.path, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, func(c *dmdevice.Config) { c.MaxPackage = 200_000 })
			b.work.Send(b.device, campaign(b.files+tc.path)...)
			b.start(t)
			r := b.waits(t, 1)[0]
			same(t, "States", b.log.states(), tc.states)
			same(t, "result", r.Code, tc.code)
			same(t, "alerts", b.alerts(), []string{tc.code.String() + " job-1"})
		})
	}
	for _, tc := range []struct {
		url  string
		code fwupdate.Code
	}{{"ftp://127.0.0.1/x", 411}, {"http://127.0.0.1:1/x", 412}} {
		t.Run(tc.url, func(t *testing.T) {
			b := newBed(t, func(*dmdevice.Config) {})
			b.work.Send(b.device, campaign(tc.url)...)
			b.start(t)
			same(t, "result", b.waits(t, 1)[0].Code, tc.code)
		})
	}
}
