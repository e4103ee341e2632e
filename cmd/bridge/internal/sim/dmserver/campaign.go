package dmserver

import (
	"github.com/fwbridge/fwbridge/syncml"
)

// role says what a command is for.
type role uint8

const (
	roleGet   role = iota // its outcome does not matter
	roleSetup             // must succeed, or 418 "already exists"
	roleExec
	rolePoll
	roleCleanup
	roleQuirk
)

// spec is a command that a campaign sends.
type spec struct {
	cmd        syncml.Name
	uri        string
	format     string // "": none
	data       []byte // nil: no Data element
	correlator string
	role       role
}

// batch is what goes out in one message.
type batch struct {
	specs []spec
	block syncml.Name // CmdSequence or CmdAtomic around all but the Exec of an Atomic; "": none
	open  bool        // no Final after it
}

// run is a campaign at one device.
type run struct {
	campaign Campaign
	result   Result
	batches  []batch // all of them
	next     int     // of batches, the next to send
	acked    int     // how many of batches have been answered
	failed   string  // the first thing that went wrong
	// answered says that a Status of the 2xx class for the final alert has
	// gone out.
	answered bool
	known    bool // the end is known
	cleaned  bool // the Delete has gone out
}

func newRun(c Campaign, device string) *run {
	return &run{campaign: c, result: Result{Device: device, Package: c.Package}, batches: batches(c)}
}

// restart sends again what was left unanswered.
func (r *run) restart() { r.next, r.cleaned = r.acked, false }

// root is ./FwUpdate/x.
func (r *run) root() string { return "./FwUpdate/" + r.campaign.Package }

func execURI(root string) string { return root + "/DownloadAndUpdate" }

// batches lays a campaign out in messages.
func batches(c Campaign) []batch {
	var gets []spec
	uris := c.Get
	if uris == nil {
		uris = []string{"./DevDetail/FwV", "./DevInfo"}
	}
	for _, u := range uris {
		gets = append(gets, spec{cmd: syncml.CmdGet, uri: u, role: roleGet})
	}
	root := "./FwUpdate/" + c.Package
	setup := setupSpecs(c, root)
	exec := spec{cmd: syncml.CmdExec, uri: execURI(root), correlator: c.Correlator, role: roleExec}
	switch c.Style {
	case StyleMessages, StyleSplit, StyleSessions:
		var list []batch
		for _, s := range append(append(gets, setup...), exec) {
			list = append(list, batch{specs: []spec{s}, open: c.Style == StyleSplit && s.role != roleExec})
		}
		return list
	case StyleSequence:
		return []batch{{specs: append(append(gets, setup...), exec), block: syncml.CmdSequence}}
	case StyleAtomic: // no Get in an Atomic (RepPro 1.2, Atomic)
		atomic := batch{specs: append(setup, exec), block: syncml.CmdAtomic}
		if len(gets) == 0 {
			return []batch{atomic}
		}
		return []batch{{specs: gets}, atomic}
	}
	return []batch{{specs: append(append(gets, setup...), exec)}}
}

func setupSpecs(c Campaign, root string) []spec {
	node := func(uri string) spec {
		return spec{cmd: syncml.CmdAdd, uri: uri, format: "node", data: []byte{}, role: roleSetup}
	}
	var list []spec
	if c.Style != StyleLeaves {
		list = append(list, node(root), node(execURI(root)))
	}
	for _, leaf := range []struct{ uri, value string }{
		{root + "/PkgName", c.Name},
		{root + "/PkgVersion", c.Version},
		{execURI(root) + "/PkgURL", c.URL},
	} {
		add := spec{cmd: syncml.CmdAdd, uri: leaf.uri, format: "chr", data: []byte(leaf.value), role: roleSetup}
		if c.Style != StyleReplace {
			list = append(list, add)
			continue
		}
		replace := add
		add.data, replace.cmd = []byte{}, syncml.CmdReplace
		list = append(list, add, replace)
	}
	return list
}

