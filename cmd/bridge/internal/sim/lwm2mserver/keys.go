package lwm2mserver

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

// Keys are pre-shared keys by identity, which is the endpoint name.
type Keys map[string]dtls.Key

var _ dtls.Keys = Keys(nil)

// PSK implements [dtls.Keys].
func (k Keys) PSK(_ context.Context, identity string) (dtls.Key, bool) {
	key, ok := k[identity]
	return key, ok
}

// LoadKeys reads a line "IDENTITY KEY" for each device, the key in hexadecimal;
// empty lines and those that begin with # are skipped. The error names the line
// and shows nothing of it.
func LoadKeys(r io.Reader) (Keys, error) {
	keys := Keys{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		identity, digits, ok := strings.Cut(text, " ")
		key, err := hex.DecodeString(strings.TrimSpace(digits))
		switch {
		case !ok || err != nil || len(key) == 0 || len(key) > dtls.MaxKey:
			return nil, fmt.Errorf("line %d: want IDENTITY KEY, the key as 1 to %d bytes in hexadecimal", n, dtls.MaxKey)
		case len(identity) > dtls.MaxIdentity:
			return nil, fmt.Errorf("line %d: the identity is over %d bytes", n, dtls.MaxIdentity)
		}
		keys[identity] = key
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("there are no keys in it")
	}
	return keys, nil
}
