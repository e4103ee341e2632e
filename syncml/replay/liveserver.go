package replay

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// liveServer is a [session.Server] that wants done what the recorded server
// wanted.
type liveServer struct {
	*Replayer
	s    *session.Server
	rec  Session
	enc  syncml.Encoding
	next int // exchange whose commands are queued next
	seen int // nonces handed out
}

// NewServer returns a [session.Server] that has the account of the recorded
// one and sends the same commands, each at the message at which it was
// recorded. The error is for a session whose first message cannot be decoded.
func (r *Replayer) NewServer(s Session) (Server, error) {
	first, enc, err := s.first()
	if err != nil {
		return nil, fmt.Errorf("the first message: %w", err)
	}
	cfg := session.ServerConfig{Account: r.account(s, first, enc), LargeObjects: true, Sequence: true, Batch: session.MaxCommands}
	cfg.Account.MaxMsgSize = 0
	if cfg.Account.Client.Scheme != session.SchemeNone {
		cfg.Nonces.Client = agreed(&r.clientNonce)
	}
	if m, _, err := s.Exchanges[0].Response.Decode(); err == nil && m.Header.Cred != nil {
		cfg.Nonces.Server = agreed(&r.serverNonce)
	}
	for _, e := range s.Exchanges {
		if m, _, err := e.Response.Decode(); err == nil {
			cfg.Account.MaxMsgSize = max(cfg.Account.MaxMsgSize, m.Header.Meta.MaxMsgSize)
			cfg.Account.MaxObjSize = max(cfg.Account.MaxObjSize, m.Header.Meta.MaxObjSize)
			cfg.RespURI = cmpOr(cfg.RespURI, m.Header.RespURI)
		}
	}
	return &liveServer{Replayer: r, s: session.NewServer(cfg), rec: s, enc: enc}, nil
}

// Answer implements [Server].
func (l *liveServer) Answer(_ context.Context, request Message) (Message, error) {
	if _, err := l.s.Receive(bytes.Clone(request.Body), request.Header.Get(macHeader), l.nonce); err != nil {
		return Message{Status: http.StatusBadRequest}, nil // what a caller of session answers
	}
	l.queue()
	reply := l.s.Reply()
	if reply.Send == nil {
		return Message{}, fmt.Errorf("the server has nothing to say: %s", reply.End)
	}
	m := Message{Header: http.Header{"Content-Type": {l.enc.MIME()}}, Body: reply.Send}
	if reply.HMAC != "" {
		m.Header.Set(macHeader, reply.HMAC)
	}
	return m, nil
}

// queue gives the server the commands that the recorded one sent next. Chunks
// of a large object are one command.
func (l *liveServer) queue() {
	if l.next >= len(l.rec.Exchanges) {
		return
	}
	m, _, err := l.rec.Exchanges[l.next].Response.Decode()
	l.next++
	if err != nil {
		return
	}
	for i, cmd := range m.Normal().Body {
		switch cmd := cmd.(type) {
		case *syncml.Status, *syncml.Results, *syncml.Unknown:
			continue
		case *syncml.Alert:
			if cmd.Code == syncml.AlertSessionAbort {
				l.s.Abort()
			}
			if cmd.Code >= syncml.AlertServerInitiated {
				continue // the session's own affair
			}
		}
		l.s.Queue(fmt.Sprintf("%d/%d", l.next, i), cmd)
	}
}

// nonce is 16 bytes, another one each time.
func (l *liveServer) nonce() []byte {
	l.seen++
	return fmt.Appendf(nil, "server nonce %03d", l.seen%1000)
}
