package config

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
)

// Limits of a list of digests.
const (
	maxDigestFile = 16 << 20 // bytes
	maxDigests    = 100_000
)

// readDigests reads the list: a URL and the SHA-256 of what has to come from it
// in each line, with blanks between; empty lines and those that begin with #
// count for nothing. The URL is that of the package without its fragment.
func readDigests(data []byte) (map[string]delivery.Digest, error) {
	all := make(map[string]delivery.Digest)
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != 2 {
			return nil, fmt.Errorf("line %d: want a URL and its SHA-256", n)
		}
		u, err := url.Parse(fields[0])
		if err != nil || u.Host == "" || u.Fragment != "" || u.User != nil {
			return nil, fmt.Errorf("line %d: want a URL with a host, without a user and without #", n)
		}
		digest, err := delivery.ParseDigest(fields[1])
		if err != nil {
			return nil, fmt.Errorf("line %d: want a SHA-256 of 64 hexadecimal digits", n)
		}
		at := u.String()
		if old, twice := all[at]; twice && old != digest {
			return nil, fmt.Errorf("line %d: the URL has another digest above", n)
		}
		if all[at] = digest; len(all) > maxDigests {
			return nil, fmt.Errorf("more than %d URLs", maxDigests)
		}
	}
	return all, nil
}

// checkDigests reads the file of packages.digests.
func (p *Packages) checkDigests(b *binder, key string) {
	if p.Digests == "" {
		return
	}
	name := b.beside(p.Digests)
	data, err := readFile(name, maxDigestFile)
	if err != nil {
		b.failAt(key, "%v", err)
	} else if p.digests, err = readDigests(data); err != nil {
		b.failAt(key, "%s: %v", name, err)
	}
}
