package legacy

import (
	"slices"
	"strconv"
	"time"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/mapping"
)

// words are what both sides see: the State of the campaign that has the device,
// or of the last one, and its instance.
func words(v mapping.Virtual) (fw, object string) {
	for _, s := range v.Slots {
		c := s.Campaign
		active := v.Active == uint32(s.ID)+1
		if object != "" && !active || s.Machine.State == lwm2m9.Initial && !active && c.Phase == mapping.CampaignNone {
			continue
		}
		object = strconv.Itoa(int(s.ID)) + " " + s.Machine.State.String()
		if s.Machine.Activation == lwm2m9.Enabled {
			object += ", ACTIVE"
		}
		fw = ""
		if c.Seen != 0 {
			fw = stateWords(c.Seen)
		}
		if active {
			break
		}
	}
	return fw, object
}

func stateWords(s fwupdate.State) string {
	if s.Name() == "" {
		return s.String()
	}
	return s.String() + " " + s.Name()
}

// View is a device as operators see it.
type View struct {
	Device    string            `json:"device"`
	Endpoint  string            `json:"endpoint,omitempty"`
	Since     time.Time         `json:"since"`
	Seen      time.Time         `json:"seen,omitzero"` // last session in which it proved who it is
	Adopted   bool              `json:"adopted,omitempty"`
	InSession bool              `json:"inSession,omitempty"`
	Info      map[string]string `json:"info,omitempty"`
	Instances []InstanceView    `json:"instances"`
	Leftovers int               `json:"leftovers,omitempty"` // packages that are still to be deleted from it
	Timeline  []Entry           `json:"timeline,omitempty"`
}

// InstanceView is an instance of Object 9, in both vocabularies.
type InstanceView struct {
	ID         uint16    `json:"id"`
	State      string    `json:"state"` // Update State
	Result     string    `json:"result"`
	Activation string    `json:"activation"`
	Reason     string    `json:"reason,omitempty"` // Status Reason
	URI        string    `json:"uri,omitempty"`
	Size       int64     `json:"size,omitempty"`
	Digest     string    `json:"digest,omitempty"`
	Fetch      *Progress `json:"fetch,omitempty"`    // of the package into the store
	Phase      string    `json:"phase,omitempty"`    // of the campaign
	Package    string    `json:"package,omitempty"`  // the x of ./FwUpdate/x
	FwUpdate   string    `json:"fwupdate,omitempty"` // State, as last read
	Ends       time.Time `json:"ends,omitzero"`      // the campaign's deadline
}

// View shows a device: ErrUnknown, ErrRecord, ErrStore.
func (e *Engine) View(id string) (v View, err error) {
	d, _ := e.o.Directory.Device(id)
	err = e.look(id, func(r *record) {
		v = View{
			Device: r.Device, Endpoint: d.Endpoint, Since: r.Since, Seen: r.Seen, Adopted: r.Adopted, InSession: r.Virtual.Open,
			Info: r.Info.Value(), Leftovers: len(r.Virtual.Leftovers), Timeline: r.lines(),
		}
		for _, no := range e.notes.waiting(id) {
			no.FwUpdate, no.Object9 = words(r.Virtual)
			v.Timeline = append(v.Timeline, no.Entry)
		}
		for _, s := range r.Virtual.Slots {
			v.Instances = append(v.Instances, e.viewOf(id, s))
		}
	})
	return v, err
}

func (e *Engine) viewOf(id string, s mapping.Slot) InstanceView {
	v := InstanceView{
		ID: uint16(s.ID), State: s.Machine.State.String(), Result: s.Machine.Result.String(), Activation: s.Machine.Activation.String(),
		Reason: s.Reason, URI: s.Package.URI, Size: s.Package.Size, Digest: s.Package.Digest, Package: s.Campaign.Package, Ends: s.Campaign.Ends,
	}
	if s.Campaign.Phase != mapping.CampaignNone {
		v.Phase = s.Campaign.Phase.String()
	}
	if s.Campaign.Seen != 0 {
		v.FwUpdate = stateWords(s.Campaign.Seen)
	}
	if s.Fetch != 0 {
		p := e.effects.progressOf(fetchKey{id, s.Fetch})
		v.Fetch = &p
	}
	return v
}

// Devices are the names of all devices with a record, in order.
func (e *Engine) Devices() []string {
	var all []string
	for i := range e.lanes {
		l := &e.lanes[i]
		l.mu.Lock()
		for id := range l.seats {
			all = append(all, id)
		}
		l.mu.Unlock()
	}
	slices.Sort(all)
	return all
}
