package pkgserver

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"

	"golang.org/x/crypto/blake2b"
)

// signatureSuffix is put to a package's path for its minisign signature.
const signatureSuffix = ".minisig"

// signatures are the behaviours with a signature beside the package, and what
// it is of.
var signatures = map[string]func(body []byte) []byte{
	"signed":          func(body []byte) []byte { return body },
	"wrong-signature": func(body []byte) []byte { return append(bytes.Clone(body), 0) },
}

// signer is the key of a server, from its seed.
type signer struct {
	id  [8]byte
	key ed25519.PrivateKey
}

func newSigner(seed uint64) signer {
	sum := sha256.Sum256(fmt.Appendf(nil, "pkgserver %d", seed))
	return signer{[8]byte(sum[:]), ed25519.NewKeyFromSeed(sum[:])}
}

// PublicKey is the minisign public key that goes with the signatures: the line
// of base64.
func PublicKey(cfg Config) string {
	s := newSigner(cfg.Seed)
	return base64.StdEncoding.EncodeToString(append(append([]byte("Ed"), s.id[:]...), s.key.Public().(ed25519.PublicKey)...))
}

// sign makes the file that minisign -S makes.
func (s signer) sign(b []byte) string {
	hash := blake2b.Sum512(b)
	sig, comment := ed25519.Sign(s.key, hash[:]), "fwbridge package server"
	global := ed25519.Sign(s.key, append(bytes.Clone(sig), comment...))
	line := base64.StdEncoding.EncodeToString(append(append([]byte("ED"), s.id[:]...), sig...))
	return fmt.Sprintf("untrusted comment: signature of a simulated package\n%s\ntrusted comment: %s\n%s\n",
		line, comment, base64.StdEncoding.EncodeToString(global))
}

// signature serves what is beside a package.
func (s *Server) signature(w http.ResponseWriter, behaviour string, body []byte) {
	of := signatures[behaviour]
	if of == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	_, _ = fmt.Fprint(w, newSigner(s.cfg.Seed).sign(of(body))) // a client that goes has gone
}
