package coap

// seen remembers one message received, so that its repetition is known (RFC
// 7252, 4.5). All live equally long, so the order of arrival is the order in
// which they are forgotten, over all peers and within each.
type seen struct {
	key        seenKey
	until      instant
	prev, next *seen // of all, oldest first
	younger    *seen // the same peer's next one
	// reply is sent again for a repetition; nil when there is none (yet).
	reply []byte
	// asked is the request while its handler runs.
	asked *asked
}

type seenKey struct {
	p   *peer
	mid uint16
}

// remember notes a new message and makes room for it.
func (e *Endpoint) remember(p *peer, mid uint16, now instant) *seen {
	for p.seenCount >= e.o.MaxSeenPerPeer {
		e.forget(p.oldest)
	}
	for len(e.seen) >= e.o.MaxSeen {
		e.forget(e.oldest)
	}
	s := &seen{key: seenKey{p, mid}, until: now + instant(ExchangeLifetime)}
	e.seen[s.key] = s
	if s.prev = e.youngest; s.prev != nil {
		s.prev.next = s
	} else {
		e.oldest = s
		e.wakeFor(s.until)
	}
	e.youngest = s
	if p.youngest != nil {
		p.youngest.younger = s
	} else {
		p.oldest = s
	}
	p.youngest = s
	p.seenCount++
	return s
}

// setReply stores what answers a repetition.
func (e *Endpoint) setReply(s *seen, reply []byte) {
	if e.seen[s.key] != s {
		return // forgotten meanwhile
	}
	e.seenBytes += len(reply) - len(s.reply)
	s.reply = reply
	for e.seenBytes > e.o.MaxSeenBytes && e.oldest != s {
		e.forget(e.oldest)
	}
}

// forget drops an entry that is its peer's oldest.
func (e *Endpoint) forget(s *seen) {
	p := s.key.p
	delete(e.seen, s.key)
	e.seenBytes -= len(s.reply)
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		e.oldest = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	} else {
		e.youngest = s.prev
	}
	if p.oldest = s.younger; p.oldest == nil {
		p.youngest = nil
	}
	p.seenCount--
}

// forgetOld drops what EXCHANGE_LIFETIME has passed over.
func (e *Endpoint) forgetOld(now instant) {
	for e.oldest != nil && e.oldest.until <= now {
		e.forget(e.oldest)
	}
}
