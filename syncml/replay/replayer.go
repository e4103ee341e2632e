package replay

import (
	"maps"
	"reflect"
	"slices"

	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// Options of a [Replayer]. The zero value plays and compares everything as it
// was recorded.
type Options struct {
	// Client and Server are the passwords of the two sides. With them
	// credentials are computed for the nonces of the live session, and those of
	// the live peer are checked.
	Client, Server Credentials
	// ClientNonce and ServerNonce are the nonces that the sides agreed on
	// before the first session, for the Cred of either; nil is none.
	ClientNonce, ServerNonce []byte
	// Target replaces the server's address in the messages, Device the
	// device's id; empty keeps the recorded one.
	Target, Device string
	// Ignore lists elements that are not compared, by the end of their path:
	// "Status/TargetRef", "SyncHdr/Meta".
	Ignore []string
	// Prepare, if not nil, is called before a live client is given a message,
	// with the client's message that was recorded next: the caller can bring
	// the tree to the state the recorded device was in.
	Prepare func(next *syncml.Message)
}

// Replayer plays recorded sessions to live peers, one after the other. It
// keeps the nonces from one session to the next, as the peers do. It is not
// safe for use by more than one goroutine.
type Replayer struct {
	o                        Options
	clientNonce, serverNonce []byte // for the next Cred of either side
}

// New returns a Replayer.
func New(o Options) *Replayer {
	o.Ignore = slices.Clone(o.Ignore)
	return &Replayer{o: o, clientNonce: o.ClientNonce, serverNonce: o.ServerNonce}
}

// play is one session while it is played.
type play struct {
	*Replayer
	s      Session
	side   Direction // the side that is played
	corr   *correspondence
	shift  int // how many messages more than recorded we have sent
	result Result

	recorded, live map[string]string // addresses by the words that stand for them in a comparison
	rename         map[string]string // recorded addresses by those that are sent
	liveSession    string            // SessionID; empty is as recorded
	open           bool              // nobody in the recorded session has credentials
}

func (r *Replayer) play(s Session, side Direction) *play {
	p := &play{Replayer: r, s: s, side: side, corr: newCorrespondence(), result: Result{Session: s.Name},
		recorded: make(map[string]string), live: make(map[string]string), rename: make(map[string]string)}
	p.address(r.o.Target, r.o.Device)
	p.open = true
	for _, e := range s.Exchanges {
		p.open = p.open && schemeOf(e.Request, e.Response) == session.SchemeNone && schemeOf(e.Response, e.Request) == session.SchemeNone
	}
	return p
}

// address makes the live server and device other ones than recorded; an empty
// one stays.
func (p *play) address(target, device string) {
	for _, e := range p.s.Exchanges {
		if m, _, err := e.Request.Decode(); err == nil {
			p.another(m.Header.Target.URI, target, "(server)")
			p.another(m.Header.Source.URI, device, "(device)")
		}
		if m, _, err := e.Response.Decode(); err == nil {
			p.another(m.Header.Source.URI, target, "(server)")
		}
	}
}

func (p *play) another(recorded, live, word string) {
	if live != "" && recorded != "" {
		p.recorded[recorded], p.live[live], p.rename[recorded] = word, word, live
	}
}

// mine and peers are the nonces of the two sides, and passwords likewise.
func (p *play) mine() (*[]byte, Credentials) {
	if p.side == FromClient {
		return &p.clientNonce, p.o.Client
	}
	return &p.serverNonce, p.o.Server
}

func (p *play) peers() (*[]byte, Credentials) {
	if p.side == FromClient {
		return &p.serverNonce, p.o.Server
	}
	return &p.clientNonce, p.o.Client
}

// outgoing is a recorded message as it goes to the live peer. refused says
// that the recorded peer refused its credentials: then they stay as they were.
func (p *play) outgoing(rec Message, refused bool) (Message, error) {
	m, enc, err := rec.Decode()
	if err != nil {
		return rec, nil // what is no message is sent as it is
	}
	out := m.Normal()
	out.Header.MsgID = shifted(m.Header.MsgID, p.shift)
	p.corr.sent(m.Header.MsgID, out.Header.MsgID)
	if p.liveSession != "" {
		out.Header.SessionID = p.liveSession
	}
	p.readdress(out)
	out.Body = p.refer(out.Body)
	if !refused {
		p.authorize(out)
	}
	return p.finish(rec, m, out, enc, refused)
}

// finish encodes a message and gives it its header of scheme MAC. A message
// that needed no change goes out byte for byte.
func (p *play) finish(rec Message, m, out *syncml.Message, enc syncml.Encoding, refused bool) (Message, error) {
	live := rec
	live.URL, live.Header = "", rec.Header.Clone()
	if !reflect.DeepEqual(m.Normal(), out) {
		b, err := syncml.Encode(out, enc)
		if err != nil {
			return Message{}, err
		}
		live.Body = b
	}
	nonce, creds := p.mine()
	if live.Header.Get(macHeader) != "" && creds.known() && !refused {
		live.Header.Set(macHeader, creds.mac(*nonce, live.Body))
	}
	if n := given(out); n != nil {
		theirs, _ := p.peers()
		*theirs = n
	}
	return live, nil
}

// readdress puts the live addresses in place of the recorded ones.
func (p *play) readdress(m *syncml.Message) {
	if len(p.rename) == 0 {
		return
	}
	c := canon{names: p.rename}
	m.Header.Source.URI, m.Header.Target.URI = c.renamed(m.Header.Source.URI), c.renamed(m.Header.Target.URI)
	for _, cmd := range m.Body {
		switch cmd := cmd.(type) {
		case *syncml.Status:
			for _, refs := range [][]string{cmd.TargetRefs, cmd.SourceRefs} {
				for i := range refs {
					refs[i] = c.renamed(refs[i])
				}
			}
		case *syncml.Op:
			for i := range cmd.Items {
				cmd.Items[i].Data = p.readdressed(cmd.Items[i].Data)
			}
		}
	}
}

func (p *play) readdressed(data []byte) []byte {
	if live, ok := p.rename[string(data)]; ok {
		return []byte(live)
	}
	return data
}

// refer turns the references to the peer's commands into those of the live
// session. What answers a command that the live peer did not send is left out.
func (p *play) refer(body []syncml.Command) []syncml.Command {
	return slices.DeleteFunc(body, func(cmd syncml.Command) (gone bool) {
		ok := true
		switch cmd := cmd.(type) {
		case *syncml.Status:
			cmd.MsgRef, cmd.CmdRef, ok = p.corr.forth(cmd.MsgRef, cmd.CmdRef)
		case *syncml.Results:
			cmd.MsgRef, cmd.CmdRef, ok = p.corr.forth(cmd.MsgRef, cmd.CmdRef)
		}
		return !ok
	})
}

// authorize makes the credentials of a message anew.
func (p *play) authorize(m *syncml.Message) {
	nonce, creds := p.mine()
	if m.Header.Cred == nil || !creds.known() {
		return
	}
	if data, ok := creds.data(m.Header.Cred.Meta.Type, *nonce); ok {
		m.Header.Cred = &syncml.Cred{Meta: m.Header.Cred.Meta, Data: data}
		if m.Header.Source.Name != "" {
			m.Header.Source.Name = creds.User
		}
	}
}

// sides are the two sides of a comparison of the peer's messages. With refused
// the credentials are not checked: the recording says that they were wrong.
func (p *play) sides(refused bool) (want, got side) {
	nonce, creds := p.peers()
	want = side{refs: func(msg, cmd string) (string, string) { return msg, cmd }, names: maps.Clone(p.recorded)}
	got = side{refs: p.corr.back, names: maps.Clone(p.live)}
	if !refused {
		got.creds, got.nonce = creds, *nonce
	}
	want.open, got.open = p.open, p.open
	return want, got
}
