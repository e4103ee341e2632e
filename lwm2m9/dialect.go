package lwm2m9

// none marks a cell of the tables: the dialect has no such number.
const none = -1

// stateNumbers is the one table of Update States (mapping.md, 1).
var stateNumbers = [...]struct {
	state             UpdateState
	draft, registered int64
}{
	{Initial, 1, 0},
	{DownloadStarted, 2, 1},
	{Downloaded, 3, 2},
	{Delivered, 4, 3},
	{Installed, 5, 4},
}

// resultNumbers is the one table of Update Results (mapping.md, 1). Where a
// dialect has no number, substitute says which result is written instead.
var resultNumbers = [...]struct {
	result            UpdateResult
	draft, registered int64
	substitute        UpdateResult
}{
	{ResultInitial, 0, 0, 0},
	{ResultDownloading, 1, 1, 0},
	{ResultInstalled, 2, 2, 0},
	{ResultVerified, none, 3, ResultInitial}, // what the draft has in DELIVERED (seed, 5.1.1)
	{ResultNotEnoughStorage, 3, 50, 0},
	{ResultOutOfMemory, 4, 51, 0},
	{ResultConnectionLost, 5, 52, 0},
	{ResultIntegrityFailure, 6, 53, 0},
	{ResultUnsupportedType, 7, 54, 0},
	{ResultInvalidURI, 8, 56, 0}, // the registry skips 55
	{ResultDeviceError, 9, 57, 0},
	{ResultInstallFailure, 10, 58, 0},
	{ResultUninstallFailure, none, 59, ResultDeviceError}, // the draft's only word for "something else"
}

// numbering is one dialect's columns in both directions, derived from the two
// tables above.
type numbering struct {
	states    map[int64]UpdateState
	results   map[int64]UpdateResult
	stateNum  map[UpdateState]int64
	resultNum map[UpdateResult]int64
}

// numberings has an entry for each dialect; that of DialectUnknown is empty,
// so that an undecided dialect names nothing and numbers nothing.
var numberings = [...]numbering{
	DialectUnknown: {},
	Draft:          derive(func(draft, _ int64) int64 { return draft }),
	Registered:     derive(func(_, registered int64) int64 { return registered }),
}

func derive(column func(draft, registered int64) int64) numbering {
	n := numbering{
		states:    map[int64]UpdateState{},
		results:   map[int64]UpdateResult{},
		stateNum:  map[UpdateState]int64{},
		resultNum: map[UpdateResult]int64{},
	}
	for _, r := range stateNumbers {
		number := column(r.draft, r.registered)
		n.states[number], n.stateNum[r.state] = r.state, number
	}
	for _, r := range resultNumbers {
		if number := column(r.draft, r.registered); number != none {
			n.results[number], n.resultNum[r.result] = r.result, number
		}
	}
	for _, r := range resultNumbers { // substitutes only write: they read as themselves
		if _, has := n.resultNum[r.result]; !has {
			n.resultNum[r.result] = n.resultNum[r.substitute]
		}
	}
	return n
}

// numbering is the dialect's numbers; empty for anything but the two.
func (d Dialect) numbering() *numbering {
	if int(d) < len(numberings) {
		return &numberings[d]
	}
	return &numberings[DialectUnknown]
}

// State names a number of resource 7. It is StateUnknown outside the dialect's
// table, and always while the dialect is undecided.
func (d Dialect) State(n int64) UpdateState { return d.numbering().states[n] }

// Result names a number of resource 9. It is ResultUnknown outside the
// dialect's table, and always while the dialect is undecided.
func (d Dialect) Result(n int64) UpdateResult { return d.numbering().results[n] }

// Number is the state in resource 7; false for StateUnknown or an undecided
// dialect.
func (s UpdateState) Number(d Dialect) (int64, bool) {
	n, ok := d.numbering().stateNum[s]
	return n, ok
}

// Number is the result in resource 9; false for ResultUnknown or an undecided
// dialect. The draft writes ResultVerified as initial and
// ResultUninstallFailure as device defined error: it has no number for them.
func (r UpdateResult) Number(d Dialect) (int64, bool) {
	n, ok := d.numbering().resultNum[r]
	return n, ok
}

// UninstallArgument is the payload of Execute 6, empty for none. Only the
// registered dialect knows "1", for update: the device is to expect a newer
// package. A removal for good is written without argument, which both know.
func UninstallArgument(d Dialect, forUpdate bool) string {
	if d == Registered && forUpdate {
		return "1"
	}
	return ""
}
