package delivery

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/blake2b"
)

// The algorithms of minisign, as its files name them: Ed25519 over the bytes,
// and over their BLAKE2b-512.
const (
	signsBytes = "Ed"
	signsHash  = "ED"
)

// PublicKey is a minisign public key.
type PublicKey struct {
	id  [8]byte
	key [ed25519.PublicKeySize]byte
}

// errPublicKey tells what a public key has to look like.
var errPublicKey = errors.New("no minisign public key: 56 characters of base64, of the last line of its file")

// ParsePublicKey reads a minisign public key: the line of base64, or the whole
// file with its comment.
func ParsePublicKey(s string) (PublicKey, error) {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(lines[len(lines)-1]))
	if err != nil || len(b) != 2+8+ed25519.PublicKeySize || string(b[:2]) != signsBytes {
		return PublicKey{}, errPublicKey
	}
	return PublicKey{[8]byte(b[2:10]), [ed25519.PublicKeySize]byte(b[10:])}, nil
}

// String is the line of base64.
func (k PublicKey) String() string {
	b := append([]byte(signsBytes), k.id[:]...)
	return base64.StdEncoding.EncodeToString(append(b, k.key[:]...))
}

// signature is a minisign signature.
type signature struct {
	algorithm string
	id        [8]byte
	sig       [ed25519.SignatureSize]byte
	trusted   []byte // comment, signed with sig by global
	global    [ed25519.SignatureSize]byte
}

// errSignature tells what a signature has to look like.
var errSignature = errors.New("no minisign signature")

// parseSignature reads the four lines of a signature: a comment, the signature,
// a comment that is signed, and its signature.
func parseSignature(b []byte) (signature, error) {
	var s signature
	lines := bytes.Split(bytes.TrimSpace(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))), []byte("\n"))
	if len(lines) != 4 || !bytes.HasPrefix(lines[0], []byte("untrusted comment:")) {
		return s, errSignature
	}
	trusted, ok := bytes.CutPrefix(lines[2], []byte("trusted comment: "))
	sig, err := base64.StdEncoding.DecodeString(string(lines[1]))
	global, err2 := base64.StdEncoding.DecodeString(string(lines[3]))
	if !ok || err != nil || err2 != nil || len(sig) != 2+8+len(s.sig) || len(global) != len(s.global) {
		return s, errSignature
	}
	s.algorithm, s.id, s.sig = string(sig[:2]), [8]byte(sig[2:10]), [ed25519.SignatureSize]byte(sig[10:])
	s.trusted, s.global = trusted, [ed25519.SignatureSize]byte(global)
	return s, nil
}

// verify checks the signature of size bytes of r by one of the keys.
func (s signature) verify(keys []PublicKey, r io.Reader, size int64) error {
	key, err := s.signer(keys)
	if err != nil {
		return err
	}
	signed, err := s.signed(r, size)
	if err != nil {
		return err
	}
	if !ed25519.Verify(key.key[:], signed, s.sig[:]) {
		return fault(KindSignature, nil, "the signature is not of this package")
	}
	if !ed25519.Verify(key.key[:], append(s.sig[:], s.trusted...), s.global[:]) {
		return fault(KindSignature, nil, "the signature's comment has been altered")
	}
	return nil
}

// signer is the key that the signature says it is of.
func (s signature) signer(keys []PublicKey) (PublicKey, error) {
	for _, k := range keys {
		if k.id == s.id {
			return k, nil
		}
	}
	return PublicKey{}, fault(KindSignature, nil, "signed by a key that is not configured")
}

// signed is what the algorithm signs: the bytes or their hash.
func (s signature) signed(r io.Reader, size int64) ([]byte, error) {
	switch {
	case s.algorithm == signsHash:
		h, err := blake2b.New512(nil)
		if err != nil {
			return nil, err
		}
		_, err = io.Copy(h, r)
		return h.Sum(nil), err
	case s.algorithm == signsBytes && size <= MaxLegacySigned:
		return io.ReadAll(io.LimitReader(r, size))
	case s.algorithm == signsBytes:
		return nil, fault(KindSignature, nil, "an old signature over more than %d bytes: sign it with minisign -H", MaxLegacySigned)
	}
	return nil, fault(KindSignature, fmt.Errorf("algorithm %q", s.algorithm), "signed by an unknown algorithm")
}
