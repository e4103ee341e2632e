package trigger

import (
	"context"
	"net"

	"github.com/fwbridge/fwbridge/syncml/notify"
)

// UDPSender sends connectionless WAP push to devices that can be reached by
// IP, and to gateways that take it. The zero value is ready.
type UDPSender struct{}

var _ Sender = UDPSender{}

// Send implements [Sender]: to is host:port.
func (UDPSender) Send(ctx context.Context, to string, package0 []byte) error {
	if _, _, err := net.SplitHostPort(to); err != nil {
		return &SendError{ChannelUDP, false, err}
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "udp", to)
	if err != nil {
		return &SendError{ChannelUDP, true, err}
	}
	_, err = conn.Write(notify.Push(package0))
	if cerr := conn.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return &SendError{ChannelUDP, true, err}
	}
	return nil
}
