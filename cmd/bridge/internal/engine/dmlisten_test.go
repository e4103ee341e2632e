package engine

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmhttp"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmlisten"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// listener posts to our own DM server, without a network.
type listener struct {
	http.Handler
	mu   sync.Mutex
	seen []dmhttp.Request
}

// Post implements Poster.
func (l *listener) Post(ctx context.Context, m dmhttp.Request) (dmhttp.Response, error) {
	l.mu.Lock()
	l.seen = append(l.seen, m)
	l.mu.Unlock()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, m.URL, bytes.NewReader(m.Body))
	r.Header.Set("Content-Type", m.Encoding.MIME())
	r.Header.Set("Content-Length", fmt.Sprint(len(m.Body)))
	r.Header.Set(session.HMACHeader, m.HMAC)
	w := httptest.NewRecorder()
	l.ServeHTTP(w, r)
	return dmhttp.Response{Status: w.Code, HMAC: w.Header().Get(session.HMACHeader), Body: w.Body.Bytes()}, nil
}

// TestEngineAgainstOurOwnServer: both of our sides, with a MAC over every
// message in either direction. What a device needs of HTTP reaches the Poster:
// the server's name, the RespURI, the header.
func TestEngineAgainstOurOwnServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.poll = time.Minute
		w.acc.Client = session.Credentials{Scheme: session.SchemeMAC, User: "device", Secret: "d"}
		w.acc.Server = session.Credentials{Scheme: session.SchemeMAC, User: "server", Secret: "s"}
		work := dmlisten.NewMemory()
		work.Add(session.ServerConfig{Account: w.acc})
		keys := work.Send(imeiA, op(syncml.CmdGet, "./DevInfo/DevId", "", ""))
		l := &listener{Handler: dmlisten.New(dmlisten.Options{Work: work, Path: "/dm"})}
		w.startWith(w.store, w.net, l)
		defer func() { w.stop() }()
		w.register(w.net.add(devA))
		w.until("two sessions", time.Hour, func() bool { return work.Seen(imeiA).Sessions >= 2 && w.detail(devA).DM.OK })
		seen := work.Seen(imeiA)
		if r := seen.Results[keys[0]]; r.Code != syncml.StatusOK || len(r.Found) != 1 || string(r.Found[0].Data) != imeiA {
			t.Errorf("got %+v", seen.Results)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		respURI := false
		for _, m := range l.seen {
			respURI = respURI || m.URL != w.acc.URL
			if m.Server != "legacy" {
				t.Errorf("posted for %q", m.Server)
			}
		}
		if !respURI {
			t.Error("the RespURI is not followed")
		}
	})
}
