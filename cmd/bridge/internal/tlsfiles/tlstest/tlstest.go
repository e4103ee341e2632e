// Package tlstest makes certificates for tests: CAs of their own, and leaves
// for loopback servers and for clients, valid or expired. Nothing of it is for
// use outside tests; the keys are ECDSA P-256 and live for the test.
package tlstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// CA is a certificate authority.
type CA struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	dir  string
	File string // its certificate, PEM
}

// Leaf names the two files of a certificate that a CA has signed.
type Leaf struct {
	Cert, Key string
}

// NewCA makes a CA with files in a directory of the test.
func NewCA(t testing.TB, name string) *CA {
	t.Helper()
	ca := &CA{t: t, key: newKey(t), dir: t.TempDir()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der := ca.sign(template, template, &ca.key.PublicKey)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	ca.cert = cert
	ca.File = ca.write("ca.pem", "CERTIFICATE", der)
	return ca
}

// Leaf signs a certificate for 127.0.0.1 and localhost, for both roles.
func (ca *CA) Leaf(name string) Leaf { return ca.leaf(name, time.Now().Add(time.Hour)) }

// Expired is a Leaf whose time is over.
func (ca *CA) Expired(name string) Leaf { return ca.leaf(name, time.Now().Add(-time.Minute)) }

// Device signs a certificate for a client that has a common name and no other.
func (ca *CA) Device(name string) Leaf {
	return ca.issue(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
}

func (ca *CA) leaf(name string, until time.Time) Leaf {
	return ca.issue(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:    []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	})
}

// issue completes and signs a certificate, for a key of its own.
func (ca *CA) issue(template *x509.Certificate) Leaf {
	ca.t.Helper()
	key, name := newKey(ca.t), template.Subject.CommonName
	template.SerialNumber, template.NotBefore = big.NewInt(time.Now().UnixNano()), time.Now().Add(-2*time.Hour)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der := ca.sign(template, ca.cert, &key.PublicKey)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		ca.t.Fatal(err)
	}
	return Leaf{Cert: ca.write(name+".pem", "CERTIFICATE", der), Key: ca.write(name+"-key.pem", "PRIVATE KEY", secret)}
}

func (ca *CA) sign(template, parent *x509.Certificate, public *ecdsa.PublicKey) []byte {
	ca.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, ca.key)
	if err != nil {
		ca.t.Fatal(err)
	}
	return der
}

func (ca *CA) write(name, kind string, der []byte) string {
	ca.t.Helper()
	file := filepath.Join(ca.dir, name)
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		ca.t.Fatal(err)
	}
	return file
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
