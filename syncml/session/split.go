package session

import (
	"errors"
	"sort"
	"unicode/utf8"

	"github.com/fwbridge/fwbridge/syncml"
)

// splitter cuts one Item into chunks for consecutive messages (OMA DM
// Protocol 1.2, "Large Object Handling"): Size on the first one, MoreData on
// all but the last. An Item that fits is one piece with neither.
type splitter struct {
	rest  syncml.Item
	begun bool // a chunk has gone out: nothing else may come before the next one
}

var errNoRoom = errors.New("not one character fits into a message")

func split(item syncml.Item) *splitter { return &splitter{rest: item} }

// next takes the longest piece off the rest that fits says fits into a
// message. last says that it is the end of the object. The error says that not
// one character fits; the rest stays as it was.
//
// fits must be monotone: what is longer than a piece that does not fit does
// not fit either.
func (s *splitter) next(fits func(syncml.Item) bool) (piece syncml.Item, last bool, err error) {
	if fits(s.rest) {
		return s.rest, true, nil
	}
	cut := func(n int) syncml.Item {
		chunk := s.rest
		chunk.Data, chunk.MoreData = s.rest.Data[:n], true
		if !s.begun {
			chunk.Meta.Size = int64(len(s.rest.Data))
		}
		return chunk
	}
	ends := ends(s.rest.Data)
	n := sort.Search(ends.count()-1, func(i int) bool { return !fits(cut(ends.at(i))) })
	if n == 0 {
		return syncml.Item{}, false, errNoRoom
	}
	piece = cut(ends.at(n - 1))
	s.rest.Data = s.rest.Data[len(piece.Data):]
	s.rest.Meta.Size = 0
	s.begun = true
	return piece, false, nil
}

// ends are the places where data may be cut: XML carries whole characters
// only. What is no UTF-8 can be cut anywhere.
type ends []byte

// count is how many places there are, the end included.
func (d ends) count() int { return len(d) }

// at is the place with a number: that many bytes and the rest of the character
// that they cut.
func (d ends) at(i int) int {
	n := i + 1
	for back := n; back > 0 && n-back < utf8.UTFMax; back-- {
		if !utf8.RuneStart(d[back-1]) {
			continue
		}
		if _, size := utf8.DecodeRune(d[back-1:]); back-1+size > n {
			return back - 1 + size
		}
		break
	}
	return n
}
