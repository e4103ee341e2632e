package dtls

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
)

// schemes are the signatures accepted from clients (IANA, TLS SignatureScheme),
// the one LwM2M asks for first.
var schemes = []struct {
	id  uint16
	alg x509.SignatureAlgorithm
}{
	{0x0403, x509.ECDSAWithSHA256},
	{0x0503, x509.ECDSAWithSHA384},
	{0x0603, x509.ECDSAWithSHA512},
	{0x0401, x509.SHA256WithRSA},
	{0x0501, x509.SHA384WithRSA},
	{0x0601, x509.SHA512WithRSA},
}

// signer is the server's key with the one scheme it signs with.
type signer struct {
	crypto.Signer
	scheme uint16
	hash   crypto.Hash
	chain  [][]byte
}

// newSigner looks whether a certificate can be used.
func newSigner(c *tls.Certificate) (*signer, error) {
	key, ok := c.PrivateKey.(crypto.Signer)
	if !ok || len(c.Certificate) == 0 {
		return nil, fmt.Errorf("%w: a certificate needs a chain and a key", ErrOptions)
	}
	pub, ok := key.Public().(*ecdsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%w: the certificate's key must be ECDSA", ErrOptions)
	}
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	if !pub.Equal(leaf.PublicKey) {
		return nil, fmt.Errorf("%w: the key is not the certificate's", ErrOptions)
	}
	switch pub.Curve {
	case elliptic.P256():
		return &signer{key, 0x0403, crypto.SHA256, c.Certificate}, nil
	case elliptic.P384():
		return &signer{key, 0x0503, crypto.SHA384, c.Certificate}, nil
	}
	return nil, fmt.Errorf("%w: the certificate's key must be on P-256 or P-384", ErrOptions)
}

// sign signs as the scheme says.
func (s *signer) sign(data []byte) ([]byte, error) {
	if s.hash == crypto.SHA384 {
		sum := sha512.Sum384(data)
		return s.Sign(rand.Reader, sum[:], s.hash)
	}
	sum := sha256.Sum256(data)
	return s.Sign(rand.Reader, sum[:], s.hash)
}

// canSign tells whether the client accepts our signature and has a group of
// ours.
func (c *Conn) canSign(h *hello) bool {
	return c.signer != nil && slices.Contains(h.schemes, c.signer.scheme) && group(h) != 0
}

// group is the first of the client's groups that we have. A client that names
// none means any (RFC 8422, 4); all have P-256.
func group(h *hello) uint16 {
	if h.groups == nil {
		return 23
	}
	for _, id := range h.groups {
		if groups[id] != nil {
			return id
		}
	}
	return 0
}

// sayCertificate proves who the server is and asks who the client is: chain,
// signed key, request (RFC 5246, 7.4.2 to 7.4.4; RFC 8422, 5.4).
func (h *handshake) sayCertificate() (err error) {
	s := h.c.signer
	b := cryptobyte.NewBuilder(nil)
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
		for _, der := range s.chain {
			b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(der) })
		}
	})
	chain, err := b.Bytes()
	if err != nil {
		return err
	}
	h.say(msgCertificate, chain, false)

	id := group(&h.hello)
	if h.ecdh, err = groups[id].GenerateKey(rand.Reader); err != nil {
		return err
	}
	point := h.ecdh.PublicKey().Bytes()
	params := append([]byte{3, byte(id >> 8), byte(id), byte(len(point))}, point...) // 3: named curve
	signature, err := s.sign(slices.Concat(h.random[:], h.ours[:], params))
	if err != nil {
		return err
	}
	b = cryptobyte.NewBuilder(params)
	b.AddUint16(s.scheme)
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(signature) })
	h.say(msgServerKeyExchange, b.BytesOrPanic(), false)

	b = cryptobyte.NewBuilder([]byte{2, 64, 1}) // ecdsa_sign, rsa_sign
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		for _, s := range schemes {
			b.AddUint16(s.id)
		}
	})
	b.AddUint16(0) // no list of CAs: a device has one certificate
	h.say(msgCertificateRequest, b.BytesOrPanic(), false)
	return nil
}

