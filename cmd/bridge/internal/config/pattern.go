package config

import (
	"errors"
	"unicode/utf8"
)

// maxPattern bounds, in bytes, a pattern.
const maxPattern = 256

// Pattern matches endpoint names: * stands for any run of characters, also
// none, ? for one, and everything else for itself.
type Pattern string

func (p Pattern) check() error {
	switch {
	case p == "":
		return errors.New("want an endpoint pattern; * is all devices")
	case len(p) > maxPattern:
		return errors.New("want at most 256 bytes")
	case !utf8.ValidString(string(p)):
		return errors.New("want UTF-8 text")
	}
	return nil
}

// Match says whether the pattern holds for an endpoint name.
func (p Pattern) Match(endpoint string) bool {
	i, j := 0, 0
	star, mark := -1, 0 // the last * and where its run ends for now
	for j < len(endpoint) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && p[i] == '?':
			i, j = i+1, j+runeSize(endpoint[j:])
		case i < len(p) && p[i] == endpoint[j]:
			i, j = i+1, j+1
		case star >= 0: // let the * take one more
			mark += runeSize(endpoint[mark:])
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

// runeSize is the length in bytes of the first character.
func runeSize(text string) int {
	_, n := utf8.DecodeRuneInString(text)
	return n
}

// overlaps says whether some name matches both patterns.
func (p Pattern) overlaps(q Pattern) bool {
	a, b := []rune(string(p)), []rune(string(q))
	// both[j]: some text matches the rest of a from i and the rest of b from j
	both := make([]bool, len(b)+1)
	for i := len(a); i >= 0; i-- {
		diagonal := false // both[j+1] of the row i+1
		for j := len(b); j >= 0; j-- {
			below := both[j] // row i+1
			switch {
			case i == len(a) && j == len(b):
				both[j] = true
			case i < len(a) && a[i] == '*':
				both[j] = below || j < len(b) && both[j+1]
			case j < len(b) && b[j] == '*':
				both[j] = both[j+1] || i < len(a) && below
			default:
				both[j] = i < len(a) && j < len(b) && diagonal && (a[i] == b[j] || a[i] == '?' || b[j] == '?')
			}
			diagonal = below
		}
	}
	return both[0]
}

// matchAny says whether one of the patterns holds.
func matchAny(patterns []Pattern, endpoint string) bool {
	for _, p := range patterns {
		if p.Match(endpoint) {
			return true
		}
	}
	return false
}
