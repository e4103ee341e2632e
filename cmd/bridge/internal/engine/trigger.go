package engine

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/fwbridge/fwbridge/syncml/notify"
	"github.com/fwbridge/fwbridge/syncml/session"
)

var (
	// ErrReplay means that this very trigger was taken before: it starts no
	// second session.
	ErrReplay = errors.New("engine: the trigger was taken before")
	// ErrNotTheServer means that the device has no account at the server of a
	// trigger, or one without a secret of the server to check the trigger with.
	ErrNotTheServer = errors.New("engine: no account of the device can check the trigger")
)

// Limits of triggers.
const (
	// maxSeen is how many triggers of a device are remembered; the oldest goes
	// first.
	maxSeen = 64
	// triggerValid is how long a trigger waits for a device that is not
	// registered, as a short message waits for a phone.
	triggerValid = 72 * time.Hour
	// triggerTries is how many sessions are begun for one trigger.
	triggerTries = 5
	// refusalPause is how long no second line tells of refused triggers: a
	// flood must not wash the time line away.
	refusalPause = 10 * time.Minute
	// defaultTriggerWindow is how long a trigger is remembered.
	defaultTriggerWindow = 24 * time.Hour
)

// TriggerPolicy is what the operator decided about triggers.
type TriggerPolicy struct {
	Default notify.DefaultPolicy
	Window  time.Duration // how long a trigger is remembered to find replays; 0 is a day
}

// triggered: the server wants a session.
type triggered struct{ m *notify.Message }

func (triggered) kept() bool { return false }

// triggers is what is durable of a device's triggers.
type triggers struct {
	Pending  *pendingTrigger `json:"pending,omitempty"`
	Seen     []seenTrigger   `json:"seen,omitempty"` // the oldest first
	Taken    uint64          `json:"taken,omitempty"`
	Replayed uint64          `json:"replayed,omitempty"`
	Refused  uint64          `json:"refused,omitempty"`
	Last     time.Time       `json:"last,omitzero"`  // taken
	Noted    time.Time       `json:"noted,omitzero"` // when a line told of a refusal
}

// pendingTrigger is a session that the server wants and has not had.
type pendingTrigger struct {
	Session uint16    `json:"session"`
	Since   time.Time `json:"since"`
	Tries   int       `json:"tries,omitempty"` // sessions that failed
}

// seenTrigger is a trigger that was taken.
type seenTrigger struct {
	Session uint16    `json:"session"`
	Digest  []byte    `json:"digest"`
	At      time.Time `json:"at"`
}

// Trigger takes a trigger for a device. nil means that it is durable: a session
// 1200 with its session id follows, as soon as the device is registered. A
// trigger that is refused starts nothing; it is counted and shown at the
// device. The error is, or wraps, [notify.ErrDigest], [ErrReplay],
// [ErrNotTheServer], ErrUnknownDevice, ErrRecord, ErrStore, ErrBusy or
// ErrStopped.
func (e *Engine) Trigger(ctx context.Context, endpoint string, m *notify.Message) error {
	return e.submit(ctx, endpoint, triggered{m})
}

// triggered verifies with the nonces of the record, so that the digest, the
// memory of replays and the session are one step.
func (t *turn) triggered(m *notify.Message) error {
	tr := &t.rec.Triggers
	_, acc, ok := t.account()
	if !ok || acc.ServerID != m.ServerID || acc.Server.Secret == "" {
		tr.Refused++
		t.noteRefusal("a trigger of server " + m.ServerID + " was dropped: no account with its secret")
		return ErrNotTheServer
	}
	tr.forget(t.now, t.shard.o.Trigger.window())
	if tr.seen(m) {
		tr.Replayed++
		return ErrReplay
	}
	match, err := t.verify(m, acc)
	if err != nil {
		tr.Refused++
		t.noteRefusal("a trigger was dropped: its digest is wrong")
		return err
	}
	tr.remember(t.now, m)
	tr.Taken++
	tr.Last = t.now
	if s := t.live.session; s != nil && s.trigger == m.SessionID {
		return nil // once more, for the session that is under way
	}
	if tr.Pending == nil || tr.Pending.Session != m.SessionID {
		tr.Pending = &pendingTrigger{Session: m.SessionID, Since: t.now}
		t.note("the DM server wants session " + m.SessionText() + ", by " + match.String())
	}
	t.rec.DM.NotBefore = time.Time{} // it asks: no reason to wait
	return nil
}

// verify tries the server id, which the specification has, and then the user
// name that some servers take in its place.
func (t *turn) verify(m *notify.Message, acc session.Account) (notify.Match, error) {
	match, err := notify.MatchNone, error(notify.ErrDigest)
	for _, user := range []string{acc.ServerID, acc.Server.User} {
		key := notify.Key{User: user, Secret: acc.Server.Secret}
		match, err = m.Verify(key, t.rec.DM.Nonces.ForTriggers(), t.shard.o.Trigger.Default)
		if err == nil {
			break
		}
	}
	return match, err
}

// noteRefusal adds a line, unless one was added a short while ago.
func (t *turn) noteRefusal(text string) {
	if tr := &t.rec.Triggers; t.now.Sub(tr.Noted) >= refusalPause {
		tr.Noted = t.now
		t.note(text)
	}
}

func (p TriggerPolicy) window() time.Duration {
	if p.Window <= 0 {
		return defaultTriggerWindow
	}
	return p.Window
}

// forget drops what was taken too long ago.
func (tr *triggers) forget(now time.Time, window time.Duration) {
	for len(tr.Seen) > 0 && now.Sub(tr.Seen[0].At) > window {
		tr.Seen = tr.Seen[1:]
	}
}

func (tr *triggers) seen(m *notify.Message) bool {
	for _, s := range tr.Seen {
		if s.Session == m.SessionID && bytes.Equal(s.Digest, m.Digest[:]) {
			return true
		}
	}
	return false
}

func (tr *triggers) remember(now time.Time, m *notify.Message) {
	if len(tr.Seen) >= maxSeen {
		tr.Seen = tr.Seen[len(tr.Seen)-maxSeen+1:]
	}
	tr.Seen = append(tr.Seen, seenTrigger{m.SessionID, bytes.Clone(m.Digest[:]), now})
}

// triggerTime is when a trigger wants a session; zero is never.
func (t *turn) triggerTime() time.Time {
	if p := t.rec.Triggers.Pending; p != nil && t.rec.Present {
		return p.Since
	}
	return time.Time{}
}

// expireTrigger gives up what waited too long for its device.
func (t *turn) expireTrigger() {
	if p := t.rec.Triggers.Pending; p != nil && t.now.Sub(p.Since) > triggerValid {
		t.rec.Triggers.Pending = nil
		t.note("a trigger was given up: the device was away for too long")
	}
}

// triggerServed takes the end of a session that was begun for a trigger.
func (t *turn) triggerServed(trigger uint16, good bool) {
	p := t.rec.Triggers.Pending
	if p == nil || p.Session != trigger {
		return
	}
	next := *p
	next.Tries++
	switch {
	case good:
		t.rec.Triggers.Pending = nil
	case next.Tries >= triggerTries:
		t.rec.Triggers.Pending = nil
		t.note("a trigger was given up: its sessions failed")
	default:
		t.rec.Triggers.Pending = &next
	}
}

func (tr *triggers) view() TriggerView {
	v := TriggerView{Taken: tr.Taken, Replayed: tr.Replayed, Refused: tr.Refused, Last: tr.Last}
	if tr.Pending != nil {
		v.Pending = sessionID(uint64(tr.Pending.Session))
	}
	return v
}
