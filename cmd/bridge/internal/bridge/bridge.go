// Package bridge puts the parts of the bridge together and runs them as one:
// the LwM2M server on its socket, the engine on its store, the way to DM
// servers, and the HTTP listener for scripts. It decides nothing by itself.
//
// # Threads
//
// Run starts a goroutine for the LwM2M server, for DTLS, for the engine, for the
// HTTP server and the control socket (when there are listeners), for the board of
// transfers, for lost packages and for install reports, and for each listener for
// triggers; for direction B one for its engine, the LwM2M clients,
// the DM sessions and their listener. When one ends, or the context does, all are
// ended; Run returns after the last. The store is closed by who opened it.
package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/api"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmhttp"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmlisten"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/trigger"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

// Options of a Bridge. Engine.Store is required. Without Devices and Secure
// direction A is off, else Engine.Directory is required.
type Options struct {
	Devices net.PacketConn // LwM2M devices speak to it without security; nil has none; Run closes it
	Secure  net.PacketConn // the same with DTLS; nil has none
	DTLS    dtls.Options   // of Secure; the Logger is filled in
	Control net.Listener   // for commands that change credentials; nil has none; Run closes it
	HTTP    net.Listener   // for the API; nil has none; Run closes it
	Cancel  bool           // the API can give up updates: whoever reaches HTTP may
	Engine  engine.Options // Poster and Log may be left out
	Server  server.Options // Conn, Handler and Logger are filled in
	DM      dmhttp.Options
	Log     *slog.Logger // nil logs nothing

	Triggers Triggers
	Legacy   *Legacy // direction B, on Engine.Store; nil has none
	// Packages is the store of packages: direction B and Ways need it.
	Packages *Packages
	Ways     *Ways        // of packages to LwM2M devices; nil has the direct one only
	Files    net.Listener // for packages alone; nil: direction B's listener has them; Run closes it
}

// Limits of the HTTP listeners: for scripts on the same machine, and for the
// triggers of push gateways.
const (
	httpHeaderTimeout = 5 * time.Second
	httpTimeout       = 30 * time.Second // of one whole request
	httpShutdown      = 5 * time.Second  // for requests under way when the bridge stops
	httpMaxHeader     = 16 << 10         // bytes
)

// Bridge is a bridge ready to Run.
type Bridge struct {
	o      Options
	engine *engine.Engine
	server *server.Server // nil while direction A is off
	dtls   *dtls.Conn     // nil without Secure
	inbox  *trigger.Inbox // of triggers; nil without listeners for them
	legacy *directionB    // nil while it is off
	packs  *packages      // nil without Packages
	routes *routes        // nil without Ways
	pushes *pushes        // nil without Packages
	watch  watch
	pause  func(context.Context, time.Duration) bool // of pushes by hand; tests do not wait
}

// New puts a bridge together and loads what its store holds. The error is
// that of a store that cannot be read, of dtls.Listen, or of a server of
// direction B that cannot be found.
func New(o Options) (*Bridge, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Engine.Poster == nil {
		o.Engine.Poster = dmhttp.New(o.DM)
	}
	if o.Engine.Log == nil {
		o.Engine.Log = o.Log
	}
	w := newWatch()
	w.over(&o)
	b := &Bridge{o: o, watch: w, pause: pause}
	w.board.Tell = b.tell
	if err := b.openPackages(); err != nil {
		return nil, err
	}
	if b.routes != nil {
		o.Engine.Delivery, o.Server.Packages = pushed{b.routes, b.pushes}, w.served(b.routes.serve, b.packs.server.Grant)
	}
	if err := b.assemble(o); err != nil {
		return nil, errors.Join(err, b.closePackages())
	}
	return b, nil
}

