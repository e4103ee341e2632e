package dmlisten

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Limits of a listener. A device on a slow line sends a message of 64 KiB in
// half a minute.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = 2 * time.Minute // of a whole request
	writeTimeout  = 2 * time.Minute // from its header to the end of its answer
	idleTimeout   = 2 * time.Minute // between two requests of a connection
	maxHeader     = 16 << 10        // bytes
	shutdownTime  = 5 * time.Second // for requests under way when the listener stops
	// MaxConns is how many connections are open at once; further ones wait in
	// the system's queue. Each costs a goroutine and its buffers.
	MaxConns = 20_000
)

// Serve answers requests on a listener until ctx ends, and returns after the
// last one; nil when ctx ended it. It closes the listener. Only HTTP/1.1 is
// spoken. For TLS give it a listener of [crypto/tls].
func Serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	var only http.Protocols
	only.SetHTTP1(true)
	work := &underWay{Handler: h}
	s := &http.Server{
		Handler: work, Protocols: &only, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	closed := make(chan struct{})
	release := context.AfterFunc(ctx, func() {
		defer close(closed)
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
		defer cancel()
		if s.Shutdown(last) != nil {
			s.Close()
		}
	})
	err := s.Serve(limit(l, MaxConns))
	if errors.Is(err, http.ErrServerClosed) {
		<-closed
		err = nil
	} else {
		release()
		s.Close()
	}
	work.end()
	return err
}

// underWay knows whether a handler still runs, which [http.Server.Close] does
// not wait for.
type underWay struct {
	http.Handler
	mu      sync.Mutex
	stopped bool
	wg      sync.WaitGroup // of requests; Add while not stopped, with mu held
}

func (u *underWay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !u.begin() {
		panic(http.ErrAbortHandler) // we have stopped: hang up
	}
	defer u.wg.Done()
	u.Handler.ServeHTTP(w, r)
}

func (u *underWay) begin() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.stopped {
		u.wg.Add(1)
	}
	return !u.stopped
}

// end waits for the last request and lets no other begin.
func (u *underWay) end() {
	u.mu.Lock()
	u.stopped = true
	u.mu.Unlock()
	u.wg.Wait()
}

// limited is a listener with at most so many connections open.
type limited struct {
	net.Listener
	places chan struct{}
	done   chan struct{}
	once   sync.Once
}

func limit(l net.Listener, n int) *limited {
	return &limited{Listener: l, places: make(chan struct{}, n), done: make(chan struct{})}
}

func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	p := &place{Conn: c, free: sync.OnceFunc(func() { <-l.places })}
	if to, ok := c.(io.ReaderFrom); ok {
		return fastPlace{p, to}, nil
	}
	return p, nil
}

func (l *limited) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}
