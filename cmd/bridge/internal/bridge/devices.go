package bridge

import (
	"context"
	"net"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/control"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/credentials"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

// book is the credentials of devices, in the engine's store.
func (o *Options) book() *credentials.Book { return credentials.New(o.Engine.Store) }

// connect makes one connection to devices of those with and without security.
func (b *Bridge) connect() (net.PacketConn, error) {
	if b.o.Secure == nil {
		return b.o.Devices, nil
	}
	b.o.DTLS.Logger = b.o.Log
	var err error
	if b.dtls, err = dtls.Listen(b.o.Secure, b.o.DTLS); err != nil {
		return nil, err
	}
	if b.o.Devices == nil {
		return b.dtls, nil
	}
	return dtls.Join(b.o.Devices, b.dtls), nil
}

// serveControl lets commands change the credentials of devices.
func (b *Bridge) serveControl(ctx context.Context) error {
	devices := &control.Local{Book: b.o.book(), End: func(identity string) { b.end(ctx, identity) }}
	return b.serveHTTP(ctx, b.o.Control, b.controlled(ctx, control.Handler(devices, b.o.Log)))
}

// end ends what a device has open with credentials that are good no more: its
// connection, and then its registration, as nobody can be reached by it. When
// that cannot be stored now, the end of its lifetime ends it.
func (b *Bridge) end(ctx context.Context, identity string) {
	if b.dtls != nil {
		b.dtls.End(identity)
	}
	if b.server == nil {
		return
	}
	if err := b.server.End(ctx, identity); err != nil {
		b.o.Log.Error("registration not ended, its lifetime goes on", "identity", identity, "err", err)
	}
}
