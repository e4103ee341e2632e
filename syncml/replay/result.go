package replay

import (
	"slices"

	"github.com/fwbridge/fwbridge/syncml"
)

// Result is what came of the replay of one session.
type Result struct {
	Session string
	Steps   []Step   // the messages that were compared, in order
	Notes   []string // what went otherwise than recorded without being a difference
}

// Step is one recorded message and what the live peer sent in its place.
type Step struct {
	Message string    // name of the recorded message
	From    Direction // who sent it
	// Fault is a difference that is not in the lines of a message: no answer,
	// another HTTP status, a session that ended early.
	Fault string
	Diff  Diff
}

// OK says whether the message was as recorded.
func (s Step) OK() bool { return s.Fault == "" && s.Diff == nil }

// OK says whether all messages were as recorded. A result without any
// comparison is not.
func (r *Result) OK() bool {
	return len(r.Steps) > 0 && !slices.ContainsFunc(r.Steps, func(s Step) bool { return !s.OK() })
}

// Different counts the messages that were not as recorded.
func (r *Result) Different() int {
	n := 0
	for _, s := range r.Steps {
		if !s.OK() {
			n++
		}
	}
	return n
}

// Compare says how two messages of the same sender differ, as a [Replayer]
// does, for tests with messages of their own. References to the other side's
// commands are compared as they are. Ignore lists elements that do not count,
// by the end of their path: "Status/TargetRef", "MaxMsgSize".
func Compare(want, got *syncml.Message, from Direction, ignore ...string) Diff {
	same := func(msg, cmd string) (string, string) { return msg, cmd }
	return compare(want, got, side{refs: same}, side{refs: same}, from, ignore)
}

// side is what is known about one of two messages that are compared.
type side struct {
	refs  func(msg, cmd string) (string, string)
	names map[string]string
	creds Credentials // zero: not checked
	nonce []byte
	open  bool // nobody in the session has credentials
}

func compare(want, got *syncml.Message, w, g side, from Direction, ignore []string) Diff {
	return diff(w.lines(want, from, ignore), g.lines(got, from, ignore))
}

func (s side) lines(m *syncml.Message, from Direction, ignore []string) []line {
	m = m.Normal()
	s.creds.judge(m, s.nonce)
	c := canon{from: from, refs: s.refs, names: s.names, open: s.open}
	c.message(m)
	return lines(m, ignore)
}
