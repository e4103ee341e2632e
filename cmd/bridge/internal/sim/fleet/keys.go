package fleet

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/tlsfiles"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

// Credentials gives each device what it proves itself with.
type Credentials interface {
	// For gives the credentials of the device with that name and number.
	For(endpoint string, n int) (*dtls.ClientOptions, error)
}

// Limits of a file of keys.
const (
	MaxKeys    = 1_000_000 // lines
	maxKeyLine = 4096      // bytes: a name, an identity and a key at their longest
)

// Keys are pre-shared keys by endpoint name.
type Keys map[string]Key

// Key is a pre-shared key with its identity.
type Key struct {
	Identity string
	Key      dtls.Key
}

// For is the key of an endpoint, if there is one.
func (k Keys) For(endpoint string, _ int) (*dtls.ClientOptions, error) {
	key, ok := k[endpoint]
	if !ok {
		return nil, fmt.Errorf("there is no key for %q", endpoint)
	}
	return &dtls.ClientOptions{Identity: key.Identity, Key: key.Key}, nil
}

var errKeyLine = errors.New(`want "endpoint identity hexkey", separated by spaces`)

// ReadKeys reads keys: a line "endpoint identity hexkey" each, empty lines and
// lines that begin with # aside. An error names the line and never shows what
// is in it.
func ReadKeys(r io.Reader) (Keys, error) {
	keys := Keys{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxKeyLine)
	n := 0
	for lines.Scan() {
		n++
		text := strings.TrimSpace(lines.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		endpoint, key, err := parseKey(text)
		switch _, twice := keys[endpoint]; {
		case err != nil:
			return nil, fmt.Errorf("line %d: %w", n, err)
		case twice:
			return nil, fmt.Errorf("line %d: a second key for the same endpoint", n)
		case len(keys) == MaxKeys:
			return nil, fmt.Errorf("line %d: more than %d keys", n, MaxKeys)
		}
		keys[endpoint] = key
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", n+1, err)
	}
	return keys, nil
}

func parseKey(text string) (endpoint string, k Key, err error) {
	parts := strings.Fields(text)
	if len(parts) != 3 {
		return "", k, errKeyLine
	}
	key, err := hex.DecodeString(parts[2])
	switch {
	case err != nil:
		return "", k, errors.New("the key is not hexadecimal") // err would show a character of it
	case len(key) > dtls.MaxKey:
		return "", k, fmt.Errorf("a key of %d bytes: at most %d", len(key), dtls.MaxKey)
	case len(parts[1]) > dtls.MaxIdentity:
		return "", k, fmt.Errorf("an identity of %d bytes: at most %d", len(parts[1]), dtls.MaxIdentity)
	}
	return parts[0], Key{parts[1], key}, nil
}

// Seed makes a key for any endpoint name, for test benches: the first 16 bytes
// of HMAC-SHA-256 with the seed as key and the name as message. The identity is
// the name. Whoever knows the seed knows all keys.
type Seed string

// For is the key of an endpoint.
func (s Seed) For(endpoint string, _ int) (*dtls.ClientOptions, error) {
	return &dtls.ClientOptions{Identity: endpoint, Key: s.Key(endpoint)}, nil
}

// Key is the key of an endpoint.
func (s Seed) Key(endpoint string) dtls.Key {
	m := hmac.New(sha256.New, []byte(s))
	m.Write([]byte(endpoint))
	return m.Sum(nil)[:16]
}

// Certificates are PEM files; Number in the names of Cert and Key is replaced.
// ServerName is what the server's certificate must be for.
type Certificates struct {
	Files      tlsfiles.Files
	ServerName string
}

// For loads the certificate of a device.
func (c Certificates) For(_ string, n int) (*dtls.ClientOptions, error) {
	f := c.Files
	f.Cert, f.Key = Numbered(f.Cert, n), Numbered(f.Key, n)
	t, err := f.Client()
	if err != nil {
		return nil, err
	}
	return &dtls.ClientOptions{Certificate: &t.Certificates[0], RootCAs: t.RootCAs, ServerName: c.ServerName}, nil
}
