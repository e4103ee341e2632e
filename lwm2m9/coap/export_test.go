package coap

// Held is what an Endpoint keeps in memory, for tests of its bounds.
type Held struct {
	Peers, Seen, SeenBytes, Unacked, Calls, Observations, Arriving, Servings, Timers int
}

// Held counts.
func (e *Endpoint) Held() Held {
	e.mu.Lock()
	defer e.mu.Unlock()
	return Held{
		len(e.peers), len(e.seen), e.seenBytes, len(e.unacked), len(e.calls),
		len(e.observations), e.arriving, e.servings, len(e.timers),
	}
}

// Fresher is fresher with seconds for the times.
func Fresher(seq1 uint32, at1 float64, seq2 uint32, at2 float64) bool {
	return fresher(seq1, instant(at1*1e9), seq2, instant(at2*1e9))
}
