package lwm2m9

import "slices"

// Pair is Update State and Update Result of one instance as numbers: together
// they tell the dialect, which neither does alone (mapping.md, 1).
type Pair struct {
	Instance InstanceID `json:"instance"`
	State    int64      `json:"state"`
	Result   int64      `json:"result"`
}

// Pair is the pair of a reading.
func (i Instance) Pair() Pair { return Pair{i.ID, i.RawState, i.RawResult} }

// The limits of detection.
const (
	// OverturnAfter is how often in a row the same pair of the other dialect
	// must be read, with no pair of the decided one in between, to overturn a
	// decision. A device that writes state and result one after the other
	// shows pairs of the other dialect on its way from state to state, (1, 0)
	// and then (2, 1): they pass, and differ. A device that was misjudged, or
	// whose new firmware speaks the other dialect, shows the same pair each time.
	OverturnAfter = 3

	// maxPending is for how many instances a torn pair waits to be seen again;
	// the oldest gives way.
	maxPending = 16
)

// Detector finds out which dialect a device speaks. It is a plain value,
// stored with the device as JSON; the zero value has seen nothing. Its methods
// return the next value and leave the old one as it was.
type Detector struct {
	// Configured is the operator's word. Not DialectUnknown, it always wins;
	// detection goes on behind it.
	Configured Dialect `json:"configured,omitempty"`
	// Detected is the decision so far.
	Detected Dialect `json:"detected,omitempty"`
	// Against is the pair that last contradicted Detected.
	Against Contradiction `json:"against,omitzero"`
	// Doubted says that the device has changed since Detected was decided.
	Doubted bool `json:"doubted,omitempty"`
	// Pending are torn pairs that wait to be seen a second time.
	Pending []Pair `json:"pending,omitempty"`
	// Told says that unknown numbers were reported.
	Told bool `json:"told,omitempty"`
}

// Contradiction is a pair of the other dialect, and how often in a row it was
// read.
type Contradiction struct {
	State  int64 `json:"state"`
	Result int64 `json:"result"`
	Times  int   `json:"times"`
}

// Finding is what one pair changed.
type Finding struct {
	// Decided is the dialect that this pair decided for, when it did; with
	// Overturned it replaces another.
	Decided    Dialect
	Overturned bool
	// UnknownNumbers says that the pair has a number that no table, or not
	// that of the dialect in force, knows. It is said once per device.
	UnknownNumbers bool
}

// Dialect is the dialect in force: the configured one, else the detected one.
func (d Detector) Dialect() Dialect {
	if d.Configured != DialectUnknown {
		return d.Configured
	}
	return d.Detected
}

// Observe takes a pair in. whole says that both numbers came in one response.
// Otherwise the pair may be torn, and counts only when it is seen a second
// time with nothing written in between (see Wrote). Its two numbers must have
// been read since the last Wrote and always in the same order, state first: a
// reading state-result and then one result-state can be torn in the same way.
// A pair put together from notifications is no reading.
func (d Detector) Observe(p Pair, whole bool) (Detector, Finding) {
	var f Finding
	if whole || d.seen(p) {
		d.Pending = d.without(p.Instance)
		d, f = d.weigh(p)
	} else {
		d.Pending = append(d.without(p.Instance), p)
		d.Pending = d.Pending[max(0, len(d.Pending)-maxPending):]
	}
	if !d.Told && d.unknown(p) {
		d.Told, f.UnknownNumbers = true, true
	}
	return d, f
}

// Changed says that the device is not the one that it was, after an update of
// its firmware for example: the next pair that tells a dialect decides again,
// the decision holds until then.
func (d Detector) Changed() Detector {
	d.Doubted, d.Against, d.Pending, d.Told = d.Detected != DialectUnknown, Contradiction{}, nil, false
	return d
}

// Wrote says that a Write, Create, Delete or Execute goes out to the device:
// readings before it say nothing about those after. Say it again when such a
// request is given up without an answer: it may still arrive.
func (d Detector) Wrote() Detector {
	d.Pending = nil
	return d
}

func (d Detector) seen(p Pair) bool { return slices.Contains(d.Pending, p) }

// without is a copy of Pending without the instance's pair, with room for one.
func (d Detector) without(id InstanceID) []Pair {
	if len(d.Pending) == 0 {
		return nil
	}
	rest := make([]Pair, 0, len(d.Pending)+1)
	for _, p := range d.Pending {
		if p.Instance != id {
			rest = append(rest, p)
		}
	}
	return rest
}

// weigh takes in a pair that is not torn.
func (d Detector) weigh(p Pair) (Detector, Finding) {
	says := p.dialect()
	switch {
	case says == DialectUnknown:
		return d, Finding{}
	case d.Detected == DialectUnknown:
		d.Detected = says
		return d, Finding{Decided: says}
	case says == d.Detected:
		d.Against, d.Doubted = Contradiction{}, false
		return d, Finding{}
	case d.Against.State != p.State || d.Against.Result != p.Result:
		d.Against = Contradiction{State: p.State, Result: p.Result}
	}
	d.Against.Times++
	if d.Against.Times < OverturnAfter && !d.Doubted {
		return d, Finding{}
	}
	d.Detected, d.Against, d.Doubted = says, Contradiction{}, false
	return d, Finding{Decided: says, Overturned: true}
}

// unknown says whether the pair has a number outside both tables, or outside
// that of the dialect in force.
func (d Detector) unknown(p Pair) bool {
	switch in := d.Dialect(); in {
	case Draft, Registered:
		return in.State(p.State) == StateUnknown || in.Result(p.Result) == ResultUnknown
	}
	return Draft.State(p.State) == StateUnknown && Registered.State(p.State) == StateUnknown ||
		Draft.Result(p.Result) == ResultUnknown && Registered.Result(p.Result) == ResultUnknown
}

// span is a range of numbers, both ends in it.
type span struct{ from, to int64 }

func (s span) holds(n int64) bool { return s.from <= n && n <= s.to }

var anything = span{-1 << 63, 1<<63 - 1}

// evidence is the table of mapping.md 1, "pair read says", row by row. What is
// in no row says nothing, (3, 0) above all: that is DOWNLOADED in the draft
// and DELIVERED in the registry.
var evidence = [...]struct {
	state, result span
	says          Dialect
}{
	{span{0, 0}, anything, Registered},
	{span{5, 5}, anything, Draft},
	{span{1, 1}, span{1, 1}, Registered}, // DOWNLOAD STARTED
	{span{1, 1}, span{0, 0}, Draft},      // INITIAL
	{span{1, 1}, span{3, 9}, Draft},      // INITIAL after a failed download
	{span{2, 2}, span{1, 1}, Draft},      // DOWNLOAD STARTED
	{span{2, 2}, span{0, 0}, Registered}, // DOWNLOADED
	{anything, span{50, 1<<63 - 1}, Registered},
	{span{4, 4}, span{2, 2}, Registered}, // INSTALLED
	{span{4, 4}, span{0, 0}, Draft},      // DELIVERED
	{span{4, 4}, span{3, 10}, Draft},     // DELIVERED after a failed install
	{span{3, 3}, span{3, 3}, Registered}, // DELIVERED
}

// dialect is what the pair says by itself. Where two rows contradict each
// other, as for (5, 50), it says nothing.
func (p Pair) dialect() Dialect {
	said := DialectUnknown
	for _, row := range evidence {
		if !row.state.holds(p.State) || !row.result.holds(p.Result) || row.says == said {
			continue
		}
		if said != DialectUnknown {
			return DialectUnknown
		}
		said = row.says
	}
	return said
}
