//go:build !race

package engine

// Every moment.
const stride = 1
