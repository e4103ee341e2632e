package legacy

import "time"

// Shown is how a device stands at one LwM2M server.
type Shown struct {
	Server     string    `json:"server"`
	Endpoint   string    `json:"endpoint"`
	Registered bool      `json:"registered"`
	Phase      string    `json:"phase"`
	Version    string    `json:"lwm2m,omitempty"`
	Failures   int       `json:"failures,omitempty"` // Registers and Updates in a row
	Next       time.Time `json:"next,omitzero"`      // when it acts by itself
	Observed   int       `json:"observed"`           // observations of the server
}

// Shown says how a device stands at its LwM2M servers.
func (f *Fleet) Shown(id string) []Shown {
	f.mu.Lock()
	portraits := f.shown[id]
	f.mu.Unlock()
	all := []Shown{}
	for _, p := range portraits {
		s := p.client.Status()
		all = append(all, Shown{
			Server: p.server.Name, Endpoint: p.endpoint, Registered: s.Registered, Phase: s.Phase, Version: s.Version,
			Failures: s.Failures, Next: s.Next, Observed: s.Observed,
		})
	}
	return all
}
