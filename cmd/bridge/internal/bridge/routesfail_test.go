package bridge

import (
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmserver"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/pkgserver"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml"
)

// quick gives up soon. Only rows that end in a time-out have it: what is slow
// for another reason must not.
func quick(p *Packages) {
	p.Fetcher.HeaderTimeout, p.Fetcher.StallTimeout, p.Fetcher.MaxAttempts = 100*time.Millisecond, 100*time.Millisecond, 2
}

// restless has no beginnings left before it has no attempts left.
func restless(p *Packages) {
	quick(p)
	p.Fetcher.MaxAttempts, p.Fetcher.MaxRestarts = 6, 1
}

func smallStore(p *Packages)  { p.Store.MaxPackage = 1 << 20 }
func otherHosts(p *Packages)  { p.Fetcher.Allow.Hosts = []string{"packages.example"} }
func noLoopback(p *Packages)  { p.Fetcher.Allow.Networks = nil }
func sidecars(p *Packages)    { p.Fetcher.Hosts = []delivery.Host{{Pattern: "*", Sidecar: true}} }
func signedHosts(p *Packages) { p.signedBy(pkgserver.PublicKey(pkgserver.Config{})) }
func otherKey(p *Packages)    { p.signedBy(pkgserver.PublicKey(pkgserver.Config{Seed: 1})) }

// signedBy wants signatures by a key.
func (p *Packages) signedBy(text string) {
	key, err := delivery.ParsePublicKey(text)
	if err != nil {
		panic(err)
	}
	p.Fetcher.Hosts = []delivery.Host{{Pattern: "*", Keys: []delivery.PublicKey{key}}}
}

// misbehaviour is section 4 of mapping.md as package servers bring it about.
var misbehaviour = []struct {
	name      string
	behaviour string // of pkgserver
	behind    string // the URL
	set       func(*Packages)
	state     fwupdate.State
	code      fwupdate.Code
	result    lwm2m9.UpdateResult // in direction B
}{
	{name: "404", behaviour: "status-404", state: 20, code: fwupdate.CodeServerError, result: lwm2m9.ResultInvalidURI},
	{name: "410", behaviour: "status-410", state: 20, code: fwupdate.CodeServerError, result: lwm2m9.ResultInvalidURI},
	{name: "418", behaviour: "status-418", state: 20, code: fwupdate.CodeServerError, result: lwm2m9.ResultInvalidURI},
	{name: "405", behaviour: "status-405", state: 20, code: fwupdate.CodeServerError, result: lwm2m9.ResultInvalidURI},
	{name: "401", behaviour: "status-401", state: 20, code: fwupdate.CodeAuthFailure, result: lwm2m9.ResultDeviceError},
	{name: "403", behaviour: "status-403", state: 20, code: fwupdate.CodeAuthFailure, result: lwm2m9.ResultDeviceError},
	{name: "500", behaviour: "status-500", state: 20, code: fwupdate.CodeServerError, result: lwm2m9.ResultConnectionLost},
	{name: "503", behaviour: "status-503", state: 20, code: fwupdate.CodeServerError, result: lwm2m9.ResultConnectionLost},
	{name: "gzip", behaviour: "gzip", state: 20, code: fwupdate.CodeServerError, result: lwm2m9.ResultConnectionLost},
	{name: "endless redirects", behaviour: "redirect", state: 20, code: fwupdate.CodeServerError, result: lwm2m9.ResultConnectionLost},
	{name: "206 with the wrong range", behaviour: "wrong-range", state: 20, code: fwupdate.CodeServerError, result: lwm2m9.ResultConnectionLost},
	{name: "less than Content-Length", behaviour: "short", state: 20, code: fwupdate.CodeNetwork, result: lwm2m9.ResultConnectionLost},
	{name: "reset", behaviour: "reset", state: 20, code: fwupdate.CodeNetwork, result: lwm2m9.ResultConnectionLost},
	{name: "no answer", behaviour: "mute", set: quick, state: 20, code: fwupdate.CodeRequestTimeout, result: lwm2m9.ResultConnectionLost},
	{name: "stalls", behaviour: "stall", set: quick, state: 20, code: fwupdate.CodeRequestTimeout, result: lwm2m9.ResultConnectionLost},
	{name: "stalls, and cannot resume", behaviour: "stall", set: restless, state: 20, code: fwupdate.CodeRequestTimeout, result: lwm2m9.ResultConnectionLost},
	{name: "slow loris", behaviour: "loris", set: quick, state: 20, code: fwupdate.CodeRequestTimeout, result: lwm2m9.ResultConnectionLost},
	{name: "slow loris in the header", behaviour: "loris-header", set: quick, state: 20, code: fwupdate.CodeRequestTimeout, result: lwm2m9.ResultConnectionLost},
	{name: "unreachable", behaviour: "", state: 20, code: fwupdate.CodeServerUnavailable, result: lwm2m9.ResultConnectionLost},
	{name: "no end, no Content-Length", behaviour: "endless", set: smallStore, state: 20, code: fwupdate.CodeDownloadOutOfMemory, result: lwm2m9.ResultNotEnoughStorage},
	{name: "larger than allowed", behaviour: "ok", behind: "?size=2000000", set: smallStore, state: 20, code: fwupdate.CodeDownloadOutOfMemory, result: lwm2m9.ResultNotEnoughStorage},
	{name: "host not allowed", behaviour: "ok", set: otherHosts, state: 20, code: fwupdate.CodeBadURL, result: lwm2m9.ResultInvalidURI},
	{name: "address not allowed", behaviour: "ok", set: noLoopback, state: 20, code: fwupdate.CodeBadURL, result: lwm2m9.ResultInvalidURI},
	{name: "no digest behind #", behaviour: "ok", behind: "#sha256=00", state: 20, code: fwupdate.CodeBadURL, result: lwm2m9.ResultInvalidURI},
	{name: "no sidecar", behaviour: "ok", set: sidecars, state: 20, code: fwupdate.CodeServerError, result: lwm2m9.ResultInvalidURI},
	{name: "another digest", behaviour: "ok", behind: "#sha256=" + strings.Repeat("01", 32), state: 80, code: fwupdate.CodeCorrupted, result: lwm2m9.ResultIntegrityFailure},
	{name: "another digest in the descriptor", behaviour: "wrong-descriptor", state: 80, code: fwupdate.CodeCorrupted, result: lwm2m9.ResultIntegrityFailure},
	{name: "no signature", behaviour: "ok", set: signedHosts, state: 80, code: fwupdate.CodeValidationFailed, result: lwm2m9.ResultIntegrityFailure},
	{name: "a wrong signature", behaviour: "wrong-signature", set: signedHosts, state: 80, code: fwupdate.CodeValidationFailed, result: lwm2m9.ResultIntegrityFailure},
	{name: "signed by another key", behaviour: "signed", set: otherKey, state: 80, code: fwupdate.CodeValidationFailed, result: lwm2m9.ResultIntegrityFailure},
	{name: "signed, that is all", behaviour: "signed", set: signedHosts, state: 100, code: fwupdate.CodeSuccess, result: lwm2m9.ResultVerified},
	{name: "no Content-Length, that is all", behaviour: "chunked", state: 100, code: fwupdate.CodeSuccess, result: lwm2m9.ResultVerified},
}

