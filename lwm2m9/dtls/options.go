package dtls

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"time"
)

// Options configure a server. Keys or Certificate with ClientCAs must be given,
// or all; every other zero value is usable.
type Options struct {
	// Keys finds pre-shared keys; nil is a server without them.
	Keys Keys
	// Certificate is the server's chain and ECDSA key, ClientCAs what a
	// client's certificate must lead to. Both or none.
	Certificate *tls.Certificate
	ClientCAs   *x509.CertPool
	// CipherSuites are IANA names, the first that the client also has is taken.
	// Nil is CipherSuites().
	CipherSuites []string
	// RequireExtendedMasterSecret refuses clients without RFC 7627.
	RequireExtendedMasterSecret bool
	// Logger gets what nobody is told. Nil logs nothing.
	Logger *slog.Logger

	// MaxAssociations bounds the associations; the one unused for longest is
	// ended for a new one. 0 is DefaultMaxAssociations.
	MaxAssociations int
	// MaxPerIdentity bounds those of one identity; the oldest ends. 0 is
	// DefaultMaxPerIdentity.
	MaxPerIdentity int
	// IdleTimeout ends an association that neither sent nor received for so
	// long. 0 is DefaultIdleTimeout.
	IdleTimeout time.Duration

	// MaxHandshakes and MaxHandshakesPerSource bound the handshakes under way,
	// in all and from one IPv4 address or IPv6 /64. Only those count whose
	// cookie came back; before that nothing is kept. Over the first the oldest
	// is dropped, over the second the new one. 0 is DefaultMaxHandshakes and
	// DefaultMaxHandshakesPerSource.
	MaxHandshakes, MaxHandshakesPerSource int
	// HandshakeTimeout ends a handshake. 0 is DefaultHandshakeTimeout.
	HandshakeTimeout time.Duration

	// MaxSessions bounds the sessions that can be resumed, of which one identity
	// has MaxPerIdentity at most, SessionLifetime their age. 0 is DefaultMaxSessions and DefaultSessionLifetime; less than
	// 0 is no resumption.
	MaxSessions     int
	SessionLifetime time.Duration
}

// Defaults of Options.
const (
	DefaultMaxAssociations = 1 << 16
	// DefaultMaxPerIdentity leaves the last association for answers under way.
	DefaultMaxPerIdentity = 2
	// DefaultIdleTimeout is an hour more than LwM2M's default lifetime.
	DefaultIdleTimeout = 25 * time.Hour

	DefaultMaxHandshakes          = 2048
	DefaultMaxHandshakesPerSource = 1024
	DefaultHandshakeTimeout       = 30 * time.Second

	DefaultMaxSessions     = 1 << 15
	DefaultSessionLifetime = 24 * time.Hour // RFC 5246, F.1.4
)

// fill puts the defaults where nothing was said.
func (o *Options) fill() {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.MaxAssociations = cmp.Or(o.MaxAssociations, DefaultMaxAssociations)
	o.MaxPerIdentity = cmp.Or(o.MaxPerIdentity, DefaultMaxPerIdentity)
	o.IdleTimeout = cmp.Or(o.IdleTimeout, DefaultIdleTimeout)
	o.MaxHandshakes = cmp.Or(o.MaxHandshakes, DefaultMaxHandshakes)
	o.MaxHandshakesPerSource = cmp.Or(o.MaxHandshakesPerSource, DefaultMaxHandshakesPerSource)
	o.HandshakeTimeout = cmp.Or(o.HandshakeTimeout, DefaultHandshakeTimeout)
	o.MaxSessions = cmp.Or(o.MaxSessions, DefaultMaxSessions)
	o.SessionLifetime = cmp.Or(o.SessionLifetime, DefaultSessionLifetime)
}

// Stats count what a server has done since it was made.
type Stats struct {
	Associations, Handshakes, Sessions int // now

	Completed, Resumed int // handshakes that succeeded; of these resumed
	Failed             int // handshakes that failed or took too long
	Refused            int // handshakes over a limit, old and new ones
	Unauthenticated    int // credentials that were wrong or unknown
	Cookies            int // Hellos answered with a cookie
	Discarded          int // records and datagrams that made no sense
	Replaced           int // associations ended by newer ones of their identity
	Evicted, Idle      int // associations ended by MaxAssociations, IdleTimeout
	Moved              int // changes of real address
}
