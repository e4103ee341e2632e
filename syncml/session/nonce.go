package session

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/fwbridge/fwbridge/syncml"
)

// DefaultNonces are the forms of the nonce 0x00000000 that is used when both
// nonces were lost (DM Notification 1.2): four bytes of zero, and the ten
// characters, as deployed clients have it (oma-dm.md 6.6). The first is ours.
func DefaultNonces() [][]byte { return [][]byte{{0, 0, 0, 0}, []byte("0x00000000")} }

func isDefaultNonce(nonce []byte) bool {
	for _, d := range DefaultNonces() {
		if bytes.Equal(d, nonce) {
			return true
		}
	}
	return false
}

// nextNonce reads the nonce of a Chal; nil when it has none.
func nextNonce(ch *syncml.Chal) ([]byte, error) {
	if ch == nil || ch.Meta.NextNonce == "" {
		return nil, nil
	}
	text := strings.TrimRight(strings.TrimSpace(string(ch.Meta.NextNonce)), "=")
	nonce, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("a NextNonce that is not base64") // without the text: it is a secret
	}
	return nonce, nil
}
