package legacy

import (
	"bytes"
	"slices"

	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// same says that two records are stored as the same bytes, without making them:
// a turn that only ends a session changes nothing that is stored. In doubt it
// says no: then it is written once more.
func (r *record) same(o *record) bool {
	return r.V == o.V && r.Device == o.Device && r.Since == o.Since && r.Seen == o.Seen && r.Adopted == o.Adopted &&
		sameNonces(r.Nonces, o.Nonces) && r.Trigger == o.Trigger && r.Info == o.Info && r.Detailed == o.Detailed &&
		sameVirtual(r.Virtual, o.Virtual) && r.Portrait == o.Portrait && slices.Equal(r.Timeline, o.Timeline)
}

func sameNonces(a, b session.Nonces) bool {
	return bytes.Equal(a.Client, b.Client) && bytes.Equal(a.Server, b.Server) && bytes.Equal(a.Told, b.Told)
}

func sameVirtual(a, b mapping.Virtual) bool {
	return slices.Equal(a.Slots, b.Slots) && a.Seq == b.Seq && a.Active == b.Active && slices.Equal(a.Queue, b.Queue) &&
		slices.Equal(a.Leftovers, b.Leftovers) && storedOpen(a) == storedOpen(b) && a.Task == b.Task &&
		a.TaskSeq == b.TaskSeq && a.TaskPackage == b.TaskPackage
}

// storedOpen is what a record says of Open. That a session is open is not stored
// while nothing is under way in it: the end of such a session changes nothing
// then, and costs no write.
func storedOpen(v mapping.Virtual) bool { return v.Open && v.Task != mapping.TaskNone }
