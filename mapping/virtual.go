package mapping

import (
	"slices"
	"time"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// Virtual is the Object 9 of a legacy device as LwM2M servers see it, with the
// campaigns that carry packages to the device (mapping.md, 6): a plain value,
// stored as JSON. Its fields are exported for the store, the LwM2M client and
// the console; only NewVirtual and Step change them.
//
// A device runs one update at a time: campaigns of further instances wait in
// the order of their Installs. There is always an instance in INITIAL, as long
// as there may be another one.
type Virtual struct {
	Slots []Slot `json:"slots"` // ascending by ID
	Seq   uint32 `json:"seq"`   // of the newest fetch or task
	// Active is the instance whose campaign has the device, plus one; 0 is
	// none. Queue are those that wait for it.
	Active uint32              `json:"active,omitempty"`
	Queue  []lwm2m9.InstanceID `json:"queue,omitempty"`
	// Leftovers are packages of campaigns that are over, to be deleted from
	// the device when it comes.
	Leftovers []Leftover `json:"leftovers,omitempty"`

	// The session with the device.
	Open        bool   `json:"open,omitempty"`
	Task        Task   `json:"task,omitempty"` // under way
	TaskSeq     uint32 `json:"taskSeq,omitempty"`
	TaskPackage string `json:"taskPackage,omitempty"`
}

// Slot is one instance of Object 9: its machine, its package, and the campaign
// of that package.
type Slot struct {
	ID      lwm2m9.InstanceID `json:"id"`
	Machine lwm2m9.Machine    `json:"machine"`
	Package PackageInfo       `json:"package,omitzero"`
	Fetch   uint32            `json:"fetch,omitempty"`  // Seq of the fetch under way, 0 for none
	Pushed  bool              `json:"pushed,omitempty"` // the server writes the bytes itself
	Reason  string            `json:"reason,omitempty"` // Status Reason (16)
	// Campaigns of this package so far, and the latest of them.
	Campaigns uint8    `json:"campaigns,omitempty"`
	Campaign  Campaign `json:"campaign,omitzero"`
}

// PackageInfo is what is known of a package: its URI as it was written, and,
// when it is complete, the rest.
type PackageInfo struct {
	URI     string `json:"uri,omitempty"`
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`
	Size    int64  `json:"size,omitempty"`   // bytes
	Digest  string `json:"digest,omitempty"` // the key in the store
	// Notify is where the end of the update is to be told (see [Report]); ""
	// for nowhere.
	Notify string `json:"notify,omitempty"`
}

// Leftover is a package on the device that nobody needs.
type Leftover struct {
	Package string `json:"package"`
	Tries   uint8  `json:"tries,omitempty"`
	Asked   bool   `json:"asked,omitempty"` // in this session
}

// maxLeftovers bounds the packages to be deleted; the oldest are forgotten.
const maxLeftovers = 16

// NewVirtual is the Object 9 of a device that nothing was written to: one
// instance, in INITIAL.
func NewVirtual() Virtual {
	return Virtual{Slots: []Slot{{Machine: lwm2m9.NewMachine()}}}
}

// Step is the whole machine: an event and a time in, the next state and the
// actions out, to be performed in order after the state is durable. code
// answers an operation of an LwM2M server and is 0 for every other event. The
// Virtual that it is called on stays as it is.
func (v Virtual) Step(now time.Time, ev VirtualEvent, p CampaignPolicy) (next Virtual, code lwm2m9.ResponseCode, out []Action) {
	v.Slots = slices.Clone(v.Slots)
	v.Queue = slices.Clone(v.Queue)
	v.Leftovers = slices.Clone(v.Leftovers)
	s := vstep{Virtual: &v, now: stamp(now), p: p}
	code = ev.virtual(&s)
	s.expire()
	s.spare()
	s.plan()
	return v, code, s.out
}

// Deadline is when the device's campaigns want their next Tick; zero for
// never. While a task is under way they want its outcome first.
func (v Virtual) Deadline() time.Time {
	i := v.active()
	if i < 0 || v.Task != TaskNone {
		return time.Time{}
	}
	if v.Open {
		return v.Slots[i].Campaign.Ends // it is woken after the session, if at all
	}
	return earliest(v.Slots[i].Campaign.Ends, v.Slots[i].Campaign.Next)
}

// Slot is an instance; false when there is none of that number.
func (v Virtual) Slot(id lwm2m9.InstanceID) (Slot, bool) {
	if i := v.index(id); i >= 0 {
		return v.Slots[i], true
	}
	return Slot{}, false
}

// Due says whether there is something to say to the device now.
func (v Virtual) Due() bool { return v.active() >= 0 || len(v.Leftovers) > 0 }

// Fetching says whether a package is on its way into the store.
func (v Virtual) Fetching() bool {
	return slices.ContainsFunc(v.Slots, func(s Slot) bool { return s.Fetch != 0 })
}

// Needs lists the digests of the packages that an instance still needs.
func (v Virtual) Needs() []string {
	var all []string
	for _, s := range v.Slots {
		if s.Package.Digest != "" {
			all = append(all, s.Package.Digest)
		}
	}
	return all
}

func (v Virtual) index(id lwm2m9.InstanceID) int {
	return slices.IndexFunc(v.Slots, func(s Slot) bool { return s.ID == id })
}

// active is the slot whose campaign has the device, -1 for none.
func (v Virtual) active() int {
	if v.Active == 0 {
		return -1
	}
	return v.index(lwm2m9.InstanceID(v.Active - 1))
}

// vstep is one Step in progress.
type vstep struct {
	*Virtual
	now  time.Time
	p    CampaignPolicy
	turn bool // ours to speak to the device
	out  []Action
}

func (s *vstep) emit(a Action) { s.out = append(s.out, a) }

func (s *vstep) note(k NoteKind, detail string) { s.emit(Note{Kind: k, Detail: detail}) }

// seq numbers a fetch or a task, never with 0.
func (s *vstep) seq() uint32 {
	if s.Seq++; s.Seq == 0 {
		s.Seq++
	}
	return s.Seq
}

// apply carries an event of the machine out; it must be in its table.
func (s *vstep) apply(slot *Slot, k lwm2m9.EventKind, r lwm2m9.UpdateResult) {
	slot.Machine, _ = slot.Machine.ApplyWith(lwm2m9.Event{Kind: k, Result: r}, s.p.Object9)
}

// spare sees to an instance in INITIAL.
func (s *vstep) spare() {
	for _, slot := range s.Slots {
		if slot.Machine.State == lwm2m9.Initial {
			return
		}
	}
	if len(s.Slots) < int(s.p.MaxInstances) {
		s.insert(s.free())
	}
}

// free is the lowest number that no instance has.
func (s *vstep) free() lwm2m9.InstanceID {
	for i, slot := range s.Slots {
		if slot.ID != lwm2m9.InstanceID(i) {
			return lwm2m9.InstanceID(i)
		}
	}
	return lwm2m9.InstanceID(len(s.Slots))
}

func (s *vstep) insert(id lwm2m9.InstanceID) {
	at, _ := slices.BinarySearchFunc(s.Slots, id, func(a Slot, id lwm2m9.InstanceID) int { return int(a.ID) - int(id) })
	s.Slots = slices.Insert(s.Slots, at, Slot{ID: id, Machine: lwm2m9.NewMachine()})
}

// reason is what Status Reason says of a State that a device shows.
func reason(st fwupdate.State) string { return "device: State " + st.String() + " " + st.Name() }
