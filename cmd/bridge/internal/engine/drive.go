package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/mapping"
)

// asking is the drive's request under way.
type asking struct {
	drive  uint64 // record.Drives then
	seq    uint32
	cancel context.CancelFunc // nil until the request goes out
}

func (t *turn) policy() mapping.Policy { return t.shard.o.Directory.PolicyFor(t.rec.Endpoint) }

// startDrive begins the update that an Exec asks for. The tree lets only one
// run at a time.
func (t *turn) startDrive(x fwupdate.Execution) {
	if t.rec.running() {
		t.shard.o.Log.Error("Exec accepted while an update runs, ignored", "device", t.rec.Endpoint, "package", x.Package)
		return
	}
	if t.untold(x) {
		d := t.rec.Drive
		t.rec.Tree.SetState(x.Package, d.View().State)
		t.rec.Tree.SetBusy(x.Package, d.Busy())
		t.note("Exec repeated by the DM server, which was not told the result yet; nothing is started")
		return
	}
	t.settle(x.Package, "has started it anew")
	t.giveUpAsking()
	t.stopTaking()
	t.rec.Drives++
	t.rec.Install = nil
	p, _ := t.rec.Tree.Package(x.Package)
	d, actions := mapping.Start(t.now, mapping.Order{Execution: x, Bound: p.Bound, Route: t.route()}, t.rec.Present, t.policy())
	t.rec.Drive = &d
	t.carry(mapping.View{}, actions)
}

// untold says that an Exec asks for what has just been done, with its result
// still in the outbox. A server that never got the 202, because the bridge or
// the connection died, repeats its Exec in the next session: without this the
// software would be installed twice. An Exec without Correlator is only known
// again as long as the server has not refused the result. A result that waits
// for DM 1.2 holds nothing up: the server has State to read meanwhile.
func (t *turn) untold(x fwupdate.Execution) bool {
	d := t.rec.Drive
	_, acc, _ := t.account()
	return d != nil && d.Over() && d.Order.Execution == x && slices.ContainsFunc(t.rec.Outbox, func(l letter) bool {
		return l.Package == x.Package && l.Note.Correlator == x.Correlator && l.deliverable(acc) && (x.Correlator != "" || l.Refusals == 0)
	})
}

// step is one step of the running drive; without one nothing happens.
func (t *turn) step(ev mapping.Event) {
	if !t.rec.running() {
		return
	}
	before := t.rec.Drive.View()
	d, actions := t.rec.Drive.Step(t.now, ev, t.policy())
	t.rec.Drive = &d
	t.carry(before, actions)
}

// carry makes a step of the drive visible on both sides and lines its actions
// up.
func (t *turn) carry(before mapping.View, actions []mapping.Action) {
	d := t.rec.Drive
	pkg, view := d.Order.Execution.Package, d.View()
	if view != before {
		t.line(pkg, view, "")
	}
	t.rec.Tree.SetState(pkg, view.State)
	if id, ok := d.Instance(); ok {
		t.rec.Tree.SetBound(pkg, uint32(id)+1)
	}
	t.rec.Tree.SetBusy(pkg, d.Busy())
	for _, action := range actions {
		switch a := action.(type) {
		case mapping.Request:
			t.request(a)
		case mapping.Finish:
			t.finished(a)
		case mapping.Note:
			t.line(pkg, view, a.Text())
		}
	}
}

// request sends one request of the drive on its way.
func (t *turn) request(q mapping.Request) {
	t.giveUpAsking()
	t.live.ask = &asking{drive: t.rec.Drives, seq: q.Seq}
	if writes[q.Op] {
		t.rec.Detector = t.rec.Detector.Wrote() // and once more when it is answered
	}
	switch {
	case q.Op != mapping.OpInstall:
		t.ask(question{Request: q, known: t.rec.Object, lent: t.lending(q)})
	case q.Resume:
		t.resumeInstall(q)
	default:
		t.beginInstall(q)
	}
}

// giveUpAsking cuts off a request that the drive does not wait for any more,
// so that it does not reach a device that sleeps until then.
func (t *turn) giveUpAsking() {
	old := t.live.ask
	t.live.ask = nil
	if old == nil {
		return
	}
	t.effects = append(t.effects, func(context.Context) {
		if old.cancel != nil { // perhaps since this very turn
			old.cancel()
		}
	})
}

