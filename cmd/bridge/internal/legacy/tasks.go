package legacy

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmlisten"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// ask is a task on its way: several commands, each with a Status of its own.
type ask struct {
	do   mapping.Do
	left int // commands without an outcome
	// status is the one that decides so far: the worst.
	status int
	state  fwupdate.State
}

// details are the nodes that a device is asked for beside its campaigns.
var details = []string{"./DevDetail/FwV", "./DevDetail/SwV", "./DevDetail/HwV", "./DevDetail/DevTyp"}

const detailKey = "detail"

// commands are what is to be said now: those of the tasks, and what the bridge
// wants to know of the device.
func (t *turn) commands(v *visit) []dmlisten.Job {
	var jobs []dmlisten.Job
	if !t.rec.Detailed && !v.looked {
		v.looked = true
		for _, uri := range details {
			jobs = append(jobs, dmlisten.Job{Key: detailKey, Command: &syncml.Op{Cmd: syncml.CmdGet,
				Items: []syncml.Item{{Target: syncml.Location{URI: uri}}}}})
		}
	}
	t.addPending(v)
	for _, d := range t.jobs {
		cmds, err := t.translate(d)
		if err != nil { // without a URL there is nothing to offer: later, perhaps
			t.line("package cannot be offered: " + err.Error())
			t.jobs = nil
			t.step(mapping.Done{Seq: d.Seq, Status: int(syncml.StatusCommandFailed)})
			return append(jobs, t.commands(v)...)
		}
		v.asked[d.Seq] = &ask{do: d, left: len(cmds)}
		for _, c := range cmds {
			jobs = append(jobs, dmlisten.Job{Key: strconv.FormatUint(uint64(d.Seq), 10), Command: c})
		}
	}
	t.jobs = nil
	return jobs
}

// addPending adds the task that was asked for while it was not the device's turn
// to be spoken to: by an Install, say, in the middle of a session.
func (t *turn) addPending(v *visit) {
	d, ok := t.rec.Virtual.Pending()
	if !ok || v.asked[d.Seq] != nil {
		return
	}
	if slices.ContainsFunc(t.jobs, func(j mapping.Do) bool { return j.Seq == d.Seq }) {
		return
	}
	t.jobs = append(t.jobs, d)
}

// translate makes a task the commands that it stands for (mapping.Task).
func (t *turn) translate(d mapping.Do) ([]syncml.Command, error) {
	base := "./FwUpdate/" + fwupdate.Escape(d.Package)
	op := func(cmd syncml.Name, uri string) []syncml.Command {
		return []syncml.Command{&syncml.Op{Cmd: cmd, Items: []syncml.Item{{Target: syncml.Location{URI: uri}}}}}
	}
	switch d.Task {
	case mapping.TaskOffer:
		return t.offer(d, base)
	case mapping.TaskExec:
		cmds := op(syncml.CmdExec, base+"/DownloadAndUpdate")
		cmds[0].(*syncml.Op).Correlator = d.Correlator
		return cmds, nil
	case mapping.TaskState:
		return op(syncml.CmdGet, base+"/State"), nil
	case mapping.TaskDelete:
		return op(syncml.CmdDelete, base), nil
	}
	return nil, fmt.Errorf("no such task: %v", d.Task)
}

// offer is one Add a node, parents first: old clients have no implicit Add, and
// an Item without Data crashes some (legacy-clients.md).
func (t *turn) offer(d mapping.Do, base string) ([]syncml.Command, error) {
	slot, ok := t.rec.Virtual.Slot(d.Instance)
	if !ok {
		return nil, fmt.Errorf("instance %d is gone", d.Instance)
	}
	at, err := t.e.o.Packages.URL(t.id, slot.Package)
	if err != nil {
		return nil, err
	}
	var cmds []syncml.Command
	for _, n := range []struct{ uri, format, data string }{
		{base, "node", ""},
		{base + "/PkgName", "chr", nameOf(slot.Package)},
		{base + "/PkgVersion", "chr", slot.Package.Version},
		{base + "/DownloadAndUpdate", "node", ""},
		{base + "/DownloadAndUpdate/PkgURL", "chr", at},
	} {
		cmds = append(cmds, &syncml.Op{Cmd: syncml.CmdAdd, Items: []syncml.Item{{
			Target: syncml.Location{URI: n.uri}, Meta: syncml.Meta{Format: n.format}, Data: []byte(n.data),
		}}})
	}
	return cmds, nil
}

