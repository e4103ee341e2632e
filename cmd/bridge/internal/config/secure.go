package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/tlsfiles"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

// Secure is the listener of the LwM2M devices with DTLS 1.2. File names are
// relative to the configuration file. Connection IDs (RFC 9146) are used with
// every device that offers one.
type Secure struct {
	Listen string `yaml:"listen"` // UDP address; empty has no listener
	PSK    bool   `yaml:"psk"`    // pre-shared keys, those of bridge device
	// Certificate and Key are the bridge's, ClientCA what a device's
	// certificate must lead to: all three or none.
	Certificate          string  `yaml:"certificate"`
	Key                  string  `yaml:"key"`
	ClientCA             string  `yaml:"client_ca"`
	CipherSuites         []Suite `yaml:"cipher_suites" max:"16"`
	ExtendedMasterSecret bool    `yaml:"extended_master_secret"` // clients without it (RFC 7627) are refused

	MaxAssociations int           `yaml:"max_associations" min:"1" max:"10000000"`
	MaxPerIdentity  int           `yaml:"max_per_identity" min:"1" max:"64"`
	IdleTimeout     time.Duration `yaml:"idle_timeout" min:"1m" max:"8760h"`

	MaxHandshakes          int           `yaml:"max_handshakes" min:"1" max:"1000000"` // half open, whose cookie has come back
	MaxHandshakesPerSource int           `yaml:"max_handshakes_per_source" min:"1" max:"1000000"`
	HandshakeTimeout       time.Duration `yaml:"handshake_timeout" min:"1s" max:"5m"`

	MaxSessions     int           `yaml:"max_sessions" max:"10000000"` // that can be resumed; 0 has no resumption
	SessionLifetime time.Duration `yaml:"session_lifetime" min:"1m" max:"168h"`

	tls *tls.Config // made from the files; nil without
}

// defaultMaxAssociations is more than CoAP.MaxDevices is by default: a device
// that begins anew has two for a moment.
const defaultMaxAssociations = 1 << 17

func defaultSecure() Secure {
	return Secure{
		Listen: fmt.Sprintf(":%d", dtls.Port), PSK: true,
		MaxAssociations: defaultMaxAssociations, MaxPerIdentity: dtls.DefaultMaxPerIdentity, IdleTimeout: dtls.DefaultIdleTimeout,
		MaxHandshakes: dtls.DefaultMaxHandshakes, MaxHandshakesPerSource: dtls.DefaultMaxHandshakesPerSource,
		HandshakeTimeout: dtls.DefaultHandshakeTimeout,
		MaxSessions:      dtls.DefaultMaxSessions, SessionLifetime: dtls.DefaultSessionLifetime,
	}
}

// Suite is a cipher suite by its IANA name.
type Suite string

func (s Suite) check() error {
	if all := dtls.CipherSuites(); !slices.Contains(all, string(s)) {
		return fmt.Errorf("no suite of that name; there are %s", strings.Join(all, ", "))
	}
	return nil
}

// Options are those for [dtls.Listen]; keys finds the pre-shared keys.
func (s *Secure) Options(keys dtls.Keys) dtls.Options {
	o := dtls.Options{
		RequireExtendedMasterSecret: s.ExtendedMasterSecret,
		MaxAssociations:             s.MaxAssociations, MaxPerIdentity: s.MaxPerIdentity, IdleTimeout: s.IdleTimeout,
		MaxHandshakes: s.MaxHandshakes, MaxHandshakesPerSource: s.MaxHandshakesPerSource, HandshakeTimeout: s.HandshakeTimeout,
		MaxSessions: s.MaxSessions, SessionLifetime: s.SessionLifetime,
	}
	if s.PSK {
		o.Keys = keys
	}
	if s.MaxSessions == 0 {
		o.MaxSessions = -1 // 0 is a default there
	}
	if s.tls != nil {
		o.Certificate, o.ClientCAs = &s.tls.Certificates[0], s.tls.ClientCAs
	}
	for _, suite := range s.CipherSuites {
		o.CipherSuites = append(o.CipherSuites, string(suite))
	}
	return o
}

// secureParts are the keys of the files, by what they are to tlsfiles.
var secureParts = map[tlsfiles.Part]string{tlsfiles.PartCA: "client_ca", tlsfiles.PartCert: "certificate", tlsfiles.PartKey: "key"}

// check reads the files and holds the keys against each other.
func (s *Secure) check(b *binder) {
	const path = "coap.secure"
	if s.Listen == "" {
		return
	}
	checkListener(b, path+".listen", s.Listen)
	files := tlsfiles.Files{}
	for _, f := range []struct {
		part tlsfiles.Part
		name string
		to   *string
	}{{tlsfiles.PartCA, s.ClientCA, &files.CA}, {tlsfiles.PartCert, s.Certificate, &files.Cert}, {tlsfiles.PartKey, s.Key, &files.Key}} {
		if f.name != "" {
			*f.to = b.beside(f.name)
		}
	}
	switch {
	case files == tlsfiles.Files{} && !s.PSK:
		b.failAt(path+".psk", "is off, and there is no certificate: no device could prove who it is")
		return
	case files != tlsfiles.Files{} && s.ClientCA == "":
		b.failAt(path+".client_ca", "is missing; certificates of devices must lead to a CA")
		return
	case files != tlsfiles.Files{}:
		conf, err := files.Server()
		if wrong, ok := errors.AsType[*tlsfiles.Error](err); ok {
			b.failAt(path+"."+secureParts[wrong.Part], "%v", wrong.Err)
			return
		}
		s.tls = conf
	}
	if slices.ContainsFunc(s.CipherSuites, func(s Suite) bool { return s.check() != nil }) {
		return // reported before
	}
	if _, err := dtls.Listen(nil, s.Options(dtls.KeyFunc(nil))); err != nil {
		b.failAt(path, "%v", err)
	}
}
