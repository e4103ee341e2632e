package lwm2mdevice

import (
	"math/rand/v2"
	"time"
)

// Streams of random numbers. Each kind of decision has its own, so that one
// does not depend on how often another was taken; lossy has 1 and 2.
const (
	streamUpdates = 3
	streamReboots = 4
)

// schedule takes the device's random decisions about time. The same seed gives
// the same decisions, in the order in which each kind is asked for.
type schedule struct {
	updateEvery, rebootEvery time.Duration
	updates, reboots         *rand.Rand
}

func newSchedule(cfg Config) *schedule {
	return &schedule{
		updateEvery: cfg.UpdateEvery, rebootEvery: cfg.RebootEvery,
		updates: rand.New(rand.NewPCG(cfg.Seed, streamUpdates)),
		reboots: rand.New(rand.NewPCG(cfg.Seed, streamReboots)),
	}
}

// update is how long until the next Update: UpdateEvery or up to an eighth
// less, so that devices that started together do not stay together.
func (s *schedule) update() time.Duration {
	return s.updateEvery - time.Duration(s.updates.Float64()*float64(s.updateEvery)/8)
}

// reboot is how long this boot lasts: half to one and a half RebootEvery. False
// when reboots are not wanted.
func (s *schedule) reboot() (time.Duration, bool) {
	if s.rebootEvery == 0 {
		return 0, false
	}
	return time.Duration((0.5 + s.reboots.Float64()) * float64(s.rebootEvery)), true
}
