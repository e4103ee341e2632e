package engine

import (
	"fmt"
	"slices"

	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// account is the DM server that the device belongs to and its account there,
// in the version that the server takes.
func (t *turn) account() (ServerInfo, session.Account, bool) {
	info, acc, ok := t.shard.o.Directory.AccountFor(t.rec.Endpoint)
	if t.rec.DM.OtherVersion {
		acc.Version = otherVersion(acc.Version)
	}
	return info, acc, ok
}

// otherVersion is the version to try after one was refused with 505 or 513.
func otherVersion(v syncml.Version) syncml.Version {
	if v == syncml.DM112 {
		return syncml.DM12
	}
	return syncml.DM112
}

// versionRefused changes to the other version, unless the server says that it
// does not speak it either. It reports whether that is tried at once: only
// after the first refusal, or two servers that refuse both would be asked
// without end. What the device's server takes is remembered with the device.
func (t *turn) versionRefused(dm dmSession, last session.End) (atOnce bool) {
	other := otherVersion(dm.acc.Version)
	if len(dm.supported) > 0 && !slices.Contains(dm.supported, other) {
		return false
	}
	t.rec.DM.OtherVersion = !t.rec.DM.OtherVersion
	if last == session.EndVersion {
		return false
	}
	text := fmt.Sprintf("the DM server refuses %s; %s from now on", dm.acc.Version.Proto, other.Proto)
	if n := len(t.rec.Outbox); n > 0 && other == syncml.DM112 {
		text += fmt.Sprintf("; final notifications that wait for %s: %d, the server has to read State", syncml.DM12.Proto, n)
	}
	t.note(text)
	t.rec.DM.Due = t.now
	return true
}
