package dmlisten

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// exchange finds the session of a message and has it answered. An error is
// answered in HTTP.
func (h *Handler) exchange(ctx context.Context, m message) (answer, error) {
	l, err := h.table.byToken(ctx, m.token, m.until)
	switch {
	case errors.Is(err, errTooManyWaiting):
		return h.dismissBody(m, syncml.StatusUnavailable)
	case err != nil:
		return answer{}, err
	case l == nil:
		return h.byName(ctx, m)
	}
	// The session may be over since it was looked up, or by its last word: there
	// are devices that begin the next one at the URL of this one.
	if l.ended || !h.table.alive(l, h.o.Now()) {
		h.table.leave(l.device)
		return h.byName(ctx, m)
	}
	defer h.table.leave(l.device)
	return h.converse(ctx, l, m)
}

// byName finds the session of a message from what is in it.
func (h *Handler) byName(ctx context.Context, m message) (answer, error) {
	if err := m.decode(); err != nil {
		return answer{}, err
	}
	msg, enc := m.msg, m.enc
	name := msg.Header.Source.URI
	switch {
	case name == "":
		return h.dismiss(msg, enc, syncml.StatusBadRequest)
	case len(name) > MaxName:
		return h.dismiss(msg, enc, syncml.StatusURITooLong)
	}
	d, err := h.table.enter(ctx, name, m.until)
	if errors.Is(err, errTooManyWaiting) {
		return h.dismiss(msg, enc, syncml.StatusUnavailable)
	} else if err != nil {
		return answer{}, err
	}
	defer h.table.leave(d)
	l := h.table.bySession(d, msg.Header.SessionID)
	if l != nil && !h.table.alive(l, h.o.Now()) {
		h.finish(l)
		l = nil
	}
	switch {
	case l != nil && (!begins(msg) || l.srv.IsLast(m.body)):
		return h.converse(ctx, l, m)
	case !begins(msg):
		return h.dismiss(msg, enc, syncml.StatusRequestTimeout)
	}
	return h.begin(ctx, m, d)
}

// begins says whether a message begins a session: it is the first one or has
// the Alert of package 1, and it answers nothing. The package 1 that a device
// repeats with credentials answers our challenge.
func begins(m *syncml.Message) bool {
	first := m.Header.MsgID == "1"
	for _, cmd := range m.Body {
		switch c := cmd.(type) {
		case *syncml.Status:
			return false
		case *syncml.Alert:
			first = first || c.Code == syncml.AlertClientInitiated || c.Code == syncml.AlertServerInitiated
		}
	}
	return first
}

// begin opens a session for a device, whose message is decoded.
func (h *Handler) begin(ctx context.Context, m message, d *device) (answer, error) {
	msg, enc, now := m.msg, m.enc, h.o.Now()
	if h.guard.wait(d.key, m.peer, now) > 0 {
		return h.dismiss(msg, enc, syncml.StatusRetryLater)
	}
	peek := session.PeekHeader(msg.Header, enc)
	cfg, visit, err := h.o.Work.Open(ctx, Caller{Peer: m.from, Peek: peek})
	if errors.Is(err, ErrUnknownDevice) {
		h.o.Log.Info("DM device unknown", "device", peek.DeviceID, "peer", m.peer)
		return h.dismiss(msg, enc, syncml.StatusNotFound)
	} else if err != nil {
		return answer{}, err
	}
	l := &live{device: d, token: newToken(), id: peek.SessionID, visit: visit, scheme: cfg.Account.Client.Scheme, enc: enc, born: now}
	cfg.RespURI = h.respURI(m.r, l.token)
	if cfg.Account.URL == "" {
		cfg.Account.URL = h.address(m.r)
	}
	l.srv = session.NewServer(cfg)
	gone, ok := h.table.add(l, now)
	for _, other := range gone {
		h.bid(other)
		if other.device != d {
			h.table.leave(other.device)
		}
	}
	if !ok {
		h.o.Log.Warn("DM session refused: too many", "device", d.key, "max", h.o.MaxSessions)
		visit.Gone()
		return h.dismiss(msg, enc, syncml.StatusUnavailable)
	}
	h.counts.sessions.Add(1)
	h.note(l, "DM session begins", slog.String("peer", m.peer))
	return h.converse(ctx, l, m)
}

