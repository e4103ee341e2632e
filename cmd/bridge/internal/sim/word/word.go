// Package word holds the text form that the switches of all simulators share:
//
//	kind[@place][=value][*times]
//
// as in "refuse@install=5.03*3". It knows no simulator: the words themselves
// are tables in lwm2mdevice and dmserver.
package word

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Word is one switch, taken apart. Absent parts are empty, Times 0 means that
// none was given.
type Word struct {
	Kind  string
	At    string
	Value string
	Times int
}

// Parse takes a switch apart. It refuses an empty kind, an empty part after
// its sign, and times below 1.
func Parse(s string) (Word, error) {
	var w Word
	rest := strings.TrimSpace(s)
	if i := strings.LastIndexByte(rest, '*'); i >= 0 {
		n, err := strconv.Atoi(rest[i+1:])
		if err != nil || n < 1 {
			return Word{}, fmt.Errorf("%q: after * must come a number of 1 or more", s)
		}
		w.Times, rest = n, rest[:i]
	}
	rest, value, hasValue := strings.Cut(rest, "=")
	kind, at, hasAt := strings.Cut(rest, "@")
	switch {
	case kind == "":
		return Word{}, fmt.Errorf("%q: want kind[@place][=value][*times]", s)
	case hasAt && at == "":
		return Word{}, fmt.Errorf("%q: nothing after @", s)
	case hasValue && value == "":
		return Word{}, fmt.Errorf("%q: nothing after =", s)
	}
	w.Kind, w.At, w.Value = kind, at, value
	return w, nil
}

// String is the form that [Parse] reads.
func (w Word) String() string {
	var b strings.Builder
	b.WriteString(w.Kind)
	if w.At != "" {
		b.WriteString("@" + w.At)
	}
	if w.Value != "" {
		b.WriteString("=" + w.Value)
	}
	if w.Times != 0 {
		b.WriteString("*" + strconv.Itoa(w.Times))
	}
	return b.String()
}

// Index finds got in a table of names, in which empty names stand for nothing.
// The error names what was wanted and lists every known word.
func Index(what, got string, names []string) (int, error) {
	if i := slices.Index(names, got); i >= 0 && got != "" {
		return i, nil
	}
	known := slices.DeleteFunc(slices.Clone(names), func(s string) bool { return s == "" })
	if got == "" {
		return 0, fmt.Errorf("%s is missing; known: %s", what, strings.Join(known, ", "))
	}
	return 0, fmt.Errorf("unknown %s %q; known: %s", what, got, strings.Join(known, ", "))
}
