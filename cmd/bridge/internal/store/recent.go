package store

import "maps"

// maxRecent is how many revisions of either age are remembered.
const maxRecent = 4096

// recent remembers the revisions of keys that were written not long ago, 0 for
// those deleted: what is written once is mostly written again soon, and need not
// be looked up for it. Only one process writes, so what it remembers is true.
type recent struct {
	young, old map[string]uint64
}

func (r *recent) get(key string) (revision uint64, ok bool) {
	if revision, ok = r.young[key]; !ok {
		revision, ok = r.old[key]
	}
	return revision, ok
}

// add takes in what was committed. When the young ones are many they are the
// old ones, and those before them are forgotten.
func (r *recent) add(revisions map[string]uint64) {
	if len(revisions) > maxRecent {
		*r = recent{} // remembering a part would leave older revisions of the rest
		return
	}
	if len(r.young)+len(revisions) > maxRecent {
		r.young, r.old = nil, r.young
	}
	if r.young == nil {
		r.young = make(map[string]uint64, len(revisions))
	}
	maps.Copy(r.young, revisions)
}
