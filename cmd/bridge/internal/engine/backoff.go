package engine

import (
	"hash/fnv"
	"strconv"
	"time"
)

// after is the delay before the nth repetition, n from 1. The same endpoint
// and n give the same delay, so that a test or an operator can foresee it,
// and different endpoints spread.
func (b Backoff) after(endpoint string, n int) time.Duration {
	d := b.Cap
	if shift := max(n-1, 0); shift < 62 && b.Base <= b.Cap>>shift {
		d = b.Base << shift
	}
	return d - time.Duration(float64(d)/4*fraction(endpoint, "retry"+strconv.Itoa(n)))
}

// fraction is a number from 0 up to 1 that only depends on its arguments.
func fraction(endpoint, purpose string) float64 {
	return float64(hash(endpoint+"\x00"+purpose)>>11) / (1 << 53)
}

func hash(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	x := h.Sum64()
	// FNV leaves names that differ in the last digit close together: finish
	// it as SplitMix64 does.
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// nextPoll is the time of the next session on schedule: a device's own phase
// within the interval, at least half an interval and less than one and a half
// away.
func nextPoll(now time.Time, endpoint string, interval time.Duration) time.Time {
	if interval <= 0 {
		return time.Time{}
	}
	phase := time.Duration(fraction(endpoint, "poll") * float64(interval))
	since := time.Duration(now.UnixNano() % int64(interval))
	wait := (phase - since + interval) % interval
	if wait < interval/2 {
		wait += interval
	}
	return now.Add(wait)
}
