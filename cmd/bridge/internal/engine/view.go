package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// The views below are what the HTTP API serves: their JSON names are stable.
// They are made from what is stored, and hold no nonce and no credential.

// Status is a device in one line.
type Status struct {
	Name       string    `json:"name"`
	Server     string    `json:"server,omitempty"` // of the configuration; empty for a device of nobody
	Registered bool      `json:"registered"`
	Package    string    `json:"package,omitempty"` // of the drive, running or last
	State      int       `json:"state"`             // ./FwUpdate/x/State; 10 without a drive
	FwUpdate   string    `json:"fwupdate"`          // the same in words
	Object9    string    `json:"object9"`           // Update State in words
	Phase      string    `json:"phase,omitempty"`   // of the drive
	DM         DMStatus  `json:"dm"`
	Changed    time.Time `json:"changed,omitzero"` // last line of the time line
	Error      string    `json:"error,omitempty"`  // the record cannot be read; nothing else is known
}

// DMStatus is how a device stands with its DM server.
type DMStatus struct {
	Status   string    `json:"status"` // how the last session ended
	OK       bool      `json:"ok"`
	Unknown  bool      `json:"unknownAtServer"` // the server does not know the device
	Sessions uint64    `json:"sessions"`
	Failures int       `json:"failures"`
	Last     time.Time `json:"last,omitzero"`
	Next     time.Time `json:"next,omitzero"`
}

// Detail is all that is shown of one device.
type Detail struct {
	Status
	Registration RegistrationView `json:"registration"`
	Identity     identity         `json:"identity"`
	Dialect      string           `json:"dialect"`
	Tree         []Node           `json:"tree"`
	Instances    []InstanceView   `json:"instances"`
	Read         time.Time        `json:"read,omitzero"` // when the instances were read
	Drive        *DriveView       `json:"drive"`
	Outbox       []LetterView     `json:"outbox"`
	Triggers     TriggerView      `json:"triggers"`
	Timeline     []LineView       `json:"timeline"`
}

// RegistrationView is a device's LwM2M registration.
type RegistrationView struct {
	Address  string    `json:"address"`            // at the last Register or Update
	Identity string    `json:"identity,omitempty"` // that the device has proved
	Version  string    `json:"lwm2m"`
	Binding  string    `json:"binding"`
	Queue    bool      `json:"queue"`
	Lifetime int64     `json:"lifetime"` // seconds
	Heard    time.Time `json:"heard"`
	Objects  []string  `json:"objects"`
}

// Node is a node of the management tree. Value is nil for interior nodes, and
// for secrets, which nobody may read.
type Node struct {
	URI    string  `json:"uri"`
	Value  *string `json:"value,omitempty"`
	Secret bool    `json:"secret,omitempty"`
}

// InstanceView is an instance of Object 9 as last read.
type InstanceView struct {
	Path       string `json:"path"`
	Name       string `json:"name"`
	Version    string `json:"version"`
	State      string `json:"updateState"`
	Result     string `json:"updateResult"`
	Activation string `json:"activationState"`
	RawState   int64  `json:"updateStateNumber"`
	RawResult  int64  `json:"updateResultNumber"`
}

// DriveView is the drive, running or last.
type DriveView struct {
	Package    string    `json:"package"`
	Name       string    `json:"pkgName"`
	Version    string    `json:"pkgVersion"`
	URL        string    `json:"pkgURL"`
	Correlator string    `json:"correlator,omitempty"`
	Instance   string    `json:"instance,omitempty"`
	Phase      string    `json:"phase"`
	Way        string    `json:"way,omitempty"` // by which the package gets there
	Over       bool      `json:"over"`
	Deadline   time.Time `json:"deadline,omitzero"`
}

// TriggerView is how a device stands with the triggers of its DM server.
type TriggerView struct {
	Taken    uint64    `json:"taken"`
	Replayed uint64    `json:"replayed"`
	Refused  uint64    `json:"refused"` // wrong digest or wrong server
	Last     time.Time `json:"last,omitzero"`
	Pending  string    `json:"pending,omitempty"` // the session id that is wanted
}

// LetterView is a final notification that was not delivered yet.
type LetterView struct {
	Package    string    `json:"package"`
	Code       string    `json:"code"`
	Correlator string    `json:"correlator,omitempty"`
	Since      time.Time `json:"since"`
	Tries      int       `json:"tries"`
	Refusals   int       `json:"refusals"`
	Answer     int       `json:"answer,omitempty"` // last Status that was not of class 2
	NotBefore  time.Time `json:"notBefore,omitzero"`
	Parked     bool      `json:"parked"`
	// Waits is the version of DM that the notification waits for: its server
	// speaks another one now.
	Waits string `json:"waits,omitempty"`
}

// LineView is a line of the time line.
type LineView struct {
	Time     time.Time `json:"time"`
	Package  string    `json:"package,omitempty"`
	State    int       `json:"state,omitempty"`
	FwUpdate string    `json:"fwupdate,omitempty"`
	Object9  string    `json:"object9,omitempty"`
	Result   string    `json:"updateResult,omitempty"`
	Phase    string    `json:"phase,omitempty"`
	Note     string    `json:"note,omitempty"`
}