// maxChain and maxRSA bound what a chain costs to check, which anybody can send
// before he has proved anything: certificates, and bits of an RSA key.
const (
	maxChain = 8
	maxRSA   = 8192
)

// certificate checks the client's chain.
func (h *handshake) certificate(body []byte) error {
	s := cryptobyte.String(body)
	var list cryptobyte.String
	if !s.ReadUint24LengthPrefixed(&list) || !s.Empty() {
		return alertDecodeError
	}
	var chain []*x509.Certificate
	for !list.Empty() {
		var der cryptobyte.String
		if !list.ReadUint24LengthPrefixed(&der) {
			return alertDecodeError
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil || len(chain) == maxChain {
			return alertBadCertificate
		}
		if key, ok := cert.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > maxRSA {
			return alertBadCertificate
		}
		chain = append(chain, cert)
	}
	if len(chain) == 0 {
		h.c.count(func(s *Stats) { s.Unauthenticated++ })
		return alertHandshakeFailure
	}
	if err := h.verifyChain(chain); err != nil {
		h.c.count(func(s *Stats) { s.Unauthenticated++ })
		return err
	}
	if h.next.identity = identityOf(chain[0]); h.next.identity == "" || len(h.next.identity) > MaxIdentity {
		return alertBadCertificate // it says who nobody is
	}
	h.clientCert, h.step = chain[0], wantKeyExchange
	return nil
}

// verifyChain checks a chain and notes when it ends.
func (h *handshake) verifyChain(chain []*x509.Certificate) error {
	if use := chain[0].KeyUsage; use != 0 && use&x509.KeyUsageDigitalSignature == 0 {
		return alertBadCertificate // RFC 5246, 7.4.6: its key must be for signing
	}
	o := x509.VerifyOptions{
		Roots: h.c.o.ClientCAs, Intermediates: x509.NewCertPool(), CurrentTime: h.c.clock(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	// One of each name, so that there is one way up: with more, each signature
	// would be checked on every way.
	named := make(map[string]bool)
	for _, cert := range chain[1:] {
		if name := string(cert.RawSubject); !named[name] {
			named[name] = true
			o.Intermediates.AddCert(cert)
		}
	}
	verified, err := chain[0].Verify(o)
	if err != nil {
		return certificateError{alertFor(err), err}
	}
	var last time.Time // the longest-lived of the ways to a CA counts
	for _, way := range verified {
		ends := way[0].NotAfter
		for _, cert := range way {
			if cert.NotAfter.Before(ends) {
				ends = cert.NotAfter
			}
		}
		if ends.After(last) {
			last = ends
		}
	}
	h.ends = last
	return nil
}

// certificateError is what is wrong with a chain, and its alert.
type certificateError struct {
	alert
	err error
}

func (e certificateError) Error() string   { return e.alert.Error() + ": " + e.err.Error() }
func (e certificateError) Unwrap() []error { return []error{e.alert, e.err} }

func alertFor(err error) alert {
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return alertCertificateExpired
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return alertUnknownCA
	}
	return alertBadCertificate
}

// certificateVerify checks that the client has the certificate's key.
func (h *handshake) certificateVerify(body []byte) error {
	s := cryptobyte.String(body)
	var id uint16
	var signature cryptobyte.String
	if !s.ReadUint16(&id) || !s.ReadUint16LengthPrefixed(&signature) || !s.Empty() {
		return alertDecodeError
	}
	for _, x := range schemes {
		if x.id != id {
			continue
		}
		if err := h.clientCert.CheckSignature(x.alg, h.transcript, signature); err != nil {
			h.c.count(func(s *Stats) { s.Unauthenticated++ })
			return alertDecryptError
		}
		h.step = wantFinished
		return nil
	}
	return alertIllegalParameter
}

// identityOf is what Addr.Identity says of a certificate.
func identityOf(c *x509.Certificate) string {
	for _, u := range c.URIs {
		if strings.EqualFold(u.Scheme, "urn") {
			return u.String()
		}
	}
	if len(c.DNSNames) > 0 {
		return c.DNSNames[0]
	}
	return c.Subject.CommonName
}
