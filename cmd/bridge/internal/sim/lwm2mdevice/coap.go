package lwm2mdevice

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/message/pool"
	"github.com/plgd-dev/go-coap/v3/net/blockwise"
	"github.com/plgd-dev/go-coap/v3/net/responsewriter"
	"github.com/plgd-dev/go-coap/v3/udp/client"

	"github.com/fwbridge/fwbridge/lwm2m9"
)

// formats of the payloads, as CoAP Content-Format numbers.
const (
	noFormat    = -1
	textPlain   = 0
	linkFormat  = 40
	octetStream = 42
	tlv         = 11542
	oldTLV      = 1542
)

// request is a request of the server, free of go-coap.
type request struct {
	method  codes.Code
	path    []string
	query   []string
	format  int // noFormat when absent
	accept  int // noFormat when absent
	observe int // 0 start, 1 cancel, -1 absent
	token   string
	payload []byte
}

// answer is what the device says to it. An observed read has an Observe
// option.
type answer struct {
	code     lwm2m9.ResponseCode
	format   int // of a payload that is not nil
	payload  []byte
	observe  uint32
	observed bool
	location []string
}

// open opens a connection on a socket of its own.
func (b *boot) open(ctx context.Context, to string) (*client.Conn, error) {
	raddr, err := net.ResolveUDPAddr("udp", to)
	if err != nil {
		return nil, err
	}
	packets, err := b.packets(raddr)
	if err != nil {
		return nil, err
	}
	cfg := b.config(ctx)
	conn := client.NewConnWithOpts(newSession(ctx, packets, raddr, &cfg), &cfg,
		client.WithRequestMonitor(func(_ *client.Conn, m *pool.Message) (bool, error) { return b.monitor(ctx, m), nil }),
		client.WithBlockWise(func(c *client.Conn) *blockwise.BlockWise[*client.Conn] {
			request := func(t message.Token) (*pool.Message, bool) { return c.GetObservationRequest(t) } // c is not whole yet
			return blockwise.New(c, cfg.BlockwiseTransferTimeout, cfg.Errors, request)
		}))
	b.wg.Go(func() {
		if err := conn.Run(); err != nil && ctx.Err() == nil {
			b.d.cfg.Log.Warn("device: connection lost", "error", err)
		}
	})
	b.wg.Go(func() { tick(ctx, b.d.cfg.Timing.Ack, conn.CheckExpirations) })
	return conn, nil
}

// pushTime is how long a package that is pushed may take. go-coap forgets what
// it has so long after the first block, not the last, after 3 s of itself, and
// answers 2.31 to the end of what it has forgotten.
const pushTime = time.Hour

func (b *boot) config(ctx context.Context) client.Config {
	cfg := client.DefaultConfig
	cfg.Ctx, cfg.BlockwiseTransferTimeout = ctx, pushTime
	cfg.Errors = func(err error) { b.d.cfg.Log.Debug("device: coap", "error", err) }
	cfg.MessagePool = pool.New(0, 0)
	cfg.TransmissionAcknowledgeTimeout = b.d.cfg.Timing.Ack
	cfg.Handler = func(w *responsewriter.ResponseWriter[*client.Conn], m *pool.Message) { b.handle(ctx, w, m) }
	return cfg
}

// tick lets go-coap repeat what was not acknowledged in the time given, and forget
// old answers.
func tick(ctx context.Context, ack time.Duration, look func(now time.Time)) {
	t := time.NewTicker(max(ack/2, time.Millisecond))
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			look(now)
		}
	}
}

// monitor sees every datagram first, on the read loop, and says whether to
// drop it.
func (b *boot) monitor(ctx context.Context, m *pool.Message) (drop bool) {
	if b.silent.Load() || b.asleep.Load() || b.dying.Load() {
		return true
	}
	b.d.count(func(c *Counts) { c.Datagrams++ })
	if m.Type() == message.Reset {
		b.resetReceived(ctx, m.MessageID())
	}
	if !isRequest(m.Code()) {
		return false
	}
	return b.loseAnswer(ctx, m)
}

// loseAnswer carries out a request whose answer gets lost, once; its
// repetitions find no answer either.
func (b *boot) loseAnswer(ctx context.Context, m *pool.Message) bool {
	b.mu.Lock()
	_, again := b.lost[m.MessageID()]
	b.mu.Unlock()
	if again {
		return true
	}
	req, err := read(m)
	if err != nil {
		return false
	}
	op := b.d.opOf(req)
	if _, ok := b.d.faults.strike(LoseAnswer, func(f Fault) bool { return f.Op == AnyOp || f.Op == op }); !ok {
		return false
	}
	b.mu.Lock()
	b.lost[m.MessageID()] = struct{}{}
	b.mu.Unlock()
	b.call(ctx, func() { b.serve(ctx, req) })
	return true
}

func isRequest(c codes.Code) bool { return c >= 1 && c < 32 }

// handle answers a request; it runs on go-coap's reader, not on its read loop.
func (b *boot) handle(ctx context.Context, w *responsewriter.ResponseWriter[*client.Conn], m *pool.Message) {
	if !isRequest(m.Code()) {
		return
	}
	req, err := read(m)
	if err != nil {
		return
	}
	var a answer
	if !b.call(ctx, func() { a = b.serve(ctx, req) }) {
		return
	}
	out := w.Message()
	out.SetCode(codes.Code(a.code))
	for _, segment := range a.location {
		out.AddOptionString(message.LocationPath, segment)
	}
	if a.observed {
		out.SetObserve(a.observe)
	}
	if a.payload != nil {
		out.SetContentFormat(message.MediaType(a.format))
		out.SetBody(bytes.NewReader(a.payload))
	}
}

// read frees a request from go-coap.
func read(m *pool.Message) (request, error) {
	req := request{method: m.Code(), format: noFormat, accept: noFormat, observe: -1, token: string(m.Token())}
	if p, err := m.Path(); err == nil {
		req.path = strings.Split(strings.Trim(p, "/"), "/")
	}
	req.query, _ = m.Queries()
	if f, err := m.ContentFormat(); err == nil {
		req.format = int(f)
	}
	if f, err := m.Accept(); err == nil {
		req.accept = int(f)
	}
	if o, err := m.Observe(); err == nil {
		req.observe = int(o)
	}
	if m.Body() == nil {
		return req, nil
	}
	var err error
	if req.payload, err = m.ReadBody(); err != nil {
		return req, err
	}
	_, err = m.Body().Seek(0, io.SeekStart) // go-coap may read it again
	return req, err
}
