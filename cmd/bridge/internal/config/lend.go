package config

import (
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/syncml"
)

// Lend gives what an LwM2M device may show to a package server when it fetches
// by itself, as [delivery.Lend] decides.
func (p *Packages) Lend(uri string, secured bool) (user string, password syncml.Secret, ok bool) {
	hosts := make([]delivery.Host, len(p.Hosts))
	for i := range p.Hosts {
		hosts[i] = delivery.Host{Pattern: string(p.Hosts[i].Host), LendPlain: p.Hosts[i].LendPlain}
		if !p.Hosts[i].Bearer {
			hosts[i].User, hosts[i].Password = p.Hosts[i].User, delivery.Secret(p.Hosts[i].Secret)
		}
	}
	user, secret, ok := delivery.Lend(hosts, uri, secured)
	return user, syncml.Secret(secret), ok
}