// converse hands a message to its session. The caller has the device's turn.
func (h *Handler) converse(ctx context.Context, l *live, m message) (answer, error) {
	now := h.o.Now()
	if !l.trusted && h.guard.wait(l.device.key, m.peer, now) > 0 {
		return h.dismissBody(m, syncml.StatusRetryLater)
	}
	if now.Sub(l.born) >= h.o.SessionTimeout {
		l.srv.Abort()
	}
	if err := m.decode(); err != nil {
		return answer{}, err
	}
	got := l.srv.ReceiveMessage(m.msg, m.enc, m.body, m.hmac, newNonce)
	h.counts.messages.Add(1)
	if got.Replayed {
		h.counts.repeated.Add(1)
		return h.said(l, l.srv.Reply()), nil
	}
	for _, err := range got.Failures {
		h.note(l, "DM message refused in part", slog.Any("err", err))
	}
	h.judge(l, m, got.Auth)
	if err := h.heard(ctx, l, got); err != nil {
		h.o.Log.Warn("DM session given up: what it told was not taken", "device", l.device.key, "session", l.id, "err", err)
		h.finish(l)
		return answer{}, err
	}
	reply := l.srv.Reply()
	until := now.Add(h.o.Idle)
	if reply.End != session.EndNot {
		if !l.ended {
			h.counts.over(reply.End)
		}
		l.ended = true
		until = now.Add(h.o.Linger)
		h.note(l, "DM session ends", slog.Any("end", reply.End), slog.Any("err", reply.Err))
	} else {
		l.ended = false
	}
	h.table.keep(l, until)
	l.visit.Said(reply.Unsent, reply.End)
	return h.said(l, reply), nil
}

// heard tells Work what a device has said, if it has proved who it is, and
// queues what comes of it. The newest such session of a device is the one that
// counts.
func (h *Handler) heard(ctx context.Context, l *live, got session.Received) error {
	if !l.trusted {
		if got.Auth != session.AuthOK && l.scheme != session.SchemeNone {
			return nil
		}
		for _, older := range h.table.trust(l) {
			h.note(older, "DM session superseded", slog.String("by", l.id))
			h.finish(older)
		}
	}
	jobs, err := l.visit.Heard(ctx, got)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if j.Now {
			l.srv.QueueNow(j.Key, j.Command)
		} else {
			l.srv.Queue(j.Key, j.Command)
		}
	}
	return nil
}

func (h *Handler) said(l *live, r session.Reply) answer {
	return answer{body: r.Send, hmac: r.HMAC, enc: l.enc}
}

// finish ends a session that the caller has the turn of.
func (h *Handler) finish(l *live) {
	if h.table.end(l) {
		h.bid(l)
	}
}

// bid tells Work that a session is gone; it is out of the table.
func (h *Handler) bid(l *live) {
	h.note(l, "DM session over")
	l.visit.Gone()
}

// note logs what becomes of a session; there are a few for each.
func (h *Handler) note(l *live, what string, more ...slog.Attr) {
	ctx := context.Background()
	if h.o.Log.Enabled(ctx, slog.LevelInfo) {
		about := []slog.Attr{slog.String("device", l.device.key), slog.String("session", l.id)}
		h.o.Log.LogAttrs(ctx, slog.LevelInfo, what, append(about, more...)...)
	}
}

// Run removes sessions that nobody continues, until ctx ends; then all of them.
func (h *Handler) Run(ctx context.Context) error {
	tick := time.NewTicker(max(min(h.o.Idle, h.o.Linger)/2, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			h.Expire(h.o.Now())
		case <-ctx.Done():
			h.Expire(h.o.Now().Add(h.o.Idle + h.o.Linger + h.o.SessionTimeout))
			return nil
		}
	}
}

// Expire removes the sessions whose time is over by now, but for those of a
// device that has a message under way. [Handler.Run] calls it.
func (h *Handler) Expire(now time.Time) {
	for _, l := range h.table.takeExpired(now) {
		h.bid(l)
		h.table.leave(l.device)
	}
}
