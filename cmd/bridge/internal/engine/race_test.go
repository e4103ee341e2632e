//go:build race

package engine

// With the race detector every third moment is enough: the orders of goroutines
// are the same.
const stride = 3
