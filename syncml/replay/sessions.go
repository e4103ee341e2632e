package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// defaultNonce is the nonce that peers of this process agree on when the
// caller knows none: a session.Client without one sends no digest, and a
// recorded client may have begun with one.
var defaultNonce = []byte("replay nonce 000")

// liveClient is a [session.Client] that opens as the recorded client did.
type liveClient struct {
	*Replayer
	c     *session.Client
	tree  session.Tree
	enc   syncml.Encoding
	given [][]byte // nonces that the recorded client gave, in order
}

// NewClient returns a [session.Client] that has the account of the recorded
// one and opens the session with the same reason and Generic Alerts. The tree
// carries out the server's commands; its rights are those of the server id
// Options.Server.User. The error is for a session whose first message cannot
// be decoded.
func (r *Replayer) NewClient(s Session, tree session.Tree) (Client, error) {
	first, enc, err := s.first()
	if err != nil {
		return nil, fmt.Errorf("the first message: %w", err)
	}
	acc := r.account(s, first, enc)
	nonces := session.Nonces{}
	if acc.Client.Scheme != session.SchemeNone && (first.Header.Cred != nil || s.Exchanges[0].Request.Header.Get(macHeader) != "") {
		nonces.Client = agreed(&r.clientNonce)
	}
	if acc.Server.Scheme != session.SchemeNone {
		nonces.Server = agreed(&r.serverNonce)
	}
	reason, notes := opening(first)
	c := &liveClient{Replayer: r, tree: tree, enc: enc, c: session.NewClient(acc, nonces, reason, first.Header.SessionID, notes)}
	for _, e := range s.Exchanges {
		if m, _, err := e.Request.Decode(); err == nil && given(m) != nil {
			c.given = append(c.given, given(m))
		}
	}
	return c, nil
}

// agreed is the nonce that both sides begin with.
func agreed(nonce *[]byte) []byte {
	if *nonce == nil {
		*nonce = defaultNonce
	}
	return *nonce
}

// account is that of the recorded client.
func (r *Replayer) account(s Session, first *syncml.Message, enc syncml.Encoding) session.Account {
	acc := session.Account{
		DeviceID: cmpOr(r.o.Device, first.Header.Source.URI), URL: cmpOr(r.o.Target, first.Header.Target.URI),
		ServerID: r.o.Server.User, Version: first.Header.Version, Encoding: enc, MaxMsgSize: first.Header.Meta.MaxMsgSize,
		Client: session.Credentials{User: r.o.Client.User, Secret: r.o.Client.Secret},
		Server: session.Credentials{User: r.o.Server.User, Secret: r.o.Server.Secret},
	}
	for _, e := range s.Exchanges {
		acc.Client.Scheme = max(acc.Client.Scheme, schemeOf(e.Request, e.Response))
		acc.Server.Scheme = max(acc.Server.Scheme, schemeOf(e.Response, e.Request))
	}
	return acc
}

// schemes are those that session knows, by Meta Type.
var schemes = map[string]session.Scheme{typeBasic: session.SchemeBasic, typeMD5: session.SchemeMD5, typeMAC: session.SchemeMAC}

// schemeOf is the scheme of the credentials that a message has, or of the
// challenge that its peer answers with.
func schemeOf(m, peer Message) session.Scheme {
	found := session.SchemeNone
	if m.Header.Get(macHeader) != "" {
		found = session.SchemeMAC
	}
	if d, _, err := m.Decode(); err == nil && d.Header.Cred != nil {
		found = max(found, schemes[strings.ToLower(d.Header.Cred.Meta.Type)])
	}
	if d, _, err := peer.Decode(); err == nil && challenge(d) != nil {
		found = max(found, schemes[strings.ToLower(challenge(d).Meta.Type)])
	}
	return found
}

// opening reads why a session was begun, and the Generic Alerts in it.
func opening(m *syncml.Message) (reason syncml.AlertCode, notes []session.Notification) {
	reason = syncml.AlertClientInitiated
	for _, cmd := range m.Body {
		a, ok := cmd.(*syncml.Alert)
		switch {
		case !ok:
		case a.Code != syncml.AlertGeneric:
			reason = a.Code
		case len(a.Items) > 0:
			it := a.Items[0]
			notes = append(notes, session.Notification{Key: fmt.Sprint(len(notes)), Type: it.Meta.Type, Format: it.Meta.Format,
				Mark: it.Meta.Mark, Source: it.Source.URI, Correlator: a.Correlator, Data: string(it.Data)})
		}
	}
	return reason, notes
}

// Open implements [Client].
func (c *liveClient) Open(context.Context) (Message, error) { return c.took(c.c.Open(c.tree)) }

// Receive implements [Client].
func (c *liveClient) Receive(_ context.Context, answer Message) (Message, bool, error) {
	if answer.status() != http.StatusOK {
		return Message{}, false, nil // what a caller of session does is end the session
	}
	out := c.c.ReceiveHMAC(bytes.Clone(answer.Body), answer.Header.Get(macHeader), c.tree, c.nonce)
	if out.End != session.EndNot {
		return Message{}, false, nil
	}
	m, err := c.took(out)
	return m, true, err
}

func (c *liveClient) took(out session.Output) (Message, error) {
	if out.Send == nil {
		return Message{}, errors.New("the client sends nothing")
	}
	m := Message{URL: out.URL, Header: http.Header{"Content-Type": {c.enc.MIME()}}, Body: out.Send}
	if out.HMAC != "" {
		m.Header.Set(macHeader, out.HMAC)
	}
	return m, nil
}

// nonce gives the server the nonces that the recorded client gave, so that
// its recorded credentials are right; then ones of its own.
func (c *liveClient) nonce() []byte {
	if len(c.given) == 0 {
		return defaultNonce
	}
	n := c.given[0]
	c.given = c.given[1:]
	return n
}
