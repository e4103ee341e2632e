package syncml

import (
	"errors"
	"fmt"
	"log/slog"
)

// Secret is text that no log, error or dump may show: credentials and nonces.
// Convert it with string(s) where it goes on the wire or into the store.
//
// Every verb of fmt, slog, JSON, YAML and XML print the word [redacted] in its
// place. Three things this cannot reach: an unexported field printed by fmt,
// which calls no methods there; a pointer inside a structure under a verb that
// does not fit, for the same reason (the types of this package see to that
// themselves, print.go); and a map key in JSON.
type Secret string

const redacted = "[redacted]"

var errRedacted = errors.New("syncml: [redacted] stands where a secret must: the text was printed, not stored")

// Format implements [fmt.Formatter]: every verb prints the same word.
func (s Secret) Format(f fmt.State, _ rune) {
	if s != "" {
		fmt.Fprint(f, redacted)
	}
}

// LogValue implements [slog.LogValuer].
func (s Secret) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(s)) }

// MarshalText implements [encoding.TextMarshaler] for everything that prints
// a struct: the word, never the secret. What must be stored is stored under
// another type.
func (s Secret) MarshalText() ([]byte, error) { return []byte(fmt.Sprint(s)), nil }

// UnmarshalText implements [encoding.TextUnmarshaler], for configuration. It
// refuses what MarshalText writes, so that a dump is never taken for the real
// thing.
func (s *Secret) UnmarshalText(b []byte) error {
	if string(b) == redacted {
		return errRedacted
	}
	*s = Secret(b)
	return nil
}
