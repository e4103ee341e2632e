package notify

import (
	"errors"
	"fmt"
)

var (
	// ErrDigest means that the digest is that of no nonce that is allowed. It
	// is the same error for a wrong secret, nonce or content.
	ErrDigest = errors.New("notify: the digest is wrong")
	// ErrNotTrigger means that a push is whole, but for another application.
	ErrNotTrigger = errors.New("notify: the push holds no DM trigger")
)

// SyntaxError says where bytes could not be read, never what they hold.
type SyntaxError struct {
	Form   string // "Package 0", "WSP", "user data header"
	Offset int    // in bytes
	Msg    string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("notify: %s: byte %d: %s", e.Form, e.Offset, e.Msg)
}

// VersionError is a Package 0 of a version that is not known.
type VersionError struct{ Version Version }

func (e *VersionError) Error() string {
	return fmt.Sprintf("notify: Package 0 of version %v; versions %v to %v are known", e.Version, MinVersion, MaxVersion)
}

// FieldError is a field that cannot be built.
type FieldError struct{ Field, Msg string }

func (e *FieldError) Error() string { return "notify: " + e.Field + ": " + e.Msg }
