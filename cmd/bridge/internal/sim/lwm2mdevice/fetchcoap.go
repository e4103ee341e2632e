package lwm2mdevice

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"path"
	"sync"
	"time"

	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/net/blockwise"
	"github.com/plgd-dev/go-coap/v3/options"
	"github.com/plgd-dev/go-coap/v3/udp"

	"github.com/fwbridge/fwbridge/lwm2m9"
)

// fetchCoAP downloads a package block by block, from another UDP port than that
// of the registration, as real clients do (spec "LwM2M: what real devices do",
// 7).
func (d *Device) fetchCoAP(ctx context.Context, u *url.URL) (fetched, error) {
	host := u.Host
	if u.Port() == "" {
		host += ":5683"
	}
	var ticks sync.WaitGroup
	defer ticks.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ticking := func(look func(time.Time) bool) { // go-coap's own goes on for seconds after the connection
		ticks.Go(func() { tick(ctx, d.cfg.Timing.Ack, func(now time.Time) { look(now) }) })
	}
	c, err := udp.Dial(host, options.WithContext(ctx), options.WithPeriodicRunner(ticking), options.WithMaxMessageSize(uint32(d.cfg.MaxPackage)),
		options.WithBlockwise(true, blockwise.SZX1024, d.cfg.Timing.HTTP), options.WithErrors(func(error) {}))
	if err != nil {
		return fetched{}, &fetchError{lwm2m9.ResultInvalidURI, err}
	}
	defer func() {
		_ = c.Close() // what it had to say was said
		<-c.Done()
	}()
	resp, err := c.Get(ctx, u.Path)
	if err != nil {
		return fetched{}, &fetchError{lwm2m9.ResultConnectionLost, err}
	}
	if resp.Code() != codes.Content {
		return fetched{}, &fetchError{lwm2m9.ResultDeviceError, fmt.Errorf("CoAP code %v", resp.Code())}
	}
	body, err := resp.ReadBody()
	if err != nil && err != io.EOF {
		return fetched{}, &fetchError{lwm2m9.ResultDeviceError, err}
	}
	return fetched{body: body, name: path.Base(u.Path)}, nil
}
