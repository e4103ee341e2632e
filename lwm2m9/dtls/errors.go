package dtls

import "errors"

// Errors of this package.
var (
	// ErrNoAssociation is returned by WriteTo for an address that is no
	// association, or not any more.
	ErrNoAssociation = errors.New("dtls: no such association")
	// ErrTooLarge is returned by WriteTo for more than MaxPayload bytes.
	ErrTooLarge = errors.New("dtls: datagram too large")
	// ErrWaiting is returned by Client.WriteTo while no handshake may be tried:
	// the last one failed not long ago.
	ErrWaiting = errors.New("dtls: waiting before the next handshake")
	// ErrOptions wraps what is wrong with Options or ClientOptions.
	ErrOptions = errors.New("dtls: bad options")
)

// MaxPayload is the most that fits a record (RFC 5246, 6.2.1).
const MaxPayload = 1 << 14
