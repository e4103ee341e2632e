package engine

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// network is an in-memory set of LwM2M devices, seen as the engine sees them.
type network struct {
	mu       sync.Mutex
	devices  map[string]*fakeDevice
	handler  server.Handler // the running engine, or nil
	mid      uint16
	restored []string
	latency  time.Duration
	open     int // requests under way
}

func newNetwork() *network {
	return &network{devices: map[string]*fakeDevice{}, latency: 10 * time.Millisecond}
}

// fakeDevice runs the Object 9 machine, and recognises duplicates.
type fakeDevice struct {
	net       *network
	endpoint  string
	reg       server.Registration
	dialect   lwm2m9.Dialect
	instances map[lwm2m9.InstanceID]*software
	seen      map[string]server.Response // by message id, token and address
	order     []string                   // operations carried out: "POST /9/0/4"
	observed  map[string]bool
	sequence  uint32
	offline   bool

	// What goes wrong. Guarded by net.mu like the rest.
	download, install time.Duration
	downloadFails     lwm2m9.UpdateResult
	installFails      lwm2m9.UpdateResult
	refuse            map[string]lwm2m9.ResponseCode // by "GET /9", "*" for all; beats everything
	nonsense          map[string]bool                // answered with bytes that are no TLV
	mute              map[string]int                 // how many answers are lost, though carried out
}

type software struct {
	lwm2m9.Machine
	name, version, uri string
	user, password     string
	shown              string    // to the package server: URI, user and password
	raw                *[2]int64 // numbers shown instead
}

func (n *network) add(endpoint string) *fakeDevice {
	d := &fakeDevice{
		net: n, endpoint: endpoint, dialect: lwm2m9.Registered,
		instances: map[lwm2m9.InstanceID]*software{0: {Machine: lwm2m9.NewMachine()}},
		seen:      map[string]server.Response{}, observed: map[string]bool{},
		download: 5 * time.Second, install: 3 * time.Second,
		refuse: map[string]lwm2m9.ResponseCode{}, nonsense: map[string]bool{}, mute: map[string]int{},
	}
	d.reg = server.Registration{
		Endpoint: endpoint, Addr: netip.MustParseAddrPort("192.0.2.1:5683"), Lifetime: time.Hour, Version: "1.1", Binding: "U",
		Paths: []string{"/1/0", "/3/0", "/9/0"},
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.devices[endpoint] = d
	return d
}

// register is a Register as the LwM2M server would hand it on.
func (d *fakeDevice) register(ctx context.Context, h server.Handler) error {
	d.net.mu.Lock()
	d.reg.Epoch++
	d.reg.ID = fmt.Sprintf("r%d", d.reg.Epoch)
	d.reg.Heard = stamp(time.Now())
	d.observed = map[string]bool{}
	d.offline = false
	r := d.reg
	d.net.mu.Unlock()
	return h.Register(ctx, r)
}

func (d *fakeDevice) ran(operation string) int {
	d.net.mu.Lock()
	defer d.net.mu.Unlock()
	n := 0
	for _, o := range d.order {
		if o == operation {
			n++
		}
	}
	return n
}

// change does something to the device under its lock.
func (d *fakeDevice) change(f func()) {
	d.net.mu.Lock()
	defer d.net.mu.Unlock()
	f()
}

func (n *network) Restore(r server.Registration) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.restored = append(n.restored, r.Endpoint)
	return nil
}

func (n *network) NewExchange(endpoint string) (server.Exchange, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	d, ok := n.devices[endpoint]
	if !ok {
		return server.Exchange{}, server.ErrNotRegistered
	}
	n.mid++
	return server.Exchange{
		MessageID: n.mid, Token: binary.BigEndian.AppendUint16(nil, n.mid), Addr: d.reg.Addr, Begun: stamp(time.Now()),
	}, nil
}

func (n *network) Do(ctx context.Context, endpoint string, r server.Request) (server.Response, error) {
	n.count(+1)
	defer n.count(-1)
	select {
	case <-time.After(n.latency):
	case <-ctx.Done():
		return server.Response{}, server.ErrNotSent
	}
	n.mu.Lock()
	d, ok := n.devices[endpoint]
	if !ok || d.offline {
		n.mu.Unlock()
		<-ctx.Done()
		return server.Response{}, server.ErrNoAnswer
	}
	resp, lost := d.serve(r)
	n.mu.Unlock()
	if lost {
		<-ctx.Done()
		return server.Response{}, server.ErrNoAnswer
	}
	if !resp.Code.Success() {
		return resp, &server.Refused{Code: resp.Code}
	}
	return resp, nil
}

