// Package tlsfiles makes TLS configurations from the files that an operator
// names: own CAs, a certificate with its key, the versions and cipher suites
// allowed. It opens no connection and keeps no file open. There is no way to
// switch the check of certificates off.
//
// Where it departs from DM Security 1.2, which names TLS 1.0 and SSL 3.0 with
// RSA key exchange: TLS 1.2 is the least unless the operator asks for less,
// the suites of that time are spoken only on request, and SSL 3.0 and RC4
// never (RFC 7568, RFC 7465).
package tlsfiles

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// MaxFile bounds each file, in bytes. A bundle of all public CAs has 200 KiB.
const MaxFile = 1 << 20

// Version is the lowest TLS version that is spoken.
type Version uint16

// The versions. The zero value is TLS 1.2.
const (
	TLS12 Version = 0
	TLS10 Version = tls.VersionTLS10
	TLS11 Version = tls.VersionTLS11
	TLS13 Version = tls.VersionTLS13
)

func (v Version) number() uint16 {
	if v == TLS12 {
		return tls.VersionTLS12
	}
	return uint16(v)
}

// legacy are the suites that [Files.Legacy] adds: those that DM Security 1.2
// names, and their kin that devices and servers of that time have.
var legacy = map[uint16]bool{
	tls.TLS_RSA_WITH_AES_128_CBC_SHA:        true,
	tls.TLS_RSA_WITH_AES_256_CBC_SHA:        true,
	tls.TLS_RSA_WITH_AES_128_GCM_SHA256:     true,
	tls.TLS_RSA_WITH_AES_256_GCM_SHA384:     true,
	tls.TLS_RSA_WITH_AES_128_CBC_SHA256:     true,
	tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA:       true,
	tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA: true,
}

// Files names PEM files and what goes with them. Empty names are no file.
type Files struct {
	CA     string // whom we trust, instead of the system's CAs
	Cert   string // our certificate, with intermediate ones behind it
	Key    string // its private key, without a password
	Min    Version
	Legacy bool // RSA key exchange and 3DES too
}

// Part is one of the files.
type Part string

// The parts, as the configuration calls them.
const (
	PartCA   Part = "ca"
	PartCert Part = "cert"
	PartKey  Part = "key"
)

// Error says which file is wrong. It never shows what is in it.
type Error struct {
	Part Part
	Err  error
}

func (e *Error) Error() string { return string(e.Part) + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Client is the configuration of the side that connects. Without a CA file the
// system's CAs are trusted. The error is an [*Error].
func (f Files) Client() (*tls.Config, error) {
	c, pool, err := f.common()
	if err != nil {
		return nil, err
	}
	c.RootCAs = pool
	return c, nil
}

// Server is the configuration of the side that listens. It needs a certificate.
// With a CA file every client must show a certificate of that CA. The error is
// an [*Error].
func (f Files) Server() (*tls.Config, error) {
	if f.Cert == "" {
		return nil, &Error{PartCert, errors.New("is missing; a TLS listener needs a certificate")}
	}
	c, pool, err := f.common()
	if err != nil {
		return nil, err
	}
	if pool != nil {
		c.ClientCAs, c.ClientAuth = pool, tls.RequireAndVerifyClientCert
	}
	return c, nil
}

func (f Files) common() (*tls.Config, *x509.CertPool, error) {
	c := &tls.Config{MinVersion: f.Min.number()}
	if f.Legacy {
		c.CipherSuites = suites()
	}
	var pool *x509.CertPool
	if f.CA != "" {
		pem, err := read(f.CA)
		if err != nil {
			return nil, nil, &Error{PartCA, err}
		}
		if pool = x509.NewCertPool(); !pool.AppendCertsFromPEM(pem) {
			return nil, nil, &Error{PartCA, fmt.Errorf("%s holds no PEM certificate", f.CA)}
		}
	}
	cert, err := f.pair()
	if err != nil {
		return nil, nil, err
	}
	if cert != nil {
		c.Certificates = []tls.Certificate{*cert}
	}
	return c, pool, nil
}

// pair reads certificate and key; nil when there is none.
func (f Files) pair() (*tls.Certificate, error) {
	switch {
	case f.Cert == "" && f.Key == "":
		return nil, nil
	case f.Cert == "":
		return nil, &Error{PartCert, errors.New("is missing; a key goes with its certificate")}
	case f.Key == "":
		return nil, &Error{PartKey, errors.New("is missing; a certificate goes with its key")}
	}
	certPEM, err := read(f.Cert)
	if err != nil {
		return nil, &Error{PartCert, err}
	}
	if !x509.NewCertPool().AppendCertsFromPEM(certPEM) {
		return nil, &Error{PartCert, fmt.Errorf("%s holds no PEM certificate", f.Cert)}
	}
	keyPEM, err := read(f.Key)
	if err != nil {
		return nil, &Error{PartKey, err}
	}
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, &Error{PartKey, fmt.Errorf("%s with %s: %w", f.Key, f.Cert, err)}
	}
	return &cert, nil
}

// suites are those of TLS 1.2 and before that Go holds for good, then the
// legacy ones. TLS 1.3 has its own, which are always spoken.
func suites() []uint16 {
	var all []uint16
	for _, s := range tls.CipherSuites() {
		all = append(all, s.ID)
	}
	for _, s := range tls.InsecureCipherSuites() {
		if legacy[s.ID] {
			all = append(all, s.ID)
		}
	}
	return all
}

func read(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err // the name is put before it here
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(data) > MaxFile {
		return nil, fmt.Errorf("%s: larger than %d bytes", name, MaxFile)
	}
	return data, nil
}
