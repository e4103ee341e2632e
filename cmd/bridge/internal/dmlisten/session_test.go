package dmlisten

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmhttp"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/tlsfiles"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/tlsfiles/tlstest"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// TestSessions: our client against our server over loopback, with every
// authentication, both encodings, both families of content types, and devices
// that do and do not follow RespURI. Each device holds two sessions: the second
// one uses the nonces of the first.
func TestSessions(t *testing.T) {
	for _, scheme := range []session.Scheme{session.SchemeNone, session.SchemeBasic, session.SchemeMD5, session.SchemeMAC} {
		for _, enc := range []syncml.Encoding{syncml.XML, syncml.WBXML} {
			for _, ignore := range []bool{false, true} {
				t.Run(fmt.Sprint(scheme, enc, ignore), func(t *testing.T) {
					s := newServer(t, Options{}, scheme, 1)
					d := newDevice(t, 0, scheme, s.url)
					d.acc.Encoding, d.ignoreRespURI = enc, ignore
					d.notes = []session.Notification{{Key: "n", Type: "test.event", Format: "chr", Source: "./FwUpdate/x", Data: "100"}}
					for n := 1; n <= 2; n++ {
						before := d.messages
						keys := s.work.Send(d.acc.DeviceID, get("./DevInfo/Man"), get("./DevInfo/None"))
						if end, err := d.run(t.Context()); end != session.EndDone {
							t.Fatalf("session %d: %v, %v", n, end, err)
						}
						seen := s.work.Seen(d.acc.DeviceID)
						man, none := seen.Results[keys[0]], seen.Results[keys[1]]
						if man.Code != 200 || len(man.Found) != 1 || string(man.Found[0].Data) != "Acme" || none.Code != 404 {
							t.Errorf("session %d: %+v, %+v", n, man, none)
						}
						if n == 2 && d.messages-before != 2 { // no challenge
							t.Errorf("%d messages in the second session; want 2", d.messages-before)
						}
						if seen.Sessions != n || len(seen.Events) != n || seen.DevInfo["./DevInfo/Mod"] != "R2" {
							t.Errorf("session %d: %+v", n, seen)
						}
					}
				})
			}
		}
	}
}

// TestContentTypeIsEchoed: devices insist on their own family.
func TestContentTypeIsEchoed(t *testing.T) {
	s := newServer(t, Options{}, session.SchemeNone, 1)
	for _, ct := range []string{"application/vnd.syncml.dm+xml", "application/vnd.syncml+xml", "application/vnd.syncml+xml; charset=UTF-8",
		"Application/Vnd.SyncML.DM+XML;charset=utf-8"} {
		h := byHand(t, s, 0)
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url, bytes.NewReader(h.open()))
		req.Header.Set("Content-Type", ct)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		drain(resp)
		want, _, _ := strings.Cut(strings.ToLower(ct), ";")
		if got := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || got != want || resp.Header.Get("Cache-Control") != "no-store" || resp.ContentLength <= 0 {
			t.Errorf("%s: %d %v, length %d", ct, resp.StatusCode, resp.Header, resp.ContentLength)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestRepeatedPost: the same bytes come back, and nothing is done twice.
func TestRepeatedPost(t *testing.T) {
	for name, repeatAt := range map[string]int{"first": 1, "second": 2, "last": 3} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, Options{}, session.SchemeMAC, 1)
			d := newDevice(t, 0, session.SchemeMAC, s.url)
			d.notes = []session.Notification{{Key: "n", Type: "test.event", Format: "chr", Source: "./FwUpdate/x", Data: "100"}}
			s.work.Send(d.acc.DeviceID, get("./DevInfo/Man"))
			posts := 0
			d.post = func(ctx context.Context, r dmhttp.Request) (dmhttp.Response, error) {
				posts++
				first, err := d.http.Post(ctx, r)
				if posts != repeatAt || err != nil {
					return first, err
				}
				again, err := d.http.Post(ctx, r)
				if again.HMAC != first.HMAC || !bytes.Equal(again.Body, first.Body) {
					t.Errorf("POST %d: other bytes the second time", posts)
				}
				return again, err
			}
			if end, err := d.run(t.Context()); end != session.EndDone {
				t.Fatalf("%v, %v", end, err)
			}
			if c := s.Counts(); posts < repeatAt || c.Repeated != 1 || c.Begun != 1 || len(s.work.Seen(d.acc.DeviceID).Events) != 1 {
				t.Errorf("%d messages: %+v", posts, c)
			}
		})
	}
}

