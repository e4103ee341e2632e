package main

import (
	"crypto/tls"
	"fmt"
	"net"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/bridge"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/config"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/control"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/credentials"
)

// sockets are those that serve has opened. The bridge closes them when it
// runs; until then somebody has to when something goes wrong.
type sockets struct {
	open []interface{ Close() error }
	err  error // the first; nothing is opened after it
}

func (s *sockets) close() {
	for _, c := range s.open {
		_ = c.Close() // nothing was written to it
	}
}

// udp opens a UDP socket for a key of the configuration.
func (s *sockets) udp(key, addr string) net.PacketConn {
	if s.err != nil {
		return nil
	}
	c, err := net.ListenPacket("udp", addr)
	if err != nil {
		s.err = socketError(key, addr, err)
		return nil
	}
	s.open = append(s.open, c)
	return c
}

// tcp opens a TCP listener; an empty address has none.
func (s *sockets) tcp(key, addr string) net.Listener {
	if s.err != nil || addr == "" {
		return nil
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		s.err = socketError(key, addr, err)
		return nil
	}
	s.open = append(s.open, l)
	return l
}

// control opens the socket for commands, in the directory of the store. A bridge
// without it works, but its credentials can only be changed while it is stopped.
func (s *sockets) control(dir string, o *bridge.Options) {
	if s.err != nil {
		return
	}
	l, err := control.Listen(dir)
	if err != nil {
		o.Log.Warn("no control socket: bridge device works only while this bridge is stopped", "err", err)
		return
	}
	s.open = append(s.open, l)
	o.Control = l
}

// listen opens every socket that the configuration names and puts it into o.
// On an error none stays open.
func listen(c *config.Config, o *bridge.Options) (*sockets, error) {
	s, in := &sockets{}, &c.Triggers.In
	if c.CoAP.Listen != "" {
		o.Devices = s.udp("coap.listen", c.CoAP.Listen)
	}
	if secure := &c.CoAP.Secure; secure.Listen != "" {
		o.Secure = s.udp("coap.secure.listen", secure.Listen)
		o.DTLS = secure.Options(credentials.New(o.Engine.Store))
	}
	o.HTTP = s.tcp("http.listen", c.HTTP.Listen)
	for i, u := range in.UDP {
		o.Triggers.UDP = append(o.Triggers.UDP, bridge.TriggerUDP{
			Conn: s.udp(fmt.Sprintf("triggers.in.udp[%d].listen", i), u.Listen), Endpoint: u.Device, Allowed: config.Prefixes(u.Peers),
		})
	}
	o.Triggers.PAP = s.tcp("triggers.in.pap.listen", in.PAP.Listen)
	s.control(c.Store.Dir, o)
	o.Triggers.Kannel = s.tcp("triggers.in.kannel.listen", in.Kannel.Listen)
	if o.Packages != nil {
		o.Files = s.tcp("packages.listen", c.Packages.Listen)
	}
	if l := s.tcp("legacy.listen", c.Legacy.Listen); l != nil {
		if conf := c.Legacy.TLSConfig(); conf != nil {
			l = tls.NewListener(l, conf)
		}
		o.Legacy.Listener = l
	}
	if s.err != nil {
		s.close()
	}
	return s, s.err
}
