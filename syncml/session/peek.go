package session

import "github.com/fwbridge/fwbridge/syncml"

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
	h := m.Header
	return Peek{DeviceID: h.Source.URI, User: h.Source.Name, Target: h.Target.URI, SessionID: h.SessionID,
		MsgID: h.MsgID, Version: h.Version, Encoding: enc}, nil
}
