package legacy

import (
	"sync"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/mapping"
)

// Census is what the engine counts: what is stored now, and what has happened
// since it was made. It costs no look at the devices.
type Census struct {
	Phases  map[mapping.CampaignPhase]int64 // campaigns, by the phase they are in; those that are over included
	Fetches int64                           // packages on their way into the store
	Results map[lwm2m9.UpdateResult]uint64  // campaigns that have ended, by what Object 9 shows
}

// census holds the counters.
type census struct {
	mu      sync.Mutex
	phases  map[mapping.CampaignPhase]int64
	fetches int64
	results map[lwm2m9.UpdateResult]uint64
}

// moved counts what a durable turn has changed.
func (c *census) moved(before, after mapping.Virtual) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phases == nil {
		c.phases, c.results = make(map[mapping.CampaignPhase]int64), make(map[lwm2m9.UpdateResult]uint64)
	}
	c.add(before, -1)
	c.add(after, 1)
}

func (c *census) add(v mapping.Virtual, sign int64) {
	for _, s := range v.Slots {
		if s.Campaign.Phase != mapping.CampaignNone {
			c.phases[s.Campaign.Phase] += sign
		}
		if s.Fetch != 0 {
			c.fetches += sign
		}
	}
}

// ended counts the campaigns that a durable turn has ended.
func (c *census) ended(before, after mapping.Virtual) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range after.Slots {
		if s.Campaign.Phase != mapping.CampaignOver {
			continue
		}
		if was, _ := before.Slot(s.ID); was.Campaign.Phase != mapping.CampaignOver {
			c.results[s.Machine.Result]++
		}
	}
}

// Census is how many of what there are.
func (e *Engine) Census() Census {
	c := Census{Phases: map[mapping.CampaignPhase]int64{}, Results: map[lwm2m9.UpdateResult]uint64{}}
	e.census.mu.Lock()
	defer e.census.mu.Unlock()
	for p := mapping.CampaignQueued; p <= mapping.CampaignOver; p++ {
		c.Phases[p] = e.census.phases[p]
	}
	c.Fetches = e.census.fetches
	for r, n := range e.census.results {
		c.Results[r] = n
	}
	return c
}
