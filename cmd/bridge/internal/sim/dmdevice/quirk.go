package dmdevice

import (
	"fmt"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/word"
)

// Quirk is one thing that makes a device unlike the specification, or unlike
// the others of its kind.
type Quirk uint8

// The quirks; the table has a line on each.
const (
	NoImplicitAdd Quirk = iota
	CorrelatorRequired
	BracesFail
	ExecIsDone
	TargetDevInfo
	AlertFirst
	ChallengeFirst
	CredOnce
	StatusZero
	SwappedSession
	SessionOne
	IgnoreRespURI
	IgnoreMaxMsgSize
	SyncMLType
	Resend
	LoseNonce
	BadNonce
	HeaderOnly
	AtomicFlat
	AbortRefused
	NoSequence
	NoLargeObjects
	SequenceCrash
	DataCrash
	CredCrash
	ReferenceDrop
	MetaDrop
	LongDrop
	NoHead
	NoRange
	Fallback
	quirkCount
)

// kind says what a quirk takes hold of.
type kind uint8

const (
	plain   kind = iota // the device's own conduct
	rewrite             // messages, after they are signed
	deadly              // messages that it does not survive
)

// quirks is the table: legacy-clients.md and fwupdate-csp.md, line by line.
var quirks = [quirkCount]struct {
	word, about string
	kind        kind
}{
	NoImplicitAdd:      {"no-implicit-add", "Add below a node that is missing: 404 (Windows Mobile 5)", plain},
	CorrelatorRequired: {"correlator-required", "Exec without a Correlator: 412", plain},
	BracesFail:         {"braces-500", "{ or } in a URI, unescaped: 500", plain},
	ExecIsDone:         {"exec-200", "Exec is answered 200 instead of 202", plain},
	TargetDevInfo:      {"target-devinfo", "DevInfo is addressed by Target instead of Source", plain},
	AlertFirst:         {"alert-first", "1226 stands before 1201 and DevInfo in package 1", rewrite},
	ChallengeFirst:     {"challenge-first", "no Cred before a challenge, which makes 1226 arrive twice", plain},
	CredOnce:           {"cred-once", "no Cred any more in a session after 200 or 212 for one", rewrite},
	StatusZero:         {"status-zero", "failures are reported with Status 0", rewrite},
	SwappedSession:     {"swapped-session", "a triggered session has its id with the bytes swapped", plain},
	SessionOne:         {"session-one", "every session has the id 1", plain},
	IgnoreRespURI:      {"ignore-resp-uri", "all messages go to the account's URL", plain},
	IgnoreMaxMsgSize:   {"ignore-max-msg-size", "messages are longer than the server takes", rewrite},
	SyncMLType:         {"syncml-type", "Content-Type application/vnd.syncml+…, without dm", plain},
	Resend:             {"resend", "a message without an answer is posted once more", plain},
	LoseNonce:          {"lose-nonce", "it forgets the server's nonce: 401 with a new one in each session", plain},
	BadNonce:           {"bad-nonce", "a NextNonce that ends in one = is taken for another, and 401 repeats", rewrite},
	HeaderOnly:         {"header-only-401", "401 for SyncHdr and not for every command ends the session", deadly},
	AtomicFlat:         {"atomic-flat", "Atomic is neither atomic nor has a Status", rewrite},
	AbortRefused:       {"abort-500", "Alert 1222 and 1223 get 500, and the session goes on", rewrite},
	NoSequence:         {"sequence-501", "Sequence is answered 501 and not carried out", rewrite},
	NoLargeObjects:     {"no-large-objects", "the first chunk is the value, the second one gets 418", rewrite},
	SequenceCrash:      {"sequence-crash", "crashes at a Sequence", deadly},
	DataCrash:          {"data-crash", "crashes at Add and Replace without Data", deadly},
	CredCrash:          {"cred-crash", "crashes at a Cred where it has no account of the server", deadly},
	ReferenceDrop:      {"reference-drop", "no answer to XML with numeric character references", deadly},
	MetaDrop:           {"meta-drop", "no answer to XML with xmlns on Meta, or with prefixes", deadly},
	LongDrop:           {"long-drop", "no answer to a message over 40 kB", deadly},
	NoHead:             {"no-head", "downloads begin without HEAD", plain},
	NoRange:            {"no-range", "downloads come in one piece, without Range (Windows Mobile 6 can)", plain},
	Fallback:           {"fallback", "goes on in DM 1.1.2 when the server does not speak 1.2", plain},
}

// String is the form that [ParseQuirk] reads.
func (q Quirk) String() string {
	if q < quirkCount {
		return quirks[q].word
	}
	return "?"
}

// About says in a line what the device does.
func (q Quirk) About() string {
	if q < quirkCount {
		return quirks[q].about
	}
	return ""
}

func (q Quirk) rewrites() bool { return q < quirkCount && quirks[q].kind == rewrite }

// Quirks is every quirk, in the order of the table.
func Quirks() []Quirk {
	list := make([]Quirk, quirkCount)
	for i := range list {
		list[i] = Quirk(i)
	}
	return list
}

// ParseQuirk reads the word of a quirk. The error lists them all.
func ParseQuirk(s string) (Quirk, error) {
	words := make([]string, quirkCount)
	for i := range quirks {
		words[i] = quirks[i].word
	}
	i, err := word.Index("quirk", s, words)
	if err != nil {
		return 0, fmt.Errorf("dm device: %w", err)
	}
	return Quirk(i), nil
}

// quirkSet is the quirks of a device.
type quirkSet uint64

func newQuirkSet(list []Quirk) (s quirkSet) {
	for _, q := range list {
		s |= 1 << q
	}
	return s
}

func (s quirkSet) has(q Quirk) bool { return s&(1<<q) != 0 }

// rewriting says whether messages are changed at all.
func (s quirkSet) rewriting() bool {
	for q := range quirkCount {
		if s.has(q) && q.rewrites() {
			return true
		}
	}
	return false
}
