package dmdevice

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmhttp"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

var (
	errLost = errors.New("the message was lost")
	errDead = errors.New("no answer from this device")
)

// hold holds one session.
func (d *Device) hold(ctx context.Context, id string, reason syncml.AlertCode) {
	begun := time.Now()
	if id == "" {
		d.last = d.last%0xFFFF + 1
		id = fmt.Sprintf("%X", d.last)
	}
	if d.quirks.has(SessionOne) {
		id = "1"
	}
	d.credTaken = false
	d.event(Event{Kind: EventSession, Text: fmt.Sprintf("%s, Alert %s", id, reason)})
	d.f.count(func(c *Counts) { c.Sessions++ })
	c := session.NewClient(d.account(), d.begin(), reason, id, d.notes())
	out, err := d.talk(ctx, c)
	if err == nil && out.End != session.EndDone {
		err = fmt.Errorf("%s: %w", out.End, out.Err)
		d.fallBack(out)
	}
	text := "done"
	if err != nil {
		text = err.Error()
		d.f.count(func(c *Counts) { c.SessionsFailed++ })
	}
	d.event(Event{Kind: EventEnded, Text: id + ": " + text})
	d.collect()
	d.plan(begun, err != nil)
	d.reported(err != nil)
}

// account is the account as this session uses it.
func (d *Device) account() session.Account {
	acc := d.acc
	if d.strikes(WrongPassword) {
		acc.Client.Secret += "?"
	}
	return acc
}

// begin is the nonces that a session begins with.
func (d *Device) begin() session.Nonces {
	n := d.remembered()
	if d.quirks.has(ChallengeFirst) {
		n.Client = nil
	}
	if d.quirks.has(LoseNonce) {
		n.Server, n.Told = nil, nil
	}
	return n
}

// notes are the alerts of package 1.
func (d *Device) notes() []session.Notification {
	if d.report == nil || d.old() {
		return nil
	}
	d.report.tries++
	d.f.count(func(c *Counts) { c.Alerts++ })
	d.event(Event{Kind: EventAlert, Package: d.report.note.Key, Code: d.report.code, Correlator: d.report.note.Correlator})
	return []session.Notification{d.report.note}
}

// talk exchanges messages until the session ends, or breaks off.
func (d *Device) talk(ctx context.Context, c *session.Client) (session.Output, error) {
	tree := view{d.tree, d}
	out := c.Open(tree)
	for n := 0; out.End == session.EndNot; n++ {
		d.remember(out.Nonces)
		answer, err := d.exchange(ctx, out, n == 0)
		switch {
		case err != nil:
			return out, err
		case len(answer.Body) == 0:
			return session.Output{End: session.EndDone}, nil
		}
		body, dead := d.incoming(answer.Body)
		if dead {
			return out, errDead
		}
		restore := func() error { return nil }
		if len(d.faults.list) > 0 { // a copy costs
			restore = d.tree.Checkpoint()
		}
		out = c.ReceiveHMAC(body, answer.HMAC, tree, d.fresh)
		d.answered(out.Answers)
		if !d.executed(restore) {
			d.remember(out.Nonces)
			return out, errors.New("the power is gone")
		}
	}
	d.remember(out.Nonces)
	return out, nil
}

// executed starts the update that an Exec asked for; false when the device
// does not live to tell.
func (d *Device) executed(restore func() error) (up bool) {
	for _, e := range d.tree.TakeExecutions() {
		d.f.count(func(c *Counts) { c.Executions++ })
		d.event(Event{Kind: EventExecuted, Package: e.Package, Correlator: e.Correlator})
		d.report = nil // of an update before
		d.job = &job{exec: e, at: time.Now().Add(d.f.cfg.Timing.Begin)}
		d.event(Event{Kind: EventState, Package: e.Package, State: fwupdate.StateIdle})
		if !d.enter(Executed) {
			if d.job == nil {
				_ = restore() // of this tree it never fails
			}
			return false
		}
	}
	return true
}

// exchange posts a message and takes the answer, unless a fault is against it.
func (d *Device) exchange(ctx context.Context, out session.Output, first bool) (dmhttp.Response, error) {
	body, err := d.outgoing(out.Send)
	if err != nil {
		return dmhttp.Response{}, err
	}
	alert := first && d.report != nil && !d.old()
	if alert && d.strikes(LoseAlert) {
		return dmhttp.Response{}, errLost
	}
	m := dmhttp.Request{Server: d.f.way, URL: out.URL, Encoding: d.acc.Encoding, HMAC: out.HMAC, Body: body}
	if d.quirks.has(IgnoreRespURI) {
		m.URL = d.acc.URL
	}
	answer, err := d.post(ctx, m, first, alert)
	if err != nil && d.quirks.has(Resend) && ctx.Err() == nil {
		answer, err = d.post(ctx, m, first, alert)
	}
	if err == nil && answer.Status != http.StatusOK {
		err = fmt.Errorf("HTTP %d %s", answer.Status, http.StatusText(answer.Status))
	}
	return answer, err
}

func (d *Device) post(ctx context.Context, m dmhttp.Request, first, alert bool) (dmhttp.Response, error) {
	d.f.count(func(c *Counts) { c.Messages++ })
	answer, err := d.f.http.Post(ctx, m)
	if err != nil {
		return answer, err
	}
	for _, at := range []struct {
		place Place
		here  bool
	}{{AnyMessage, true}, {FirstMessage, first}, {AlertMessage, alert}} {
		if err, lost := d.loses(at.place, at.here); lost {
			return dmhttp.Response{}, err
		}
	}
	return answer, nil
}

// loses says whether the answer to a message at a place is lost.
func (d *Device) loses(at Place, here bool) (error, bool) {
	if !here {
		return nil, false
	}
	_, ok := d.faults.strike(LoseAnswer, func(f Fault) bool { return f.Place == at })
	if ok {
		d.struck("lose-answer at " + placeWords[at])
	}
	return errLost, ok
}

// answered takes the server's Statuses for the final alert.
func (d *Device) answered(list []session.Answer) {
	for _, a := range list {
		r := d.report
		if r == nil || a.Key != r.note.Key {
			continue
		}
		d.event(Event{Kind: EventAnswered, Package: a.Key, Code: r.code, Status: a.Code})
		if !a.Code.Success() {
			continue
		}
		d.f.count(func(c *Counts) { c.Answered++ })
		if !r.twice && d.strikes(AlertTwice) {
			r.twice, r.at = true, time.Now()
			continue
		}
		d.report = nil
		d.over(a.Key, r.code)
	}
}

// reported plans the next try of an alert that was not answered.
func (d *Device) reported(failed bool) {
	if r := d.report; r != nil && r.tries > 0 && !(r.twice && !failed) {
		r.at = time.Now().Add(d.backoff(r.tries))
	}
}

// collect stops an update whose package was deleted.
func (d *Device) collect() {
	for _, id := range d.tree.TakeDeletions() {
		d.event(Event{Kind: EventDeleted, Package: id})
		if d.job != nil && d.job.exec.Package == id {
			d.job = nil
		}
		d.tree.SetBusy(id, fwupdate.NotBusy)
	}
}

// fallBack goes on in DM 1.1.2 with a server that does not speak 1.2.
func (d *Device) fallBack(out session.Output) {
	if out.End == session.EndVersion && d.quirks.has(Fallback) && !d.old() {
		d.struck("fallback to DM 1.1.2")
		d.acc.Version = syncml.DM112
		if d.report != nil { // there it is only in State
			id, code := d.report.note.Key, d.report.code
			d.report = nil
			d.over(id, code)
		}
	}
}
