//go:build !race

package mapping

// slower is how many events less are explored under the race detector.
const slower = 0
