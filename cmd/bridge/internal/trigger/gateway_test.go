package trigger

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestOneGatewayManyTriggers: so many at a time and no more, over connections
// that the next triggers use again.
func TestOneGatewayManyTriggers(t *testing.T) {
	arrived, release := make(chan struct{}, 100), make(chan struct{})
	var connections atomic.Int32
	g := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-release
		_, _ = io.WriteString(w, "0: Accepted for delivery")
	}))
	g.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	g.Start()
	defer g.Close()
	client := newGateways()
	defer client.CloseIdleConnections()
	s, sent := &KannelSender{URL: g.URL, Client: client}, make(chan error)
	for round := range 2 {
		for range MaxAtGateway + 1 {
			go func() { sent <- s.Send(context.Background(), "+49151", package0(t, "dm", 0)) }()
		}
		for range MaxAtGateway {
			<-arrived
		}
		select {
		case <-arrived:
			t.Errorf("round %d: more than %d requests at a time", round, MaxAtGateway)
		default:
		}
		for range MaxAtGateway + 1 {
			release <- struct{}{}
			if err := <-sent; err != nil {
				t.Error(err)
			}
		}
		<-arrived
	}
	if n := connections.Load(); n != MaxAtGateway {
		t.Errorf("%d connections, want %d", n, MaxAtGateway)
	}
}

// TestGatewayThatDoesNotAnswer is given up and asked again later.
func TestGatewayThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newGateways()
		client.Transport.(*http.Transport).DialContext = func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, theirs) }()
			return ours, nil
		}
		start := time.Now()
		err := (&KannelSender{URL: "http://gateway.example/sendsms", Client: client}).Send(t.Context(), "+49151", package0(t, "dm", 0))
		if took := time.Since(start); err == nil || !Temporary(err) || took != GatewayTimeout {
			t.Errorf("%v after %v", err, took)
		}
	})
}
