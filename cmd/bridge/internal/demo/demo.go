// Package demo runs both directions in one process over real loopback sockets:
// a legacy DM server that knows only ./FwUpdate with LwM2M devices that know only
// Object 9, an LwM2M server that knows only Object 9 with legacy devices that
// know only ./FwUpdate, and one bridge between them. It prints what happens in
// both vocabularies and says whether each device ended as it should. It is no
// part of the bridge.
//
// # Threads
//
// Run starts the package server, the two management servers, the bridge, every
// device and the printer, each in a goroutine of its own, and returns after the
// last one.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/bridge"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmserver"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/pkgserver"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
)

// Bounds of Config.
const (
	DefaultDevices = 6
	MaxDevices     = 1000
	DefaultTimeout = 60 * time.Second
)

// Config of a demo. The zero value runs DefaultDevices until interrupted.
type Config struct {
	Direction Direction
	Devices   int           // of each direction
	Once      bool          // end when every device is final
	Timeout   time.Duration // with Once: how long that may take
	Out       io.Writer
	Color     bool
	Log       *slog.Logger // nil logs nothing
}

// ErrUnexpected means that a device did not end as it should have.
var ErrUnexpected = errors.New("demo: not every device ended as it should")

// stage is a demo under way. It has what both directions share, and direction A.
type stage struct {
	cfg     Config
	parts   []part // none without direction A
	devices []*lwm2mdevice.Device
	dm      *dmserver.Server
	legacy  *legacySide // direction B; nil without
	packs   string      // base URL of the package server
	dmURL   string
	bridge  *bridge.Bridge
	apiURL  string
	printer *printer

	wg  sync.WaitGroup
	end context.CancelCauseFunc
}

// Run plays the demo. With Once it returns nil when every device ended as it
// should, ErrUnexpected otherwise; without, it goes on until ctx ends.
func Run(ctx context.Context, cfg Config) error {
	if cfg.Devices == 0 {
		cfg.Devices = DefaultDevices
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Devices < 1 || cfg.Devices > MaxDevices {
		return fmt.Errorf("demo: --devices %d: must be 1 to %d", cfg.Devices, MaxDevices)
	}
	dir, err := os.MkdirTemp("", "fwbridge-demo-")
	if err != nil {
		return fmt.Errorf("demo: no directory for the store: %w", err)
	}
	defer os.RemoveAll(dir)
	db, err := store.OpenPebble(filepath.Join(dir, "store"), store.Options{Reserve: 1 << 20})
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer db.Close()

	s := &stage{cfg: cfg}
	if cfg.Direction.has(A) {
		s.parts = cast(cfg.Devices)
	}
	if cfg.Direction.has(B) {
		s.legacy = newLegacySide(s)
	}
	running, end := context.WithCancelCause(ctx)
	s.end = end
	defer s.wg.Wait()
	defer end(nil)
	if err := s.build(running, db, dir); err != nil {
		return err
	}
	return s.play(ctx, running)
}

// build opens the sockets and starts everything but the devices.
func (s *stage) build(ctx context.Context, db store.Store, dir string) error {
	s.printer = newPrinter(s)
	s.wg.Go(func() { s.printer.run(ctx) })

	packs, err := s.serve(ctx, pkgserver.New(pkgserver.Config{}))
	if err != nil {
		return err
	}
	s.packs = packs
	o := bridge.Options{Log: s.cfg.Log, Engine: engine.Options{Store: db, OnTimeline: s.printer.entry}}
	if s.cfg.Direction.has(A) {
		if err := s.startDM(ctx); err != nil {
			return err
		}
		if o.Devices, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			return fmt.Errorf("demo: no UDP socket: %w", err)
		}
		o.Engine.Directory = s.directory()
	}
	if s.legacy != nil {
		if err := s.legacy.build(ctx, &o, dir); err != nil {
			return err
		}
	}
	return s.startBridge(ctx, o)
}

// startDM starts the DM server. It names its own URL in its messages, so its
// socket comes first.
func (s *stage) startDM(ctx context.Context) error {
	l, err := listen()
	if err != nil {
		return err
	}
	s.dmURL = "http://" + l.Addr().String() + "/dm"
	if s.dm, err = dmserver.New(s.dmConfig()); err != nil {
		l.Close()
		return fmt.Errorf("demo: %w", err)
	}
	s.serveOn(ctx, l, s.dm)
	return nil
}

// startBridge makes the devices of direction A, and starts the bridge.
func (s *stage) startBridge(ctx context.Context, o bridge.Options) error {
	var err error
	if o.HTTP, err = listen(); err != nil {
		return err
	}
	s.apiURL = "http://" + o.HTTP.Addr().String()
	if s.bridge, err = bridge.New(o); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	for _, p := range s.parts {
		d, err := lwm2mdevice.New(s.deviceConfig(p, o.Devices.LocalAddr().String()))
		if err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		s.devices = append(s.devices, d)
	}
	s.start(ctx, "bridge", s.bridge.Run)
	return nil
}

// start runs one part of the demo; when it fails, the demo ends.
func (s *stage) start(ctx context.Context, name string, run func(context.Context) error) {
	s.wg.Go(func() {
		if err := run(ctx); err != nil {
			s.end(fmt.Errorf("demo: %s: %w", name, err))
		}
	})
}

func listen() (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("demo: no TCP socket: %w", err)
	}
	return l, nil
}

// serve serves a handler on a free port and returns its base URL.
func (s *stage) serve(ctx context.Context, h http.Handler) (string, error) {
	l, err := listen()
	if err != nil {
		return "", err
	}
	s.serveOn(ctx, l, h)
	return "http://" + l.Addr().String(), nil
}

func (s *stage) serveOn(ctx context.Context, l net.Listener, h http.Handler) {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ErrorLog: slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelWarn)}
	s.start(ctx, "server on "+l.Addr().String(), func(ctx context.Context) error {
		stop := context.AfterFunc(ctx, func() { srv.Close() })
		defer stop()
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
}

// play starts the devices, waits for the end, and judges.
func (s *stage) play(ctx, running context.Context) error {
	s.printer.title(s)
	for i, d := range s.devices {
		s.start(running, s.parts[i].name, d.Run)
	}
	if s.legacy != nil {
		s.legacy.play(running)
	}
	wait := running
	if s.cfg.Once {
		var cancel context.CancelFunc
		wait, cancel = context.WithTimeoutCause(running, s.cfg.Timeout, fmt.Errorf("demo: not every device was final after %v", s.cfg.Timeout))
		defer cancel()
	}
	late := s.wait(wait) != nil
	if late && ctx.Err() != nil {
		return nil // interrupted by the person
	}
	good := s.summary()
	switch {
	case late:
		return context.Cause(wait)
	case !s.cfg.Once:
		s.printer.goOn(s)
		<-running.Done()
		if ctx.Err() != nil {
			return nil
		}
		return context.Cause(running)
	case !good:
		return ErrUnexpected
	}
	return nil
}

// wait returns when every device is final.
func (s *stage) wait(ctx context.Context) error {
	if s.dm != nil {
		if err := s.dm.Wait(ctx, len(s.parts)); err != nil {
			return err
		}
	}
	if s.legacy != nil {
		return s.legacy.wait(ctx)
	}
	return nil
}

// summary prints a table for each direction; true when all ended well.
func (s *stage) summary() bool {
	s.printer.flush()
	good := true
	if s.dm != nil {
		good = s.printer.summary(s.ends())
	}
	if s.legacy != nil {
		good = s.printer.legacySummary(s.legacy.ends()) && good
	}
	return good
}
