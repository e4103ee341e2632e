package config

import (
	"slices"
	"strings"
)

// patternIndex finds the first of many patterns that holds for a name. A
// pattern is looked for by what stands before its first variable part, so a
// name is held against few of them.
type patternIndex struct {
	byPrefix map[string][]ordered
	lengths  []int // of the prefixes, ascending
}

// ordered is a pattern and its place among all.
type ordered struct {
	pattern Pattern
	place   int
	of      int // what it belongs to
}

// literal says that a pattern holds for itself and nothing else.
func (p Pattern) literal() bool { return !strings.ContainsAny(string(p), "*?") }

// add puts a pattern behind those that are there.
func (x *patternIndex) add(p Pattern, place, of int) {
	prefix := string(p)
	if i := strings.IndexAny(prefix, "*?"); i >= 0 {
		prefix = prefix[:i]
	}
	if x.byPrefix == nil {
		x.byPrefix = map[string][]ordered{}
	}
	if i, found := slices.BinarySearch(x.lengths, len(prefix)); !found {
		x.lengths = slices.Insert(x.lengths, i, len(prefix))
	}
	x.byPrefix[prefix] = append(x.byPrefix[prefix], ordered{p, place, of})
}

// find gives what the first pattern that holds for name belongs to.
func (x *patternIndex) find(name string) (of int, ok bool) {
	best := ordered{place: -1}
	for _, n := range x.lengths {
		if n > len(name) {
			break
		}
		for _, o := range x.byPrefix[name[:n]] {
			if best.place >= 0 && o.place > best.place {
				break // they stand in order
			}
			if o.pattern.Match(name) {
				best = o
			}
		}
	}
	return best.of, best.place >= 0
}
