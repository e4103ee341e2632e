package engine

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// The Generic Alert of a finished DownloadAndUpdate (mapping.md, 5.3).
const (
	alertType   = "org.openmobilealliance.dm.firmwareupdate.downloadandupdate"
	alertFormat = "int"
	markFailure = "critical"
)

// deliverable says whether the notification can go to that account at all.
func (l letter) deliverable(acc session.Account) bool {
	return !l.Parked && !l.waits(acc)
}

// waits says whether the notification waits for the server to speak DM 1.2
// again. It was written when the server did, and the server may still count on
// it: that a State was read does not show that the update was closed by it.
func (letter) waits(acc session.Account) bool { return acc.Version == syncml.DM112 }

// post puts the result of a drive into the outbox. DM 1.1.2 has no Generic
// Alert: that server polls State.
func (t *turn) post(f mapping.Finish) {
	x := f.Execution
	if _, acc, ok := t.account(); ok && acc.Version == syncml.DM112 {
		t.note(fmt.Sprintf("result %s, %s; no notification in DM 1.1.2, the server polls", f.Code, f.Code.Name()))
		return
	}
	t.rec.Letters++
	l := letter{
		Package: x.Package,
		Since:   t.now,
		Note: session.Notification{
			Key:        strconv.FormatUint(t.rec.Letters, 10),
			Type:       alertType,
			Format:     alertFormat,
			Source:     fwupdate.UpdateURI(x.Package),
			Correlator: x.Correlator,
			Data:       f.Code.String(),
		},
	}
	if !f.Code.Success() {
		l.Note.Mark = markFailure
	}
	t.rec.Outbox = append(t.rec.Outbox, l)
	t.note(fmt.Sprintf("final notification %s, %s", f.Code, f.Code.Name()))
	t.trimOutbox()
}

// settle drops the notifications of a package that wait for DM 1.2, when the
// server has gone on without: it has started the package anew or deleted it. Sent
// later they would speak of the wrong update.
func (t *turn) settle(pkg, why string) {
	_, acc, _ := t.account()
	t.rec.Outbox = slices.DeleteFunc(t.rec.Outbox, func(l letter) bool {
		settled := l.waits(acc) && l.Package == pkg
		if settled {
			t.note(fmt.Sprintf("final notification %s of %s not sent: the DM server %s in DM 1.1.2", l.Note.Data, pkg, why))
		}
		return settled
	})
}

// settleDeleted settles what is about packages that are gone.
func (t *turn) settleDeleted() {
	for _, l := range slices.Clone(t.rec.Outbox) {
		if _, exists := t.rec.Tree.Package(l.Package); !exists {
			t.settle(l.Package, "has deleted the package")
		}
	}
}

// trimOutbox keeps the outbox within its limit: a notification that was given
// up goes before one that was not, an old one before a new one.
func (t *turn) trimOutbox() {
	for len(t.rec.Outbox) > t.shard.o.Outbox {
		i := max(0, slices.IndexFunc(t.rec.Outbox, func(l letter) bool { return l.Parked }))
		t.note(fmt.Sprintf("notification %s of %s dropped: too many wait", t.rec.Outbox[i].Note.Data, t.rec.Outbox[i].Package))
		t.rec.Outbox = slices.Delete(t.rec.Outbox, i, i+1)
	}
}

func (t *turn) letter(key string) (int, bool) {
	i := slices.IndexFunc(t.rec.Outbox, func(l letter) bool { return l.Note.Key == key })
	return i, i >= 0
}

// letterAnswered: with a Status of class 2 the notification is delivered, and
// gone before anything else is sent. Anything else is tried again, a few
// times.
func (t *turn) letterAnswered(a session.Answer) {
	i, ok := t.letter(a.Key)
	if !ok {
		return
	}
	l := &t.rec.Outbox[i]
	if a.Code.Success() {
		t.note(fmt.Sprintf("final notification %s delivered, answered %s", l.Note.Data, a.Code))
		t.rec.Outbox = slices.Delete(t.rec.Outbox, i, i+1)
		return
	}
	l.Refusals++
	l.Code = a.Code
	l.NotBefore = t.now.Add(t.shard.o.AlertRetry.after(t.rec.Endpoint, l.Refusals))
	text := fmt.Sprintf("final notification %s refused with %s", l.Note.Data, a.Code)
	if l.Refusals >= t.shard.o.AlertTries {
		l.Parked = true
		text += "; given up"
	}
	t.note(text)
}

// letterUnanswered: the session is over without a Status for it. If the
// session was a good one the next try waits; otherwise the sessions do.
func (t *turn) letterUnanswered(key string, wait bool) {
	i, ok := t.letter(key)
	if !ok {
		return
	}
	l := &t.rec.Outbox[i]
	l.Tries++
	if wait {
		l.NotBefore = t.now.Add(t.shard.o.AlertRetry.after(t.rec.Endpoint, l.Tries))
	}
}
