// Package notify is Package 0 of OMA DM: the trigger by which a server asks a
// device for a session (OMA DM Notification Initiated Session 1.2, section 6).
// It builds, parses and verifies the trigger, and wraps it for the bearers
// that know it: WSP connectionless push, and SMS with a user data header. It
// opens no socket, has no clock, and decides nothing about sessions.
//
//	m := &notify.Message{Version: notify.Version11, SessionID: 0x2A7, ServerID: "dm.example.org"}
//	m.Sign(notify.Key{User: m.ServerID, Secret: secret}, nonce)
//	b, err := m.Append(nil)          // Package 0
//	push := notify.Push(b)           // as a UDP datagram to port 2948
//	sms, err := notify.Segment(push, notify.Port, ref)
//
//	m, err := notify.Open(b)         // any of the forms above
//	how, err := m.Verify(key, nonce, notify.DefaultAlways)
//
// # Departures
//
// Versions 1.0 to 1.3 are read: the DM 1.2 text says 1.1, servers write what
// they like. Bits for future use are ignored, and count for the digest. The
// default nonce 0x00000000 is four zero bytes for some peers and ten ASCII
// characters for others: both are tried. A push without the application id is
// taken when its content type is right. Only what a trigger needs of WSP is
// read: other headers are skipped by their length.
package notify
