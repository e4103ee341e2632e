package session

import (
	"errors"

	"github.com/fwbridge/fwbridge/syncml"
)

// atomic carries out all of its commands or none (RepPro 1.2, "Atomic"):
//
//	Atomic 200, every child its own success; or
//	Atomic 507, the child that failed its own code, those before it 216, those after it 215.
//
// Where the tree cannot be brought back, 516 takes the place of 216.
//
// An Exec inside cannot be undone once it has left this program, so it runs
// only after all else succeeded. Get, Atomic and Sequence inside are not
// allowed and fail with 500. Answers that do not fit one message are a failure
// too, of the Atomic itself: 517.
func (x *turn) atomic(b *syncml.Block) []reply {
	restore := x.t.Checkpoint()
	parts := make([][]reply, len(b.Body))
	failed := false
	for _, execs := range []bool{false, true} {
		for i, cmd := range b.Body {
			if isExec(cmd) != execs {
				continue
			}
			if failed {
				parts[i] = skipped(b.Body[i:i+1], syncml.StatusNotExecuted)
				continue
			}
			parts[i] = x.child(cmd)
			failed = anyFailed(parts[i])
		}
	}
	if !failed {
		all := join(whole(b, syncml.StatusOK), parts)
		if x.answersFit(all) {
			return all
		}
		x.failed(b, syncml.StatusAtomicResponseTooBig, errors.New("the answers do not fit a message"))
	}
	undone := syncml.StatusRolledBack
	if err := restore(); err != nil {
		undone = syncml.StatusRollbackFailed
		x.failed(b, undone, err)
	}
	for _, part := range parts {
		for i := range part {
			if carriedOut(part[i].code) {
				part[i].code = undone
			}
		}
	}
	if !failed {
		return join(whole(b, syncml.StatusAtomicResponseTooBig), parts)
	}
	return join(whole(b, syncml.StatusAtomicFailed), parts)
}

// answersFit says whether the answers to an Atomic go out in one message,
// after the Status for the SyncHdr and that for the Alert 1222 that may have to
// ask for it, whose numbers are not known yet.
func (x *turn) answersFit(all []reply) bool {
	next := whole(&syncml.Alert{CmdID: "00000"}, syncml.StatusOK)
	cmds := []outgoing{{cmd: x.head}, {cmd: next.status(x.msgRef + "0")}}
	for _, r := range all {
		if !r.quiet && !x.quiet {
			cmds = append(cmds, outgoing{cmd: r.status(x.msgRef)})
		}
	}
	return len(cmds) <= MaxCommands && x.c.nextFits(cmds)
}

// child carries out one command of an Atomic.
func (x *turn) child(cmd syncml.Command) []reply {
	switch o, isOp := cmd.(*syncml.Op); {
	case isOp && o.Cmd == syncml.CmdGet && o.CmdID != "":
		return x.failed(cmd, syncml.StatusCommandFailed, errors.New("a Get in an Atomic"))
	case isOp && o.CmdID != "":
		return x.op(o, true)
	}
	if b, ok := cmd.(*syncml.Block); ok && b.CmdID != "" {
		refused := x.failed(cmd, syncml.StatusCommandFailed, errors.New("a block in an Atomic"))
		return append(refused, skipped(b.Body, syncml.StatusNotExecuted)...)
	}
	return x.run(cmd)
}

func isExec(cmd syncml.Command) bool { return cmd.Name() == syncml.CmdExec }

func anyFailed(replies []reply) bool {
	for _, r := range replies {
		if !carriedOut(r.code) {
			return true
		}
	}
	return false
}

func join(head reply, parts [][]reply) []reply {
	all := []reply{head}
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}