func (n *network) count(by int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open += by
}

func (n *network) underWay() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.open
}

var methods = map[server.Method]string{server.GET: "GET", server.POST: "POST", server.PUT: "PUT"}

// serve answers one request, a duplicate from memory.
func (d *fakeDevice) serve(r server.Request) (resp server.Response, lost bool) {
	name := methods[r.Method] + " " + r.Path
	key := ""
	if x := r.Exchange; x != nil {
		key = fmt.Sprintf("%d %x %v", x.MessageID, x.Token, x.Addr)
		if old, ok := d.seen[key]; ok {
			return old, false
		}
	}
	resp = d.carryOut(name, r)
	if key != "" {
		d.seen[key] = resp
	}
	if d.mute[name] > 0 {
		d.mute[name]--
		return resp, true
	}
	return resp, false
}

func (d *fakeDevice) carryOut(name string, r server.Request) server.Response {
	d.order = append(d.order, name)
	code, ok := d.refuse[name]
	if !ok {
		code, ok = d.refuse["*"]
	}
	if ok {
		return server.Response{Code: code, Format: server.NoFormat}
	}
	if d.nonsense[name] {
		return server.Response{Code: lwm2m9.CodeContent, Format: server.TLV, Payload: []byte{0xff, 0xff, 0xff}}
	}
	var id lwm2m9.InstanceID
	var rid lwm2m9.ResourceID
	depth, _ := fmt.Sscanf(r.Path, "/9/%d/%d", &id, &rid)
	switch {
	case strings.HasPrefix(r.Path, "/3/0"):
		return d.identity(r)
	case r.Path == "/9" && r.Method == server.GET:
		return d.object(r)
	case r.Path == "/9" && r.Method == server.POST:
		return d.create()
	case d.instances[id] == nil || depth == 0:
		return server.Response{Code: lwm2m9.CodeNotFound, Format: server.NoFormat}
	case r.Method == server.GET:
		return d.read(id, rid, depth == 2, r)
	}
	return d.write(id, rid, r)
}

func (d *fakeDevice) identity(r server.Request) server.Response {
	if r.Path != "/3/0" {
		return server.Response{Code: lwm2m9.CodeContent, Format: server.TextPlain, Payload: []byte("v" + r.Path[len("/3/0/"):])}
	}
	firmware := "fw1"
	if s := d.instances[0]; s != nil && s.State == lwm2m9.Installed {
		firmware = "fw2"
	}
	b, _ := wire.AppendTLV(nil, wire.Resource(0, wire.String("ACME")), wire.Resource(1, wire.String("M1")), wire.Resource(3, wire.String(firmware)))
	return server.Response{Code: lwm2m9.CodeContent, Format: server.TLV, Payload: b}
}

func (d *fakeDevice) values(id lwm2m9.InstanceID) lwm2m9.Values {
	s := d.instances[id]
	v, err := s.Values(s.name, s.version, d.dialect)
	if err != nil {
		panic(err)
	}
	if s.raw != nil {
		v[lwm2m9.RIDUpdateState], v[lwm2m9.RIDUpdateResult] = wire.Integer(s.raw[0]), wire.Integer(s.raw[1])
	}
	return v
}

func (d *fakeDevice) object(r server.Request) server.Response {
	if r.Accept == server.LinkFormat {
		var links []wire.Link
		for id := range d.instances {
			links = append(links, wire.Link{Path: fmt.Sprintf("/9/%d", id)})
		}
		b, _ := wire.AppendLinks(nil, links...)
		return server.Response{Code: lwm2m9.CodeContent, Format: server.LinkFormat, Payload: b}
	}
	var items []wire.TLV
	for id := range d.instances {
		items = append(items, wire.Instance(uint16(id), d.values(id).TLV()...))
	}
	slices.SortFunc(items, func(a, b wire.TLV) int { return int(a.ID) - int(b.ID) })
	b, _ := wire.AppendTLV(nil, items...)
	return server.Response{Code: lwm2m9.CodeContent, Format: server.TLV, Payload: b}
}

func (d *fakeDevice) create() server.Response {
	id := lwm2m9.InstanceID(len(d.instances))
	d.instances[id] = &software{Machine: lwm2m9.NewMachine()}
	return server.Response{Code: lwm2m9.CodeCreated, Format: server.NoFormat, Location: fmt.Sprintf("/9/%d", id)}
}

