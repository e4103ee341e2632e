package dmserver

import (
	"errors"
	"fmt"

	"github.com/fwbridge/fwbridge/syncml/notify"
)

// Trigger makes the Package 0 that asks a device for a session: signed with
// the nonce that the device gave last, or with the default nonce. Sending it
// is up to the caller. The error is for a server without credentials.
func (s *Server) Trigger(device string, session uint16) ([]byte, error) {
	if s.cfg.ServerID == "" || s.cfg.ServerPassword == "" {
		return nil, errors.New("dm server: a trigger needs server-id and server-password")
	}
	s.mu.Lock()
	nonce := notify.DefaultNonce
	if d := s.devices[device]; d != nil && len(d.serverNonce) > 0 {
		nonce = notify.Nonce(d.serverNonce)
	}
	s.mu.Unlock()
	m := &notify.Message{
		Version: notify.Version11, UIMode: notify.UIBackground, Initiator: notify.ByServer, SessionID: session, ServerID: s.cfg.ServerID,
	}
	m.Sign(notify.Key{User: s.cfg.ServerID, Secret: s.cfg.ServerPassword}, nonce)
	b, err := m.Append(nil)
	if err != nil {
		return nil, fmt.Errorf("dm server: %w", err)
	}
	return b, nil
}
