package config

import (
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/tlsfiles"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

// LwM2MServer is a server that legacy devices are shown to, each as an LwM2M
// client of its own.
type LwM2MServer struct {
	Name    string    `yaml:"name" required:"a name for people, which must not change: what is stored goes by it"`
	Address string    `yaml:"address" required:"host:port, such as lwm2m.example.com:5684"`
	Devices []Pattern `yaml:"devices" max:"1000" required:"the endpoint patterns of the devices shown there, such as urn:imei:*"`
	// Dialect is the numbering of Object 9 that the server speaks.
	Dialect     ShownDialect   `yaml:"dialect"`
	Lifetime    time.Duration  `yaml:"lifetime" min:"30s" max:"8760h"`
	Versions    []LwM2MVersion `yaml:"versions" max:"3" optional:"all"` // best first
	Confirmable bool           `yaml:"confirmable"`                     // every notification
	Security    Security       `yaml:"security"`
	// Identity, and a Key for all devices or those of bridge device: of
	// SecurityPSK.
	Identity Template `yaml:"identity"`
	KeyFile  string   `yaml:"key_file"`
	// CA, Certificate and Key are of SecurityX509, PEM.
	CA          string `yaml:"ca"`
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`

	psk *dtls.Key   // of KeyFile; a pointer, which fmt does not follow
	tls *tls.Config // of the certificate
}

func (s *LwM2MServer) setDefaults() {
	s.Lifetime = time.Hour
	s.Identity = "{endpoint}"
}

// ShownDialect is the dialect in which Object 9 is shown.
type ShownDialect uint8

// The dialects.
const (
	ShowRegistered ShownDialect = iota
	ShowDraft
)

// Dialect is what it is called elsewhere.
func (d ShownDialect) Dialect() lwm2m9.Dialect {
	if d == ShowDraft {
		return lwm2m9.Draft
	}
	return lwm2m9.Registered
}

// LwM2MVersion is a version of LwM2M to register with.
type LwM2MVersion string

func (v LwM2MVersion) check() error {
	if v != "1.0" && v != "1.1" && v != "1.2" {
		return errors.New("want 1.0, 1.1 or 1.2")
	}
	return nil
}

// Security is how a device and its LwM2M server prove who they are.
type Security uint8

// The ways.
const (
	SecurityNone Security = iota
	SecurityPSK           // DTLS with a pre-shared key
	SecurityX509          // DTLS with certificates
)

// ClientOptions are those of the DTLS client of an endpoint; keys finds its
// pre-shared key when there is none for all. The error says what is missing.
func (s *LwM2MServer) ClientOptions(endpoint string, keys func(identity string) (dtls.Key, bool)) (dtls.ClientOptions, error) {
	if s.Security == SecurityX509 {
		host, _, _ := net.SplitHostPort(s.Address) // it was checked
		return dtls.ClientOptions{Certificate: &s.tls.Certificates[0], RootCAs: s.tls.RootCAs, ServerName: host}, nil
	}
	identity, err := s.Identity.fill(endpoint)
	if err != nil {
		return dtls.ClientOptions{}, err
	}
	if s.psk != nil {
		return dtls.ClientOptions{Identity: identity, Key: *s.psk}, nil
	}
	key, ok := keys(identity)
	if !ok {
		return dtls.ClientOptions{}, fmt.Errorf("no key for identity %q: give it one with bridge device add, or all with key_file", identity)
	}
	return dtls.ClientOptions{Identity: identity, Key: key}, nil
}

// Shows says whether devices of an endpoint name are shown to the server.
func (s *LwM2MServer) Shows(endpoint string) bool { return matchAny(s.Devices, endpoint) }

func (s *LwM2MServer) check(b *binder, path string) {
	notEmpty(b, s.Devices, path+".devices")
	if _, written := b.lines[path+".name"]; written && s.Name == "" {
		b.failAt(path+".name", "is empty")
	}
	if _, written := b.lines[path+".address"]; written {
		checkPeer(b, path+".address", s.Address)
	}
	if s.Lifetime%time.Second != 0 {
		b.failAt(path+".lifetime", "%v: want whole seconds", s.Lifetime)
	}
	for _, part := range []struct {
		key   string
		given bool
		of    Security
	}{
		{"key_file", s.KeyFile != "", SecurityPSK}, {"ca", s.CA != "", SecurityX509},
		{"certificate", s.Certificate != "", SecurityX509}, {"key", s.Key != "", SecurityX509},
	} {
		if part.given && s.Security != part.of {
			b.failAt(path+"."+part.key, "has no effect without security: %s", Word(part.of))
		}
	}
	switch s.Security {
	case SecurityPSK:
		if s.KeyFile != "" {
			s.psk = b.pskFile(path+".key_file", s.KeyFile)
		}
	case SecurityX509:
		s.readCertificate(b, path)
	}
}

// pskFile reads a pre-shared key: hexadecimal digits. It reports what is wrong
// with the file.
func (b *binder) pskFile(key, file string) *dtls.Key {
	text, err := b.readSecret(file)
	if err != nil {
		b.failAt(key, "%v", err)
		return nil
	}
	raw, err := hex.DecodeString(strings.TrimSpace(text))
	if err != nil || len(raw) == 0 || len(raw) > dtls.MaxKey {
		b.failAt(key, "%s holds no key: 1 to %d bytes as hexadecimal digits", b.beside(file), dtls.MaxKey)
		return nil
	}
	psk := dtls.Key(raw)
	return &psk
}

// clientParts are the keys of the files, by what they are to tlsfiles.
var clientParts = map[tlsfiles.Part]string{tlsfiles.PartCA: "ca", tlsfiles.PartCert: "certificate", tlsfiles.PartKey: "key"}

func (s *LwM2MServer) readCertificate(b *binder, path string) {
	missing := false
	for _, part := range []struct{ key, name string }{{"ca", s.CA}, {"certificate", s.Certificate}, {"key", s.Key}} {
		if part.name == "" {
			b.failAt(path+"."+part.key, "is missing; security x509 needs ca, certificate and key")
			missing = true
		}
	}
	if missing {
		return
	}
	conf, err := tlsfiles.Files{CA: b.beside(s.CA), Cert: b.beside(s.Certificate), Key: b.beside(s.Key)}.Client()
	if wrong, ok := errors.AsType[*tlsfiles.Error](err); ok {
		b.failAt(path+"."+clientParts[wrong.Part], "%v", wrong.Err)
		return
	}
	s.tls = conf
}

// checkPeer wants host:port with a host and a port that can be sent to.
func checkPeer(b *binder, key, value string) {
	if err := peerError(value); err != nil {
		b.failAt(key, "%q: %v", value, err)
	}
}

func peerError(value string) error {
	host, port, err := net.SplitHostPort(value)
	if n, bad := net.LookupPort("udp", port); err != nil || host == "" || bad != nil || n == 0 || strings.Trim(port, "0123456789") != "" {
		return errors.New("want host:port, such as lwm2m.example.com:5684")
	}
	return nil
}