func (d *fakeDevice) read(id lwm2m9.InstanceID, rid lwm2m9.ResourceID, single bool, r server.Request) server.Response {
	resp := server.Response{Code: lwm2m9.CodeContent}
	if r.Observe != nil && *r.Observe {
		d.observed[r.Path] = true
		resp.Observed = true
	}
	v := d.values(id)
	if !single {
		resp.Format = server.TLV
		resp.Payload, _ = wire.AppendTLV(nil, v.TLV()...)
		return resp
	}
	resp.Format, resp.Payload = server.TextPlain, v[rid].AppendText(nil)
	return resp
}

func (d *fakeDevice) write(id lwm2m9.InstanceID, rid lwm2m9.ResourceID, r server.Request) server.Response {
	s := d.instances[id]
	if rid == lwm2m9.RIDUserName || rid == lwm2m9.RIDPassword {
		*map[lwm2m9.ResourceID]*string{lwm2m9.RIDUserName: &s.user, lwm2m9.RIDPassword: &s.password}[rid] = string(r.Payload)
		return server.Response{Code: lwm2m9.CodeChanged, Format: server.NoFormat}
	}
	code := s.Answer(rid, lwm2m9.Options{})
	if !code.Success() {
		return server.Response{Code: code, Format: server.NoFormat}
	}
	switch rid {
	case lwm2m9.RIDPackageURI:
		if len(r.Payload) == 0 {
			return server.Response{Code: lwm2m9.CodeBadRequest, Format: server.NoFormat}
		}
		s.uri, s.shown = string(r.Payload), string(r.Payload)+" "+s.user+":"+s.password
		d.happens(id, lwm2m9.Event{Kind: lwm2m9.EventWrite})
		d.pull(id)
	case lwm2m9.RIDPackage:
		if r.Body == nil {
			return server.Response{Code: lwm2m9.CodeBadRequest, Format: server.NoFormat}
		}
		b, err := io.ReadAll(io.NewSectionReader(r.Body, 0, r.Body.Size))
		if err != nil {
			return server.Response{Code: lwm2m9.CodeIncomplete, Format: server.NoFormat}
		}
		s.uri = "pushed: " + string(b)
		d.happens(id, lwm2m9.Event{Kind: lwm2m9.EventWrite})
		d.pull(id)
	case lwm2m9.RIDInstall:
		d.after(d.install, id, func() {
			if d.installFails != 0 {
				d.happens(id, lwm2m9.Event{Kind: lwm2m9.EventInstallFailed, Result: d.installFails})
				return
			}
			d.happens(id, lwm2m9.Event{Kind: lwm2m9.EventInstallOK})
		})
	case lwm2m9.RIDUninstall:
		d.happens(id, lwm2m9.Event{Kind: lwm2m9.EventUninstall})
	case lwm2m9.RIDActivate:
		d.happens(id, lwm2m9.Event{Kind: lwm2m9.EventActivate})
	}
	return server.Response{Code: lwm2m9.CodeChanged, Format: server.NoFormat}
}

// pull is the download of the URI.
func (d *fakeDevice) pull(id lwm2m9.InstanceID) {
	d.after(d.download, id, func() {
		switch d.downloadFails {
		case 0:
			d.happens(id, lwm2m9.Event{Kind: lwm2m9.EventWritten})
			d.happens(id, lwm2m9.Event{Kind: lwm2m9.EventIntegrityOK})
		case lwm2m9.ResultIntegrityFailure:
			d.happens(id, lwm2m9.Event{Kind: lwm2m9.EventWritten})
			d.happens(id, lwm2m9.Event{Kind: lwm2m9.EventIntegrityKO})
		default:
			d.happens(id, lwm2m9.Event{Kind: lwm2m9.EventDownloadFailed, Result: d.downloadFails})
		}
	})
}

func (d *fakeDevice) after(wait time.Duration, id lwm2m9.InstanceID, f func()) {
	s := d.instances[id]
	time.AfterFunc(wait, func() {
		d.net.mu.Lock()
		defer d.net.mu.Unlock()
		if d.instances[id] == s {
			f()
		}
	})
}

// happens changes the machine and notifies what changed, as far as somebody
// observes and listens.
func (d *fakeDevice) happens(id lwm2m9.InstanceID, e lwm2m9.Event) {
	s := d.instances[id]
	next, ok := s.Apply(e)
	if !ok {
		return
	}
	s.Machine = next
	h := d.net.handler
	if h == nil || d.offline {
		return
	}
	for path := range d.observed {
		if strings.HasPrefix(path, fmt.Sprintf("/9/%d", id)) {
			d.sequence++
			go h.Notified(context.Background(), server.Notification{Endpoint: d.endpoint, Path: path, Sequence: d.sequence})
		}
	}
}
