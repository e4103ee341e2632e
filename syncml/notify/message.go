package notify

import (
	"encoding/binary"
	"fmt"
	"log/slog"
)

// Sizes and limits, in bytes.
const (
	DigestSize  = 16                                                 // MD5
	triggerHead = 8                                                  // version to length-identifier
	MinSize     = DigestSize + triggerHead                           // of Package 0
	MaxServerID = 255                                                // the length is one byte
	MaxVendor   = 1024                                               // of the vendor-specific part; ours: the specification has none
	MaxSize     = DigestSize + triggerHead + MaxServerID + MaxVendor // of Package 0
)

// Version is the version field: ten times the version.
type Version uint16

// The versions. Version11 is what DM 1.2 has.
const (
	Version11  Version = 11
	MinVersion Version = 10
	MaxVersion Version = 13
)

// String is the version as it is spoken, such as 1.1.
func (v Version) String() string { return fmt.Sprintf("%d.%d", v/10, v%10) }

// UIMode says how much the user should notice (two bits).
type UIMode uint8

// The modes.
const (
	UINotSpecified UIMode = iota
	UIBackground
	UIInformative
	UIInteraction
)

var uiNames = [...]string{"not specified", "background", "informative", "user interaction"}

// String is the mode in words.
func (u UIMode) String() string {
	if int(u) < len(uiNames) {
		return uiNames[u]
	}
	return fmt.Sprintf("UIMode(%d)", uint8(u))
}

// Initiator says who wants the session (one bit).
type Initiator uint8

// The initiators.
const (
	ByUser Initiator = iota
	ByServer
)

var initiatorNames = [...]string{"user", "server"}

// String is the initiator in words.
func (i Initiator) String() string {
	if int(i) < len(initiatorNames) {
		return initiatorNames[i]
	}
	return fmt.Sprintf("Initiator(%d)", uint8(i))
}

// Digest authenticates a trigger. It is not printed: it lets a secret be
// guessed at leisure.
type Digest [DigestSize]byte

// Format implements [fmt.Formatter].
func (Digest) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue implements [slog.LogValuer].
func (Digest) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements [encoding.TextMarshaler] for whoever prints a struct.
func (Digest) MarshalText() ([]byte, error) { return []byte(redacted), nil }

const redacted = "[redacted]"

// Message is a Package 0. Its JSON and fmt forms hide the digest.
type Message struct {
	Digest    Digest
	Version   Version
	UIMode    UIMode
	Initiator Initiator
	Future    uint32 // 27 bits for future use: zero when built, kept when parsed
	SessionID uint16 // of the session wanted; never 0
	ServerID  string // ASCII, 1 to MaxServerID bytes: ServerID in DMAcc
	Vendor    []byte // at most MaxVendor bytes
}

// futureBits is the width of the field for future use.
const futureBits = 27

// SessionText is the session id as it stands in SyncHdr: 1 to 4 upper-case hex
// digits without leading zeros (OMA DM Protocol 1.2, SessionID).
func (m *Message) SessionText() string { return fmt.Sprintf("%X", m.SessionID) }

// Append appends Package 0 to b. The error is a [*FieldError].
func (m *Message) Append(b []byte) ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	return m.appendTrigger(append(b, m.Digest[:]...)), nil
}

// check refuses what the fields of the wire cannot hold.
func (m *Message) check() error {
	for _, c := range []struct {
		bad        bool
		field, msg string
	}{
		{m.Version < MinVersion || m.Version > MaxVersion, "version", "only 1.0 to 1.3 are known"},
		{m.UIMode > UIInteraction, "ui-mode", "is wider than two bits"},
		{m.Initiator > ByServer, "initiator", "is wider than one bit"},
		{m.Future>>futureBits != 0, "future-use", "is wider than 27 bits"},
		{m.SessionID == 0, "sessionid", "is 0; 1 to FFFF are allowed"},
		{m.ServerID == "", "server-identifier", "is empty"},
		{len(m.ServerID) > MaxServerID, "server-identifier", fmt.Sprintf("is longer than %d bytes", MaxServerID)},
		{!ascii(m.ServerID), "server-identifier", "has characters that cannot be printed in ASCII"},
		{len(m.Vendor) > MaxVendor, "vendor-specific", fmt.Sprintf("is longer than %d bytes", MaxVendor)},
	} {
		if c.bad {
			return &FieldError{c.field, c.msg}
		}
	}
	return nil
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7E {
			return false
		}
	}
	return true
}

// appendTrigger appends everything but the digest (section 6.2.2).
func (m *Message) appendTrigger(b []byte) []byte {
	head := uint64(m.Version)<<54 | uint64(m.UIMode)<<52 | uint64(m.Initiator)<<51 |
		uint64(m.Future)<<24 | uint64(m.SessionID)<<8 | uint64(len(m.ServerID))
	b = binary.BigEndian.AppendUint64(b, head)
	b = append(b, m.ServerID...)
	return append(b, m.Vendor...)
}

// Parse reads a Package 0. The error is a [*SyntaxError] or a
// [*VersionError]; that the digest is right is found out by Verify.
func Parse(b []byte) (*Message, error) {
	fail := func(at int, msg string) (*Message, error) { return nil, &SyntaxError{"Package 0", at, msg} }
	switch {
	case len(b) < MinSize:
		return fail(len(b), fmt.Sprintf("ends here; at least %d bytes are needed", MinSize))
	case len(b) > MaxSize:
		return fail(MaxSize, "goes on; that is more than Package 0 may have")
	}
	head := binary.BigEndian.Uint64(b[DigestSize:])
	m := &Message{
		Digest:    Digest(b[:DigestSize]),
		Version:   Version(head >> 54),
		UIMode:    UIMode(head >> 52 & 3),
		Initiator: Initiator(head >> 51 & 1),
		Future:    uint32(head >> 24 & (1<<futureBits - 1)),
		SessionID: uint16(head >> 8),
	}
	n, rest := int(head&0xFF), b[MinSize:]
	switch {
	case m.Version < MinVersion || m.Version > MaxVersion:
		return nil, &VersionError{m.Version}
	case m.SessionID == 0:
		return fail(MinSize-3, "the session id is 0")
	case n == 0:
		return fail(MinSize-1, "the server id is empty")
	case n > len(rest):
		return fail(MinSize-1, "the server id is longer than what is left")
	case !ascii(string(rest[:n])):
		return fail(MinSize, "the server id is not ASCII")
	case len(rest)-n > MaxVendor:
		return fail(MinSize+n+MaxVendor, "the vendor-specific part goes on")
	}
	m.ServerID = string(rest[:n])
	if n < len(rest) {
		m.Vendor = append([]byte(nil), rest[n:]...)
	}
	return m, nil
}
