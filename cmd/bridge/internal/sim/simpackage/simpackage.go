// Package simpackage is the format of the packages that the simulated device
// installs and the simulated package server serves: four header lines, an
// empty line, the payload.
//
//	FWBRIDGE-PACKAGE 1
//	name: radio
//	version: 2.0
//	sha256: <64 hex digits, of the payload>
//
// It is made for tests: no compression, no signature.
package simpackage

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// HeaderSHA256 is the HTTP header in which a package server may announce the
// SHA-256 of what it sends, as 64 hex digits.
const HeaderSHA256 = "X-Package-SHA256"

const magic = "FWBRIDGE-PACKAGE 1\n"

// maxHeader bounds the search for the empty line, in bytes.
const maxHeader = 1024

var (
	// ErrFormat means that the bytes are no package of this format.
	ErrFormat = errors.New("not a package")
	// ErrDigest means that the payload is not what the header promises.
	ErrDigest = errors.New("package is corrupted: the SHA-256 does not match")
)

// Package is a package taken apart.
type Package struct {
	Name    string
	Version string
	Payload []byte
}

// Build makes the bytes of a package. Name and version must not hold a line
// break.
func Build(p Package) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%sname: %s\nversion: %s\nsha256: %x\n\n", magic, p.Name, p.Version, sha256.Sum256(p.Payload))
	b.Write(p.Payload)
	return b.Bytes()
}

// Open takes a package apart and checks it. The error is [ErrFormat] or
// [ErrDigest]; the payload is part of b.
func Open(b []byte) (Package, error) {
	rest, ok := bytes.CutPrefix(b, []byte(magic))
	if !ok {
		return Package{}, ErrFormat
	}
	end := bytes.Index(rest[:min(len(rest), maxHeader)], []byte("\n\n"))
	if end < 0 {
		return Package{}, ErrFormat
	}
	p := Package{Payload: rest[end+2:]}
	var digest string
	for line := range strings.Lines(string(rest[:end+1])) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch key {
		case "name":
			p.Name = value
		case "version":
			p.Version = value
		case "sha256":
			digest = value
		}
	}
	want, err := hex.DecodeString(digest)
	if err != nil || len(want) != sha256.Size {
		return Package{}, ErrFormat
	}
	if got := sha256.Sum256(p.Payload); !bytes.Equal(got[:], want) {
		return p, ErrDigest
	}
	return p, nil
}
