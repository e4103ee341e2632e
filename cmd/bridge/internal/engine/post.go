package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// deliver posts the session's message, once the turn is durable.
func (t *turn) deliver(dm dmSession) {
	dm.tries++
	t.live.session = &dm
	o, poster := t.shard.o, t.shard.o.Poster
	t.start(func(ctx context.Context) occurrence {
		ctx, cancel := context.WithTimeout(ctx, o.PostTimeout)
		defer cancel()
		status, _, body, err := poster.Post(ctx, dm.url, dm.acc.Encoding.MIME(), dm.send)
		return posted{session: dm.serial, status: status, body: body, err: err}
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
	if dm.tries >= t.shard.o.PostTries {
		t.endSession(dm, t.httpFailure(w))
		return
	}
	dm.again = t.now.Add(t.shard.o.PostRetry.after(t.rec.Endpoint, dm.tries))
	t.live.session = &dm
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
