package replay

import (
	"net/http"

	"github.com/fwbridge/fwbridge/syncml"
)

// Direction says who sent a message.
type Direction uint8

// The directions.
const (
	FromClient Direction = iota
	FromServer
)

// String is the direction as it stands in the names of files: "c2s", "s2c".
func (d Direction) String() string {
	if d == FromServer {
		return "s2c"
	}
	return "c2s"
}

// Message is one HTTP message with its body as it was on the wire.
type Message struct {
	Name   string      // where it comes from, for reports: "02-s2c.xml", "entry 3"
	URL    string      // of a request, as far as it was recorded
	Status int         // of a response; 0 stands for 200
	Header http.Header // may be nil
	Body   []byte
}

// Decode reads the body. The error is a [*syncml.SyntaxError].
func (m Message) Decode() (*syncml.Message, syncml.Encoding, error) {
	return syncml.Decode(m.Body, syncml.DefaultLimits)
}

// status is the HTTP status with the default filled in.
func (m Message) status() int {
	if m.Status == 0 {
		return http.StatusOK
	}
	return m.Status
}

// contentType is the content type that was recorded, or else the one that
// fits the encoding.
func (m Message) contentType(enc syncml.Encoding) string {
	if t := m.Header.Get("Content-Type"); t != "" {
		return t
	}
	return enc.MIME()
}

// Exchange is one POST with its answer. Either side may be missing: an answer
// that was lost, has no Body, Header and Status.
type Exchange struct {
	Request  Message
	Response Message
}

// answered says whether the answer was recorded.
func (e Exchange) answered() bool {
	return e.Response.Body != nil || e.Response.Status != 0 || e.Response.Header != nil
}

// Session is one DM session of one device.
type Session struct {
	Name      string // "session 1 of IMEI:490154203237518"
	Exchanges []Exchange
	// Trigger is the Package 0 that asked for the session; nil if there was
	// none or it was not recorded.
	Trigger []byte
}

// Recording is what one folder or file holds: one session or several, in the
// order in which they began.
type Recording struct {
	Path     string
	Sessions []Session
}

// Messages counts the messages of all sessions.
func (r *Recording) Messages() int {
	n := 0
	for _, s := range r.Sessions {
		for _, e := range s.Exchanges {
			n++
			if e.answered() {
				n++
			}
		}
	}
	return n
}
