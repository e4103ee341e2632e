package mapping

import "fmt"

// Task is what a campaign asks of the device in a session.
type Task uint8

// The tasks.
const (
	TaskNone Task = iota
	// TaskOffer is the first part of TaskExec, and never asked for by itself: it
	// is what is left of one whose Exec is [Withheld]. It adds the package's
	// nodes, parents first: ./FwUpdate/x, PkgName, PkgVersion, DownloadAndUpdate,
	// PkgURL.
	TaskOffer
	// TaskExec hands the package over: TaskOffer, and then Exec
	// ./FwUpdate/x/DownloadAndUpdate, plain commands in this order, without
	// waiting for the statuses of the Adds.
	TaskExec
	TaskState  // Get ./FwUpdate/x/State
	TaskDelete // Delete ./FwUpdate/x
)

var taskNames = [...]string{"nothing", "offer", "Exec", "Get State", "Delete"}

// String is the task in words.
func (t Task) String() string {
	if int(t) < len(taskNames) {
		return taskNames[t]
	}
	return fmt.Sprintf("Task(%d)", t)
}

// Judgement is what a status code means for a task, from good to bad.
type Judgement uint8

// The judgements.
const (
	JudgedDone    Judgement = iota // it is done
	JudgedLater                    // not now: again in a later session
	JudgedRefused                  // never
	JudgedRoom                     // the device has no room for it
	JudgedMissing                  // the device has no such object
)

var judgementNames = [...]string{"done", "later", "refused", "no room", "no such object"}

// String is the judgement in words.
func (j Judgement) String() string {
	if int(j) < len(judgementNames) {
		return judgementNames[j]
	}
	return fmt.Sprintf("Judgement(%d)", j)
}

// StatusRow is one row of the table of status codes: First to Last, answering
// one of the tasks, mean Judgement.
type StatusRow struct {
	Tasks       []Task // nil: any
	First, Last int
	Judgement   Judgement
}

// statusRows is read from the top; the first row that fits counts. Status 0
// stands for one that was no number (legacy-clients.md: failure).
var statusRows = []StatusRow{
	{[]Task{TaskOffer}, 418, 418, JudgedDone},    // it is there already
	{[]Task{TaskDelete}, 404, 404, JudgedDone},   // it is gone already
	{[]Task{TaskDelete}, 410, 410, JudgedDone},   //
	{[]Task{TaskState}, 404, 406, JudgedRefused}, // the node is gone, or never was
	{nil, 200, 200, JudgedDone},
	{nil, 202, 202, JudgedDone},
	{[]Task{TaskOffer, TaskDelete}, 201, 299, JudgedDone},
	{nil, 401, 401, JudgedLater},   // the session has authenticated again already, once
	{nil, 407, 407, JudgedLater},   //
	{nil, 404, 406, JudgedMissing}, // mapping.md, 6
	{nil, 408, 408, JudgedLater},   // request time-out
	{nil, 413, 413, JudgedRoom},    // request entity too large
	{nil, 417, 417, JudgedLater},   // retry later: another update runs
	{nil, 420, 420, JudgedRoom},    // device full
	{nil, 400, 499, JudgedRefused}, //
	{nil, 501, 501, JudgedRefused}, // command not implemented
	{nil, 505, 505, JudgedRefused}, // version not supported
	{nil, 500, 599, JudgedLater},   //
	{nil, 212, 212, JudgedDone},    // authentication accepted, said of a command by some
	{nil, 213, 299, JudgedLater},   // buffered, not executed, ...
}

// StatusRows returns the table of status codes, in the order in which it is
// read; what is in no row is "later".
func StatusRows() []StatusRow { return append([]StatusRow(nil), statusRows...) }

// Judge says what a status code means for the task. It is total: what no row
// names is "later", which is bounded, and never "done".
func (t Task) Judge(status int) Judgement {
	for _, row := range statusRows {
		if status < row.First || status > row.Last {
			continue
		}
		if row.Tasks == nil {
			return row.Judgement
		}
		for _, of := range row.Tasks {
			if of == t {
				return row.Judgement
			}
		}
	}
	return JudgedLater
}
