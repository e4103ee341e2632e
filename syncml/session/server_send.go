package session

import (
	"errors"
	"slices"
	"sort"
	"strconv"

	"github.com/fwbridge/fwbridge/syncml"
)

// draft is a message in the making.
type draft struct {
	answers []syncml.Command // after the Status for the SyncHdr
	alert   syncml.AlertCode // 1222 or 1223; 0 has none
	units   []*unit
	part    *syncml.Item // of the large object, which is the only unit then
	final   bool
	encoded *encoded // the message, if it is made already
}

// alertRoom is more bytes than an Alert of ours takes in a message.
const alertRoom = 256

// compose makes the Reply. What goes out depends on where the session is (OMA
// DM Protocol 1.2, "Multiple Messages in Package"): a refusal or a last word is
// answers only; a large object goes on; a device that has not closed its
// package is asked for the rest, without new commands; and only else come the
// next commands.
func (s *Server) compose() Reply {
	d := draft{answers: s.answers, final: true}
	s.answers = nil
	if s.sent+s.repeats+1 >= MaxMessages && s.in.end == EndNot {
		s.in.end, s.in.err = EndTooManySent, errors.New("too many messages in one session")
		d.alert = syncml.AlertSessionAbort
	}
	switch {
	case s.in.end != EndNot, s.in.refused:
	case s.abort:
		s.in.end, s.in.err = EndAborted, errors.New("aborted by us")
		d.alert = syncml.AlertSessionAbort
	default:
		s.fill(&d)
	}
	return s.dispatch(d)
}

// fill decides what the message holds besides the Status for the SyncHdr.
func (s *Server) fill(d *draft) {
	if s.fillWhole(d) {
		return
	}
	if rest := s.overflow(d.answers); rest > 0 {
		n := len(d.answers) - rest
		d.answers, s.answers, d.final = d.answers[:n:n], d.answers[n:], false
		return
	}
	for {
		switch {
		case s.large != nil && !s.large.wait:
			s.nextPart(d)
			if s.large == nil { // not a single character fits
				continue
			}
		case !s.in.m.Final:
			d.alert, d.final = syncml.AlertNextMessage, false
		case !s.nextUnits(d):
			continue // the first one cannot be sent: without it
		}
		return
	}
}

// fillWhole puts everything that is to be said now into the message if it fits,
// as it does nearly always: what is left for the rest of fill is to find out how
// much does. With room for an Alert to spare it fits whatever fill tries.
func (s *Server) fillWhole(d *draft) bool {
	if s.large != nil || !s.in.m.Final {
		return false
	}
	whole := draft{answers: d.answers, units: s.batch(), final: true}
	e, err := s.encode(whole)
	if err != nil || int64(len(e.body))+alertRoom > s.maxMsg {
		return false
	}
	whole.encoded = &e
	s.take(len(whole.units))
	*d = whole
	return true
}

// overflow is how many answers have to wait for the next message. One goes out
// in any case: holding it back would not make it smaller.
func (s *Server) overflow(answers []syncml.Command) int {
	if len(answers) < 2 || s.fits(draft{answers: answers, alert: syncml.AlertNextMessage}) {
		return 0
	}
	n := sort.Search(len(answers)-1, func(i int) bool { return !s.fits(draft{answers: answers[:i+2]}) })
	return len(answers) - n - 1
}

// batch is the commands for one message, if they fit.
func (s *Server) batch() []*unit {
	limit := s.cfg.Batch
	if limit <= 0 {
		limit = DefaultBatch
	}
	units := s.units[:min(limit, len(s.units))]
	if i := slices.IndexFunc(units, func(u *unit) bool { return u.asks }); i >= 0 {
		units = units[:i+1]
	}
	return units[:len(units):len(units)]
}

// nextUnits takes as many commands as the message can hold; false says that the
// first one had to be given up.
func (s *Server) nextUnits(d *draft) bool {
	units := s.batch()
	n := sort.Search(len(units), func(i int) bool {
		return !s.fits(draft{answers: d.answers, units: units[:i+1], final: true})
	})
	if n == 0 && len(units) > 0 {
		return s.unwieldy(d, units[0])
	}
	d.units = units[:n:n]
	s.take(n)
	return true
}

