package delivery

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
)

// Digest is the SHA-256 of a package: its key in the store. The zero Digest
// stands for none.
type Digest [sha256.Size]byte

// errDigest tells what a digest has to look like.
var errDigest = errors.New("a digest is 64 hexadecimal digits (SHA-256)")

// ParseDigest reads 64 hexadecimal digits, of either case, and not all zero:
// who announces that has announced something, and no package is so.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	if len(s) != hex.EncodedLen(len(d)) {
		return Digest{}, errDigest
	}
	if _, err := hex.Decode(d[:], []byte(s)); err != nil || d.IsZero() {
		return Digest{}, errDigest
	}
	return d, nil
}

// IsZero says whether d is none.
func (d Digest) IsZero() bool { return d == Digest{} }

// String is 64 lower-case hexadecimal digits, "" for the zero Digest.
func (d Digest) String() string {
	if d.IsZero() {
		return ""
	}
	return hex.EncodeToString(d[:])
}

// MarshalText is String.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is [ParseDigest]; no text is the zero Digest.
func (d *Digest) UnmarshalText(b []byte) (err error) {
	if len(b) == 0 {
		*d = Digest{}
		return nil
	}
	*d, err = ParseDigest(string(b))
	return err
}
