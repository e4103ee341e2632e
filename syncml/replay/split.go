package replay

import (
	"fmt"

	"github.com/fwbridge/fwbridge/syncml"
)

// sessionKey tells sessions apart that run at the same time: the same device
// does not use a SessionID twice at once (OMA DM RepPro 1.2, SessionID).
type sessionKey struct{ source, id string }

// keyOf is the session a request belongs to, and whether it is the first
// message of one. What cannot be decoded has the zero key.
func keyOf(request Message) (key sessionKey, first bool) {
	m, _, err := request.Decode()
	if err != nil {
		return sessionKey{}, false
	}
	return sessionKey{m.Header.Source.URI, m.Header.SessionID}, m.Header.MsgID == "1"
}

func (k sessionKey) String() string {
	if k == (sessionKey{}) {
		return "messages that cannot be decoded"
	}
	return fmt.Sprintf("session %s of %s", k.id, k.source)
}

// splitter puts exchanges into sessions.
type splitter struct {
	sessions []Session
	open     map[sessionKey]int // index of the newest session
	second   map[sessionKey]bool
}

// add puts an exchange into its session. A message with the number 1 begins a
// new one, unless the one in hand has got no further: then it is a repeat. What
// cannot be decoded stays with the session before it.
func (s *splitter) add(e Exchange) {
	if s.open == nil {
		s.open, s.second = make(map[sessionKey]int), make(map[sessionKey]bool)
	}
	key, first := keyOf(e.Request)
	if key == (sessionKey{}) && len(s.sessions) > 0 {
		last := &s.sessions[len(s.sessions)-1]
		last.Exchanges = append(last.Exchanges, e)
		return
	}
	i, known := s.open[key]
	if !known || first && s.second[key] {
		i = len(s.sessions)
		s.sessions = append(s.sessions, Session{Name: key.String()})
		s.open[key], s.second[key] = i, false
	}
	s.second[key] = s.second[key] || !first
	s.sessions[i].Exchanges = append(s.sessions[i].Exchanges, e)
}

// masked is e without the secrets of its messages and headers. What cannot be
// decoded cannot be masked, and loses its body.
func (e Exchange) masked() Exchange {
	e.Request, e.Response = e.Request.masked(), e.Response.masked()
	return e
}

// secretHeaders are those whose value is a credential.
var secretHeaders = []string{"Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "X-Syncml-Hmac"}

func (m Message) masked() Message {
	m.Header = m.Header.Clone()
	for _, h := range secretHeaders {
		if m.Header.Get(h) != "" {
			m.Header.Set(h, "masked")
		}
	}
	if len(m.Body) == 0 {
		return m
	}
	decoded, enc, err := m.Decode()
	if err == nil {
		m.Body, err = syncml.Encode(decoded.Masked(), enc)
	}
	if err != nil {
		m.Body = []byte{}
	}
	if m.Header != nil {
		m.Header.Del("Content-Length")
	}
	return m
}
