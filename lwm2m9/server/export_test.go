package server

// Tables is how many entries a Server holds, for tests that none is left.
type Tables struct {
	Devices, ByID, Expiry, Turns int
}

// Tables counts.
func (s *Server) Tables() Tables {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Tables{len(s.devices), len(s.byID), len(s.expiry), len(s.turns.of) + len(s.requests.of)}
}
