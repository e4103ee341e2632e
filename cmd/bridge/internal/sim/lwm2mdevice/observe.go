package lwm2mdevice

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/fwbridge/fwbridge/lwm2m9"
)

const (
	maxNotices   = 256     // notifications that wait; more are lost
	maxObservers = 64      // observations of a device; more are answered as plain reads
	maxSequence  = 1 << 24 // of the Observe option (RFC 7641, 4.4)
)

// observer is an observation of the server.
type observer struct {
	path  []string
	query request // as it was asked, for its Accept
}

// notice is a notification on its way.
type notice struct {
	token string
	path  string
	seq   uint32
	answer
}

// observe registers an observation; false when Observe is ignored.
func (b *boot) observe(req request) bool {
	if _, ok := b.d.faults.strike(NoObserve, nil); ok {
		return false
	}
	if len(b.observers) >= maxObservers && b.observers[req.token] == nil {
		return false
	}
	b.observers[req.token] = &observer{path: req.path, query: req}
	b.d.event(Event{Kind: EventObserved, Path: joined(req.path)})
	return true
}

// forget ends the observation of a token, or with another token of the path.
func (b *boot) forget(req request) {
	b.drop(req.token)
	for token, o := range b.observers {
		if slices.Equal(o.path, req.path) {
			b.drop(token)
		}
	}
}

// drop ends the observation of a token, if there is one.
func (b *boot) drop(token string) {
	if o := b.observers[token]; o != nil {
		delete(b.observers, token)
		b.d.event(Event{Kind: EventForgotten, Path: joined(o.path)})
	}
}

func joined(path []string) string { return "/" + strings.Join(path, "/") }

func (b *boot) nextSeq() uint32 {
	b.d.seq = (b.d.seq + 1) % maxSequence
	return b.d.seq
}

// notifyResource notifies the observers of one resource.
func (b *boot) notifyResource(i lwm2m9.InstanceID, r lwm2m9.ResourceID) {
	b.notify(fmt.Sprintf("%s/9/%d/%d", b.d.cfg.Root, i, r))
}

// notifyInstance notifies the observers of an instance and of the object.
func (b *boot) notifyInstance(i lwm2m9.InstanceID) {
	b.notify(fmt.Sprintf("%s/9/%d", b.d.cfg.Root, i))
	b.notify(b.d.cfg.Root + "/9")
}

func (b *boot) notify(path string) {
	for token, o := range b.observers {
		if joined(o.path) != path || b.silent.Load() || b.dying.Load() {
			continue
		}
		n := notice{token, path, b.nextSeq(), b.readPath(o.query)}
		if n.code != lwm2m9.CodeContent {
			b.drop(token) // RFC 7641, 3.2: an error ends the observation
		}
		b.touch()
		if b.notices.push(n) {
			b.d.event(Event{Kind: EventNotified, Path: path, Text: n.text()})
		} else {
			b.d.cfg.Log.Warn("device: too many notifications wait", "path", path)
		}
	}
}

// text is the value for people: text as it is, TLV as hex.
func (n notice) text() string {
	if n.format == textPlain {
		return string(n.payload)
	}
	return fmt.Sprintf("%x", n.payload)
}

// notices are the notifications that wait. They are a list and not a channel
// of that length, because most devices have none.
type notices struct {
	more chan struct{} // of one

	mu   sync.Mutex
	list []notice // guarded by mu
}

// push is false when too many wait.
func (q *notices) push(n notice) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.list) == maxNotices {
		return false
	}
	q.list = append(q.list, n)
	select {
	case q.more <- struct{}{}:
	default:
	}
	return true
}

// pop takes all of them.
func (q *notices) pop() []notice {
	q.mu.Lock()
	defer q.mu.Unlock()
	list := q.list
	q.list = nil
	return list
}

// sendNotices sends notifications one after the other; a confirmable one is
// repeated by go-coap and given up after Timing.Request.
func (b *boot) sendNotices(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.notices.more:
		}
		for _, n := range b.notices.pop() {
			if err := b.sendNotice(ctx, n); err != nil && ctx.Err() == nil {
				b.d.cfg.Log.Debug("device: notification lost", "path", n.path, "error", err)
			}
		}
	}
}

func (b *boot) sendNotice(ctx context.Context, n notice) error {
	ctx, cancel := context.WithTimeout(ctx, b.d.cfg.Timing.Request)
	defer cancel()
	m := b.conn.AcquireMessage(ctx)
	defer b.conn.ReleaseMessage(m)
	m.SetType(message.Confirmable)
	if b.d.cfg.NonConfirmable {
		m.SetType(message.NonConfirmable)
	}
	m.SetCode(codes.Code(n.code))
	m.SetToken(message.Token(n.token))
	m.SetMessageID(b.conn.GetMessageID())
	if n.code == lwm2m9.CodeContent {
		m.SetObserve(n.seq)
		m.SetContentFormat(message.MediaType(n.format))
		m.SetBody(bytes.NewReader(n.payload))
	}
	b.d.count(func(c *Counts) { c.Notifications++ })
	if m.Type() == message.NonConfirmable {
		b.mu.Lock()
		b.mids[n.token] = m.MessageID()
		b.mu.Unlock()
		return b.conn.Session().WriteMessage(m)
	}
	// go-coap's block-wise layer gives it another message id. There is one at a
	// time, so a Reset meanwhile is for it.
	b.setFlying(n.token)
	defer b.setFlying("")
	return b.conn.WriteMessage(m)
}

func (b *boot) setFlying(token string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flying = token
}

// resetReceived ends the observation whose notification the server does not
// know.
func (b *boot) resetReceived(ctx context.Context, mid int32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	token := b.flying
	for t, last := range b.mids {
		if last == mid {
			token = t
		}
	}
	delete(b.mids, token)
	b.wg.Go(func() { b.post(ctx, func() { b.drop(token) }) })
}
