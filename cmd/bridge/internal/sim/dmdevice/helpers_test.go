package dmdevice_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmlisten"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/pkgserver"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience only keeps a broken test from hanging.
const patience = 30 * time.Second

// log is the events of a fleet; it can be waited for.
type log struct {
	mu    sync.Mutex
	all   []dmdevice.Event
	grown chan struct{}
}

func (l *log) add(e dmdevice.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, e)
	close(l.grown)
	l.grown = make(chan struct{})
}

// when waits until the events are as asked.
func (l *log) when(t *testing.T, what string, as func([]dmdevice.Event) bool) []dmdevice.Event {
	t.Helper()
	bound := time.After(patience)
	for {
		l.mu.Lock()
		all, grown := slices.Clone(l.all), l.grown
		l.mu.Unlock()
		if as(all) {
			return all
		}
		select {
		case <-grown:
		case <-bound:
			var lines []string
			for _, e := range all {
				lines = append(lines, e.String())
			}
			t.Fatalf("never: %s\n%s", what, strings.Join(lines, "\n"))
		}
	}
}

// happens waits for the nth event of a kind, from 1, and returns it.
func (l *log) happens(t *testing.T, k dmdevice.EventKind, nth int) (found dmdevice.Event) {
	t.Helper()
	l.when(t, k.String(), func(all []dmdevice.Event) bool {
		n := 0
		for _, e := range all {
			if e.Kind == k {
				if n++; n == nth {
					found = e
					return true
				}
			}
		}
		return false
	})
	return found
}

// texts are the texts of the events of a kind.
func (l *log) texts(k dmdevice.EventKind) (list []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.all {
		if e.Kind == k {
			list = append(list, e.Text)
		}
	}
	return list
}

// states are the States that a package went through.
func (l *log) states() (list []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.all {
		if e.Kind == dmdevice.EventState {
			list = append(list, int(e.State))
		}
	}
	return list
}

const serverID = dmdevice.DefaultServerID

// quick is what tests wait for.
var quick = dmdevice.Timing{Begin: time.Millisecond, Download: time.Millisecond, Verify: time.Millisecond, Install: time.Millisecond,
	Report: time.Millisecond, Reboot: 5 * time.Millisecond, Retry: 5 * time.Millisecond, HTTP: 10 * time.Second}

// bed is a fleet with a DM server of ours: dmlisten over a Work in memory.
type bed struct {
	*dmdevice.Fleet
	log    *log
	work   *dmlisten.Memory
	files  string // base URL of a package server
	device string // the first

	mu    sync.Mutex
	posts []post // guarded by mu
}

// post is a message of a device as the server got it.
type post struct{ contentType, query, body string }

// posted is the messages so far.
func (b *bed) posted() []post {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.posts)
}

// accountOf is what the server knows of device n.
func accountOf(c dmdevice.Config, n string) session.ServerConfig {
	acc := session.Account{DeviceID: strings.ReplaceAll(c.DeviceID, "%d", n), ServerID: serverID, Version: syncml.DM12, MaxMsgSize: 64 << 10}
	if c.Auth != session.SchemeNone {
		acc.Client = session.Credentials{Scheme: c.Auth, User: acc.DeviceID, Secret: syncml.Secret(strings.ReplaceAll(string(c.Secret), "%d", n))}
	}
	if c.ServerAuth != session.SchemeNone {
		acc.Server = session.Credentials{Scheme: c.ServerAuth, User: serverID, Secret: c.ServerSecret}
	}
	return session.ServerConfig{Account: acc}
}

// newBed makes a fleet that is not running yet.
func newBed(t *testing.T, change func(*dmdevice.Config)) *bed {
	t.Helper()
	b := &bed{log: &log{grown: make(chan struct{})}, work: dmlisten.NewMemory()}
	h := dmlisten.New(dmlisten.Options{Work: b.work})
	dm := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		b.mu.Lock()
		b.posts = append(b.posts, post{r.Header.Get("Content-Type"), r.URL.RawQuery, string(body)})
		b.mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(dm.Close)
	b.files = files(t)
	c := dmdevice.Config{DeviceID: "IMEI:35%d", Server: dm.URL + dmlisten.DefaultPath, Timing: quick, OnEvent: b.log.add, Seed: 1}
	change(&c)
	for _, n := range numbers(c.Count) {
		b.work.Add(accountOf(c, n))
	}
	b.device = strings.ReplaceAll(c.DeviceID, "%d", "1")
	f, err := dmdevice.New(c)
	if err != nil {
		t.Fatal(err)
	}
	b.Fleet = f
	return b
}

func files(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(pkgserver.New(pkgserver.Config{}))
	t.Cleanup(s.Close)
	return s.URL
}

func numbers(count int) (list []string) {
	for n := 1; n <= max(count, 1); n++ {
		list = append(list, strconv.Itoa(n))
	}
	return list
}

// start runs the fleet until the test ends.
func (b *bed) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// waits returns when n updates are over.
func (b *bed) waits(t *testing.T, n int) []dmdevice.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := b.Wait(ctx, n); err != nil {
		b.log.when(t, "the end of the update", func([]dmdevice.Event) bool { return false })
	}
	return b.Results()
}

func target(uri, format, data string) []syncml.Item {
	return []syncml.Item{{Target: syncml.Location{URI: uri}, Meta: syncml.Meta{Format: format}, Data: []byte(data)}}
}

func add(uri, format, data string) syncml.Command {
	return &syncml.Op{Cmd: syncml.CmdAdd, Items: target(uri, format, data)}
}

func get(uri string) syncml.Command {
	return &syncml.Op{Cmd: syncml.CmdGet, Items: []syncml.Item{{Target: syncml.Location{URI: uri}}}}
}

func exec(x string) syncml.Command {
	return &syncml.Op{Cmd: syncml.CmdExec, Correlator: "job-1", Items: []syncml.Item{{Target: syncml.Location{URI: "./FwUpdate/" + x + "/DownloadAndUpdate"}}}}
}

// campaign is an update as a server sends it.
func campaign(url string) []syncml.Command {
	return []syncml.Command{
		add("./FwUpdate/x", "node", ""), add("./FwUpdate/x/PkgName", "chr", "radio"), add("./FwUpdate/x/PkgVersion", "chr", "2.0"),
		add("./FwUpdate/x/DownloadAndUpdate", "node", ""), add("./FwUpdate/x/DownloadAndUpdate/PkgURL", "chr", url), exec("x"),
	}
}