// assemble makes the parts that speak, and loads what they have to know.
func (b *Bridge) assemble(o Options) (err error) {
	b.engine = engine.New(o.Engine)
	o.Server.Handler, o.Server.Logger = b.engine, o.Log
	o.Server.Authorize, o.Server.OnImpostor = o.book().Authorize, b.engine.Impostor
	if o.Server.Conn, err = b.connect(); err != nil {
		return err
	}
	if o.Triggers.any() {
		b.inbox = trigger.NewInbox(b.engine, o.Triggers.Find, o.Triggers.PeerRate, o.Log)
	}
	if o.Server.Conn != nil {
		b.server = server.New(o.Server)
		if err := b.engine.Load(b.watch.metrics.Devices(b.server)); err != nil {
			return err
		}
		if b.routes != nil {
			b.routes.settle(b.engine.Drive)
		}
	}
	if o.Legacy != nil {
		b.legacy, err = newDirectionB(o.Legacy, b.packs, o.Engine.Store, o.Log)
	}
	return err
}

// Engine is what the API and tests look at.
func (b *Bridge) Engine() *engine.Engine { return b.engine }

// Run works until ctx ends or a part fails, and returns after the last
// goroutine has ended; nil when ctx ended it.
func (b *Bridge) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		errs []error
	)
	start := func(part string, run func(context.Context) error) {
		wg.Go(func() {
			err := run(ctx)
			if err != nil {
				mu.Lock()
				errs = append(errs, fmt.Errorf("%s: %w", part, err))
				mu.Unlock()
			}
			stop(err) // a bridge that misses a part is none
		})
	}
	if b.dtls != nil {
		start("DTLS", b.dtls.Run)
	}
	if b.o.Control != nil {
		start("control socket", b.serveControl)
	}
	if b.server != nil {
		start("LwM2M server", b.server.Run)
		start("engine", b.engine.Run)
	}
	start("transfers", b.watch.board.Run)
	if b.routes != nil {
		start("packages", b.routes.Run)
	}
	if b.packs != nil {
		start("install reports", b.packs.reports.Run)
	}
	if b.o.Files != nil {
		start("package listener", func(ctx context.Context) error { return dmlisten.Serve(ctx, b.o.Files, b.packs.server, b.o.Log) })
	}
	if b.legacy != nil {
		for part, run := range b.legacy.parts() {
			start(part, run)
		}
	}
	if b.o.HTTP != nil {
		start("HTTP listener", func(ctx context.Context) error { return b.serveHTTP(ctx, b.o.HTTP, b.api()) })
	}
	udp, handlers := b.triggerParts()
	for _, u := range udp {
		start("trigger listener", u.Run)
	}
	for l, h := range handlers {
		start("trigger listener", func(ctx context.Context) error { return b.serveHTTP(ctx, l, h) })
	}
	wg.Wait()
	errs = append(errs, b.closePackages())
	return errors.Join(errs...)
}

// api is the interface for scripts.
func (b *Bridge) api() http.Handler { return b.apiWith(b.canceller()) }

// apiWith is the same; with a nil canceller no update can be given up.
func (b *Bridge) apiWith(c api.Canceller) http.Handler {
	var l api.Legacy
	if b.legacy != nil {
		l = b.legacy
	}
	return b.shown(api.New(seen{b.engine, b.inbox, b.legacy}, c, l, b.watch.board.Of, b.o.Log))
}

// canceller is nil unless the operator wants one.
func (b *Bridge) canceller() api.Canceller {
	if !b.o.Cancel {
		return nil
	}
	return b.engine
}

func (b *Bridge) serveHTTP(ctx context.Context, l net.Listener, h http.Handler) error {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: httpHeaderTimeout,
		ReadTimeout:       httpTimeout,
		WriteTimeout:      httpTimeout,
		MaxHeaderBytes:    httpMaxHeader,
		ErrorLog:          slog.NewLogLogger(b.o.Log.Handler(), slog.LevelWarn),
	}
	closed := make(chan struct{})
	release := context.AfterFunc(ctx, func() {
		defer close(closed)
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), httpShutdown)
		defer cancel()
		if s.Shutdown(last) != nil {
			s.Close()
		}
	})
	err := s.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		<-closed
		return nil
	}
	release()
	return err
}
