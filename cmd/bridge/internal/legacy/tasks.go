package legacy

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmlisten"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// ask is a task on its way: a command, perhaps after Adds, each with a Status
// of its own.
type ask struct {
	done mapping.Done // what is known so far
	task mapping.Task
	left int // commands without an outcome
	// heard says that there was an outcome of an Add, lost that there is none of
	// the Exec, which may have been carried out.
	heard, lost bool
}

// details are the nodes that a device is asked for beside its campaigns.
var details = []string{"./DevDetail/FwV", "./DevDetail/SwV", "./DevDetail/HwV", "./DevDetail/DevTyp"}

// Keys of jobs: detailKey, or the Seq of a task, with addMark for the Adds that
// come first.
const (
	detailKey = "detail"
	addMark   = "+"
)

// commands are what is to be said now: those of the tasks, and what the bridge
// wants to know of the device.
func (t *turn) commands(v *visit) []dmlisten.Job {
	jobs := t.askDetails(v)
	t.step(mapping.Spoken{})
	for len(t.jobs) > 0 {
		d := t.jobs[0]
		t.jobs = t.jobs[1:]
		cmds, err := t.translate(d)
		if err != nil { // without a URL there is nothing to offer: later, perhaps
			t.line("package cannot be offered: " + err.Error())
			failed := int(syncml.StatusCommandFailed)
			t.step(mapping.Done{Seq: d.Seq, Status: failed, Added: failed})
			t.step(mapping.Spoken{}) // of something else
			continue
		}
		v.asked[d.Seq] = &ask{done: mapping.Done{Seq: d.Seq, Added: int(syncml.StatusOK)}, task: d.Task, left: len(cmds)}
		key := strconv.FormatUint(uint64(d.Seq), 10)
		for _, c := range cmds[:len(cmds)-1] {
			jobs = append(jobs, dmlisten.Job{Key: key + addMark, Command: c})
		}
		jobs = append(jobs, dmlisten.Job{Key: key, Command: cmds[len(cmds)-1], Now: d.Task == mapping.TaskExec})
	}
	return jobs
}

// askDetails asks for ./DevDetail, once a session while it is not up to date.
func (t *turn) askDetails(v *visit) (jobs []dmlisten.Job) {
	if !t.rec.Detailed && !v.looked {
		v.looked = true
		for _, uri := range details {
			jobs = append(jobs, dmlisten.Job{Key: detailKey, Command: &syncml.Op{Cmd: syncml.CmdGet,
				Items: []syncml.Item{{Target: syncml.Location{URI: uri}}}}})
		}
	}
	return jobs
}

// translate makes a task the commands that it stands for (mapping.Task): its
// own is the last one.
func (t *turn) translate(d mapping.Do) ([]syncml.Command, error) {
	base := "./FwUpdate/" + fwupdate.Escape(d.Package)
	op := func(cmd syncml.Name, uri string) []syncml.Command {
		return []syncml.Command{&syncml.Op{Cmd: cmd, Items: []syncml.Item{{Target: syncml.Location{URI: uri}}}}}
	}
	switch d.Task {
	case mapping.TaskExec:
		exec := op(syncml.CmdExec, base+"/DownloadAndUpdate")
		exec[0].(*syncml.Op).Correlator = d.Correlator
		if d.Offered {
			return exec, nil
		}
		adds, err := t.offer(d, base)
		return append(adds, exec...), err
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
		key, added := strings.CutSuffix(r.Key, addMark)
		seq, err := strconv.ParseUint(key, 10, 32)
		a := v.asked[uint32(seq)]
		if err != nil || a == nil {
			continue
		}
		next := *a
		switch next.take(r, added); {
		case next.lost:
			delete(v.asked, uint32(seq)) // the end of the session says so
			continue
		case errors.Is(r.Err, session.ErrNotNow):
			t.step(mapping.Withheld{Seq: next.done.Seq})
		}
		v.asked[uint32(seq)] = &next
		if next.left == 0 {
			delete(v.asked, uint32(seq))
			t.step(next.done)
		}
	}
}

// take notes the outcome of one command. Of Adds the worst counts.
func (a *ask) take(r session.Result, added bool) {
	a.left--
	status := int(r.Code)
	if added {
		if task := mapping.TaskOffer; !a.heard || task.Judge(status) > task.Judge(a.done.Added) {
			a.done.Added, a.heard = status, true
		}
		return
	}
	a.lost = a.task == mapping.TaskExec && r.Code == 0 && len(r.Statuses) == 0 && r.Err == nil
	a.done.Status = status
	if a.task == mapping.TaskState && len(r.Found) > 0 {
		if n, err := strconv.ParseUint(strings.TrimSpace(string(r.Found[0].Data)), 10, 8); err == nil {
			a.done.State = fwupdate.State(n)
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
