package engine

import (
	"fmt"
	"io"
	"time"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// nonceSize is how many bytes a nonce for the server has.
const nonceSize = 16

// dmSession is a DM session under way. It is not durable: after a restart a
// new one begins, because its record is still due.
type dmSession struct {
	client  *session.Client
	serial  uint64 // names it in the events of its POSTs
	server  string // ServerInfo.Name
	acc     session.Account
	letters map[string]bool // keys of the notifications it carries
	trigger uint16          // session id of the trigger that wanted it; 0 for none
	send    []byte          // the message that is, or was last, posted
	hmac    string          // goes with it
	url     string
	sent    int       // messages
	tries   int       // POSTs of this message
	again   time.Time // when it is posted again; zero while a POST is under way
	until   time.Time // when the session has taken too long
	leaving *dmResult // why it was given up, while the server is told so

	supported []syncml.Version // that the server speaks, by its own account
}

// sessionTime is when the device's session wants a turn: to post again, or to
// begin. Zero is never.
func (t *turn) sessionTime() time.Time {
	if t.live.session != nil {
		return t.live.session.again
	}
	_, acc, ok := t.account()
	if !ok || t.live.waiting || t.rec.DM.Sessions == 0 && t.live.identifying {
		return time.Time{}
	}
	at := t.triggerTime()
	if t.rec.Present || t.rec.Drive != nil {
		at = earliest(at, t.rec.DM.Due)
	}
	for _, l := range t.rec.Outbox {
		if l.deliverable(acc) {
			at = earliest(at, later(l.NotBefore, l.Since))
		}
	}
	if at.IsZero() {
		return at
	}
	return later(at, t.rec.DM.NotBefore)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// sessions begins or goes on with a session if that is due.
func (t *turn) sessions() {
	at := t.sessionTime()
	if at.IsZero() || t.now.Before(at) {
		return
	}
	if s := t.live.session; s != nil {
		again := *s
		again.again = time.Time{}
		t.deliver(again)
		return
	}
	t.beginSession()
}

// beginSession opens a session when there is a place for it.
func (t *turn) beginSession() {
	s, endpoint := t.shard, t.rec.Endpoint
	if t.places == 0 {
		if !s.e.admission.enter(func() { s.box.push(event{endpoint: endpoint, what: granted{}}) }) {
			t.live.waiting = true
			return
		}
		t.places++
	}
	info, acc, _ := t.account()
	t.rec.DM.Sessions++
	s.serial++
	dm := dmSession{serial: s.serial, server: info.Name, acc: acc, letters: map[string]bool{}, until: t.now.Add(s.o.SessionTimeout)}
	var notes []session.Notification
	for _, l := range t.rec.Outbox {
		if l.deliverable(acc) && !t.now.Before(l.NotBefore) {
			notes = append(notes, l.Note)
			dm.letters[l.Note.Key] = true
		}
	}
	t.admit(acc, info)
	reason, id := syncml.AlertClientInitiated, sessionID(t.rec.DM.Sessions)
	if p := t.rec.Triggers.Pending; p != nil {
		dm.trigger = p.Session
		reason, id = syncml.AlertServerInitiated, sessionID(uint64(p.Session))
	}
	dm.client = session.NewClient(acc, t.rec.DM.Nonces, reason, id, notes)
	t.stepped = true
	s.o.Log.Info("DM session begins", "device", endpoint, "server", info.Name, "session", id, "notifications", len(notes))
	t.output(dm, dm.client.Open(t.rec.Tree))
}

// admit prepares the tree for the server of an account.
func (t *turn) admit(acc session.Account, info ServerInfo) {
	role := info.Role
	if role == fwupdate.NoRole {
		role = fwupdate.Manager
	}
	t.rec.Tree.SetRoles(map[string]fwupdate.Role{acc.ServerID: role})
	t.rec.Tree.SetIdentity(t.rec.Who.asLegacy(acc))
}

// sessionID is 1 to 4 upper-case hex digits, never 0.
func sessionID(n uint64) string { return fmt.Sprintf("%X", (n-1)%0xFFFF+1) }

// posted takes the server's answer to the session's last message.
func (t *turn) posted(w posted) {
	if t.live.session == nil || t.live.session.serial != w.session {
		return
	}
	t.stepped = true // whatever comes of it, this answer does not come again
	dm := *t.live.session
	switch {
	case dm.leaving != nil:
		how := *dm.leaving // whatever the server says to that
		how.At = t.now
		t.endSession(dm, how)
	case w.err != nil || temporary(w.status):
		t.postAgain(dm, w)
	case w.status < 200 || w.status > 299:
		t.endSession(dm, t.httpFailure(w))
	case len(w.body) == 0 && dm.sent > 1:
		// Some servers have nothing to say to our last word.
		t.endSession(dm, dmResult{At: t.now, End: session.EndDone})
	default:
		info, acc, _ := t.account()
		t.admit(acc, info)
		out := dm.client.ReceiveHMAC(w.body, w.hmac, t.rec.Tree, t.nonce)
		t.output(dm, out)
	}
}

// nonce is fresh random bytes.
func (t *turn) nonce() []byte {
	b := make([]byte, nonceSize)
	if _, err := io.ReadFull(t.shard.o.Rand, b); err != nil {
		panic("engine: no randomness: " + err.Error()) // crypto/rand never fails
	}
	return b
}

// output makes what a step of the session brought about count: answers to
// notifications, deletions and executions, then the next message or the end.
func (t *turn) output(dm dmSession, out session.Output) {
	t.rec.DM.Nonces = out.Nonces
	for _, a := range out.Answers {
		t.letterAnswered(a)
		delete(dm.letters, a.Key)
	}
	for _, err := range out.Failures {
		t.shard.o.Log.Info("DM command refused", "device", t.rec.Endpoint, "err", err)
	}
	t.takeOrders()
	if out.End != session.EndNot {
		how := dmResult{At: t.now, End: out.End}
		if out.Err != nil {
			how.Text = out.Err.Error()
		}
		dm.supported = out.Supported
		t.endSession(dm, how)
		return
	}
	dm.send, dm.hmac, dm.url, dm.tries = out.Send, out.HMAC, out.URL, 0
	dm.sent++
	t.deliver(dm)
}

// takeOrders hands the drive what the session's commands left behind in the
// tree. A deletion comes before an execution: the tree accepts no Exec before
// the deleted drive is done.
func (t *turn) takeOrders() {
	tree := t.rec.Tree
	for _, pkg := range tree.TakeDeletions() {
		if t.rec.running() && t.rec.Drive.Order.Execution.Package == pkg {
			t.note("package deleted by the DM server")
			t.step(mapping.Deleted{})
		}
	}
	for _, x := range tree.TakeExecutions() {
		t.startDrive(x)
	}
	t.settleDeleted()
	if d := t.rec.Drive; d != nil && d.Over() {
		if _, exists := tree.Package(d.Order.Execution.Package); !exists {
			t.rec.Drive = nil // its result was for the package's State
		}
	}
}

// endSession decides when the next one is: on schedule after a good end, with
// a growing delay after a bad one, and at the slowest where the server does
// not know the device, which does not mend by asking.
func (t *turn) endSession(dm dmSession, how dmResult) {
	rec, o := t.rec, t.shard.o
	t.live.session = nil
	before := rec.DM.Last.End
	changed := how.End != rec.DM.Last.End || rec.DM.Last.At.IsZero()
	rec.DM.Last = how
	t.countEnd(how.End)
	for key := range dm.letters {
		t.letterUnanswered(key, how.End == session.EndDone)
	}
	t.triggerServed(dm.trigger, how.End == session.EndDone)
	if how.End == session.EndDone {
		info, _, _ := t.account()
		rec.DM.Failures, rec.DM.NotBefore = 0, time.Time{}
		rec.DM.Due = nextPoll(t.now, rec.Endpoint, info.Poll)
		o.Log.Info("DM session done", "device", rec.Endpoint, "messages", dm.sent, "next", rec.DM.Due)
		return
	}
	if how.End == session.EndVersion && t.versionRefused(dm, before) {
		return
	}
	if how.End == session.EndServerAuth {
		t.wrongServer(dm)
	}
	rec.DM.Failures++
	n := rec.DM.Failures
	if how.End == session.EndUnknown {
		n = slowest
	}
	rec.DM.NotBefore = t.now.Add(o.SessionRetry.after(rec.Endpoint, n))
	o.Log.Warn("DM session failed", "device", rec.Endpoint, "end", how.String(), "failures", rec.DM.Failures, "next", rec.DM.NotBefore)
	if changed {
		t.note("DM session: " + how.String())
	}
}

// slowest is a number of repetitions at which every Backoff is at its Cap.
const slowest = 64

// String is how the session ended, for people.
func (r dmResult) String() string {
	switch {
	case r.At.IsZero():
		return "none yet"
	case r.End == session.EndUnknown:
		return "device unknown at the server"
	case r.End == session.EndNot:
		return r.Text
	case r.Text == "":
		return r.End.String()
	}
	return r.End.String() + ": " + r.Text
}