// TestMisbehaviour: whatever a package server does, the legacy server gets the
// State and the code of the table, the device is asked for nothing, and nothing
// is left in the store.
func TestMisbehaviour(t *testing.T) {
	for _, row := range misbehaviour {
		for _, way := range []mapping.Way{mapping.WayPush, mapping.WayProxyHTTP} {
			t.Run(row.name+" by "+way.String(), func(t *testing.T) {
				w, alerted := newFailWorld(t)
				w.startWith(way, row.set)
				c := w.campaign(row.behaviour)
				c.URL, c.Poll = w.urlOf(row.behaviour)+row.behind, true
				if err := w.dm.AddCampaign(c); err != nil {
					t.Fatal(err)
				}
				var asked atomic.Int32
				w.device(lwm2mdevice.Config{Endpoint: "dev", OnEvent: func(e lwm2mdevice.Event) {
					if e.Kind == lwm2mdevice.EventDone && (e.Op == lwm2mdevice.OpWriteURI || e.Op == lwm2mdevice.OpWritePackage) {
						asked.Add(1)
					}
				}})
				w.wait(1)
				<-alerted // it may have read State before
				got := w.dm.Campaigns()[0]
				if fwupdate.Code(got.Code) != row.code || fwupdate.State(got.State) != row.state {
					t.Errorf("State %d and %d, want %d and %d; %q", got.State, got.Code, row.state, row.code, w.story())
				}
				if ok := row.code.Success(); ok != (asked.Load() > 0) {
					t.Errorf("the device was asked %d times", asked.Load())
				}
				if left := w.b.packs.store.Usage(); !row.code.Success() && (left.Bytes != 0 || left.Packages != 0) {
					t.Errorf("left in the store: %+v", left)
				}
			})
		}
	}
}

// newFailWorld is a waysWorld whose DM server does not believe the first final
// notification, so that it reads State as well. alerted is closed when that one
// has come.
func newFailWorld(t *testing.T) (w *waysWorld, alerted chan struct{}) {
	w, alerted = newWaysWorld(t), make(chan struct{})
	var first sync.Once
	l := w.listen()
	w.dmURL = "http://" + l.Addr().String() + "/dm"
	var err error
	w.dm, err = dmserver.New(dmserver.Config{
		URL: w.dmURL, Auth: dmserver.AuthMD5,
		Accounts: []dmserver.Account{{Device: dmserver.AnyDevice, Password: "secret"}},
		Quirks:   []dmserver.Quirk{{Kind: dmserver.RefuseAlert, Code: syncml.StatusCommandFailed, Times: 1}},
		OnEvent: func(e dmserver.Event) {
			if e.Kind == dmserver.EventAlert {
				first.Do(func() { close(alerted) })
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.serveOn(l, w.dm)
	return w, alerted
}

// urlOf is a package of a server that behaves so; "" is one that is not there.
func (w *waysWorld) urlOf(behaviour string) string {
	if behaviour == "" {
		gone := httptest.NewServer(nil)
		gone.Close()
		return gone.URL + pkgserver.Path("ok", "radio", "2.0")
	}
	return w.packs + pkgserver.Path(behaviour, "radio", "2.0")
}
