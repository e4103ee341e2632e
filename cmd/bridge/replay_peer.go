package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/fwbridge/fwbridge/syncml/replay"
)

const (
	replayTimeout  = 60 * time.Second // of one POST of a replay with its answer
	replayShutdown = 5 * time.Second  // for the last answer to go out
)

// replayPeer is the live side of a replay.
type replayPeer struct {
	play  func(context.Context, []replay.Session) ([]*replay.Result, error)
	close func()
}

// oneByOne plays session after session until one cannot be played to its end.
func oneByOne(play func(context.Context, replay.Session) (*replay.Result, error)) replayPeer {
	return replayPeer{func(ctx context.Context, sessions []replay.Session) ([]*replay.Result, error) {
		var results []*replay.Result
		for _, s := range sessions {
			result, err := play(ctx, s)
			if result != nil {
				results = append(results, result)
			}
			if err != nil {
				return results, fmt.Errorf("%s: %w", s.Name, err)
			}
		}
		return results, nil
	}, func() {}}
}

// newReplayPeer chooses the live side: a server at a URL, a device that posts
// to us, or one of our own.
func newReplayPeer(ctx context.Context, f replayFlags, o replay.Options, rec *replay.Recording, out *replayOutput) (replayPeer, error) {
	switch {
	case f.url != "":
		client := &http.Client{Timeout: replayTimeout, Transport: http.DefaultTransport.(*http.Transport).Clone()}
		server, r := replay.URL(f.url, client), replay.New(o)
		peer := oneByOne(func(ctx context.Context, s replay.Session) (*replay.Result, error) { return r.AsClient(ctx, s, server) })
		peer.close = client.CloseIdleConnections
		return peer, nil
	case f.listen != "":
		return listenForDevice(ctx, f.listen, replay.New(o), rec, out)
	case f.as == "client":
		r := replay.New(o)
		return oneByOne(func(ctx context.Context, s replay.Session) (*replay.Result, error) {
			server, err := r.NewServer(s)
			if err != nil {
				return nil, err
			}
			return r.AsClient(ctx, s, server)
		}), nil
	}
	device := newReplayDevice(rec, o.Server.User)
	o.Prepare = device.prepare
	r := replay.New(o)
	return oneByOne(func(ctx context.Context, s replay.Session) (*replay.Result, error) {
		client, err := r.NewClient(s, device.tree)
		if err != nil {
			return nil, err
		}
		device.settle()
		return r.AsServer(ctx, s, client)
	}), nil
}

// listenForDevice serves the sessions of a recording at an address.
func listenForDevice(ctx context.Context, addr string, r *replay.Replayer, rec *replay.Recording, out *replayOutput) (replayPeer, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return replayPeer{}, socketError("--listen", addr, err)
	}
	device := r.Serve(rec.Sessions...)
	server := &http.Server{Handler: device, ReadHeaderTimeout: replayTimeout, ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l) // ends with close
	}()
	out.progress("waiting for a device at http://%s/", l.Addr())
	return replayPeer{
		play: func(ctx context.Context, _ []replay.Session) ([]*replay.Result, error) {
			select {
			case <-device.Over():
				return device.Results()
			case <-ctx.Done():
				results, _ := device.Results()
				return results, errors.New("stopped before the device was done")
			}
		},
		close: func() {
			shut, cancel := context.WithTimeout(context.Background(), replayShutdown)
			defer cancel()
			if server.Shutdown(shut) != nil { // the last answer may still be on its way
				server.Close()
			}
			<-done
		},
	}, nil
}
