package dtls

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"errors"

	pionccm "github.com/pion/dtls/v3/pkg/crypto/ccm"
	"github.com/pion/dtls/v3/pkg/crypto/prf"
)

// All suites have AES-128 with a nonce of four derived bytes and eight that the
// record carries (RFC 5288, 3; RFC 6655, 3).
const (
	keySize       = 16
	saltSize      = 4
	explicitNonce = 8
)

// newAEAD makes a cipher from its key.
type newAEAD func(key []byte) (cipher.AEAD, error)

func gcm(key []byte) (cipher.AEAD, error) {
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(b)
}

func ccm(tag int) newAEAD {
	return func(key []byte) (cipher.AEAD, error) {
		b, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		return pionccm.NewCCM(b, tag, saltSize+explicitNonce)
	}
}

// protection seals and opens the records of one association.
type protection struct {
	seals, opens       cipher.AEAD
	sealSalt, openSalt [saltSize]byte
}

// protect derives the keys of an association from its master secret.
func (s *suite) protect(master, clientRandom, serverRandom []byte, client bool) (*protection, error) {
	k, err := prf.GenerateEncryptionKeys(master, clientRandom, serverRandom, 0, keySize, saltSize, sha256.New)
	if err != nil {
		return nil, err
	}
	if !client {
		k.ClientWriteKey, k.ServerWriteKey = k.ServerWriteKey, k.ClientWriteKey
		k.ClientWriteIV, k.ServerWriteIV = k.ServerWriteIV, k.ClientWriteIV
	}
	seals, err := s.newAEAD(k.ClientWriteKey)
	if err != nil {
		return nil, err
	}
	opens, err := s.newAEAD(k.ServerWriteKey)
	if err != nil {
		return nil, err
	}
	return &protection{seals, opens, [saltSize]byte(k.ClientWriteIV), [saltSize]byte(k.ServerWriteIV)}, nil
}

var errUnauthentic = errors.New("dtls: record does not authenticate")

// seal appends the protected form of a record to out. scratch is for what the
// ciphers want as slices.
func (p *protection) seal(out []byte, r *record, plain []byte, scratch *scratch) []byte {
	nonce := scratch.nonce[:]
	copy(nonce, p.sealSalt[:])
	binary.BigEndian.PutUint64(nonce[saltSize:], r.number())
	out = r.appendHeader(out, explicitNonce+len(plain)+p.seals.Overhead())
	out = append(out, nonce[saltSize:]...)
	return p.seals.Seal(out, nonce, plain, scratch.additional(r, len(plain)))
}

// open gives the content of a protected record, in the place of the record.
func (p *protection) open(r *record, scratch *scratch) ([]byte, error) {
	n := len(r.body) - explicitNonce - p.opens.Overhead()
	if n < 0 {
		return nil, errUnauthentic
	}
	nonce := scratch.nonce[:]
	copy(nonce, p.openSalt[:])
	copy(nonce[saltSize:], r.body)
	sealed := r.body[explicitNonce:]
	plain, err := p.opens.Open(sealed[:0], nonce, sealed, scratch.additional(r, n))
	if err != nil {
		return nil, errUnauthentic
	}
	return plain, nil
}

// scratch holds what is passed to a cipher, so that it need not be allocated.
type scratch struct {
	nonce [saltSize + explicitNonce]byte
	aad   []byte
	inner []byte
}

// additional is the data that is authenticated with a record of n bytes of
// plain text: RFC 5246, 6.2.3.3; with a Connection ID, RFC 9146, 5.3.
func (s *scratch) additional(r *record, n int) []byte {
	b := s.aad[:0]
	if r.typ == typeCID {
		b = append(b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, byte(typeCID), byte(len(r.cid)), byte(typeCID), r.version.major, r.version.minor)
		b = binary.BigEndian.AppendUint64(b, r.number())
		b = append(b, r.cid...)
	} else {
		b = binary.BigEndian.AppendUint64(b, r.number())
		b = append(b, byte(r.typ), r.version.major, r.version.minor)
	}
	s.aad = binary.BigEndian.AppendUint16(b, uint16(n))
	return s.aad
}
