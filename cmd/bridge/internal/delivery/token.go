package delivery

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"
)

// sealer makes tokens of grants, and grants of tokens.
//
// A token is nonce and AES-256-GCM ciphertext of the grant, in base64url. The
// nonce is the HMAC of the grant, so the same grant has the same token, and two
// grants never share a nonce by more than chance (2^-48 after 2^24 of them).
type sealer struct {
	aead  cipher.AEAD
	nonce []byte // key of the nonces
}

// Layout of a grant: version, expiry in Unix seconds (5 bytes), digest, length
// of the device's name, names.
const (
	tokenVersion = 1
	tokenFixed   = 1 + 5 + sha256.Size + 1
	nonceSize    = 12 // AES-GCM (NIST SP 800-38D, 8.2)
	tagSize      = 16
	maxToken     = nonceSize + tokenFixed + MaxDevice + MaxDrive + tagSize
)

func newSealer(key []byte) (sealer, error) {
	if len(key) < MinKey {
		return sealer{}, fmt.Errorf("the key has %d bytes, fewer than %d", len(key), MinKey)
	}
	both, err := hkdf.Key(sha256.New, key, nil, "fwbridge package URL v1", 64)
	if err != nil {
		return sealer{}, err
	}
	block, err := aes.NewCipher(both[:32])
	if err != nil {
		return sealer{}, err
	}
	aead, err := cipher.NewGCM(block)
	return sealer{aead, both[32:]}, err
}

// token is the grant's token. Grants that differ in no more than parts of a
// second have the same.
func (s sealer) token(g Grant) (string, error) {
	at := g.Expires.Unix()
	switch {
	case g.Digest.IsZero():
		return "", fmt.Errorf("delivery: a grant without a package")
	case g.Device == "" || len(g.Device) > MaxDevice:
		return "", fmt.Errorf("delivery: a device's name has 1 to %d bytes", MaxDevice)
	case len(g.Drive) > MaxDrive:
		return "", fmt.Errorf("delivery: a drive's name has up to %d bytes", MaxDrive)
	case at <= 0 || at>>40 != 0:
		return "", fmt.Errorf("delivery: a grant that expires at no time")
	}
	plain := make([]byte, 0, maxToken)
	plain = append(plain, tokenVersion, byte(at>>32))
	plain = binary.BigEndian.AppendUint32(plain, uint32(at))
	plain = append(plain, g.Digest[:]...)
	plain = append(plain, byte(len(g.Device)))
	plain = append(plain, g.Device...)
	plain = append(plain, g.Drive...)
	mac := hmac.New(sha256.New, s.nonce)
	mac.Write(plain) // never fails
	nonce := mac.Sum(nil)[:nonceSize]
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nonce, nonce, plain, nil)), nil
}

// grant is what a token of ours grants; false for any other string. GCM
// compares its tag in constant time.
func (s sealer) grant(token string) (Grant, bool) {
	if len(token) > base64.RawURLEncoding.EncodedLen(maxToken) {
		return Grant{}, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) < nonceSize+tokenFixed+tagSize {
		return Grant{}, false
	}
	plain, err := s.aead.Open(nil, b[:nonceSize], b[nonceSize:], nil)
	if err != nil || plain[0] != tokenVersion {
		return Grant{}, false
	}
	g := Grant{
		Expires: time.Unix(int64(plain[1])<<32|int64(binary.BigEndian.Uint32(plain[2:])), 0),
		Digest:  Digest(plain[6 : 6+sha256.Size]),
	}
	names := plain[tokenFixed:]
	n := int(plain[tokenFixed-1])
	if n > len(names) {
		return Grant{}, false
	}
	g.Device, g.Drive = string(names[:n]), string(names[n:])
	return g, true
}

// Path is the path of a package for the holder of a grant, which may be put
// behind any base URL: Prefix and 56 to 208 characters. The error says what is
// wrong with the grant.
func (s *Server) Path(g Grant) (string, error) {
	t, err := s.seal.token(g)
	if err != nil {
		return "", err
	}
	return s.prefix + t, nil
}
