package bridge

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/credentials"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/legacy"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

// LwM2MServer is a server that legacy devices are shown to.
type LwM2MServer struct {
	legacy.LwM2MServer
	// Host is host:port; it is looked up when the bridge is made, unless
	// Address is given.
	Host string
	// Security gives the DTLS options of an endpoint; nil goes without. keys
	// finds pre-shared keys by identity.
	Security func(endpoint string, keys func(identity string) (dtls.Key, bool)) (dtls.ClientOptions, error)
}

// servers are the LwM2M servers, with their addresses and ways to dial. The
// error names the server that cannot be found.
func (b *directionB) servers(db store.Store) ([]legacy.LwM2MServer, error) {
	book := credentials.New(db)
	keys := func(identity string) (dtls.Key, bool) { return book.PSK(context.Background(), identity) }
	var all []legacy.LwM2MServer
	for _, s := range b.o.Servers {
		if !s.Address.IsValid() {
			at, err := net.ResolveUDPAddr("udp", s.Host)
			if err != nil {
				return nil, fmt.Errorf("LwM2M server %s: %w", s.Name, err)
			}
			s.Address = netip.AddrPortFrom(at.AddrPort().Addr().Unmap(), at.AddrPort().Port())
		}
		if s.Security != nil {
			s.Dial = func(endpoint string, at netip.AddrPort) (net.PacketConn, error) {
				o, err := s.Security(endpoint, keys)
				if err != nil {
					return nil, err
				}
				o.Logger = b.log
				return dialDTLS(at, o)
			}
		}
		all = append(all, s.LwM2MServer)
	}
	return all, nil
}

// dialDTLS makes a socket and a DTLS client on it.
func dialDTLS(at netip.AddrPort, o dtls.ClientOptions) (net.PacketConn, error) {
	conn, err := net.ListenUDP("udp", nil)
	if err != nil {
		return nil, err
	}
	c, err := dtls.Dial(conn, at, o)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}