// take is the end of waiting for the first n commands. Without others nothing
// points to them: they would keep what the device says to them.
func (s *Server) take(n int) {
	if s.units = s.units[n:]; len(s.units) == 0 {
		s.units = nil
	}
}

// unwieldy is for a command that is too long for the message: it goes in parts,
// or in the next one, which has but one answer, or not at all.
func (s *Server) unwieldy(d *draft, u *unit) bool {
	if _, err := s.encode(draft{units: []*unit{u}}); err != nil {
		s.giveUp(u, 0, err)
		return false
	}
	if item, ok := s.divisible(u); ok {
		s.large = &largeObject{unit: u, parts: split(item)}
		s.take(1)
		s.nextPart(d)
		return s.large != nil
	}
	if len(d.answers) > 1 && s.fits(draft{answers: d.answers[:1], units: []*unit{u}, final: true}) {
		d.final = false
		return true
	}
	s.giveUp(u, syncml.StatusTooLarge, errors.New("longer than the messages that the device takes"))
	return false
}

// divisible is the Item of a command that may go in parts.
func (s *Server) divisible(u *unit) (syncml.Item, bool) {
	o, ok := u.step.cmd.(*syncml.Op)
	if !ok || !s.cfg.LargeObjects || len(o.Items) != 1 || o.Cmd != syncml.CmdAdd && o.Cmd != syncml.CmdReplace {
		return syncml.Item{}, false
	}
	if s.maxObj > 0 && int64(len(o.Items[0].Data)) > s.maxObj {
		return syncml.Item{}, false
	}
	return o.Items[0], true
}

// nextPart takes the next part of the large object; the package stays open
// until the last.
func (s *Server) nextPart(d *draft) {
	u := s.large.unit
	part, last, err := s.large.parts.next(func(item syncml.Item) bool {
		return s.fits(draft{answers: d.answers, units: []*unit{u}, part: &item})
	})
	if err != nil {
		s.large = nil
		s.flight = slices.DeleteFunc(s.flight, func(f *unit) bool { return f == u })
		s.giveUp(u, syncml.StatusTooLarge, err)
		return
	}
	s.large.last = last
	d.units, d.part, d.final = []*unit{u}, &part, last
}

// giveUp ends the job of a unit that cannot be sent.
func (s *Server) giveUp(u *unit, code syncml.Code, err error) {
	u.step.local, u.step.err, u.done = code, err, true
	j := u.job
	if &j.root != u.step {
		j.root.err = err
	}
	mine := func(o *unit) bool { return o.job == j }
	for i := range j.units {
		o := &j.units[i]
		if !o.done && !slices.Contains(s.flight, o) {
			o.step.skip()
			o.done = true
		}
	}
	s.units = slices.DeleteFunc(s.units, mine)
	if j.over() {
		s.unsent = append(s.unsent, j.result())
		s.jobs = slices.DeleteFunc(s.jobs, func(o *job) bool { return o == j })
	}
}

// dispatch encodes and signs a message and takes note of where everything
// stands in it.
func (s *Server) dispatch(d draft) Reply {
	if d.encoded == nil {
		e, err := s.encode(d)
		if err != nil { // only our own account can be the cause
			return Reply{End: EndProtocol, Err: err}
		}
		d.encoded = &e
	}
	s.sent++
	number := strconv.Itoa(s.sent)
	if s.places == nil && len(d.encoded.places) > 0 {
		s.places = make(map[place]*step, len(d.encoded.places))
	}
	for _, at := range d.encoded.places {
		s.places[place{number, at.id}] = at.step
	}
	for _, u := range d.units {
		u.msg = s.sent
		if !slices.Contains(s.flight, u) {
			s.flight = append(s.flight, u)
		}
	}
	body := d.encoded.body
	r := Reply{Send: body, HMAC: s.us.hmac(s.cfg.Account.Server, body), End: s.in.end, Err: s.in.err}
	s.us.given = d.encoded.cred || r.HMAC != ""
	if r.End == EndNot && d.final && len(d.units) == 0 && !s.in.refused {
		r.End = EndDone
	}
	return r
}
