package bridge

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"sync"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
)

// hashed begins the names of devices that are too long for a grant; no device
// name begins so.
const hashed = "\x00"

// grantee is an owner of packages (see owner) in a grant.
func grantee(of string) string {
	if len(of) <= delivery.MaxDevice && !strings.HasPrefix(of, hashed) {
		return of
	}
	sum := sha256.Sum256([]byte(of))
	return hashed + base64.RawURLEncoding.EncodeToString(sum[:])
}

// longNames finds the owner behind the hash in a grant: of those that hold a
// package, because nobody else's grant is good.
type longNames struct {
	mu     sync.Mutex
	owners map[string]*longName // by hash
}

type longName struct {
	of    string
	holds map[delivery.Digest]bool
}

func newLongNames() *longNames { return &longNames{owners: make(map[string]*longName)} }

// hold notes that an owner holds a package. Noting twice is noting once.
func (n *longNames) hold(of string, d delivery.Digest) {
	hash := grantee(of)
	if hash == of {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	known := n.owners[hash]
	if known == nil {
		known = &longName{of, make(map[delivery.Digest]bool)}
		n.owners[hash] = known
	}
	known.holds[d] = true
}

// release undoes hold.
func (n *longNames) release(of string, d delivery.Digest) {
	hash := grantee(of)
	n.mu.Lock()
	defer n.mu.Unlock()
	known := n.owners[hash]
	if known == nil {
		return
	}
	if delete(known.holds, d); len(known.holds) == 0 {
		delete(n.owners, hash)
	}
}

// owner is who a grant is for; false when that is a hash of nobody who holds a
// package.
func (n *longNames) owner(g delivery.Grant) (of string, known bool) {
	if !strings.HasPrefix(g.Device, hashed) {
		return g.Device, true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if l := n.owners[g.Device]; l != nil {
		return l.of, true
	}
	return "", false
}
