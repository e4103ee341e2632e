package replay

import (
	"fmt"

	"github.com/fwbridge/fwbridge/syncml"
)

// maxRetries is how often, in one session, a message is sent again because the
// live peer wants other credentials than the recorded one did.
const maxRetries = 2

// incoming compares a message of the live peer with the recorded one, and
// takes from it what the messages to come need. refused says that the recorded
// session goes on with a refusal of its credentials.
func (p *play) incoming(rec, live Message, refused bool) {
	step := Step{Message: rec.Name, From: 1 - p.side}
	defer func() { p.result.Steps = append(p.result.Steps, step) }()
	if step.From == FromServer && rec.status() != live.status() {
		step.Fault = fmt.Sprintf("HTTP status %d, recorded was %d", live.status(), rec.status())
		return
	}
	want, _, errWant := rec.Decode()
	got, _, errGot := live.Decode()
	switch {
	case errWant != nil && errGot != nil:
		return // no message then, none now
	case errWant != nil:
		step.Fault = "a SyncML message, where none was recorded"
		return
	case errGot != nil:
		step.Fault = fmt.Sprintf("no SyncML message of %d bytes: %v", len(live.Body), errGot)
		return
	}
	p.corr.received(want, got)
	step.Diff = p.compare(want, got, live, refused)
	if step.From == FromClient && rec.Header.Get(macHeader) != "" {
		step.Fault = p.checkMAC(live, refused)
	}
	p.learn(got)
}

// learn takes the nonce for our next Cred.
func (p *play) learn(got *syncml.Message) {
	if n := given(got); n != nil {
		nonce, _ := p.mine()
		*nonce = n
	}
}

func (p *play) compare(want, got *syncml.Message, live Message, refused bool) Diff {
	w, g := p.sides(refused)
	if len(g.names) > 0 && p.side == FromClient { // servers spell their address in many ways
		if _, ok := p.rename[want.Header.Source.URI]; ok {
			g.names[got.Header.Source.URI] = "(server)"
		}
	}
	if p.shift != 0 || p.liveSession != "" {
		want, got = want.Normal(), got.Normal()
	}
	if p.shift != 0 { // numbers have moved
		want.Header.MsgID, got.Header.MsgID = "", ""
	}
	if p.liveSession != "" && got.Header.SessionID == p.liveSession {
		got.Header.SessionID = want.Header.SessionID
	}
	return compare(want, got, w, g, 1-p.side, p.o.Ignore)
}

// checkMAC says what is wrong with the header of scheme MAC.
func (p *play) checkMAC(live Message, refused bool) string {
	header := live.Header.Get(macHeader)
	nonce, creds := p.peers()
	switch {
	case header == "":
		return "no header " + macHeader + ", which was recorded"
	case !refused && creds.known() && macOf(header) != macOf(creds.mac(*nonce, live.Body)):
		return "a wrong digest in the header " + macHeader
	}
	return ""
}

// challenged says whether the live peer refuses credentials where the recorded
// one did not, and they can be made anew. It takes the nonce that is given.
func (p *play) challenged(rec, live Message) (*syncml.Message, bool) {
	want, _, err := rec.Decode()
	if err != nil || refused(want) || p.shift >= maxRetries {
		return nil, false
	}
	got, _, err := live.Decode()
	_, creds := p.mine()
	if err != nil || !refused(got) || !creds.known() || challenge(got) == nil {
		return nil, false
	}
	p.learn(got)
	p.shift++
	p.result.Notes = append(p.result.Notes, fmt.Sprintf("%s: the peer challenged; the message before it was sent again with new credentials", rec.Name))
	return got, true
}

// again is a recorded message once more, after a challenge: with a Status for
// the challenge, and with credentials of the kind that it asks for.
func (p *play) again(rec Message, chal *syncml.Message) (Message, error) {
	m, enc, err := rec.Decode()
	if err != nil {
		return Message{}, err
	}
	out := m.Normal()
	out.Header.MsgID = shifted(m.Header.MsgID, p.shift)
	p.corr.sent(m.Header.MsgID, out.Header.MsgID)
	if p.liveSession != "" {
		out.Header.SessionID = p.liveSession
	}
	p.readdress(out)
	var rest []syncml.Command
	for _, cmd := range out.Body {
		if s, ok := cmd.(*syncml.Status); !ok || s.CmdRef != "0" && p.side == FromClient {
			rest = append(rest, cmd)
		}
	}
	head := &syncml.Status{CmdID: "1000", MsgRef: chal.Header.MsgID, CmdRef: "0", Cmd: syncml.CmdSyncHdr, Code: syncml.StatusAuthenticated}
	out.Body = append([]syncml.Command{head}, p.refer(rest)...)
	out.Header.Cred = &syncml.Cred{Meta: syncml.Meta{Format: "b64", Type: challenge(chal).Meta.Type}}
	p.authorize(out)
	if out.Header.Cred.Data == "" { // MAC goes into the HTTP header, or a scheme that is not known
		out.Header.Cred = nil
	}
	return p.finish(rec, m, out, enc, false)
}
