package syncml

import (
	"fmt"
	"log/slog"
)

// Secret is text that no log, error or dump may show: credentials and nonces.
// Convert it with string(s) where it goes on the wire.
type Secret string

const redacted = "[redacted]"

// Format implements [fmt.Formatter]: every verb prints the same word.
func (s Secret) Format(f fmt.State, _ rune) {
	if s != "" {
		fmt.Fprint(f, redacted)
	}
}

// LogValue implements [slog.LogValuer].
func (s Secret) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(s)) }
