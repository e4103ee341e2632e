package dmlisten

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/gorilla/mux"

	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// Defaults of [Options].
const (
	DefaultPath           = "/dm"
	DefaultMaxBody        = syncml.DefaultMaxMessage
	DefaultMaxSessions    = 10_000
	DefaultMaxPerDevice   = 4
	DefaultMaxWaiting     = 4
	DefaultIdle           = 2 * time.Minute
	DefaultLinger         = 30 * time.Second
	DefaultSessionTimeout = 30 * time.Minute
	DefaultMessageTimeout = time.Minute
)

// MaxName bounds, in bytes, the names of a device and of a session.
const MaxName = 255

// Options of a [Handler]. Work is required; every other zero value stands for
// its default.
type Options struct {
	Work Work
	Path string // of the URL that devices post to
	// URL is our address as devices have it, such as https://dm.example.com/dm;
	// it is needed behind a proxy. Empty: as the request says.
	URL string

	MaxBody      int64 // bytes of a message; at most DefaultMaxBody, which is what the decoder takes
	MaxSessions  int   // in all, those that have ended lately included
	MaxPerDevice int   // sessions of one device that have not proved who they are
	MaxWaiting   int   // messages of one device that wait for another one of it

	Idle           time.Duration // without a message; then the session is over
	Linger         time.Duration // that an ended session is kept to answer a repeated message
	SessionTimeout time.Duration // of one session; then it is aborted
	MessageTimeout time.Duration // of one message: its way in and the wait for its turn

	// Lockout is for those who guess passwords; it is copied, and the zero value
	// has its defaults. A session whose device has proved who it is goes on.
	Lockout session.Lockout
	// Alarm is told when somebody is locked out, after it was logged and
	// counted. It must not block. Nil tells nobody.
	Alarm func(session.Alarm)
	// Proxies are the networks of the reverse proxies before us: what they say
	// of the sender of a request (X-Forwarded-For) is believed. Without it one
	// guesser behind a proxy locks out everybody.
	Proxies []netip.Prefix

	Log *slog.Logger     // nil logs nothing
	Now func() time.Time // nil is time.Now
}

func (o Options) withDefaults() Options {
	if o.Path == "" {
		o.Path = DefaultPath
	}
	if o.MaxBody <= 0 || o.MaxBody > DefaultMaxBody {
		o.MaxBody = DefaultMaxBody
	}
	for _, d := range []struct {
		n     *int
		value int
	}{{&o.MaxSessions, DefaultMaxSessions}, {&o.MaxPerDevice, DefaultMaxPerDevice}, {&o.MaxWaiting, DefaultMaxWaiting}} {
		if *d.n <= 0 {
			*d.n = d.value
		}
	}
	for _, d := range []struct {
		d     *time.Duration
		value time.Duration
	}{{&o.Idle, DefaultIdle}, {&o.Linger, DefaultLinger}, {&o.SessionTimeout, DefaultSessionTimeout}, {&o.MessageTimeout, DefaultMessageTimeout}} {
		if *d.d <= 0 {
			*d.d = d.value
		}
	}
	if o.Alarm == nil {
		o.Alarm = func(session.Alarm) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Handler is the DM server's place in an HTTP server. Make it with [New].
type Handler struct {
	o      Options
	router *mux.Router
	table  *table
	guard  guard
	counts counts
}

// New returns a Handler. Its sessions expire while [Handler.Run] runs.
func New(o Options) *Handler {
	h := &Handler{o: o.withDefaults()}
	h.table = newTable(h.o)
	h.guard.lockout = h.o.Lockout
	h.router = mux.NewRouter().SkipClean(true) // devices are never redirected (fwupdate-csp.md, "Download")
	h.router.HandleFunc(h.o.Path, h.serve)
	return h
}

// Beside has another handler answer for the paths below a prefix. Call it
// before anything is served.
func (h *Handler) Beside(prefix string, other http.Handler) {
	h.router.PathPrefix(prefix).Handler(other)
}

// ServeHTTP implements [http.Handler]. Other paths than Options.Path are those
// of [Handler.Beside], or 404.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.router.ServeHTTP(w, r) }

// tokenKey is the query parameter of a RespURI that names the session.
const tokenKey = "s"

// respURI is the URL of a session for the device: our address with its token.
func (h *Handler) respURI(r *http.Request, token string) string {
	at := h.address(r)
	u, err := url.Parse(at)
	if err != nil {
		return ""
	}
	if u.RawQuery == "" {
		u.RawQuery = tokenKey + "=" + token // it needs no escaping
		return u.String()
	}
	q := u.Query()
	q.Set(tokenKey, token)
	u.RawQuery = q.Encode()
	return u.String()
}

// address is where the device has reached us, without a session.
func (h *Handler) address(r *http.Request) string {
	if h.o.URL != "" {
		return h.o.URL
	}
	u := url.URL{Scheme: "http", Host: r.Host, Path: r.URL.Path}
	if r.TLS != nil {
		u.Scheme = "https"
	}
	return u.String()
}

// newToken names a session so that nobody can guess it: 128 bits.
func newToken() string { return rand.Text() }

// newNonce is 16 random bytes; devices choke on some other lengths
// (legacy-clients.md).
func newNonce() []byte {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return b
}
