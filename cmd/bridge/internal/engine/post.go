package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmhttp"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// abortTimeout bounds the one POST that tells a server that its session was
// given up, its answer included. The session lasts that much longer.
const abortTimeout = 10 * time.Second

// deliver posts the session's message, once the turn is durable. Whose time is
// over fails at once and ends in postAgain.
func (t *turn) deliver(dm dmSession) {
	dm.tries++
	t.live.session = &dm
	poster, limit := t.shard.o.Poster, min(t.shard.o.PostTimeout, dm.until.Sub(t.now))
	t.start(func(ctx context.Context) occurrence {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		answer, err := poster.Post(ctx, dmhttp.Request{Server: dm.server, URL: dm.url, Encoding: dm.acc.Encoding, HMAC: dm.hmac, Body: dm.send})
		return posted{session: dm.serial, status: answer.Status, body: answer.Body, hmac: answer.HMAC, err: err}
	})
}

// temporary are the HTTP statuses after which the same message is posted
// again.
func temporary(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= 500
}

// postAgain posts the same bytes again after a while: if the server has them
// already, it answers as before (mapping.md, 5.4).
func (t *turn) postAgain(dm dmSession, w posted) {
	dm.again = t.now.Add(t.shard.o.PostRetry.after(t.rec.Endpoint, dm.tries))
	switch {
	case dm.tries >= t.shard.o.PostTries:
		t.giveUp(dm, t.httpFailure(w))
		return
	case !dm.again.Before(dm.until):
		t.giveUp(dm, t.tooLong())
		return
	}
	t.live.session = &dm
}

// giveUp ends a session in the middle. The server is told so with an Alert
// 1223 (OMA DM Protocol 1.2, "Session Abort"), so that it does not wait for
// more: once, whatever comes of it, and only a server that has answered in this
// session; others know of none.
func (t *turn) giveUp(dm dmSession, how dmResult) {
	if dm.sent < 2 {
		t.endSession(dm, how)
		return
	}
	out := dm.client.Abort(errors.New(how.Text))
	if out.End != session.EndNot || bytes.Equal(out.Send, dm.send) { // it has told the server itself
		t.endSession(dm, how)
		return
	}
	t.rec.DM.Nonces = out.Nonces
	dm.leaving, dm.until, dm.again = &how, t.now.Add(abortTimeout), time.Time{}
	dm.send, dm.hmac, dm.url, dm.tries = out.Send, out.HMAC, out.URL, 0
	dm.sent++
	t.deliver(dm)
}

// tooLong is the end of a session that its server draws out.
func (t *turn) tooLong() dmResult {
	return dmResult{At: t.now, Text: fmt.Sprintf("the session took longer than %v", t.shard.o.SessionTimeout)}
}

func (t *turn) httpFailure(w posted) dmResult {
	how := dmResult{At: t.now, Text: fmt.Sprintf("HTTP %d %s", w.status, http.StatusText(w.status))}
	switch {
	case errors.Is(w.err, context.DeadlineExceeded):
		how.Text = "no answer from the DM server in time"
	case w.err != nil:
		how.Text = w.err.Error()
	}
	return how
}