// ask makes the request once the turn is durable.
func (t *turn) ask(q question) {
	a, ask := t.asker(), t.live.ask
	s, endpoint := t.shard, t.rec.Endpoint
	t.effects = append(t.effects, func(ctx context.Context) {
		asking, cancel := context.WithCancel(ctx)
		ask.cancel = cancel
		s.effects.Go(func() {
			defer cancel()
			answer := a.ask(asking, q)
			if ctx.Err() == nil {
				s.box.push(event{endpoint: endpoint, what: asked{drive: ask.drive, op: q.Op, answer: answer}})
			}
		})
	})
}

// beginInstall requests Install for the first time.
func (t *turn) beginInstall(q mapping.Request) {
	if t.rec.Registration.Queue {
		t.knock(q)
		return
	}
	t.install(q)
}

// install begins the one exchange of Install: it is stored with the drive
// that asks for it, before it goes out.
func (t *turn) install(q mapping.Request) {
	ex, err := t.shard.devices.NewExchange(t.rec.Endpoint)
	if err != nil {
		t.later(asked{drive: t.rec.Drives, op: q.Op, answer: mapping.Answer{Seq: q.Seq, Outcome: mapping.NotSent}})
		return
	}
	t.rec.Install = &install{Drive: t.rec.Drives, Seq: q.Seq, Exchange: ex}
	t.ask(question{Request: q, exchange: &ex})
}

// resumeInstall takes up the exchange that a restart has cut off. An exchange
// that the device may have forgotten is not sent again, and nobody knows what
// became of it. Where none is stored, none was begun: this is the first.
func (t *turn) resumeInstall(q mapping.Request) {
	in := t.rec.Install
	switch {
	case in == nil || in.Drive != t.rec.Drives || in.Seq != q.Seq:
		q.Resume = false
		t.beginInstall(q)
	case t.rec.Present && in.Exchange.Addr == t.rec.Registration.Addr && t.now.Sub(in.Exchange.Begun) < server.ExchangeLifetime:
		ex := in.Exchange
		t.ask(question{Request: q, exchange: &ex})
	default:
		t.later(asked{drive: t.rec.Drives, op: q.Op, answer: mapping.Answer{Seq: q.Seq, Outcome: mapping.NoAnswer}})
	}
}

// knock waits until a device in queue mode is awake: an exchange that is
// begun only then is still known to the device if it must be repeated.
func (t *turn) knock(q mapping.Request) {
	a, drive := t.asker(), t.rec.Drives
	path := objectPath(int(q.Instance), int(lwm2m9.RIDUpdateState))
	t.start(func(ctx context.Context) occurrence {
		_, err := a.get(ctx, path, server.TextPlain)
		outcome, _ := outcomeOf(err)
		return knocked{drive: drive, request: q, awake: outcome != mapping.NotSent && outcome != mapping.NoAnswer}
	})
}

func (t *turn) knocked(w knocked) {
	if !t.expects(w.drive, w.request.Seq) {
		return
	}
	if w.awake {
		t.install(w.request)
		return
	}
	t.later(asked{drive: w.drive, op: w.request.Op, answer: mapping.Answer{Seq: w.request.Seq, Outcome: mapping.NotSent}})
}

// expects says whether the drive still waits for the answer to a request.
func (t *turn) expects(drive uint64, seq uint32) bool {
	ask := t.live.ask
	return ask != nil && ask.drive == drive && ask.seq == seq
}

// answered: the outcome of a request. What it shows of the device is true
// also when the drive does not wait for it any more.
func (t *turn) answered(w asked) {
	answer := w.answer
	t.learn(&answer, w.op)
	if !t.expects(w.drive, answer.Seq) {
		return
	}
	t.live.ask = nil
	if in := t.rec.Install; in != nil && in.Seq == answer.Seq {
		t.rec.Install = nil
	}
	t.step(answer)
}

// notified: the mirror has it now; for the drive only counts that something
// changed, and only in the instance in use. What it is, the drive reads.
func (t *turn) notified(w notified) {
	t.mirror(w.entries)
	if !t.rec.running() {
		return
	}
	if id, chosen := t.rec.Drive.Instance(); chosen && slices.Contains(instancesIn(w.path, w.entries), id) {
		t.step(mapping.Notified{Instance: id})
	}
}

// finished ends the drive: its result goes to the server, and the device is
// asked again what it is.
func (t *turn) finished(f mapping.Finish) {
	t.giveUpAsking()
	t.rec.Install = nil
	if f.Code.Success() {
		t.rec.Identified, t.live.identified = 0, 0
	}
	t.countResult(f.Code)
	t.delivered(f)
	t.post(f)
}

func unknownNumbers(i lwm2m9.Instance) string {
	return fmt.Sprintf("numbers that the dialect does not know: Update State %d, Update Result %d", i.RawState, i.RawResult)
}