// TestDevicesOverTLS: the client of direction A against the server of direction
// B, each with a certificate.
func TestDevicesOverTLS(t *testing.T) {
	ca, other := tlstest.NewCA(t, "ca"), tlstest.NewCA(t, "other")
	leaf, client, late, stranger := ca.Leaf("server"), ca.Leaf("client"), ca.Expired("late"), other.Leaf("stranger")
	conf := func(get func() (*tls.Config, error)) *tls.Config {
		c, err := get()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	work := NewMemory()
	work.Add(serverSide(account(0, session.SchemeMD5)))
	web := httptest.NewUnstartedServer(New(Options{Work: work}))
	web.TLS = conf(tlsfiles.Files{CA: ca.File, Cert: leaf.Cert, Key: leaf.Key}.Server)
	web.Config.ErrorLog = log.New(io.Discard, "", 0)
	web.StartTLS()
	t.Cleanup(web.Close)
	for _, tc := range []struct {
		name  string
		files tlsfiles.Files
		fails string
	}{
		{"good", tlsfiles.Files{CA: ca.File, Cert: client.Cert, Key: client.Key}, ""},
		// Who is refused by the server may find the connection broken before it
		// reads why.
		{"no certificate", tlsfiles.Files{CA: ca.File}, "dmhttp: "},
		{"wrong CA", tlsfiles.Files{CA: other.File, Cert: client.Cert, Key: client.Key}, "unknown authority"},
		{"expired", tlsfiles.Files{CA: ca.File, Cert: late.Cert, Key: late.Key}, "dmhttp: "},
		{"stranger", tlsfiles.Files{CA: ca.File, Cert: stranger.Cert, Key: stranger.Key}, "dmhttp: "},
	} {
		d := newDevice(t, 0, session.SchemeMD5, web.URL+DefaultPath)
		way := dmhttp.New(dmhttp.Options{Servers: map[string]dmhttp.Server{"": {TLS: conf(tc.files.Client)}}})
		d.post = way.Post
		end, err := d.run(t.Context())
		way.Close()
		if tc.fails == "" && end != session.EndDone || tc.fails != "" && (err == nil || !strings.Contains(err.Error(), tc.fails)) {
			t.Errorf("%s: %v, %v; want %q", tc.name, end, err, tc.fails)
		}
	}
	if seen := work.Seen(account(0, session.SchemeNone).DeviceID); seen.Sessions != 1 {
		t.Errorf("%d sessions got through; want one", seen.Sessions)
	}
}

// slowWork makes one device wait.
type slowWork struct {
	*Memory
	slow    string
	entered chan struct{} // closed when it waits
	release chan struct{}
	once    sync.Once
}

func (w *slowWork) Open(ctx context.Context, c Caller) (session.ServerConfig, Visit, error) {
	if c.DeviceID == w.slow {
		w.once.Do(func() { close(w.entered) })
		<-w.release
	}
	return w.Memory.Open(ctx, c)
}

// TestManyAtOnce: 200 devices at once, and one whose work hangs. The others end
// while it hangs, and then it ends too.
func TestManyAtOnce(t *testing.T) {
	const devices = 200
	work := &slowWork{Memory: NewMemory(), slow: account(0, session.SchemeNone).DeviceID, entered: make(chan struct{}), release: make(chan struct{})}
	for n := range devices + 1 {
		work.Add(serverSide(account(n, session.SchemeMD5)))
	}
	s := newServer(t, Options{Work: work}, session.SchemeNone, 0)
	var done atomic.Int64
	run := func(n int) {
		d := newDevice(t, n, session.SchemeMD5, s.url)
		work.Send(d.acc.DeviceID, get("./DevInfo/Man"))
		if end, err := d.run(t.Context()); end != session.EndDone {
			t.Errorf("device %d: %v, %v", n, end, err)
		}
		done.Add(1)
	}
	var slow, others sync.WaitGroup
	slow.Go(func() { run(0) })
	<-work.entered
	for n := 1; n <= devices; n++ {
		others.Go(func() { run(n) })
	}
	others.Wait()
	if n := done.Load(); n != devices {
		t.Errorf("%d sessions are over while one hangs; want %d", n, devices)
	}
	close(work.release)
	slow.Wait()
	if c := s.Counts(); c.Begun != devices+1 || c.Refused != 0 || len(c.HTTP) != 0 {
		t.Errorf("%+v", c)
	}
}

// failingWork cannot store what it hears.
type failingWork struct {
	*Memory
	fail atomic.Bool
}

type failingVisit struct {
	Visit
	w *failingWork
}

var errDisk = errors.New("disk full")

func (w *failingWork) Open(ctx context.Context, c Caller) (session.ServerConfig, Visit, error) {
	cfg, v, err := w.Memory.Open(ctx, c)
	return cfg, &failingVisit{v, w}, err
}

func (v *failingVisit) Heard(ctx context.Context, got session.Received) ([]Job, error) {
	if v.w.fail.Load() {
		return nil, errDisk
	}
	return v.Visit.Heard(ctx, got)
}

// TestWhatIsNotStoredWasNotHeard: the device is not told that its notification
// arrived, and delivers it again in the next session.
func TestWhatIsNotStoredWasNotHeard(t *testing.T) {
	work := &failingWork{Memory: NewMemory()}
	work.Add(serverSide(account(0, session.SchemeBasic)))
	work.fail.Store(true)
	s := newServer(t, Options{Work: work}, session.SchemeBasic, 0)
	d := newDevice(t, 0, session.SchemeBasic, s.url)
	d.notes = []session.Notification{{Key: "n", Type: "test.event", Format: "chr", Source: "./FwUpdate/x", Data: "100"}}
	if _, err := d.run(t.Context()); err == nil || err.Error() != "HTTP 503" {
		t.Errorf("got %v; want HTTP 503", err)
	}
	if c := s.Counts(); c.Sessions != 0 || c.HTTP[503] != 1 {
		t.Errorf("%+v", c)
	}
	work.fail.Store(false)
	if end, err := d.run(t.Context()); end != session.EndDone || len(work.Seen(d.acc.DeviceID).Events) != 1 {
		t.Errorf("%v, %v, %+v", end, err, work.Seen(d.acc.DeviceID))
	}
}
