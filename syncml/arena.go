package syncml

import "strings"

// arena makes the texts and values of a message out of those of the tree.
// Those of a short message stay parts of it. Those of a long one are copied:
// short ones into shared blocks, so that a message costs a few allocations and
// not one for each text; a long one has its own, so that no short one keeps it
// alive.
type arena struct {
	size  int // bytes of the message
	texts strings.Builder
	bytes []byte   // its capacity is a block; twice that of the one before
	lists []string // what is left of a block
}

const (
	arenaWhole = 4 << 10 // bytes, of the longest message that texts keep alive
	arenaBlock = 1 << 10 // bytes
	arenaFirst = 128     // bytes, of the first block of values: most messages have a few short ones
	arenaLists = 8       // texts in a block
	arenaShare = 256     // bytes, of the longest text that shares a block
)

// text is s, to be kept.
func (a *arena) text(s string) string {
	switch {
	case a.size <= arenaWhole:
		return s
	case len(s) > arenaShare:
		return strings.Clone(s)
	}
	a.room(len(s))
	at := a.texts.Len()
	a.texts.WriteString(s) // within its capacity, or texts made before would stay where they were
	return a.texts.String()[at:]
}

// value is a copy of s as bytes; nothing can be appended to it in place. It is
// empty and not nil if s is empty.
func (a *arena) value(s string) []byte {
	switch {
	case s == "":
		return []byte{}
	case len(s) > arenaShare:
		return []byte(s)
	case cap(a.bytes)-len(a.bytes) < len(s):
		a.bytes = make([]byte, 0, max(min(max(2*cap(a.bytes), arenaFirst), arenaBlock), len(s)))
	}
	at := len(a.bytes)
	a.bytes = append(a.bytes, s...)
	return a.bytes[at:len(a.bytes):len(a.bytes)]
}

// with is list and s. Most lists of texts have one.
func (a *arena) with(list []string, s string) []string {
	if list != nil {
		return append(list, s)
	}
	if len(a.lists) == 0 {
		a.lists = make([]string, arenaLists)
	}
	list = a.lists[:1:1]
	a.lists = a.lists[1:]
	list[0] = s
	return list
}

// room begins a new block of texts unless need more bytes go into this one.
func (a *arena) room(need int) {
	if a.texts.Cap()-a.texts.Len() < need {
		a.texts.Reset()
		a.texts.Grow(a.block(need))
	}
}

// block is how long the next block is, which must hold need bytes.
func (a *arena) block(need int) int { return max(min(a.size, arenaBlock), need) }
