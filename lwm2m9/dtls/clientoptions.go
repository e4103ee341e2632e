package dtls

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"time"
)

// ClientOptions configure a client. Identity with Key, or Certificate with
// RootCAs, must be given, not both; every other zero value is usable.
type ClientOptions struct {
	// Identity and Key are the pre-shared key.
	Identity string
	Key      Key
	// Certificate is the client's chain and key, RootCAs what the server's
	// must lead to, ServerName a name or IP address that it must have.
	Certificate *tls.Certificate
	RootCAs     *x509.CertPool
	ServerName  string
	// CipherSuites are IANA names in order of preference. Nil is those of
	// CipherSuites() that fit the credentials.
	CipherSuites []string
	// NoConnectionID does not offer one (RFC 9146).
	NoConnectionID bool
	// NoResumption makes every handshake a full one.
	NoResumption bool
	// Logger gets what nobody is told. Nil logs nothing.
	Logger *slog.Logger

	// HandshakeTimeout bounds one handshake. 0 is DefaultHandshakeTimeout.
	HandshakeTimeout time.Duration
	// MinBackoff is the pause after a handshake that failed; it doubles up to
	// MaxBackoff, with a quarter of jitter. 0 is DefaultMinBackoff and
	// DefaultMaxBackoff.
	MinBackoff, MaxBackoff time.Duration
	// Silence is how long a server may leave what was sent unanswered before
	// the next datagram begins a new handshake. 0 is DefaultSilence.
	Silence time.Duration
}

// Defaults of ClientOptions.
const (
	DefaultMinBackoff = time.Second
	DefaultMaxBackoff = 5 * time.Minute
	// DefaultSilence is about when CoAP sends a message for the fourth time.
	DefaultSilence = 12 * time.Second
)

// fill puts the defaults where nothing was said.
func (o *ClientOptions) fill() {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.HandshakeTimeout = cmp.Or(o.HandshakeTimeout, DefaultHandshakeTimeout)
	o.MinBackoff = cmp.Or(o.MinBackoff, DefaultMinBackoff)
	o.MaxBackoff = cmp.Or(o.MaxBackoff, DefaultMaxBackoff)
	o.Silence = cmp.Or(o.Silence, DefaultSilence)
}
