package dmserver

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/fwbridge/fwbridge/syncml"
)

// key names a command of ours.
func key(msgID int, cmdID string) string { return strconv.Itoa(msgID) + "/" + cmdID }

// answered takes a Status for a command of ours.
func (s *Server) answered(d *device, st *syncml.Status) {
	if c := d.session.sent[st.MsgRef+"/"+st.CmdRef]; c != nil && !c.answered {
		c.answered, c.code = true, st.Code
	}
}

// results takes the values that a Get asked for.
func (s *Server) results(d *device, r *syncml.Results) {
	c := d.session.sent[r.MsgRef+"/"+r.CmdRef]
	if c == nil {
		return
	}
	var values []string
	for _, i := range r.Items {
		values = append(values, string(i.Data))
	}
	c.data = strings.Join(values, " ")
}

// settle draws the conclusions from the Statuses of a message. refused says
// that the client did not accept the server's credentials: everything is sent
// again then.
func (s *Server) settle(d *device, refused bool) {
	ss := d.session
	var done []*run
	for _, k := range slices.SortedFunc(maps.Keys(ss.sent), byNumber) {
		c := ss.sent[k]
		if !c.answered {
			continue
		}
		delete(ss.sent, k)
		s.judge(c, refused)
		if !slices.Contains(done, c.run) {
			done = append(done, c.run)
		}
	}
	if refused {
		ss.tries++
		clear(ss.sent)
		ss.batches, ss.polled = 0, false
		for _, r := range d.runs {
			r.restart()
		}
		return
	}
	for _, r := range done {
		if len(ss.sent) == 0 {
			s.conclude(ss, r)
		}
	}
}

// byNumber orders the keys of sent as the commands went out.
func byNumber(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// judge notes the outcome of one command.
func (s *Server) judge(c *sent, refused bool) {
	r := c.run
	a := Answer{Cmd: c.cmd, URI: c.uri, Status: c.code, Data: c.data}
	r.result.Statuses = append(r.result.Statuses, a)
	s.event(Event{Kind: EventAnswer, Device: r.result.Device, Answer: a, Result: r.result.clone()})
	if refused {
		return
	}
	switch c.role {
	case roleSetup:
		if !c.code.Success() && c.code != syncml.StatusAlreadyExists && r.failed == "" {
			r.failed = fmt.Sprintf("%s %s: %d", c.cmd, c.uri, c.code)
		}
	case roleExec:
		r.result.ExecStatus = c.code
		if c.code == 0 && r.failed == "" {
			r.failed = fmt.Sprintf("%s %s: 0", c.cmd, c.uri)
		}
	case rolePoll:
		s.polled(r, c.code, c.data)
	case roleQuirk:
		if c.cmd == syncml.CmdDelete && c.code.Success() {
			r.failed = "the package was deleted while its update ran"
		}
	}
}

// conclude moves a campaign on when all commands of a message have their
// Status.
func (s *Server) conclude(ss *session, r *run) {
	exec := r.result.ExecStatus
	switch r.result.Phase {
	case Setup:
		r.acked = r.next
		switch {
		case exec == syncml.StatusRetryLater: // another update runs on the device: in a later session
			r.result.ExecStatus, r.acked, r.next, r.failed = 0, r.acked-1, r.acked-1, ""
			ss.silent = true
		case exec.Success():
			r.failed = ""
			s.enter(r, Running)
			s.finish(r)
		case r.failed != "":
			s.fail(r, r.failed)
		case exec != 0:
			s.fail(r, fmt.Sprintf("Exec %s: %d", execURI(r.root()), exec))
		}
	case Cleanup:
		s.enter(r, Finished)
	case Running:
		if r.failed != "" && !r.known {
			s.fail(r, r.failed)
			return
		}
		s.finish(r)
	}
}

func (s *Server) fail(r *run, reason string) {
	r.result.Reason = reason
	s.enter(r, Failed)
}

// polled notes a State that was read. The final ones are those that do not
// change by themselves (FUMO 1.0, 5.2; FwUpdate CSP).
func (s *Server) polled(r *run, code syncml.Code, data string) {
	state, err := strconv.Atoi(strings.TrimSpace(data))
	if code == syncml.StatusNotFound {
		r.failed = "State is gone"
	}
	if !code.Success() || err != nil {
		return
	}
	r.result.State = state
	if n := len(r.result.States); n == 0 || r.result.States[n-1] != state {
		r.result.States = append(r.result.States, state)
	}
	s.event(Event{Kind: EventState, Device: r.result.Device, Result: r.result.clone()})
	switch state {
	case 20, 70, 80, 90, 100:
		r.known = true
	}
}

// finalAlert takes the report of the end of an update.
func (s *Server) finalAlert(d *device, a *syncml.Alert) (syncml.Code, func()) {
	r := d.reported(a)
	if r == nil {
		return syncml.StatusNotFound, nil
	}
	if r.answered {
		r.result.AlertsAfter++
	} else {
		r.result.AlertsBefore++
	}
	if len(a.Items) > 0 {
		r.result.Code, _ = strconv.Atoi(strings.TrimSpace(string(a.Items[0].Data)))
	}
	r.result.Correlator = a.Correlator
	s.event(Event{Kind: EventAlert, Device: d.id, Result: r.result.clone()})
	if q, ok := s.strike(RefuseAlert, d.id); ok {
		return q.Code, nil
	}
	r.known = true
	if r.result.Phase == Setup { // the answer to the Exec got lost, but here is its outcome
		s.enter(r, Running)
	}
	s.finish(r)
	return syncml.StatusOK, func() { r.answered = true }
}

// reported is the campaign that a final alert is about: the latest one with
// the package of its Source, and with its Correlator if there is such a one.
func (d *device) reported(a *syncml.Alert) *run {
	var found *run
	for _, r := range d.runs {
		if r.result.Phase == Waiting || !slices.ContainsFunc(a.Items, r.isSource) {
			continue
		}
		if found == nil || r.campaign.Correlator == a.Correlator || found.campaign.Correlator != a.Correlator {
			found = r
		}
	}
	return found
}

// isSource says whether an item of an alert names the package.
func (r *run) isSource(i syncml.Item) bool {
	uri := "./" + strings.TrimPrefix(i.Source.URI, "./") + "/"
	return strings.HasPrefix(uri, r.root()+"/")
}

// finish goes on when the end of an update is known: with the removal of x, or
// not at all.
func (s *Server) finish(r *run) {
	if !r.known || r.result.Phase != Running {
		return
	}
	if r.campaign.Delete {
		s.enter(r, Cleanup)
		return
	}
	s.enter(r, Finished)
}
