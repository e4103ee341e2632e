package notify

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// Describe prints a trigger for people, one field a line. The digest is shown
// only when showSecrets is set.
func Describe(w io.Writer, m *Message, showSecrets bool) error {
	sum := redacted
	if showSecrets {
		sum = hex.EncodeToString(m.Digest[:])
	}
	var b strings.Builder
	fmt.Fprintf(&b, "digest      %s\nversion     %v\nui-mode     %v\ninitiator   %v\n", sum, m.Version, m.UIMode, m.Initiator)
	if m.Future != 0 {
		fmt.Fprintf(&b, "future-use  %07x\n", m.Future)
	}
	fmt.Fprintf(&b, "session     %s\nserver id   %s\n", m.SessionText(), m.ServerID)
	if len(m.Vendor) > 0 {
		fmt.Fprintf(&b, "vendor      %x\n", m.Vendor)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