// nameOf is what the device shows as PkgName.
func nameOf(p mapping.PackageInfo) string {
	if p.Name != "" {
		return p.Name
	}
	if u, err := url.Parse(p.URI); err == nil && u.Path != "" {
		return u.Path[strings.LastIndexByte(u.Path, '/')+1:]
	}
	return "firmware"
}

// results takes in what became of commands.
func (t *turn) results(v *visit, results []session.Result) {
	for _, r := range results {
		if r.Key == detailKey {
			t.detail(r)
			continue
		}
		seq, err := strconv.ParseUint(r.Key, 10, 32)
		a := v.asked[uint32(seq)]
		if err != nil || a == nil {
			continue
		}
		next := *a
		next.take(r)
		v.asked[uint32(seq)] = &next
		if next.left == 0 {
			delete(v.asked, uint32(seq))
			t.step(mapping.Done{Seq: next.do.Seq, Status: next.status, State: next.state})
		}
	}
}

// take notes the outcome of one command. The worst counts, as the task judges.
func (a *ask) take(r session.Result) {
	a.left--
	status := int(r.Code)
	task := a.do.Task
	if a.status == 0 || task.Judge(status) > task.Judge(a.status) {
		a.status = status
	}
	if task == mapping.TaskState && len(r.Found) > 0 {
		if n, err := strconv.ParseUint(strings.TrimSpace(string(r.Found[0].Data)), 10, 8); err == nil {
			a.state = fwupdate.State(n)
		}
	}
}

// detail takes in a node of ./DevDetail. What a device does not have is not
// asked for again before its next update.
func (t *turn) detail(r session.Result) {
	t.rec.Detailed = true
	found := make(map[string]string)
	for _, it := range r.Found {
		uri := it.Source.URI
		if uri == "" {
			uri = it.Target.URI
		}
		if !strings.HasPrefix(uri, "./") {
			uri = "./" + uri
		}
		found[uri] = string(it.Data)
	}
	t.learn(found)
}

// The types of a final notification (FUMO 1.0, 5.3), lower case.
var finalTypes = map[string]bool{
	"org.openmobilealliance.dm.firmwareupdate.downloadandupdate": true,
	"org.openmobilealliance.dm.firmwareupdate.update":            true,
}

// judge accepts every event: a device that is told otherwise would repeat it.
func judge(session.Event) syncml.Code { return syncml.StatusOK }

// alert takes in an event of an authenticated device.
func (t *turn) alert(ev session.Event) {
	if !finalTypes[strings.ToLower(strings.TrimSpace(ev.Type))] {
		t.line("event " + ev.Type + " is not known")
		return
	}
	code, err := strconv.ParseUint(strings.TrimSpace(ev.Data), 10, 16)
	if err != nil {
		code = 0 // failure (legacy-clients.md)
	}
	t.step(mapping.Alerted{Package: packageOf(ev.Source), Correlator: ev.Correlator, Code: fwupdate.Code(code)})
	if fwupdate.Code(code).Success() {
		t.rec.Detailed = false // it has another version now
	}
}

// packageOf is the x of ./FwUpdate/x/DownloadAndUpdate, as devices write it.
func packageOf(source string) string {
	rest := strings.TrimPrefix(strings.TrimPrefix(source, "./"), "FwUpdate/")
	name, _, _ := strings.Cut(rest, "/")
	if plain, err := url.PathUnescape(name); err == nil {
		return plain
	}
	return name
}
