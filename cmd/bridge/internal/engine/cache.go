package engine

import "container/list"

// cache keeps the decoded records that were used last, with the revision they
// have in the store. It belongs to one shard.
type cache struct {
	max   int
	order *list.List // of *cached, the last used in front
	byID  map[string]*list.Element
}

type cached struct {
	rec      *record
	revision uint64
	sum      uint64 // of the stored bytes: an unchanged record is not written
}

func newCache(max int) *cache {
	return &cache{max: max, order: list.New(), byID: map[string]*list.Element{}}
}

// take removes a record from the cache: its user changes it, and puts it back
// only when the change is durable.
func (c *cache) take(endpoint string) (cached, bool) {
	el, ok := c.byID[endpoint]
	if !ok {
		return cached{}, false
	}
	delete(c.byID, endpoint)
	return *c.order.Remove(el).(*cached), true
}

func (c *cache) put(entry cached) {
	c.byID[entry.rec.Endpoint] = c.order.PushFront(&entry)
	if c.order.Len() > c.max {
		last := c.order.Remove(c.order.Back()).(*cached)
		delete(c.byID, last.rec.Endpoint)
	}
}