// List returns up to limit devices in the order of their keys, beginning
// after the device named after; "" begins at the first. more says that there
// are others behind.
func (e *Engine) List(after string, limit int) (list []Status, more bool, err error) {
	list = []Status{}
	for entry, err := range e.o.Store.Scan(keyPrefix) {
		switch {
		case err != nil:
			return nil, false, fmt.Errorf("engine: listing devices: %w", err)
		case after != "" && entry.Key <= keyOf(after):
			continue
		case len(list) == limit:
			return list, true, nil
		}
		rec, err := decodeRecord(entry)
		if err != nil {
			name, _ := endpointOf(entry.Key)
			list = append(list, Status{Name: name, Error: err.Error()})
			continue
		}
		list = append(list, e.status(rec))
	}
	return list, false, nil
}

// Device returns one device: ErrUnknownDevice when there is none, ErrRecord
// when its record cannot be read.
func (e *Engine) Device(endpoint string) (Detail, error) {
	if endpoint == "" || len(keyOf(endpoint)) > store.MaxKey {
		return Detail{}, ErrUnknownDevice
	}
	entry, err := e.o.Store.Get(keyOf(endpoint))
	if errors.Is(err, store.ErrNotFound) {
		return Detail{}, ErrUnknownDevice
	}
	if err != nil {
		return Detail{}, fmt.Errorf("engine: %w", err)
	}
	rec, err := decodeRecord(entry)
	if err != nil {
		return Detail{}, err
	}
	return e.detail(rec), nil
}

func (e *Engine) status(rec *record) Status {
	s := Status{Name: rec.Endpoint, Registered: rec.Present, State: 10, DM: e.dmStatus(rec)}
	if info, _, ok := e.o.Directory.AccountFor(rec.Endpoint); ok {
		s.Server = info.Name
	}
	view := mapping.View{State: 10}
	if d := rec.Drive; d != nil {
		view = d.View()
		s.Package, s.Phase = d.Order.Execution.Package, view.Phase.String()
	} else if len(rec.Object) > 0 {
		view.Object, view.Activation = rec.Object[0].State, rec.Object[0].Activation
	}
	s.State, s.FwUpdate, s.Object9 = int(view.State), legacyWords(view), objectWords(view)
	if n := len(rec.Timeline); n > 0 {
		s.Changed = rec.Timeline[n-1].Time
	}
	return s
}

func (e *Engine) dmStatus(rec *record) DMStatus {
	last := rec.DM.Last
	t := turn{shard: e.shardOf(rec.Endpoint), rec: rec}
	return DMStatus{
		Status: last.String(), OK: last.End == session.EndDone, Unknown: last.End == session.EndUnknown,
		Sessions: rec.DM.Sessions, Failures: rec.DM.Failures, Last: last.At, Next: t.sessionTime(),
	}
}

func (e *Engine) detail(rec *record) Detail {
	r := rec.Registration
	d := Detail{
		Status: e.status(rec),
		Registration: RegistrationView{
			Address: r.Where().String(), Identity: r.Identity, Version: r.Version, Binding: r.Binding, Queue: r.Queue,
			Lifetime: int64(r.Lifetime / time.Second), Heard: r.Heard, Objects: r.Paths,
		},
		Identity:  rec.Who,
		Dialect:   rec.Detector.Dialect().String(),
		Tree:      nodes(rec.Tree),
		Instances: []InstanceView{}, Outbox: []LetterView{}, Timeline: []LineView{},
		Read:  rec.Read,
		Drive: driveView(rec),
	}
	d.Triggers = rec.Triggers.view()
	for _, i := range rec.Object {
		d.Instances = append(d.Instances, InstanceView{
			Path: objectPath(int(i.ID)), Name: i.Name, Version: i.Version, State: i.State.String(), Result: i.Result.String(),
			Activation: i.Activation.String(), RawState: i.RawState, RawResult: i.RawResult,
		})
	}
	_, acc, _ := (&turn{shard: e.shardOf(rec.Endpoint), rec: rec}).account()
	for _, l := range rec.Outbox {
		d.Outbox = append(d.Outbox, l.view(acc))
	}
	for _, line := range rec.Timeline {
		d.Timeline = append(d.Timeline, lineView(line))
	}
	return d
}

func (l letter) view(acc session.Account) LetterView {
	v := LetterView{
		Package: l.Package, Code: l.Note.Data, Correlator: l.Note.Correlator, Since: l.Since, Tries: l.Tries,
		Refusals: l.Refusals, Answer: int(l.Code), NotBefore: l.NotBefore, Parked: l.Parked,
	}
	if l.waits(acc) {
		v.Waits = syncml.DM12.Proto
	}
	return v
}

func lineView(e Entry) LineView {
	v := LineView{Time: e.Time, Package: e.Package, Note: e.Note}
	if e.View.State != 0 {
		v.State, v.FwUpdate, v.Object9 = int(e.View.State), e.Legacy(), e.Object()
		v.Phase = e.View.Phase.String()
	}
	if e.View.Result != lwm2m9.ResultUnknown {
		v.Result = e.View.Result.String()
	}
	return v
}

func driveView(rec *record) *DriveView {
	d := rec.Drive
	if d == nil {
		return nil
	}
	x := d.Order.Execution
	v := &DriveView{
		Package: x.Package, Name: x.Name, Version: x.Version, URL: withoutUser(x.URL), Correlator: x.Correlator,
		Phase: d.View().Phase.String(), Over: d.Over(), Deadline: d.Deadline(),
	}
	if id, ok := d.Instance(); ok {
		v.Instance = objectPath(int(id))
	}
	if d.Way != 0 {
		v.Way = d.Way.String()
	}
	return v
}
