package replay

import (
	"context"
	"fmt"
)

// Server is a live DM server: it answers a client's message. [Handler], [URL]
// and [Replayer.NewServer] make one.
type Server interface {
	// Answer returns the answer to a message. An empty URL in the request
	// stands for the server's own. An error means that there was none.
	Answer(ctx context.Context, request Message) (Message, error)
}

// Client is a live DM client. [Replayer.NewClient] makes one.
type Client interface {
	// Open begins a session with its first message.
	Open(ctx context.Context) (Message, error)
	// Receive takes the server's answer and returns the next message; more is
	// false when the session is over.
	Receive(ctx context.Context, answer Message) (next Message, more bool, err error)
}

// AsClient plays the client's side of a session to a live server and compares
// its answers. The error is for a session that could not be played to its end;
// the Result is what was compared until then.
func (r *Replayer) AsClient(ctx context.Context, s Session, server Server) (*Result, error) {
	p := r.play(s, FromClient)
	url := ""
	for i, e := range s.Exchanges {
		live, err := p.exchange(ctx, server, e, url)
		if err != nil {
			return &p.result, fmt.Errorf("%s: %w", e.Request.Name, err)
		}
		if m, _, err := live.Decode(); err == nil && m.Header.RespURI != "" {
			url = m.Header.RespURI
		}
		if e.answered() {
			p.incoming(e.Response, live, p.refusedNext(i))
		}
	}
	return &p.result, nil
}

// exchange sends one message and returns the answer; after a challenge that
// was not recorded it sends it again.
func (p *play) exchange(ctx context.Context, server Server, e Exchange, url string) (Message, error) {
	rec, _, err := e.Response.Decode()
	request, err := p.outgoing(e.Request, err == nil && refused(rec))
	if err != nil {
		return Message{}, err
	}
	for {
		request.URL = url
		live, err := server.Answer(ctx, request)
		if err != nil {
			return Message{}, err
		}
		chal, ok := p.challenged(e.Response, live)
		if !ok {
			return live, nil
		}
		if request, err = p.again(e.Request, chal); err != nil {
			return Message{}, err
		}
	}
}

// refusedNext says whether the recorded client refuses the credentials of the
// answer of exchange i.
func (p *play) refusedNext(i int) bool {
	if i+1 >= len(p.s.Exchanges) {
		return false
	}
	m, _, err := p.s.Exchanges[i+1].Request.Decode()
	return err == nil && refused(m)
}

// AsServer plays the server's side of a session to a live client and compares
// the client's messages. The error is for a session that could not be played to
// its end; the Result is what was compared until then.
func (r *Replayer) AsServer(ctx context.Context, s Session, client Client) (*Result, error) {
	side := serverSide{play: r.play(s, FromServer)}
	live, err := client.Open(ctx)
	for more := true; more && err == nil; {
		answer, ok, stepErr := side.step(live)
		if stepErr != nil || !ok {
			return &side.result, stepErr
		}
		if live, more, err = client.Receive(ctx, answer); !more {
			side.ended()
		}
	}
	return &side.result, err
}

// serverSide is the server's side of a session, message by message.
type serverSide struct {
	*play
	next int // exchange
}

// step takes a message of the live client and returns the answer; false if the
// recording has none.
func (s *serverSide) step(live Message) (answer Message, ok bool, err error) {
	if s.next > 0 && s.next < len(s.s.Exchanges) {
		last := s.s.Exchanges[s.next-1].Response
		if chal, yes := s.challenged(s.s.Exchanges[s.next].Request, live); yes {
			answer, err = s.again(last, chal)
			return answer, err == nil, err
		}
	}
	if s.next == len(s.s.Exchanges) {
		s.result.Steps = append(s.result.Steps, Step{Message: "message " + fmt.Sprint(2*s.next+1), From: FromClient,
			Fault: "a further message of the client; the recorded session was over"})
		return Message{}, false, nil
	}
	e := s.s.Exchanges[s.next]
	s.next++
	rec, _, decodeErr := e.Response.Decode()
	s.incoming(e.Request, live, decodeErr == nil && refused(rec))
	if !e.answered() {
		return Message{}, false, nil
	}
	s.prepare()
	answer, err = s.outgoing(e.Response, s.refusedNext(s.next-1))
	return answer, err == nil, err
}

// prepare lets the caller bring the tree to the state of the next message.
func (s *serverSide) prepare() {
	if s.o.Prepare == nil || s.next >= len(s.s.Exchanges) {
		return
	}
	if m, _, err := s.s.Exchanges[s.next].Request.Decode(); err == nil {
		s.o.Prepare(m)
	}
}

// ended notes that the client has ended the session; too early is a
// difference.
func (s *serverSide) ended() {
	if left := len(s.s.Exchanges) - s.next; left > 0 {
		s.result.Steps = append(s.result.Steps, Step{Message: s.s.Exchanges[s.next].Request.Name, From: FromClient,
			Fault: fmt.Sprintf("the client has ended the session; recorded are %d more of its messages", left)})
	}
}
