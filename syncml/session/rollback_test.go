package session

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/syncml"
)

var errStuck = errors.New("the flash is worn out")

// stuckTree does what it is told and cannot take it back.
type stuckTree struct{ Tree }

func (stuckTree) Checkpoint() func() error { return func() error { return errStuck } }

// TestRollbackFails: what was carried out and could not be taken back is
// answered 516, everything else in a failed Atomic as ever (oma-dm.md 3.9). The
// log gets the cause.
func TestRollbackFails(t *testing.T) {
	const missing = "./FwUpdate/none"
	for _, tt := range []struct {
		name string
		cmds []syncml.Command
		want string
		fail int // failures for the log
	}{
		{"nothing to take back", []syncml.Command{add(pkgName, "n"), replace(pkgName, "m")},
			lines("Atomic  200", "Add "+pkgName+" 200", "Replace "+pkgName+" 200"), 0},
		{"one in the middle fails", []syncml.Command{add(pkgName, "n"), add(st, "10"), add(pkgURL, "http://p/1")},
			lines("Atomic  507", "Add "+pkgName+" 516", "Add "+st+" 405", "Add "+pkgURL+" 215"), 2},
		{"the first fails", []syncml.Command{del(missing), add(pkgName, "n")},
			lines("Atomic  507", "Delete "+missing+" 404", "Add "+pkgName+" 215"), 2},
		{"an Exec fails after another", []syncml.Command{add(pkgURL, "http://p/1"), exec(run), exec(run)},
			lines("Atomic  507", "Add "+pkgURL+" 516", "Exec "+run+" 516", "Exec "+run+" 417"), 2},
		{"in a Sequence", []syncml.Command{add(pkgName, "n"), sequence(add(pkgURL, "u"))},
			lines("Atomic  507", "Add "+pkgName+" 516", "Sequence  500", "Add "+pkgURL+" 215"), 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, _ := start(t, account(), Nonces{})
			out := p.took(p.c.Receive(encode(t, p.message(syncml.StatusOK, atomic(tt.cmds...))), stuckTree{p.tree}, p.nonce))
			want := "Status SyncHdr - 212\n" + prefixed("Status ", tt.want) + "Final\n"
			if d := cmp.Diff(want, brief(p.last)); d != "" {
				t.Error(d)
			}
			logged := errors.Is(errors.Join(out.Failures...), errStuck)
			if len(out.Failures) != tt.fail || logged != (tt.fail > 0) {
				t.Errorf("failures %v", out.Failures)
			}
		})
	}
}

// TestRollbackFailsTooLong: the same for an Atomic that fails because its
// answers do not fit a message.
func TestRollbackFailsTooLong(t *testing.T) {
	p, _ := start(t, account(), Nonces{})
	var cmds []syncml.Command
	for i := range 10 {
		cmds = append(cmds, add(fmt.Sprintf("./FwUpdate/x%d/PkgName", i), "n"))
	}
	m := p.message(212, atomic(cmds...))
	m.Header.Meta.MaxMsgSize = 1500
	p.took(p.c.Receive(encode(t, m), stuckTree{p.tree}, p.nonce))
	if got := brief(p.last); !strings.Contains(got, "Status Atomic  517\nStatus Add ./FwUpdate/x0/PkgName 516\n") {
		t.Error(got)
	}
}
