package engine

import (
	"context"
	"errors"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/mapping"
)

// writes says which operations may change what a later reading shows.
var writes = map[mapping.Op]bool{
	mapping.OpCreate: true, mapping.OpWriteURI: true, mapping.OpClearURI: true,
	mapping.OpInstall: true, mapping.OpUninstall: true, mapping.OpActivate: true, mapping.OpPush: true,
}

// question is a request of a drive with what it takes to ask it.
type question struct {
	mapping.Request
	known    []lwm2m9.Instance // as last read, for the number of a new one
	exchange *server.Exchange  // of Install
	lent     bool              // the instance may have what was lent for another URI
}

// operations are how each request of a drive becomes CoAP (mapping.md 5.2;
// lwm2m.md, "Interfaces"). Each returns the error of what it asked last.
var operations = map[mapping.Op]func(asker, context.Context, question, *mapping.Answer) error{
	mapping.OpSurvey:    asker.askSurvey,
	mapping.OpRead:      asker.askRead,
	mapping.OpObserve:   asker.askObserve,
	mapping.OpCreate:    asker.askCreate,
	mapping.OpWriteURI:  asker.askWriteURI,
	mapping.OpClearURI:  asker.askWriteURI, // its URI is empty
	mapping.OpInstall:   asker.askInstall,
	mapping.OpUninstall: asker.askUninstall,
	mapping.OpActivate:  asker.askActivate,
	mapping.OpFetch:     asker.askFetch,
	mapping.OpPush:      asker.askPush,
}

// ask carries out one request. The Instances of the answer have numbers only.
func (a asker) ask(ctx context.Context, q question) mapping.Answer {
	answer := mapping.Answer{Seq: q.Seq}
	operation, ok := operations[q.Op]
	if !ok {
		answer.Outcome = mapping.NotSent
		return answer
	}
	err := operation(a, ctx, q, &answer)
	answer.Outcome, answer.Code = outcomeOf(err)
	if refusedCopy(q, err) {
		answer.Outcome, answer.Code = mapping.NoAnswer, 0
	}
	if q.Resume && answer.Outcome == mapping.NotSent {
		// Not by this call; by the one before the restart, perhaps.
		answer.Outcome = mapping.NoAnswer
	}
	return answer
}

// refusedCopy says that a refusal leaves open whether the request was carried
// out. Devices should know a duplicate when they see one (RFC 7252, 4.5), and
// many do not: the first copy starts the install, its answer is lost, and the
// second is refused because an install is under way. Of the other requests
// only "wrong state" can mean that.
func refusedCopy(q question, err error) bool {
	refused, no := errors.AsType[*server.Refused](err)
	if !no || !writes[q.Op] || !refused.Repeated && !q.Resume {
		return false
	}
	return q.Op == mapping.OpInstall || refused.Code == lwm2m9.CodeMethodNotAllowed
}

// outcomeOf sorts the failures of a device: it said no, it said nothing, it
// spoke nonsense, it was not spoken to.
func outcomeOf(err error) (mapping.Outcome, lwm2m9.ResponseCode) {
	refused, no := errors.AsType[*server.Refused](err)
	switch {
	case err == nil:
		return mapping.Accepted, 0
	case no:
		return mapping.Refused, refused.Code
	case isGarbage(err):
		return mapping.Garbage, 0
	case errors.Is(err, server.ErrNotSent), errors.Is(err, server.ErrNotRegistered), errors.Is(err, server.ErrClosed):
		return mapping.NotSent, 0
	}
	return mapping.NoAnswer, 0 // also what nobody classified: it may have been carried out
}

func (a asker) askSurvey(ctx context.Context, _ question, to *mapping.Answer) (err error) {
	to.Instances, to.Torn, err = a.survey(ctx)
	return err
}

func (a asker) askRead(ctx context.Context, q question, to *mapping.Answer) error {
	i, torn, err := a.instance(ctx, q.Instance)
	switch {
	case err == nil:
		to.Instances, to.Torn = []lwm2m9.Instance{i}, torn
	case refusedWith(err, lwm2m9.CodeNotFound):
		return nil // an answer too: there is none
	}
	return err
}

// askObserve observes 7, 9 and 12, or the instance where single resources
// cannot be observed. A device that answers without observing anything is
// not an error: the drive reads again and again in any case.
func (a asker) askObserve(ctx context.Context, q question, _ *mapping.Answer) error {
	var err error
	for _, rid := range []lwm2m9.ResourceID{lwm2m9.RIDUpdateState, lwm2m9.RIDUpdateResult, lwm2m9.RIDActivationState} {
		var resp server.Response
		resp, err = a.observe(ctx, objectPath(int(q.Instance), int(rid)))
		if _, refused := errors.AsType[*server.Refused](err); refused || err == nil && !resp.Observed {
			_, err = a.observe(ctx, objectPath(int(q.Instance)))
			return err
		}
		if err != nil {
			return err
		}
	}
	return err
}

func (a asker) observe(ctx context.Context, path string) (server.Response, error) {
	on := true
	return a.do(ctx, server.Request{Method: server.GET, Path: path, Format: server.NoFormat, Accept: server.NoFormat, Observe: &on})
}

// askInstall is one exchange and never two, whatever happens.
func (a asker) askInstall(ctx context.Context, q question, _ *mapping.Answer) error {
	if q.exchange == nil {
		return server.ErrNotSent
	}
	r := execute(q.Instance, lwm2m9.RIDInstall, "")
	r.Exchange = q.exchange
	_, err := a.do(ctx, r)
	return err
}

// askUninstall: "for update" is written in two ways in the field (lwm2m.md);
// who does not understand the short one answers 4.00.
func (a asker) askUninstall(ctx context.Context, q question, _ *mapping.Answer) error {
	arguments := []string{""}
	if q.ForUpdate {
		arguments = []string{"1", "0='1'"}
	}
	var err error
	for _, argument := range arguments {
		if _, err = a.do(ctx, execute(q.Instance, lwm2m9.RIDUninstall, argument)); !refusedWith(err, lwm2m9.CodeBadRequest) {
			return err
		}
	}
	return err
}

func (a asker) askActivate(ctx context.Context, q question, _ *mapping.Answer) error {
	_, err := a.do(ctx, execute(q.Instance, lwm2m9.RIDActivate, ""))
	return err
}

func execute(id lwm2m9.InstanceID, rid lwm2m9.ResourceID, argument string) server.Request {
	r := server.Request{Method: server.POST, Path: objectPath(int(id), int(rid)), Format: server.NoFormat, Accept: server.NoFormat}
	if argument != "" {
		r.Format, r.Payload = server.TextPlain, []byte(argument)
	}
	return r
}
