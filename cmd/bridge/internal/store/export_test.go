package store

import "time"

// WithPause sets the time between two looks for room on a full disk.
func WithPause(o Options, d time.Duration) Options {
	o.pause = d
	return o
}
