package dtls

import (
	"context"
	"fmt"
	"log/slog"
)

// Key is a pre-shared key. It cannot be printed.
type Key []byte

// MaxKey and MaxIdentity bound a pre-shared key and its identity in bytes (RFC
// 4279, 5.3 asks for 64 and 128 at least).
const (
	MaxKey      = 64
	MaxIdentity = 1024
)

const redacted = "[secret]"

// Format writes "[secret]" whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue is "[secret]".
func (k Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is "[secret]".
func (k Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Keys finds pre-shared keys. PSK is called at every handshake, from several
// goroutines, so what it knows may change while the server runs. found is false
// for an unknown identity; an error of a store counts as that. ctx ends with
// the server or the handshake's time.
type Keys interface {
	PSK(ctx context.Context, identity string) (key Key, found bool)
}

// KeyFunc is a function as [Keys].
type KeyFunc func(ctx context.Context, identity string) (Key, bool)

// PSK calls f.
func (f KeyFunc) PSK(ctx context.Context, identity string) (Key, bool) { return f(ctx, identity) }
