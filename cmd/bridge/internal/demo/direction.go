package demo

import (
	"fmt"
	"strings"
)

// Direction is what the demo shows.
type Direction uint8

// The directions.
const (
	Both Direction = iota
	A              // a legacy DM server updates LwM2M devices
	B              // an LwM2M server updates legacy DM devices
)

var directionWords = [...]string{Both: "both", A: "a", B: "b"}

// String is the direction as ParseDirection reads it.
func (d Direction) String() string {
	if int(d) < len(directionWords) {
		return directionWords[d]
	}
	return "?"
}

// ParseDirection reads a, b or both; case does not matter.
func ParseDirection(s string) (Direction, error) {
	for i, w := range directionWords {
		if strings.EqualFold(s, w) {
			return Direction(i), nil
		}
	}
	return 0, fmt.Errorf("%q: must be a, b or both", s)
}

func (d Direction) has(one Direction) bool { return d == Both || d == one }