// command adds to an answer what the server wants next, and says whether the
// message ends its package.
func (s *Server) command(d *device, m *syncml.Message, w *writer) (final bool) {
	ss := d.session
	if ss.batches == 0 && m.Header.MsgID == "1" {
		if _, ok := s.strike(EmptySession, d.id); ok {
			ss.silent = true
		}
	}
	r := d.current()
	if ss.silent || r == nil || len(ss.sent) > 0 {
		return true
	}
	if _, ok := s.strike(Abort, d.id); ok {
		ss.over = true
		w.add(&syncml.Alert{CmdID: w.id(), Code: syncml.AlertSessionAbort})
		return true
	}
	b, ok := s.nextBatch(d, r, m)
	if !ok {
		return true
	}
	s.send(d, r, b, m, w)
	return !b.open
}

// current is the campaign of the device that is not yet final.
func (d *device) current() *run {
	for _, r := range d.runs {
		if !r.result.Phase.Final() {
			return r
		}
	}
	return nil
}

// nextBatch is what a campaign has to say now.
func (s *Server) nextBatch(d *device, r *run, m *syncml.Message) (batch, bool) {
	ss := d.session
	switch {
	case r.result.Phase <= Setup:
		if r.campaign.Style == StyleSessions && ss.batches > 0 || r.next >= len(r.batches) {
			return batch{}, false
		}
		s.enter(r, Setup)
		b := r.batches[r.next]
		r.next++
		ss.batches++
		return b, true
	case r.result.Phase == Cleanup && !r.cleaned:
		r.cleaned = true
		return batch{specs: []spec{{cmd: syncml.CmdDelete, uri: r.root(), role: roleCleanup}}}, true
	case r.result.Phase == Running:
		return s.meanwhile(d, r, m)
	}
	return batch{}, false
}

// meanwhile is what the server says while the update runs: the quirks, once a
// session each, and the question for State, once a session.
func (s *Server) meanwhile(d *device, r *run, m *syncml.Message) (batch, bool) {
	ss := d.session
	var specs []spec
	if !ss.quirked {
		ss.quirked = true
		if _, ok := s.strike(SecondExec, d.id); ok {
			specs = append(specs, spec{cmd: syncml.CmdExec, uri: execURI(r.root()), correlator: r.campaign.Correlator, role: roleQuirk})
		}
		if _, ok := s.strike(DeleteRunning, d.id); ok {
			specs = append(specs, spec{cmd: syncml.CmdDelete, uri: r.root(), role: roleQuirk})
		}
	}
	if poll := r.campaign.Poll || m.Header.Version == syncml.DM112; poll && !ss.polled {
		ss.polled = true
		specs = append(specs, spec{cmd: syncml.CmdGet, uri: r.root() + "/State", role: rolePoll})
	}
	return batch{specs: specs}, len(specs) > 0
}

// sent is a command that waits for its Status.
type sent struct {
	spec
	run      *run
	answered bool
	code     syncml.Code // of the Status; some clients answer 0 for "failed"
	data     string
}

// send writes a batch.
func (s *Server) send(d *device, r *run, b batch, m *syncml.Message, w *writer) {
	var block *syncml.Block
	if b.block != "" {
		block = &syncml.Block{Cmd: b.block, CmdID: w.id()}
		w.add(block)
	}
	for _, one := range b.specs {
		op := one.op(w.id(), m.Header.Version)
		d.session.sent[key(d.session.msgID, op.CmdID)] = &sent{spec: one, run: r}
		if block == nil || b.block == syncml.CmdAtomic && one.role == roleExec {
			w.add(op)
		} else {
			block.Body = append(block.Body, op)
		}
	}
}

// op is the command on the wire. DM 1.1.2 has no Correlator.
func (c spec) op(id string, v syncml.Version) *syncml.Op {
	op := &syncml.Op{Cmd: c.cmd, CmdID: id}
	if v != syncml.DM112 {
		op.Correlator = c.correlator
	}
	item := syncml.Item{Target: syncml.Location{URI: c.uri}, Data: c.data}
	if c.format != "" {
		item.Meta = syncml.Meta{Format: c.format}
		if c.format == "chr" {
			item.Meta.Type = "text/plain"
		}
	}
	op.Items = []syncml.Item{item}
	return op
}
