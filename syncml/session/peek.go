package session

import (
	"strings"

	"github.com/fwbridge/fwbridge/syncml"
)

// Peek is what a device's message says about itself before anybody knows
// whether it is true.
type Peek struct {
	DeviceID  string // SyncHdr Source
	User      string // LocName of the Source; most devices send none
	Target    string // our address as the device knows it, session key included
	SessionID string
	MsgID     string // "1" begins a session
	Version   syncml.Version
	Encoding  syncml.Encoding
}

// PeekClient reads the header of a device's message, for finding its session
// and account. The error is a [*syncml.SyntaxError].
func PeekClient(body []byte) (Peek, error) {
	m, enc, err := syncml.Decode(body, syncml.DefaultLimits)
	if err != nil {
		return Peek{}, err
	}
	return PeekHeader(m.Header, enc), nil
}

// PeekHeader is [PeekClient] for a body that has been decoded already. It keeps
// nothing of the message alive.
func PeekHeader(h syncml.Header, enc syncml.Encoding) Peek {
	return Peek{
		DeviceID: strings.Clone(h.Source.URI), User: strings.Clone(h.Source.Name), Target: strings.Clone(h.Target.URI),
		SessionID: strings.Clone(h.SessionID), MsgID: strings.Clone(h.MsgID),
		Version:  syncml.Version{DTD: strings.Clone(h.Version.DTD), Proto: strings.Clone(h.Version.Proto)},
		Encoding: enc,
	}
}
